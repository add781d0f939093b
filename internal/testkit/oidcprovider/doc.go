// Package oidcprovider starts a real OpenID provider for a test: the certified
// npm package oidc-provider, in a Node process of its own, with a script of ours
// that signs in whoever the test says.
//
// deploy/test-servers.sh installs it. It owns the process and nothing else.
package oidcprovider

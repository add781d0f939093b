// Package dialect owns what each identity provider says differently from the
// RFC: small named rewrites that turn it into what the RFC would have said,
// before anything is validated. Each provider has a file; what several do is in
// common.go.
//
// A rewrite that cannot be misread is on for everybody, because a connection
// rarely knows who is calling (Entra ID speaks two dialects to one tenant). A
// Profile turns off what its connection does not want and chooses how PATCH is
// answered.
//
// It refuses nothing and checks nothing: what it does not recognise goes through
// as it is, for scim to judge.
package dialect

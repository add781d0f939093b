// Package sambaad runs a real Samba Active Directory domain controller for
// tests: provisioned into a folder of its own, LDAP only, on a loopback address
// of its own (its ports are fixed, so addresses tell several apart), killed at
// the end. It must run as root.
//
// It owns starting the server and changing people and groups in it.
package sambaad

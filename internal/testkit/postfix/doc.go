// Package postfix starts a real Postfix with a queue and settings of its own, for
// tests of what mail servers deliver. It takes mail by SMTP on loopback and hands
// it on by LMTP; it sends nothing anywhere else.
//
// It needs root, as Postfix does, and skips the test elsewhere (see package need).
package postfix

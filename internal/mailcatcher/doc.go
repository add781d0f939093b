// Package mailcatcher is a real SMTP server that keeps what it is given in
// memory instead of passing it on: the demo shows its mails on a page, tests
// wait for them and script its faults (refusals, dropped connections, a lost
// answer after DATA).
//
// It does not own how mails are made or sent (internal/mail), and it never
// relays. It is not meant to face the internet.
package mailcatcher

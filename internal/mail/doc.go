// Package mail turns a queued row into a mail and gets it to the mail server:
// typed messages in English, Italian and Russian, their rendering as HTML and
// text, the SMTP transport with its judgement of what an answer means, and the
// drainer that works the queue off in batches over few connections.
//
// It does not own the queue (the Queue port is implemented by internal/store),
// what a set-up link is or when it dies (internal/onboard), or when the drainer
// runs (internal/jobs).
package mail

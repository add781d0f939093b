package mail

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Queue is where mails wait (implemented by internal/store).
type Queue interface {
	// Claim takes up to n due mails for this process, for as long as the lease
	// (by the database's clock), and returns them with all that rendering
	// needs.
	Claim(ctx context.Context, n int, lease time.Duration) ([]Queued, error)
	// Finish records what became of claimed mails and their next state in one
	// transaction, and ends their lease.
	Finish(ctx context.Context, results []Result) error
}

// Queued is a claimed mail.
type Queued struct {
	ID   int64
	Kind Kind
	// To is the person's bare address.
	To string
	// Locale is the person's language, CompanyLocale the company's.
	Locale, CompanyLocale   string
	CompanyName, CompanyKey string
	DisplayName, UserName   string
	// Data is Message.Data.
	Data        map[string]string
	MessageID   string // without angle brackets
	LinkUID     string // from which the link's address is made, "" without link
	LinkPurpose string // setup or reset
	LinkExpires time.Time
	Attempts    int // that reached the server so far
	// CreatedAt is when the mail might first be sent: a mail that was held
	// back counts from its release.
	CreatedAt time.Time
	// Stale, when not empty, is why the mail should no longer be sent: the link
	// was superseded, the person deactivated, the address changed.
	Stale registry.Said
}

// State is what a mail is after an attempt.
type State string

// The states a mail can be left in.
const (
	// StateSent: the mail server took it.
	StateSent State = "sent"
	// StateRetry: it is tried again at NextTry.
	StateRetry State = "retry"
	// StateFailed: it will not be tried again.
	StateFailed State = "failed"
	// StateCancelled: there is no reason left to send it.
	StateCancelled State = "cancelled"
)

// Result is what became of a claimed mail.
type Result struct {
	ID    int64
	State State
	// NextTry is set for StateRetry.
	NextTry time.Time
	// Attempted says that the mail itself was offered to the server and the
	// attempt counts; it did not if the server could not be reached.
	Attempted bool
	// Code, Enhanced and Text are the Outcome's, or our own reason in Text.
	Code     int
	Enhanced string
	Text     registry.Said
	At       time.Time
}

// Stats sums up one Drain.
type Stats struct {
	Sent, Retried, Failed, Cancelled int
	// Trouble says why the drain stopped before the queue was empty because of
	// the mail server, or "".
	Trouble string
	// Again, when not zero, is how long the rate limit makes the rest wait.
	Again time.Duration
}

func (s *Stats) count(results []Result) {
	for _, r := range results {
		switch r.State {
		case StateSent:
			s.Sent++
		case StateRetry:
			s.Retried++
		case StateFailed:
			s.Failed++
		case StateCancelled:
			s.Cancelled++
		}
	}
}

func (s *Stats) add(o Stats) {
	s.Sent += o.Sent
	s.Retried += o.Retried
	s.Failed += o.Failed
	s.Cancelled += o.Cancelled
	if o.Trouble != "" {
		s.Trouble = o.Trouble
	}
}

package mail

import (
	"time"

	"github.com/usherd/usher/internal/registry"
)

// backOff are the waits after the first, second, … failed attempt; the last one
// repeats.
func backOff() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	}
}

// waitAfter is how long to wait after so many earlier attempts. Jitter in [0,1)
// spreads the wait by a fifth either way, so that mails that failed together do
// not come back together.
func waitAfter(attempts int, jitter float64) time.Duration {
	steps := backOff()
	wait := steps[min(attempts, len(steps)-1)]
	return time.Duration(float64(wait) * (0.8 + 0.4*jitter))
}

// lastTry is when a mail is worth no further attempt: when it has grown too
// old, or when the link in it is dead.
func lastTry(q Queued, giveUp time.Duration) time.Time {
	end := q.CreatedAt.Add(giveUp)
	if !q.LinkExpires.IsZero() && q.LinkExpires.Before(end) {
		return q.LinkExpires
	}
	return end
}

// resultOf turns what became of a mail into its next state.
func resultOf(q Queued, o Outcome, now time.Time, giveUp time.Duration, jitter float64) Result {
	r := Result{
		ID: q.ID, Attempted: o.Status != NotTried,
		Code: o.Code, Enhanced: o.Enhanced, Text: o.Text, At: now,
	}
	switch o.Status {
	case Delivered:
		r.State = StateSent
	case Refused:
		r.State = StateFailed
	case Temporary:
		r.State, r.NextTry = StateRetry, now.Add(waitAfter(q.Attempts, jitter))
	case NotTried:
		// The trouble is the server's: the mail is due again as soon as any.
		r.State, r.NextTry = StateRetry, now.Add(waitAfter(0, jitter))
	}
	if r.State == StateRetry && r.NextTry.After(lastTry(q, giveUp)) {
		r.State, r.NextTry, r.Text = StateFailed, time.Time{}, registry.Say("given up: %s", r.Text)
	}
	return r
}

// notWorthSending says why a claimed mail should be cancelled, or "".
func notWorthSending(q Queued, now time.Time) registry.Said {
	switch {
	case q.Stale != "":
		return q.Stale
	case !q.LinkExpires.IsZero() && !now.Before(q.LinkExpires):
		return registry.Say("the link in it had expired")
	}
	return ""
}

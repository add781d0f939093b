package registry

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Digest is what happened in a company since a time, and what waits for its
// admins.
type Digest struct {
	Since       time.Time
	Sources     []SourceDigest
	Connections []ConnectionDigest
	// MailsHeld wait to be released, MailsFailed were given up since.
	MailsHeld, MailsFailed int64
	// Webhooks are those that fail or were disabled because they did.
	Webhooks []Webhook
	Tokens   []ExpiringToken
}

// SourceDigest is what the runs of a source did.
type SourceDigest struct {
	Key    string
	Runs   int64
	Counts Counts
	Health Health
	// Held is the number of the run that waits for a decision, 0 for none.
	Held int64
}

// failing is since when the source cannot be read, zero if it can.
func (s *SourceDigest) failing() time.Time {
	if s.Health.Failures == 0 && s.Health.QuarantinedAt.IsZero() {
		return time.Time{}
	}
	return s.Health.FailingSince
}

// ConnectionDigest is what came through a SCIM connection.
type ConnectionDigest struct {
	Name string
	// Writes are the requests that change something and were not refused.
	Writes, Refused int64
	// QuietSince is the last request of a connection that has been silent for
	// long, zero for any other.
	QuietSince time.Time
}

// ExpiringToken is a token made by hand that ends soon.
type ExpiringToken struct {
	Connection, Prefix string
	ExpiresAt          time.Time
}

// Empty reports whether nothing happened and nothing waits. What admins did
// themselves, and what they were told of in a mail of its own, is no news.
func (d *Digest) Empty() bool {
	for i := range d.Sources {
		s := &d.Sources[i]
		if s.Counts.Changes()+s.Counts.Failed+s.Counts.Conflicts+s.Held != 0 || !s.failing().IsZero() {
			return false
		}
	}
	for _, c := range d.Connections {
		if c.Writes+c.Refused != 0 {
			return false
		}
	}
	return d.MailsHeld+d.MailsFailed == 0 && len(d.Webhooks) == 0
}

// Notice is the digest as a mail.
func (d *Digest) Notice(messageID string) *Notice {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	data := map[string]string{"Since": stamp(d.Since)}
	for i := range d.Sources {
		s := &d.Sources[i]
		data["did."+s.Key] = s.figures()
		if s.Held != 0 {
			data["held."+strconv.FormatInt(s.Held, 10)] = s.Key
		}
		if since := s.failing(); !since.IsZero() {
			data["fails."+s.Key] = stamp(since)
		}
		if !s.Health.PausedAt.IsZero() {
			data["paused."+s.Key] = stamp(s.Health.PausedAt)
		}
	}
	for _, c := range d.Connections {
		if c.Writes+c.Refused != 0 {
			data["scim."+c.Name] = figures("writes", c.Writes, "refused", c.Refused)
		}
		if !c.QuietSince.IsZero() {
			data["quiet."+c.Name] = stamp(c.QuietSince)
		}
	}
	if d.MailsHeld+d.MailsFailed != 0 {
		data["mails."] = figures("held", d.MailsHeld, "failed", d.MailsFailed)
	}
	for _, h := range d.Webhooks {
		data["hook."+h.Name] = map[bool]string{true: "failing", false: "disabled"}[h.Live()]
	}
	for _, t := range d.Tokens {
		data["token."+t.Connection+" "+t.Prefix+"…"] = stamp(t.ExpiresAt)
	}
	return &Notice{Kind: NoticeDigest, Data: data, MessageID: messageID}
}

// figures are what the runs of a source did, in the order that tables have.
func (s *SourceDigest) figures() string {
	n := &s.Counts
	return strings.TrimSpace(fmt.Sprintf("runs=%d %s", s.Runs, figures("created", n.Created, "updated", n.Updated+n.Renamed+n.Joined,
		"restored", n.Restored, "deactivated", n.Deactivated, "deleted", n.Deleted, "groups", n.GroupsCreated+n.GroupsChanged+n.GroupsDeleted,
		"conflicts", n.Conflicts, "failed", n.Failed)))
}

// figures writes names with their numbers, without the zeros.
func figures(pairs ...any) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		if n := pairs[i+1].(int64); n != 0 { //nolint:forcetypeassert // the calls are above
			out = append(out, fmt.Sprintf("%s=%d", pairs[i], n))
		}
	}
	return strings.Join(out, " ")
}

// warnings are how long before its end somebody is told of a token.
var warnings = []time.Duration{14 * 24 * time.Hour, 24 * time.Hour}

// TokenWarning is the longest of them: no token that lives longer is looked at.
func TokenWarning() time.Duration { return warnings[0] }

// WarnOfToken reports whether somebody is to be told now that a token ends, who
// was last told at told. A token that was made for less time than a warning is
// long is not warned of from its first moment on.
func WarnOfToken(created, expires, told, now time.Time) bool {
	for _, before := range warnings {
		at := expires.Add(-before)
		if !now.Before(at) && told.Before(at) && !created.After(at) && now.Before(expires) {
			return true
		}
	}
	return false
}

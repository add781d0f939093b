package registry

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDigestIsEmpty(t *testing.T) {
	at := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		d     Digest
		empty bool
	}{
		"nothing":                 {Digest{}, true},
		"runs that found nothing": {Digest{Sources: []SourceDigest{{Key: "corp", Runs: 3, Counts: Counts{Users: 9, Unchanged: 9}}}}, true},
		"a person was created":    {Digest{Sources: []SourceDigest{{Counts: Counts{Created: 1}}}}, false},
		"a record failed":         {Digest{Sources: []SourceDigest{{Counts: Counts{Failed: 1}}}}, false},
		"a run is held":           {Digest{Sources: []SourceDigest{{Held: 7}}}, false},
		"a source fails":          {Digest{Sources: []SourceDigest{{Health: Health{Failures: 1, FailingSince: at}}}}, false},
		"a paused source":         {Digest{Sources: []SourceDigest{{Health: Health{PausedAt: at}}}}, true},
		"SCIM wrote":              {Digest{Connections: []ConnectionDigest{{Writes: 1}}}, false},
		"SCIM is quiet":           {Digest{Connections: []ConnectionDigest{{QuietSince: at}}}, true},
		"mails wait":              {Digest{MailsHeld: 1}, false},
		"a webhook fails":         {Digest{Webhooks: []Webhook{{FailingSince: at}}}, false},
	} {
		if got := c.d.Empty(); got != c.empty {
			t.Errorf("%s: empty %t", name, got)
		}
	}
}

func TestDigestNotice(t *testing.T) {
	at := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	d := Digest{
		Since: at,
		Sources: []SourceDigest{
			{Key: "corp", Runs: 2, Counts: Counts{Created: 3, Renamed: 1, Updated: 1, GroupsChanged: 2}, Held: 12},
			{Key: "branch", Health: Health{QuarantinedAt: at, Failures: 3, FailingSince: at, PausedAt: at}},
		},
		Connections: []ConnectionDigest{{Name: "okta", Writes: 4}, {Name: "old", QuietSince: at}},
		MailsHeld:   2,
		Webhooks:    []Webhook{{Name: "a", FailingSince: at}, {Name: "b", DisabledAt: at}},
		Tokens:      []ExpiringToken{{"okta", "ush_ab", at}},
	}
	n := d.Notice("id@x")
	want := map[string]string{
		"Since": "2026-03-01T07:00:00Z", "did.corp": "runs=2 created=3 updated=2 groups=2", "held.12": "corp", "did.branch": "runs=0",
		"fails.branch": "2026-03-01T07:00:00Z", "paused.branch": "2026-03-01T07:00:00Z", "scim.okta": "writes=4", "quiet.old": "2026-03-01T07:00:00Z",
		"mails.": "held=2", "hook.a": "failing", "hook.b": "disabled", "token.okta ush_ab…": "2026-03-01T07:00:00Z",
	}
	if diff := cmp.Diff(want, n.Data); diff != "" || n.Kind != NoticeDigest || n.MessageID != "id@x" {
		t.Errorf("%+v\n%s", n, diff)
	}
}

func TestWarnOfToken(t *testing.T) {
	day := 24 * time.Hour
	end := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return end.Add(-d) }
	for name, c := range map[string]struct {
		created, told, now time.Time
		want               bool
	}{
		"long before":                    {before(300 * day), time.Time{}, before(20 * day), false},
		"two weeks before":               {before(300 * day), time.Time{}, before(14 * day), true},
		"told":                           {before(300 * day), before(14 * day), before(13 * day), false},
		"a day before":                   {before(300 * day), before(14 * day), before(day), true},
		"told twice":                     {before(300 * day), before(day), before(time.Hour), false},
		"told too late for both":         {before(300 * day), time.Time{}, before(time.Hour), true},
		"over":                           {before(300 * day), time.Time{}, end, false},
		"made for a week":                {before(7 * day), time.Time{}, before(6 * day), false},
		"made for a week, and a day":     {before(7 * day), time.Time{}, before(day), true},
		"made for an hour":               {before(time.Hour), time.Time{}, before(time.Minute), false},
		"let end by a rotation tomorrow": {before(300 * day), time.Time{}, before(day), true},
	} {
		if got := WarnOfToken(c.created, end, c.told, c.now); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

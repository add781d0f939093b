package admin

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// TestEndsAt looks for the end of the last token.
func TestEndsAt(t *testing.T) {
	in := func(days int) registry.Token {
		return registry.Token{ExpiresAt: runsNow.AddDate(0, 0, days)}
	}
	revoked := in(90)
	revoked.RevokedAt = runsNow
	for name, c := range map[string]struct {
		tokens []registry.Token
		days   int // 0 for none
	}{
		"none":                       {},
		"one without end":            {[]registry.Token{in(3), {}}, 0},
		"the last of two":            {[]registry.Token{in(9), in(5)}, 9},
		"neither ended nor revoked":  {[]registry.Token{in(-1), revoked, in(2)}, 2},
		"all of them ended long ago": {[]registry.Token{in(-1)}, 0},
	} {
		var want time.Time
		if c.days != 0 {
			want = runsNow.AddDate(0, 0, c.days)
		}
		if got := lastEnds(c.tokens, runsNow); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestOverviewAsks reads a bad day's overview from the top: what stands still
// comes before what can wait, whatever door it is at.
func TestOverviewAsks(t *testing.T) {
	s := newRunsSite(t)
	s.desk.tokens = []registry.Token{{ExpiresAt: runsNow.Add(30 * time.Hour)}}
	s.desk.hooks = []registry.Webhook{
		{Name: "hr", DisabledAt: runsNow, DisabledReason: "failing"}, {Name: "by-hand", DisabledAt: runsNow, DisabledReason: registry.DisabledByHand},
		{Name: "slow", FailingSince: runsNow}, {Name: "well"},
	}
	body := s.get(t, "/", "en").Body.String()
	needs, _, _ := strings.Cut(body[strings.Index(body, `class="needs"`):], "</ul>")
	at := -1
	for _, want := range []string{
		"waits for a decision", "the last token ends within 2 days", "Webhook hr was switched off", "applicants", `/log?failed=1"`, "Webhook slow fails", "could not be delivered",
	} {
		next := strings.Index(needs, want)
		if next < 0 || next < at {
			t.Errorf("%q is missing, or comes too early:\n%s", want, needs)
		}
		at = max(at, next)
	}
	for _, not := range []string{"by-hand", "well", "overdue"} {
		if strings.Contains(needs, not) {
			t.Errorf("nobody has to look at %q", not)
		}
	}
}

// TestOverdue tells a source that nothing runs from one that waits or runs.
func TestOverdue(t *testing.T) {
	for name, c := range map[string]struct {
		due  time.Duration // ago
		last registry.RunState
		want int
	}{
		"by hand": {}, "to come": {due: -time.Hour}, "a minute ago": {due: time.Minute}, "an hour ago": {due: time.Hour, want: 1},
		"long since done": {due: time.Hour, last: registry.RunDone, want: 1}, "at work": {due: time.Hour, last: registry.RunReading},
	} {
		src := Source{Source: registry.Source{Key: "corp"}}
		if c.due != 0 {
			src.NextDue = runsNow.Add(-c.due)
		}
		if c.last != "" {
			src.Last = &registry.Run{State: c.last}
		}
		if got := (page{now: runsNow}).overdue(src); len(got) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestSharesOf divides the bar of the overview.
func TestSharesOf(t *testing.T) {
	for name, c := range map[string]struct {
		people map[registry.State]int64
		want   []share
	}{
		"nobody":     {nil, nil},
		"only zeros": {map[registry.State]int64{registry.StateActive: 0}, nil},
		"halves":     {map[registry.State]int64{registry.StateActive: 5, registry.StateInvited: 5}, []share{{registry.StateActive, 0, 500}, {registry.StateInvited, 500, 500}}},
		"a thin one": {map[registry.State]int64{registry.StateActive: 99_999, registry.StateBlocked: 0, registry.StateInvited: 1}, []share{{registry.StateActive, 0, 994}, {registry.StateInvited, 994, 6}}},
		"thin first": {map[registry.State]int64{registry.StateActive: 1, registry.StateInvited: 99_999}, []share{{registry.StateActive, 0, 6}, {registry.StateInvited, 6, 994}}},
	} {
		var total int64
		for _, n := range c.people {
			total += n
		}
		if got := sharesOf(c.people, total); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

package registry

import (
	"errors"
	"fmt"
	"testing"
)

func TestSaid(t *testing.T) {
	outside := errors.New(`["%s", "not ours"]`)
	for _, tc := range []struct {
		said Said
		want string
	}{
		{"", ""},
		{"plain text of an older release: 100 %", "plain text of an older release: 100 %"},
		{Say("%s is longer than %d bytes", "title", 12), "title is longer than 12 bytes"},
		{Say("there is no attribute %q", `a "b" <c> \ %d`), `there is no attribute "a \"b\" <c> \\ %d"`},
		{Say("%s (limit: %s)", Say("%d deletions", int64(3)), Say("more than %s %%", "7.5")), "3 deletions (limit: more than 7.5 %)"},
		{Say("%s: %s", CodeStale, outside), `stale: ["%s", "not ours"]`},
		{Verbatim(outside.Error()), `["%s", "not ours"]`},
		{Join([]Said{"a", Say("b %d", 1), ""}, "; "), "a; b 1; "},
		{List([]string{"x"}), "x"},
		{Count(1, "%d of its members is not among the people and groups this source reads", "%d of its members are not among the people and groups this source reads"),
			"1 of its members is not among the people and groups this source reads"},
		{`["broken`, `["broken`},
	} {
		if got := tc.said.String(); got != tc.want {
			t.Errorf("%s says %q, want %q", string(tc.said), got, tc.want)
		}
	}
}

func TestSaidOf(t *testing.T) {
	cause := errors.New("connection refused")
	unreachable := Errorf("the directory could not be reached")
	err := fmt.Errorf("run: %w", Errorf("%s: %s: %s", Say("connect to %s", "ldap://x"), unreachable, cause))
	if got, want := SaidOf(err).String(), "connect to ldap://x: the directory could not be reached: connection refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, unreachable) || !errors.Is(err, cause) {
		t.Error("the causes are lost")
	}
	refused := fmt.Errorf("put: %w", Refuse(CodeStale, "the record was changed by somebody else meanwhile"))
	if got := SaidOf(refused).String(); got != "the record was changed by somebody else meanwhile" {
		t.Errorf("got %q", got)
	}
}

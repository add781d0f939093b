package registry

import (
	"slices"
	"strings"
	"testing"
)

// TestEventNames: every action has a name of its own, and names keep to the form
// that Standard Webhooks asks for.
func TestEventNames(t *testing.T) {
	seen := map[EventType]Action{}
	for _, a := range strength {
		e := EventOfUser(a)
		if other, twice := seen[e]; twice {
			t.Errorf("%s and %s are both %s", a, other, e)
		}
		seen[e] = a
	}
	if e := EventOfUser("unheard-of"); e != "user.updated" {
		t.Errorf("an action without a name is %s", e)
	}
	all := EventTypes()
	for _, e := range all {
		if strings.Trim(string(e), "abcdefghijklmnopqrstuvwxyz_.") != "" {
			t.Errorf("%s has letters it should not", e)
		}
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("unsorted or double: %v", all)
	}
}

func TestListensTo(t *testing.T) {
	for _, c := range []struct {
		pattern string
		event   EventType
		want    bool
	}{
		{"*", "user.created", true},
		{"user.*", "user.created", true},
		{"user.*", "group.created", false},
		{"sync.run.*", EventRunHeld, true},
		{"sync.run.held", EventRunHeld, true},
		{"sync.run.held", EventRunFinished, false},
		{"sync.run", EventRunHeld, false},
		{"user.create", "user.created", false},
	} {
		if got := ListensTo(c.pattern, c.event); got != c.want {
			t.Errorf("%s takes %s: %t", c.pattern, c.event, got)
		}
	}
}

func TestCheckEvents(t *testing.T) {
	for _, good := range [][]string{{"*"}, {"user.*", "sync.run.held"}, {"sync.*"}, {"connection.token.expiring"}} {
		if err := CheckEvents(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"user"}, {"user*"}, {"users.*"}, {"user.*", "grup.*"}, {"*.created"}, {"user.*.*"}, {".*"}, {"user.vanished"}} {
		if err := CheckEvents(bad); err == nil {
			t.Errorf("%v passed", bad)
		}
	}
}

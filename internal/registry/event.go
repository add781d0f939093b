package registry

import (
	"fmt"
	"slices"
	"strings"
)

// EventType names something that webhooks are told of. The names are a contract.
type EventType string

// The events that are no change to a person or a group.
const (
	// EventRunFinished: a run that may change things ended, however it ended.
	EventRunFinished EventType = "sync.run.finished"
	// EventRunHeld: a run waits for a decision.
	EventRunHeld EventType = "sync.run.held"
	// EventHealthChanged: a source went from one state to another.
	EventHealthChanged EventType = "sync.health.changed"
	// EventTokenExpiring: a token made by hand ends soon.
	EventTokenExpiring EventType = "connection.token.expiring"
	// EventTest is sent by hand, to one webhook, whatever it listens to.
	EventTest EventType = "webhook.test"
)

// deeds are the actions of changes as the ends of event names.
var deeds = map[Action]string{
	ActionCreate: "created", ActionRestore: "restored", ActionDelete: "deleted", ActionJoin: "joined", ActionDeactivate: "deactivated",
	ActionEnable: "enabled", ActionRename: "renamed", ActionUpdate: "updated", ActionMembers: "members_changed", ActionBlock: "blocked",
	ActionUnblock: "unblocked", ActionInvite: "invited", ActionPassword: "password_changed", ActionMissing: "missing",
	ActionProtect: "protected", ActionUnprotect: "unprotected", ActionRights: "rights_changed",
}

// EventOfUser is what a change to a person is called. An action without a name of
// its own is an update: whoever listens looks again.
func EventOfUser(a Action) EventType { return eventOf("user.", a) }

// EventOfGroup is what a change to a group is called.
func EventOfGroup(a Action) EventType { return eventOf("group.", a) }

func eventOf(noun string, a Action) EventType {
	if word, ok := deeds[a]; ok {
		return EventType(noun + word)
	}
	return EventType(noun + deeds[ActionUpdate])
}

// groupDeeds are the actions that groups know.
var groupDeeds = []Action{ActionCreate, ActionRestore, ActionDelete, ActionRename, ActionUpdate, ActionMembers, ActionMissing}

// EventTypes lists every event that a webhook can listen to, sorted.
func EventTypes() []EventType {
	out := []EventType{EventRunFinished, EventRunHeld, EventHealthChanged, EventTokenExpiring}
	for a := range deeds {
		if a != ActionMembers {
			out = append(out, EventOfUser(a))
		}
	}
	for _, a := range groupDeeds {
		out = append(out, EventOfGroup(a))
	}
	slices.Sort(out)
	return out
}

// ListensTo reports whether a pattern takes an event. A pattern is an event's
// name, a beginning of names that ends in a dot and a star, or a star alone.
func ListensTo(pattern string, e EventType) bool {
	if start, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(string(e), start)
	}
	return pattern == string(e)
}

// CheckEvents says what is wrong with the patterns of a webhook: each has to take
// something, so that a slip of the pen is not silence for ever.
func CheckEvents(patterns []string) error {
	if len(patterns) == 0 {
		return fmt.Errorf("name the events to listen to, as in user.*,sync.run.held")
	}
	known := EventTypes()
	for _, p := range patterns {
		star := strings.IndexByte(p, '*')
		fits := star < 0 || p == "*" || star == len(p)-1 && strings.HasSuffix(p, ".*")
		if !fits || !slices.ContainsFunc(known, func(e EventType) bool { return ListensTo(p, e) }) {
			return fmt.Errorf("no event is called %q; there is %s, and user.* or * for all of them", p, joinEvents(known))
		}
	}
	return nil
}

func joinEvents(list []EventType) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}

package registry_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
)

func TestWordsOfWhatWasDone(t *testing.T) {
	for _, tc := range []struct {
		name      string
		got, want registry.Said
	}{
		{"admin", registry.ActorWord("admin ann"), registry.Say("admin %s", "ann")},
		{"both", registry.ActorWord("source corp (admin ann)"), registry.Say("%s (%s)", registry.Say("source %s", "corp"), registry.Say("admin %s", "ann"))},
		{"command", registry.ActorWord("root at the command line"), registry.Say("%s at the command line", "root")},
		{"unknown actor", registry.ActorWord("usher"), "usher"},
		{"name with a space", registry.ActorWord("user ann b"), registry.Say("user %s", "ann b")},
		{"thing", registry.SubjectWord("token ush_1"), registry.Say("token %s", "ush_1")},
		{"two things", registry.SubjectWord("group 1, person 2"), registry.Say("%s, %s", registry.Say("group %s", "1"), registry.Say("person %s", "2"))},
		{"comma in a name", registry.SubjectWord("department Sales, north"), registry.Say("department %s", "Sales, north")},
		{"slash in a name", registry.SubjectWord("contract 12/34"), registry.Say("contract %s", "12/34")},
		{"page", registry.SubjectWord("people/1/block"), registry.Say("person %s", "1")},
		{"pages", registry.SubjectWord("groups/1 people/2"), registry.Say("%s, %s", registry.Say("group %s", "1"), registry.Say("person %s", "2"))},
		{"step of a page", registry.SubjectWord("mails/release"), ""},
		{"area", registry.SubjectWord("tokens"), ""},
		{"unknown subject", registry.SubjectWord("42"), "42"},
		{"deed", registry.DeedWord("token.create"), registry.Say("token created")},
		{"export", registry.DeedWord("export.listPeople"), registry.Say("export: %s", registry.Say("people"))},
		{"unknown deed", registry.DeedWord("export.listNothing"), "export.listNothing"},
		{"fact", registry.DetailWord("method", "sso corp"), registry.Say("how: %s", registry.Say("identity provider %s", "corp"))},
		{"fact of several", registry.DetailWord("candidate_2", "x"), registry.Say("possible: %s", "x")},
		{"unknown fact", registry.DetailWord("colour", "red"), "colour: red"},
		{"value", registry.ValueWord("enabled", "false"), registry.Say("no")},
		{"values", registry.ValueWord("rights", "auditor, approver"), registry.Say("%s, %s", registry.Say("auditor"), registry.Say("approver"))},
		{"value of no list", registry.ValueWord("title", "true"), "true"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, string(tc.got), string(tc.want))
		}
	}
	for _, b := range []registry.Blocks{registry.BlockActivation, registry.BlockAdmin, registry.BlockApproval} {
		if registry.ValueWord("blocks", b.String()) == registry.Verbatim(b.String()) {
			t.Errorf("no words for the block %q", b)
		}
	}
	for _, r := range []registry.Rights{registry.RightsAuditor, registry.RightsApprover} {
		if registry.ValueWord("rights", r.String()) == registry.Verbatim(r.String()) {
			t.Errorf("no words for the right %q", r)
		}
	}
}

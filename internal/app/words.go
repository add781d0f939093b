package app

import (
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// CountWords says what a run did or would do, as "3 created, 1 conflict"; "" when
// it read nothing and did nothing.
func CountWords(c registry.Counts) string {
	var parts []string
	for _, x := range []struct {
		n         int64
		one, many string
	}{
		{c.Created, "created", "created"}, {c.Updated, "updated", "updated"}, {c.Renamed, "renamed", "renamed"}, {c.Joined, "joined", "joined"},
		{c.Restored, "restored", "restored"}, {c.Deactivated, "deactivated", "deactivated"}, {c.Deleted, "deleted", "deleted"},
		{c.GroupsCreated, "group created", "groups created"}, {c.GroupsChanged, "group changed", "groups changed"},
		{c.GroupsDeleted, "group deleted", "groups deleted"}, {c.MembersAdded, "member added", "members added"},
		{c.MembersRemoved, "member removed", "members removed"}, {c.Mailed, "set-up mail", "set-up mails"},
		{c.Unchanged, "unchanged", "unchanged"}, {c.OutOfScope, "out of scope", "out of scope"}, {c.Conflicts, "conflict", "conflicts"},
		{c.Withheld, "left out by the policy", "left out by the policy"}, {c.Failed, "failed", "failed"}, {c.Warnings, "warning", "warnings"},
	} {
		word := x.many
		if x.n == 1 {
			word = x.one
		}
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, word))
		}
	}
	return strings.Join(parts, ", ")
}

package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// CodeSeveralGroups: a list names a group by a name that several have.
const CodeSeveralGroups registry.Code = "several_groups"

// namesakes adds, for a list, the groups of the company that are called as the
// list says and are not tied to it: they are taken as they are, and only joined.
// Where several are called so, nobody joins any.
func (r *run) namesakes(ctx context.Context, groups []plan.KnownGroup, at map[registry.GroupID]int) ([]plan.KnownGroup, error) {
	tied := make(map[string]bool, len(groups))
	for _, g := range groups {
		tied[g.Anchor] = !g.Deleted
	}
	wanted := map[string]int32{}
	var names []string
	for i := range r.snap.Groups {
		if g := &r.snap.Groups[i]; !g.Failed && !tied[g.Anchor] {
			key := registry.Key(r.snap.groups[i].displayName)
			wanted[key] = int32(i)
			names = append(names, key)
		}
	}
	slices.Sort(names)
	for chunk := range slices.Chunk(names, matchBatch) {
		found, err := r.ledger.GroupsNamed(ctx, chunk)
		if err != nil {
			return nil, fmt.Errorf("look for groups by name: %w", err)
		}
		for _, name := range chunk {
			i := wanted[name]
			g, called := &r.snap.Groups[i], r.snap.groups[i].displayName
			switch ids := found[name]; {
			case len(ids) > 1:
				g.Failed = true
				r.report.conflict(ctx, registry.RunItem{Code: CodeSeveralGroups, Anchor: g.Anchor, Name: called, Group: ids[0],
					Message: registry.Say("%d groups are called %q, so nobody was added to any; rename all but one", len(ids), strings.TrimSpace(called))})
			case len(ids) == 1:
				// A group that this list made once and that was deleted keeps its tie.
				groups = slices.DeleteFunc(groups, func(k plan.KnownGroup) bool { return k.Anchor == g.Anchor })
				groups = append(groups, plan.KnownGroup{LinkedGroup: registry.LinkedGroup{
					Anchor: g.Anchor, Group: ids[0], Name: called, Fingerprint: g.Fingerprint,
				}})
			}
		}
	}
	clear(at)
	for i := range groups {
		at[groups[i].Group] = i
	}
	return groups, nil
}

package plan

import (
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// WithholdRemovals takes out of a plan whatever deactivates, deletes or removes,
// and tells how much that was. Who stays may keep a name that somebody else was
// to get: that one is refused when the plan is applied, and gets it later.
func (p *Plan) WithholdRemovals() (n int64) {
	p.Users = slices.DeleteFunc(p.Users, func(c UserChange) bool {
		gone := c.Action == registry.ActionDeactivate || c.Action == registry.ActionDelete
		if gone {
			n++
		}
		return gone
	})
	p.Groups = slices.DeleteFunc(p.Groups, func(c GroupChange) bool {
		gone := c.Action == registry.ActionDelete
		if gone {
			n++
		}
		return gone
	})
	for i := range p.Members {
		c := &p.Members[i]
		n += int64(len(c.RemoveUsers) + len(c.RemoveGroups))
		c.RemoveUsers, c.RemoveGroups = nil, nil
	}
	p.Members = slices.DeleteFunc(p.Members, func(c MemberChange) bool { return len(c.AddUsers)+len(c.AddGroups) == 0 })
	return n
}

package entra

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// scope is who belongs to the source.
type scope struct {
	// groups are those of the settings and, where nesting counts, those inside
	// them; nil for no limit.
	groups  *gathering
	members map[uuid.UUID]bool
	types   []string
}

// out says why a person does not belong to the source, "" for one who does.
func (c *scope) out(e *source.Entry) registry.Said {
	if why := c.wrongType(e); why != "" {
		return why
	}
	if c.groups == nil {
		return ""
	}
	if id, err := uuid.Parse(e.Anchor); err != nil || !c.members[id] {
		return registry.Say("the user is in none of the groups of groups.ids")
	}
	return ""
}

// keyUserType is the value that user_types is about.
const keyUserType = "usertype"

// wrongType says why a person is of no type that the source takes, "" for one who is.
func (c *scope) wrongType(e *source.Entry) registry.Said {
	kind := strings.ToLower(first(e.Values[keyUserType]))
	if kind == "" {
		kind = "member" // accounts from before there were guests have no type
	}
	if len(c.types) > 0 && !slices.ContainsFunc(c.types, func(t string) bool { return strings.EqualFold(t, kind) }) {
		return registry.Say("the user is a %s, and user_types takes only %s", kind, strings.Join(c.types, ", "))
	}
	return ""
}

// hash identifies the people and groups that the limit lets in.
func (c *scope) hash() string {
	if c.groups == nil {
		return ""
	}
	ids := make([]string, 0, len(c.members)+len(c.groups.groups))
	for id := range c.members {
		ids = append(ids, string(id[:]))
	}
	slices.Sort(ids)
	sum := sha256.New()
	for _, id := range ids {
		sum.Write([]byte(id))
	}
	for _, id := range sorted(c.groups.groups) {
		sum.Write([]byte(id))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// scope reads the groups that limit the source, with those inside them level by
// level: a group that was seen is not read again, so circles end.
func (s *session) scope(ctx context.Context) (*scope, error) {
	c := &scope{types: s.cfg.UserTypes}
	if len(s.cfg.Groups) == 0 {
		return c, nil
	}
	c.groups, c.members = newGathering(&s.Source.groups), map[uuid.UUID]bool{}
	for level := slices.Clone(s.cfg.Groups); len(level) > 0; {
		if err := s.limitedGroups(ctx, level, s.Source.groups.withMembers(), c.groups); err != nil {
			return nil, err
		}
		var next []string
		for _, id := range level {
			more, err := s.admit(ctx, c, id)
			if err != nil {
				return nil, err
			}
			next = append(next, more...)
		}
		slices.Sort(next)
		level = slices.Compact(next)
	}
	return c, nil
}

// admit lets the members of one group in, and gives the groups among them that
// are still to be read.
func (s *session) admit(ctx context.Context, c *scope, id string) ([]string, error) {
	g := c.groups.groups[id]
	named := slices.Contains(s.cfg.Groups, id)
	if g == nil || g.values == nil {
		delete(c.groups.groups, id)
		c.groups.order = slices.DeleteFunc(c.groups.order, func(o string) bool { return o == id })
		if named {
			return nil, &fault{doing: registry.Say("read groups"), class: source.ErrProtocol, text: registry.Say("groups.ids names %s, which the tenant does not have", id),
				advice: registry.Say("take it out, or restore the group; everybody in it would otherwise be out of scope")}
		}
		return nil, nil
	}
	g.settle()
	if s.unreadable(g.values, len(g.keys())) {
		return nil, &fault{doing: registry.Say("read groups"), class: source.ErrAuth, text: registry.Say("group %s decides who belongs to the source, and hides its members", id), advice: readHidden.grant()}
	}
	var next []string
	for _, e := range g.edges {
		switch {
		case e.lost:
		case !c.groups.nested[e.id]:
			c.members[e.id] = true
		case s.cfg.Nested && c.groups.groups[e.id.String()] == nil:
			next = append(next, e.id.String())
		}
	}
	return next, ctx.Err()
}

package app

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	port "github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/upload"
	"github.com/usherd/usher/internal/store"
)

// expressions are the attributes' expressions.
func expressions(attributes map[string]config.Attribute) map[string]string {
	out := make(map[string]string, len(attributes))
	for name, a := range attributes {
		out[name] = a.Value
	}
	return out
}

// writeModes are the attributes that are not always written, by the registry's
// names; nil for none.
func writeModes(attributes map[string]config.Attribute) map[string]registry.WriteMode {
	out := map[string]registry.WriteMode{}
	for name, a := range attributes {
		if def, ok := registry.LookupAttribute(name); ok && a.Write != "" && a.Write != config.WriteAlways {
			out[def.Name] = registry.WriteMode(a.Write)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func joinRules(rules []config.JoinRule) []mapping.JoinRule {
	out := make([]mapping.JoinRule, len(rules))
	for i, r := range rules {
		out[i] = mapping.JoinRule(r)
	}
	return out
}

// groupMap is nil where there is no map: an empty one takes no group.
func groupMap(targets map[string]config.GroupTarget) map[string]mapping.GroupTarget {
	if targets == nil {
		return nil
	}
	out := make(map[string]mapping.GroupTarget, len(targets))
	for name, to := range maps.All(targets) {
		out[name] = mapping.GroupTarget{Name: to.Name, Role: registry.GroupRole(to.Role)}
	}
	return out
}

func limits(g config.Guard) plan.Limits {
	return plan.Limits{
		Deactivate: threshold(g.Deactivate), Delete: threshold(g.Delete), GroupDelete: threshold(g.GroupDelete),
		MembershipRemove: threshold(g.MembershipRemove), MembershipRemovePerGroup: threshold(g.MembershipRemovePerGroup),
		Rename: threshold(g.Rename), MailChange: threshold(g.MailChange), Create: threshold(g.Create), Adopt: threshold(g.Adopt),
		Minimum: threshold(g.Minimum),
	}
}

// apply carries one operation out through a door.
func (c *Core) apply(ctx context.Context, origin registry.Origin, actor string, op registry.Op) (registry.Result, error) {
	res, err := c.Registry.Apply(ctx, registry.Batch{Company: origin.Company, Origin: origin, Actor: actor, Ops: []registry.Op{op}})
	if err != nil {
		return registry.Result{}, err
	}
	if res[0].Refused != nil {
		return res[0], res[0].Refused
	}
	return res[0], nil
}

// byHand carries one operation out through the door of a company's admins.
func (c *Core) byHand(ctx context.Context, company registry.CompanyID, actor string, op registry.Op) (registry.Result, error) {
	origin, err := c.Store.For(company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return registry.Result{}, err
	}
	return c.apply(ctx, origin, actor, op)
}

// ProtectUser protects a person from every directory, or lifts that. It reports
// whether anything changed.
func (c *Core) ProtectUser(ctx context.Context, company registry.CompanyID, actor string, user registry.UserID, on bool) (bool, error) {
	res, err := c.byHand(ctx, company, actor, registry.SetProtected{User: user, On: on})
	return res.Change != nil, err
}

// ChangeMember adds a person to a group by hand, or takes back that they were.
// What directories say of the group's members stays. It reports whether anything
// changed.
func (c *Core) ChangeMember(ctx context.Context, group *registry.Group, actor string, user registry.UserID, add bool) (bool, error) {
	op := registry.PatchMembers{Group: group.ID}
	if add {
		op.AddUsers = []registry.UserID{user}
	} else {
		op.RemoveUsers = []registry.UserID{user}
	}
	res, err := c.byHand(ctx, group.Company, actor, op)
	return res.Change != nil, err
}

// FindGroup finds a living group by name or id, in words a person understands.
func (c *Core) FindGroup(ctx context.Context, company registry.CompanyID, who string) (*registry.Group, error) {
	g, err := c.Store.For(company).FindGroup(ctx, who)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, mistake("there is no group with the name or id %q", who)
	case errors.Is(err, store.ErrSeveral):
		return nil, mistake("several groups are called %q; use the id that `usher group list` shows", who)
	}
	return g, err
}

// FindPersonOfSource finds a person of the company that a source belongs to.
func (c *Core) FindPersonOfSource(ctx context.Context, key, who string) (*registry.User, error) {
	state, err := c.linkable(ctx, key)
	if err != nil {
		return nil, err
	}
	u, err := c.Store.For(state.Company).FindUser(ctx, who)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("nobody has the userName, address or id %q", who)
	}
	return u, err
}

// LinkUser ties a person to an entry of a source by an admin's word. The entry
// must be there, where the source can look for one: a wrong id would have the
// person missing in the next run. A company's uploads have no entries between two
// files; the id of one is that of the row to come.
func (c *Core) LinkUser(ctx context.Context, key, anchor, actor string, user registry.UserID, endPassword bool) error {
	state, err := c.linkable(ctx, key)
	if err != nil {
		return err
	}
	name := ""
	if registry.UploadCompany(key) != "" {
		field, value, ok := upload.ParseAnchor(anchor)
		if !ok {
			return mistake("%q is no id of an uploaded row; it is as in the report, as userName:ann or emails:ann@example.com", anchor)
		}
		anchor = upload.Anchor(field, value)
	} else if name, err = c.sources[key].entryName(ctx, anchor); err != nil {
		return err
	}
	_, err = c.apply(ctx, state.Origin, actor, registry.LinkUser{User: user, Anchor: anchor, Name: name, EndPassword: endPassword})
	return err
}

// linkable is a source that people can be tied to by hand: one of the configuration
// file, or a company's uploads.
func (c *Core) linkable(ctx context.Context, key string) (registry.Source, error) {
	if company := registry.UploadCompany(key); company != "" {
		found, err := c.Company(ctx, company)
		if err != nil {
			return registry.Source{}, err
		}
		return c.Store.For(found.ID).EnsureSource(ctx, registry.OriginUpload, key)
	}
	if _, err := c.source(key); err != nil {
		return registry.Source{}, err
	}
	state, err := c.Store.SourceByKey(ctx, key)
	if err != nil {
		return state, fmt.Errorf("find source %s: %w", key, err)
	}
	return state, nil
}

// entryName looks for the entry with an anchor.
func (s *source) entryName(ctx context.Context, anchor string) (string, error) {
	finder, ok := s.reader.(port.Finder)
	if !ok {
		return s.searchName(ctx, anchor)
	}
	var found *port.Entry
	err := finder.Fetch(ctx, []string{anchor}, func(e port.Entry) error {
		found = &e
		return nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("look for the entry: %w", err)
	case found == nil:
		return "", mistake("the directory has no person with the id %q", anchor)
	case found.Excluded != "":
		return "", mistake("%s is not among the people this source reads: %s", found.Name, found.Excluded)
	}
	return found.Name, nil
}

// errFound ends a read that was made for one entry.
var errFound = errors.New("found")

// searchName reads a source that cannot be asked for one entry until it comes.
func (s *source) searchName(ctx context.Context, anchor string) (string, error) {
	var name string
	_, err := s.reader.Read(ctx, port.Request{}, func(e port.Entry) error {
		if e.Kind == port.User && e.Anchor == anchor {
			name = e.Name
			return errFound
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return name, nil
	case err != nil:
		return "", fmt.Errorf("look for the entry: %w", err)
	}
	return "", mistake("the directory has no person with the id %q", anchor)
}

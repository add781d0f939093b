package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// Explanation says of everything known of a person where it came from.
type Explanation struct {
	User   *registry.User
	Values []ExplainedValue
	Ties   []store.Tie
}

// ExplainedValue is one attribute: its value, who stands for it, by which rule
// and since when, and what others say.
type ExplainedValue struct {
	Attribute string
	Values    []string
	// Origin stands for the value; zero where nobody does any more.
	Origin registry.Origin
	// Rule is how the value came about: an expression of the mapping, or words.
	Rule registry.Said
	// Actor made the last change, at Since; "" where nothing is recorded.
	Actor string
	Since time.Time
	// RunnersUp say something else, or the same without standing for it.
	RunnersUp []RunnerUp
}

// RunnerUp is what another origin says of an attribute.
type RunnerUp struct {
	Origin registry.Origin
	Values []string
	// Why says why it is not the value.
	Why registry.Said
}

// ExplainUser says of everything known of a person where it came from.
func (c *Core) ExplainUser(ctx context.Context, u *registry.User) (*Explanation, error) {
	tenant := c.Store.For(u.Company)
	p, err := tenant.Standpoints(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("explain person: %w", err)
	}
	where, err := tenant.Whereabouts(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("explain person: %w", err)
	}
	out := &Explanation{User: u, Ties: p.Ties}
	for _, def := range registry.AttributeDefs() {
		v := c.explainValue(u, &p, def.Name)
		if def.Name == registry.AttrManager && where.ManagerID != "" {
			c.explainManager(u, &p, where, &v)
		}
		if len(v.Values)+len(v.RunnersUp) > 0 {
			out.Values = append(out.Values, v)
		}
	}
	return out, nil
}

func (c *Core) explainValue(u *registry.User, p *store.Standpoints, name string) ExplainedValue {
	v := ExplainedValue{Attribute: name, Values: u.Attributes[name]}
	last, changed := p.Last[name]
	if changed {
		v.Origin, v.Actor, v.Since = p.Origins[last.Origin], last.Actor, last.At
	}
	stands := -1
	for i, tie := range p.Ties {
		wrote := tie.Link.Origin == u.Owner || changed && tie.Link.Origin == last.Origin // whoever else says the same made nothing of it
		if wrote && tie.Link.MissingSince.IsZero() && len(v.Values) > 0 && slices.Equal(tie.Link.Asserted[name], v.Values) {
			stands = i
			v.Origin = tie.Origin
			break
		}
	}
	v.Rule = c.rule(v.Origin, name, stands >= 0)
	for i, tie := range p.Ties {
		if said := tie.Link.Asserted[name]; i != stands && len(said) > 0 {
			v.RunnersUp = append(v.RunnersUp, RunnerUp{Origin: tie.Origin, Values: said, Why: whyNot(u, tie, name)})
		}
	}
	return v
}

// explainManager names a manager whom the record only points to: by the id that a
// connection pushed, or because a directory names them, which no link asserts.
func (c *Core) explainManager(u *registry.User, p *store.Standpoints, where registry.Whereabouts, v *ExplainedValue) {
	v.Values = []string{fmt.Sprintf("%s (%s)", where.Manager, where.ManagerID)}
	if u.Manager == 0 {
		return
	}
	last := p.Last["managerId"]
	v.Origin, v.Actor, v.Since = p.Origins[u.Owner], last.Actor, last.At
	v.Rule = c.rule(v.Origin, registry.AttrManager, true)
	if s, ok := c.sources[v.Origin.Key]; ok && v.Rule == "" { // no expression: the source follows the reference itself
		v.Rule = registry.Verbatim(s.managerFrom())
	}
}

// rule says how an origin makes a value.
func (c *Core) rule(o registry.Origin, attribute string, asserted bool) registry.Said {
	switch {
	case o.Kind == "":
		return ""
	case !asserted:
		return registry.Say("kept from before")
	case o.Kind == registry.OriginSCIM:
		return registry.Say("as pushed")
	case o.Kind.Directory():
		if s, ok := c.sources[o.Key]; ok {
			return registry.Verbatim(s.expression(attribute))
		}
		return registry.Say("the source is no longer in the configuration file")
	}
	return registry.Say("as entered")
}

// whyNot says why what an origin says is not what counts.
func whyNot(u *registry.User, tie store.Tie, attribute string) registry.Said {
	switch {
	case !tie.Link.MissingSince.IsZero():
		return registry.Say("no longer there since %s", tie.Link.MissingSince.UTC().Format(time.DateOnly))
	case slices.Equal(tie.Link.Asserted[attribute], u.Attributes[attribute]):
		return registry.Say("says the same")
	case tie.Link.Origin != u.Owner:
		return registry.Say("another origin owns the person")
	}
	return registry.Say("changed since by somebody else")
}

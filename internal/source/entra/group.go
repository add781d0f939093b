package entra

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// edge is a member that a group has or lost.
type edge struct {
	id   uuid.UUID
	lost bool
}

// gathered is a group as the pages so far tell it.
type gathered struct {
	values map[string][]string // nil while only told as removed
	reason string              // the last @removed, "" for none
	edges  []edge              // in the order told
	merged int                 // how many of edges are settled
}

// mergeSlack is how many unsettled edges a group may have before they are
// merged: it bounds the memory that replays take.
const mergeSlack = 4096

// settle leaves one edge for each member: the last that was told.
func (g *gathered) settle() {
	slices.SortStableFunc(g.edges, func(a, b edge) int { return cmp.Compare(string(a.id[:]), string(b.id[:])) })
	out := g.edges[:0]
	for i, e := range g.edges {
		if i+1 == len(g.edges) || g.edges[i+1].id != e.id {
			out = append(out, e)
		}
	}
	g.edges, g.merged = out, len(out)
}

// keys are the members that the group has.
func (g *gathered) keys() []string {
	var out []string
	for _, e := range g.edges {
		if !e.lost {
			out = append(out, e.id.String())
		}
	}
	return out
}

// gathering merges what the pages tell of groups.
type gathering struct {
	shape  *shape
	groups map[string]*gathered
	order  []string
	// nested are the members that are groups.
	nested map[uuid.UUID]bool
	// others counts members that are neither people nor groups.
	others int
}

func newGathering(s *shape) *gathering {
	return &gathering{shape: s, groups: map[string]*gathered{}, nested: map[uuid.UUID]bool{}}
}

// get gives the group with the id, new or not.
func (g *gathering) get(id string) *gathered {
	have := g.groups[id]
	if have == nil {
		have = &gathered{}
		g.groups[id] = have
		g.order = append(g.order, id)
	}
	return have
}

// memberTypes are the members worth keeping; the type of one that went is not
// always told.
var memberTypes = map[string]bool{"": true, "#microsoft.graph.user": true, typeGroup: true}

const typeGroup = "#microsoft.graph.group"

// groupPart is what one page tells of a group.
type groupPart struct {
	ID, Reason string
	Values     map[string][]string
	// Members are 17 bytes each: the id, and whether it was lost and is a group.
	Members []byte
	Others  int
}

const (
	partLost = 1 << iota
	partGroup
	partSize = len(uuid.UUID{}) + 1
)

// parts takes what a page tells out of the SDK's objects.
func (g *gathering) parts(page []models.Groupable) []groupPart {
	out := make([]groupPart, 0, len(page))
	for _, one := range page {
		id, data := strings.ToLower(deref(one.GetId())), one.GetAdditionalData()
		if id == "" {
			continue
		}
		p := groupPart{ID: id, Reason: removed(data)}
		if p.Reason == "" {
			p.Values = g.shape.values(one)
			for _, l := range links(data, propMembers) {
				p.add(l)
			}
		}
		out = append(out, p)
	}
	return out
}

func (p *groupPart) add(l link) {
	id, err := uuid.Parse(l.ID)
	if err != nil || !memberTypes[l.Type] {
		p.Others++
		return
	}
	var flags byte
	if l.Removed != "" {
		flags |= partLost
	}
	if l.Type == typeGroup {
		flags |= partGroup
	}
	p.Members = append(append(p.Members, id[:]...), flags)
}

// take merges one page.
func (g *gathering) take(page []models.Groupable) error {
	g.merge(g.parts(page))
	return nil
}

// merge merges what one page tells. A group comes again for each piece of its
// members, and pages may come again.
func (g *gathering) merge(parts []groupPart) {
	for _, p := range parts {
		have := g.get(p.ID)
		if p.Reason != "" {
			have.reason = p.Reason
			continue
		}
		if have.values == nil {
			have.values = map[string][]string{}
		}
		for key, v := range p.Values {
			have.values[key] = v
		}
		g.others += p.Others
		for m := range slices.Chunk(p.Members, partSize) {
			id, flags := uuid.UUID(m[:partSize-1]), m[partSize-1]
			if flags&partGroup != 0 {
				g.nested[id] = true
			}
			have.edges = append(have.edges, edge{id, flags&partLost != 0})
		}
		if len(have.edges) > 2*have.merged+mergeSlack {
			have.settle()
		}
	}
}

// forget lets go of the groups that a round told something newer of.
func (g *gathering) forget(t *told) {
	g.order = slices.DeleteFunc(g.order, func(id string) bool {
		if t.named(id) {
			delete(g.groups, id)
		}
		return t.named(id)
	})
}

// settle merges every group.
func (g *gathering) settle() {
	for _, have := range g.groups {
		have.settle()
	}
}

// hidden reports whether a group keeps its members to itself.
func hidden(values map[string][]string) bool {
	return strings.EqualFold(first(values["visibility"]), "HiddenMembership")
}

// entry makes an entry of a group without its members.
func groupEntry(id string, values map[string][]string) source.Entry {
	e := source.Entry{Kind: source.Group, Anchor: id, Name: first(values["displayname"]), Keys: []string{id}, Marker: marker, Values: values}
	if e.Name == "" {
		e.Name = id
	}
	return e
}

// hiddenProblem is the Problem of a group whose members may not be read: nobody
// is taken out of it for that.
func hiddenProblem() registry.Said {
	return registry.Say("the group hides its members: %s", readHidden.grant())
}

// unreadable reports whether a group may have members that were not told. A
// token that does not tell its permissions is taken for one without.
func (s *session) unreadable(values map[string][]string, members int) bool {
	granted, _ := s.claims.may(readHidden.name)
	return hidden(values) && !granted && members == 0
}

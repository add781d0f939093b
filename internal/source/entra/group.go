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

// take merges one page. A group comes again for each piece of its members, and
// pages may come again.
func (g *gathering) take(page []models.Groupable) error {
	for _, one := range page {
		id, data := strings.ToLower(deref(one.GetId())), one.GetAdditionalData()
		if id == "" {
			continue
		}
		have := g.get(id)
		if reason := removed(data); reason != "" {
			have.reason = reason
			continue
		}
		if have.values == nil {
			have.values = map[string][]string{}
		}
		for key, v := range g.shape.values(one) {
			have.values[key] = v
		}
		for _, l := range links(data, propMembers) {
			member, err := uuid.Parse(l.ID)
			if err != nil || !memberTypes[l.Type] {
				g.others++
				continue
			}
			if l.Type == typeGroup {
				g.nested[member] = true
			}
			have.edges = append(have.edges, edge{member, l.Removed != ""})
		}
		if len(have.edges) > 2*have.merged+mergeSlack {
			have.settle()
		}
	}
	return nil
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

package reconcile

import (
	"context"
	"strings"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

func (s *snapshot) group(ctx context.Context, e *source.Entry, index int32) {
	seen := plan.SeenGroup{Anchor: e.Anchor, Failed: e.Problem != ""}
	rec := groupRecord{name: strings.Clone(e.Name), marker: strings.Clone(e.Marker), same: e.Same}
	if !seen.Failed && !e.Same {
		g := s.source.Mapper.MapGroup(e.Values, e.Anchor, e.Name)
		if len(g.Problems) > 0 {
			seen.Failed = true
			s.problems(ctx, e, g.Problems)
		}
		seen.OutOfScope = !g.InScope
		rec.displayName, rec.role = strings.Clone(g.DisplayName), g.Role // as with the anchor
		seen.Fingerprint = groupFingerprint(&g)
	}
	var open []ref
	var said map[ref]string
	seen.Members = make([]int32, 0, len(e.Members))
	for _, k := range e.Members {
		r := refOf(k)
		if at, ok := s.places.find(r); ok && !at.group {
			seen.Members = append(seen.Members, at.index)
			continue
		}
		if open == nil {
			said = map[ref]string{}
		}
		if open = append(open, r); len(said) < keptLost {
			said[r] = strings.Clone(k)
		}
	}
	s.Groups[index], s.groups[index], s.open[index], s.openSaid[index] = seen, rec, open, said
}

// resolve finds the members that came later than their group: groups inside
// groups. What leads nowhere is outside what the source reads.
func (s *snapshot) resolve(ctx context.Context) {
	for r, people := range s.named {
		if at, ok := s.places.find(r); ok && at.group {
			s.Groups[at.index].Members = append(s.Groups[at.index].Members, people...)
			s.groups[at.index].open = true
		}
	}
	for i, open := range s.open {
		s.groups[i].open = s.groups[i].open || len(open) > 0
		var lost int
		var names []string
		for _, r := range open {
			switch at, ok := s.places.find(r); {
			case !ok:
				lost++
				if name := s.openSaid[i][r]; name != "" && len(names) < shownLost {
					names = append(names, name[strings.Index(name, ":")+1:]) // without what kind of name it is
				}
			case at.group:
				s.Groups[i].Groups = append(s.Groups[i].Groups, at.index)
			default:
				s.Groups[i].Members = append(s.Groups[i].Members, at.index)
			}
		}
		if lost > 0 {
			s.report.warning(ctx, registry.RunItem{Code: CodeUnknownMembers, Anchor: s.Groups[i].Anchor, Name: s.groups[i].name,
				Message: lostWords(lost, names)})
		}
	}
	s.resolveManagers()
	s.open, s.openSaid, s.places, s.anchors, s.mails, s.named, s.said = nil, nil, nil, nil, nil, nil, nil // byAnchor is of use once more
}

// Of the members that a group names and nobody finds, a report shows a few; of
// those not found yet, which may be groups that come later, some more are kept.
const (
	shownLost = 3
	keptLost  = 10
)

// lostWords say which members of a group are not there.
func lostWords(lost int, names []string) registry.Said {
	words := registry.Count(lost, "%d of its members is not among the people and groups this source reads", "%d of its members are not among the people and groups this source reads")
	switch named := strings.Join(names, "; "); {
	case len(names) == 0:
		return words
	case len(names) < lost:
		return registry.Say("%s: %s …", words, named)
	default:
		return registry.Say("%s: %s", words, named)
	}
}

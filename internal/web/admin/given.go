package admin

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// The most that is shown of what a directory gave.
const (
	mostGiven  = 100 // values
	longGiven  = 500 // bytes of one
	cutOffMark = "…"
)

// given is what the run's origin said of a person when it was last heard: the
// first of the five steps. usher keeps what the mapping made of it, not the
// directory's own entry.
type given struct {
	Values []givenValue
	// Enabled is what it said of the account, Name what it calls it.
	Enabled bool
	Name    string
	// Now is true where this very run heard it; else a later one did.
	Now bool
	// Cut is true where there is more than is shown.
	Cut bool
}

type givenValue struct {
	Attribute string
	Values    []string
}

// hear finds what the run's origin last said of a person.
func (d *detailView) hear(v *visit, publicID string) error {
	if publicID == "" {
		return nil
	}
	p, err := v.desk.Person(v.ctx(), publicID)
	if errors.Is(err, registry.ErrNotFound) {
		return nil // gone for good, and with them what was said
	}
	if err != nil {
		return err
	}
	for _, t := range p.Ties {
		if t.Link.Origin == d.Run.Origin && len(t.Link.Asserted) > 0 {
			d.Given = givenBy(t.Link, d.Run.ID)
		}
	}
	return nil
}

// uploaded is a row of a file as it came, or why it is not shown.
type uploaded struct {
	*UploadedRow
	Gone registry.Said
}

// lookUp finds the row of the file that the record came from, where the run is of
// one.
func (d *detailView) lookUp(v *visit) error {
	row, err := v.desk.UploadedRow(v.ctx(), d.Run, d.Anchor, d.Row.Full, d.Row.Code)
	var refused *Refusal
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil
	case errors.As(err, &refused) && row != nil:
		d.Uploaded = &uploaded{row, refused.Reason}
		return nil
	case err != nil:
		return err
	}
	for i, c := range row.Cells {
		if len(c.Text) > longGiven {
			row.Cells[i].Text = strings.ToValidUTF8(c.Text[:longGiven], "") + cutOffMark
		}
	}
	d.Uploaded = &uploaded{UploadedRow: row}
	return nil
}

// givenBy lays out what a link has, within bounds.
func givenBy(l *registry.Link, run registry.RunID) *given {
	out := &given{Enabled: l.Enabled, Name: l.Name, Now: l.SeenRun == run}
	left := mostGiven
	for _, name := range sortedNames(l.Asserted) {
		values := slices.Clone(l.Asserted[name])
		if len(values) > left {
			values, out.Cut = values[:left], true
		}
		if left -= len(values); len(values) == 0 {
			continue
		}
		for i, text := range values {
			if len(text) > longGiven {
				values[i], out.Cut = strings.ToValidUTF8(text[:longGiven], "")+cutOffMark, true
			}
		}
		out.Values = append(out.Values, givenValue{name, values})
	}
	return out
}

// sortedNames are the names of attributes in the order of the catalogue, then the
// others by name.
func sortedNames(a registry.Attributes) []string {
	place := map[string]int{}
	for i, def := range registry.AttributeDefs() {
		place[def.Name] = i + 1
	}
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(cmp.Or(place[x], len(place)+1), cmp.Or(place[y], len(place)+1)), cmp.Compare(x, y))
	})
	return names
}

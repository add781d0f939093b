package upload

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Codes of rows that are refused before anybody is looked for.
const (
	// CodeBadRow: the row cannot be cut into cells, or has more than the header.
	CodeBadRow = "bad_row"
	// CodeNoKey: the row does not say who it is about.
	CodeNoKey = "key_missing"
	// CodeDuplicateRow: another row is about the same person.
	CodeDuplicateRow = "duplicate_row"
	// CodeRights: the row would give rights.
	CodeRights = "rights_not_uploaded"
	// CodeBadKind: the row says a kind of person that there is not.
	CodeBadKind = "unknown_kind"
)

// SupportGroup is the name that the entries of support groups have at this
// source, for the mapping that gives them their role. No group of a file can be
// called so, because commas part the names in a cell.
const SupportGroup = "role=support,source=upload"

// Row is a record with what it says.
type Row struct {
	Record
	// Entry is what a read gives for it; its Problem and Code say why not.
	Entry source.Entry
}

// Source reads one file.
type Source struct {
	File     File
	Settings Settings
	// Rows and Refused count, during a read, the rows there are and those that
	// were refused before anybody was looked for.
	Rows, Refused int64
}

var _ source.Finder = (*Source)(nil)

// Probe opens the file.
func (s *Source) Probe(context.Context) (source.Info, error) {
	t, err := s.Settings.open(s.File)
	if err != nil {
		return source.Info{}, sourceError(err)
	}
	facts := []source.Fact{{Name: registry.Say("file"), Value: registry.Verbatim(s.File.Name)}, {Name: registry.Say("format"), Value: registry.Verbatim(string(s.Settings.Format))}}
	return source.Info{Facts: facts}, t.close()
}

// sourceError puts an error into the words that runs know.
func sourceError(err error) error {
	if errors.Is(err, ErrFile) {
		return registry.Errorf("%s: %s", source.ErrProtocol, err)
	}
	return err
}

// Read gives everybody of the file and then every group that a row names. It is
// never complete: a file does not have everybody.
func (s *Source) Read(ctx context.Context, _ source.Request, emit func(source.Entry) error) (source.Summary, error) {
	sum := source.Summary{Full: true, Incomplete: registry.Say("a file names only some")}
	s.Rows, s.Refused = 0, 0
	groups := map[string]source.Entry{}
	err := s.Each(ctx, func(r Row) error {
		s.Rows++
		if r.Entry.Problem != "" {
			s.Refused++
		}
		sum.Users++
		for _, g := range r.groups(&s.Settings) {
			if old, ok := groups[g.Anchor]; !ok || old.Name != SupportGroup {
				groups[g.Anchor] = g
			}
		}
		return emit(r.Entry)
	})
	if err != nil {
		return sum, err
	}
	for _, anchor := range slices.Sorted(maps.Keys(groups)) {
		sum.Groups++
		if err := emit(groups[anchor]); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// Each gives the file's rows one after the other, each with what it says. A row
// about somebody who had one already is refused, so that what is given does not
// depend on which of the two is meant.
func (s *Source) Each(ctx context.Context, fn func(Row) error) (err error) {
	t, err := s.Settings.open(s.File)
	if err != nil {
		return sourceError(err)
	}
	defer func() { err = errors.Join(err, t.close()) }()
	seed, seen := maphash.MakeSeed(), map[uint64]int{}
	kinds := kinds()
	for {
		rec, err := t.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return sourceError(err)
		case ctx.Err() != nil:
			return ctx.Err()
		case rec.Line <= s.Settings.HeaderLine:
			continue
		}
		row := s.row(rec, kinds)
		if row.Entry.Anchor != "" {
			h := maphash.String(seed, row.Entry.Anchor)
			if first, twice := seen[h]; twice {
				row.refuse(CodeDuplicateRow, registry.Say("row %d is about the same person; keep one of the two", first))
			} else {
				seen[h] = rec.Line
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// refuse takes from a row whom it is about, and says why.
func (r *Row) refuse(code string, problem registry.Said) {
	r.Entry = source.Entry{Kind: source.User, Name: r.Entry.Name, Values: r.Entry.Values, Code: code, Problem: problem}
}

// row makes an entry of a record.
func (s *Source) row(rec Record, kinds map[string]registry.Kind) Row {
	row := Row{Record: rec, Entry: source.Entry{Kind: source.User, Name: registry.RowName(rec.Line)}}
	e := &row.Entry
	if rec.Problem != "" {
		row.refuse(CodeBadRow, rec.Problem)
		return row
	}
	e.Values = make(map[string][]string, len(s.Settings.Columns))
	for i, cell := range rec.Cells {
		if cell = strings.TrimSpace(unformula(strings.TrimSpace(cell))); cell == "" {
			continue
		}
		if i >= len(s.Settings.Columns) {
			row.refuse(CodeBadRow, registry.Say("the row has more cells than the header: %d, not %d", len(rec.Cells), len(s.Settings.Columns)))
			return row
		}
		put(e.Values, s.Settings.Columns[i].Field, cell)
	}
	s.judge(&row, kinds)
	return row
}

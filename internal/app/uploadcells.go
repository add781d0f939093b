package app

import (
	"context"
	"errors"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// UploadedRow is a row of a file as it came.
type UploadedRow struct {
	Upload *registry.Upload
	// Line is where it stands in the file, from 1; 0 where the file does not have it.
	Line  int
	Cells []UploadedCell
	// Unread is how many of its columns are read for nothing. What stands in them is
	// not shown: nobody asked for it, and it may be anything.
	Unread int
}

// UploadedCell is a cell with what it means and which values were made of it.
type UploadedCell struct {
	Header, Field, Text string
	Values              []string
}

// errRowFound ends a read that has its row.
var errRowFound = errors.New("row found")

// UploadedRow finds the row of a file that a record in the report of a run of it is
// about: by its id at uploads, or where it has none, as a refused row has not, by
// its name and why. registry.ErrNotFound for a run of no file.
func (c *Core) UploadedRow(ctx context.Context, run *registry.Run, anchor, name string, code registry.Code) (*UploadedRow, error) {
	u, err := c.Store.For(run.Company).UploadOfRun(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	out := &UploadedRow{Upload: u}
	if !c.Now().Before(u.ExpiresAt) {
		return out, uploadGone(u)
	}
	settings, err := uploadSettings(u)
	if err != nil {
		return out, err
	}
	src := &upload.Source{File: c.keptFile(ctx, u), Settings: settings}
	err = src.Each(ctx, func(r upload.Row) error {
		if anchor != "" && r.Entry.Anchor != anchor || anchor == "" && (r.Entry.Name != name || r.Entry.Code != string(code)) {
			return nil
		}
		out.fill(&r, settings.Columns)
		return errRowFound
	})
	if errors.Is(err, errRowFound) {
		err = nil
	}
	return out, uploadMistake(err)
}

// fill lays out the cells of a row below its columns.
func (u *UploadedRow) fill(r *upload.Row, columns []upload.Column) {
	u.Line = r.Line
	for i, c := range columns {
		switch {
		case c.Field == "":
			u.Unread++
		case i < len(r.Cells):
			u.Cells = append(u.Cells, UploadedCell{c.Header, c.Field, r.Cells[i], r.Entry.Values[upload.Value(c.Field)]})
		}
	}
}

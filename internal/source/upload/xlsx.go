package upload

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/usherd/usher/internal/registry"
)

// Bounds of what a workbook may unpack to. Sheets and strings beyond memoryPart
// wait in temporary files.
const (
	maxUnpacked  = 512 << 20
	maxOther     = 32 << 20 // styles, themes and pictures, which go into memory
	memoryPart   = 4 << 20
	maxZipParts  = 10_000
	expansionMax = 200 // how many times larger than packed a workbook may be
)

// ErrFile is around whatever makes a file one that cannot be read at all. The
// text says what to do and may be shown.
var ErrFile = registry.Errorf("the file cannot be read")

func unreadable(format registry.Format, args ...any) error {
	return registry.Errorf("%s: %s", ErrFile, registry.Say(format, args...))
}

// workbook is an open XLSX file.
type workbook struct {
	f *excelize.File
}

// openWorkbook opens a workbook and refuses one that would unpack to more than
// anybody's list of people.
func openWorkbook(r io.Reader) (*workbook, error) {
	packed, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read workbook: %w", err)
	}
	if err := checkZip(packed); err != nil {
		return nil, err
	}
	var f *excelize.File
	err = surviving(func() (err error) {
		f, err = open(packed)
		return err
	})
	if err != nil {
		return nil, unreadable("it is no XLSX workbook, or one that is protected by a password; save it anew, or as CSV")
	}
	return &workbook{f}, nil
}

func open(packed []byte) (*excelize.File, error) {
	return excelize.OpenReader(bytes.NewReader(packed), excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: memoryPart})
}

// surviving makes an error of a panic. The library takes a workbook for whole,
// and one that somebody broke on purpose must not end the server.
func surviving(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = unreadable("the workbook is broken; save it anew, or as CSV")
		}
	}()
	return fn()
}

// checkZip looks at the table of contents before anything is unpacked.
func checkZip(packed []byte) error {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return unreadable("it is no XLSX workbook; save it anew, or as CSV")
	}
	var all, other uint64
	for _, part := range z.File {
		size := part.UncompressedSize64
		name := strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/"))
		if all += min(size, maxUnpacked+1); !strings.HasPrefix(name, "xl/worksheets/sheet") && name != "xl/sharedstrings.xml" {
			other += min(size, maxOther+1)
		}
		if all > maxUnpacked || other > maxOther {
			return unreadable("the workbook unpacks to more than a list of people can be; save the sheet as CSV")
		}
	}
	if len(z.File) > maxZipParts || all > expansionMax*uint64(len(packed)) && all > maxOther {
		return unreadable("the workbook is packed in a way no spreadsheet writes; save the sheet as CSV")
	}
	return nil
}

// sheets are the names of the sheets that can be seen.
func (w *workbook) sheets() []string {
	var out []string
	for _, name := range w.f.GetSheetList() {
		if visible, err := w.f.GetSheetVisible(name); err == nil && visible {
			out = append(out, name)
		}
	}
	return out
}

// xlsxTable reads the rows of one sheet.
type xlsxTable struct {
	book *workbook
	rows *excelize.Rows
	line int
}

func (w *workbook) table(sheet string) (*xlsxTable, error) {
	var rows *excelize.Rows
	err := surviving(func() (err error) {
		rows, err = w.f.Rows(sheet)
		return err
	})
	if err != nil {
		return nil, unreadable("the workbook has no sheet %q that can be read", sheet)
	}
	return &xlsxTable{book: w, rows: rows}, nil
}

func (t *xlsxTable) next() (rec Record, err error) {
	err = surviving(func() error {
		rec, err = t.read()
		return err
	})
	return rec, err
}

// read gives the next record that is not blank.
func (t *xlsxTable) read() (Record, error) {
	for t.rows.Next() {
		t.line++
		// As they are shown, because a staff number of 7 that is shown as 0007 is
		// 0007 to whoever keeps the list.
		cells, err := t.rows.Columns()
		rec := Record{Line: t.line, Cells: cells}
		if err != nil {
			rec.Problem = registry.Say("the row cannot be read")
		}
		if len(cells) > maxCells {
			rec.Cells, rec.Problem = cells[:maxCells], registry.Say("the row has %d cells, at most %d are read", len(cells), maxCells)
		}
		if !rec.blank() {
			return rec, nil
		}
	}
	if err := t.rows.Error(); err != nil {
		return Record{}, unreadable("the sheet breaks off at row %d; save the workbook anew", t.line)
	}
	return Record{}, io.EOF
}

func (t *xlsxTable) close() error { return errors.Join(t.rows.Close(), t.book.f.Close()) }

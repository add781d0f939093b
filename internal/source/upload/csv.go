package upload

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// Bounds of one record: a quote that is never closed must not take the rest of
// the file with it.
const (
	maxRecordLines = 500
	maxRecordBytes = 1 << 20
	maxCells       = 500
)

// Record is a row of a file as it stands there.
type Record struct {
	// Line is where it begins, from 1: the line of a CSV, the row of a sheet.
	Line  int
	Cells []string
	// Problem says why the row could not be read; Cells is then what there was.
	Problem registry.Said
}

// blank reports whether nothing stands in the row.
func (r *Record) blank() bool {
	for _, c := range r.Cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return r.Problem == ""
}

// table gives a file's records one after the other, the blank ones left out;
// io.EOF ends it.
type table interface {
	next() (Record, error)
	close() error
}

// line is one line of a text, its end cut off.
type line struct {
	text   string
	number int
	// long is true for a line that is longer than a record may be; the text is
	// then only its beginning.
	long bool
}

// csvTable reads separated values.
type csvTable struct {
	r      *bufio.Reader
	comma  rune
	number int
	// back are lines that were looked at and belong to nobody yet, the next last.
	back   []line
	begun  bool
	source io.Closer
}

func newCSV(r io.ReadCloser, e Encoding, separator rune) *csvTable {
	return &csvTable{r: bufio.NewReaderSize(decode(r, e), 1<<16), comma: separator, source: r}
}

func (t *csvTable) close() error { return t.source.Close() }

// next gives the next record that is not blank.
func (t *csvTable) next() (Record, error) {
	for {
		l, err := t.line()
		if err != nil {
			return Record{}, err
		}
		first := !t.begun
		t.begun = true
		if _, ok := separatorLine(l.text); ok && first || strings.TrimSpace(l.text) == "" {
			continue
		}
		rec := t.record(l)
		if !rec.blank() {
			return rec, nil
		}
	}
}

// separatorLine recognises the line by which Excel tells its separator.
func separatorLine(text string) (rune, bool) {
	rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimRight(text, "\r\n")), "sep=")
	if !ok || len(rest) != 1 {
		return 0, false
	}
	return rune(rest[0]), true
}

// record makes a record that begins with a line, of as many lines as its quotes
// ask for. If those do not make sense, the line alone is lost.
func (t *csvTable) record(l line) Record {
	if l.long {
		return Record{Line: l.number, Cells: []string{l.text[:min(len(l.text), 200)]}, Problem: registry.Say("the line is longer than a row may be")}
	}
	text, taken := l.text, []line(nil)
	for strings.Count(text, `"`)%2 != 0 {
		more, err := t.line()
		if err != nil || more.long || len(taken) == maxRecordLines || len(text) > maxRecordBytes {
			if err == nil {
				taken = append(taken, more)
			}
			t.unread(taken)
			return t.lost(l, registry.Say("a quotation mark is opened and not closed"))
		}
		taken = append(taken, more)
		text += "\n" + more.text
	}
	cells, err := t.parse(text)
	if err != nil {
		t.unread(taken)
		return t.lost(l, why(err))
	}
	if len(cells) > maxCells {
		return Record{Line: l.number, Cells: cells[:maxCells], Problem: registry.Say("the row has %d cells, at most %d are read", len(cells), maxCells)}
	}
	return Record{Line: l.number, Cells: cells}
}

// lost is a line that is no record. Its cells are cut as well as they can be,
// so that whoever mends it finds them.
func (t *csvTable) lost(l line, problem registry.Said) Record {
	return Record{Line: l.number, Cells: strings.Split(l.text, string(t.comma)), Problem: problem}
}

// why words what encoding/csv has against a record.
func why(err error) registry.Said {
	var at *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrBareQuote) && errors.As(err, &at):
		return registry.Say("a quotation mark stands inside a cell, at column %d; double it and put the cell in quotation marks", at.Column)
	case errors.Is(err, csv.ErrQuote) && errors.As(err, &at):
		return registry.Say("something stands behind a closing quotation mark, at column %d", at.Column)
	}
	return registry.Say("the row cannot be read")
}

func (t *csvTable) parse(text string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = t.comma, -1
	cells, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return cells, err
}

func (t *csvTable) unread(lines []line) {
	for i := len(lines) - 1; i >= 0; i-- {
		t.back = append(t.back, lines[i])
	}
}

// line gives the next line. Lines end as on Windows, Unix or old Macs.
func (t *csvTable) line() (line, error) {
	if n := len(t.back); n > 0 {
		l := t.back[n-1]
		t.back = t.back[:n-1]
		return l, nil
	}
	var b strings.Builder
	long := false
	for {
		c, err := t.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && b.Len() > 0, err == nil && (c == '\n' || c == '\r'):
			if next, peekErr := t.r.Peek(1); c == '\r' && peekErr == nil && next[0] == '\n' {
				_, _ = t.r.Discard(1) // it was there to be peeked at
			}
			t.number++
			return line{b.String(), t.number, long}, nil
		case err != nil:
			return line{}, err
		case b.Len() < maxRecordBytes:
			b.WriteByte(c)
		default:
			long = true
		}
	}
}

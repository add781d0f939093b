package upload

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// File is a file that can be read as often as needed.
type File struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Inspection is what was found out about a file by looking at it.
type Inspection struct {
	Settings
	EncodingGuess  Guess[Encoding]  `json:"encoding_guess,omitzero"`
	SeparatorGuess Guess[Separator] `json:"separator_guess,omitzero"`
	// Sheets are a workbook's, where there is a choice.
	Sheets []string `json:"sheets,omitempty"`
	// Sample are the first records below the header.
	Sample []Record `json:"sample"`
	// Replaced is how many characters of the header and the sample are not in
	// the encoding.
	Replaced int `json:"replaced,omitempty"`
}

// sampleRows is how many records an inspection shows.
const sampleRows = 5

// headerWithin is how far down a header is looked for: lists come with titles
// above.
const headerWithin = 15

// Inspect looks at a file and says how it would be read. Errors wrap ErrFile or
// ErrChoice where they are about the file or the choices; the Inspection holds
// what was found until then.
func Inspect(f File, c Choices) (*Inspection, error) {
	in := &Inspection{}
	if err := in.format(f, c); err != nil {
		return in, err
	}
	t, err := in.open(f)
	if err != nil {
		return in, err
	}
	err = in.header(t, c)
	if err := errors.Join(err, t.close()); err != nil {
		return in, err
	}
	return in, in.settle(c)
}

// format finds out what kind of file it is, its encoding and separator.
func (in *Inspection) format(f File, c Choices) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	d := &detector{}
	n, err := io.Copy(d, io.LimitReader(r, MaxSize+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read file: %w", err)
	}
	switch {
	case n == 0:
		return unreadable("it is empty")
	case n > MaxSize:
		return unreadable("it is larger than %d MB; upload it in pieces", MaxSize>>20)
	case bytes.HasPrefix(d.head, []byte("PK\x03\x04")):
		return in.workbook(f, c)
	case bytes.HasPrefix(d.head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return unreadable("it is an Excel workbook of the old kind (.xls) or a protected one; save it as .xlsx or CSV")
	}
	in.Format, in.EncodingGuess = CSV, d.guess()
	in.Encoding = cmp.Or(c.Encoding, in.EncodingGuess.Value)
	if !slices.Contains(Encodings(), in.Encoding) {
		return misfit("there is no encoding %q; there are %v", in.Encoding, Encodings())
	}
	if in.SeparatorGuess, err = guessSeparator(f.Open, in.Encoding); err != nil {
		return err
	}
	in.Separator = cmp.Or(c.Separator, in.SeparatorGuess.Value)
	return nil
}

// workbook chooses the sheet.
func (in *Inspection) workbook(f File, c Choices) error {
	in.Format = XLSX
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	book, err := openWorkbook(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	sheets := book.sheets()
	if err := book.f.Close(); err != nil {
		return fmt.Errorf("close workbook: %w", err)
	}
	switch {
	case len(sheets) == 0:
		return unreadable("the workbook has no sheet that can be seen")
	case c.Sheet != "" && !slices.Contains(sheets, c.Sheet):
		return misfit("there is no sheet %q; there are %s", c.Sheet, strings.Join(sheets, ", "))
	}
	in.Sheets, in.Sheet = sheets, cmp.Or(c.Sheet, sheets[0])
	return nil
}

// open begins to read a file's records.
func (s *Settings) open(f File) (table, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	if s.Format != XLSX {
		return newCSV(r, s.Encoding, rune(s.Separator[0])), nil
	}
	book, err := openWorkbook(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	t, err := book.table(s.Sheet)
	if err != nil {
		return nil, errors.Join(err, book.f.Close())
	}
	return t, nil
}

// header finds the header and what stands first below it.
func (in *Inspection) header(t table, c Choices) error {
	known, by := heads(), map[string]bool{}
	for name := range c.Map {
		by[headKey(name)] = true
	}
	var first []Record
	best, most := -1, 0
	for len(first) < headerWithin+sampleRows {
		rec, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n := 0
		for _, cell := range rec.Cells {
			if key := headKey(unformula(cell)); known[key] != "" || by[key] {
				n++
			}
		}
		if n > most && len(first) < headerWithin {
			best, most = len(first), n
		}
		first = append(first, rec)
	}
	switch {
	case len(first) == 0:
		return unreadable("nothing is written in it")
	case best < 0:
		best = 0 // the choices' error names the columns there are
	}
	in.HeaderLine = first[best].Line
	in.Sample = first[best+1 : min(len(first), best+1+sampleRows)]
	for _, rec := range first[best:min(len(first), best+1+sampleRows)] {
		in.Replaced += strings.Count(strings.Join(rec.Cells, ""), "\uFFFD")
	}
	var err error
	in.Columns, err = columns(first[best].Cells, c.Map)
	return err
}

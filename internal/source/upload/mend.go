package upload

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// errEnough ends a read that has what it was made for.
var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// The columns that a file of failed rows has beside its own, by which nothing is
// read when it is uploaded again.
const (
	reasonHead = "usher: reason"
	codeHead   = "usher: code"
	rowHead    = "usher: row"
)

// Mend writes rows as a CSV with the columns they had, and why they failed, to
// be mended and uploaded again. Cells are made inert; reading takes that off.
type Mend struct {
	w     *csv.Writer
	width int
	// keep are the places of the columns that are not a former Mend's own.
	keep []int
}

// NewMend begins a file. It is UTF-8 with a byte-order mark, because the
// spreadsheet that opens it would else guess, and has the separator of the
// upload.
func NewMend(w io.Writer, s *Settings) (*Mend, error) {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return nil, fmt.Errorf("write failed rows: %w", err)
	}
	m := &Mend{w: csv.NewWriter(w), width: len(s.Columns)}
	if s.Separator != "" {
		m.w.Comma = rune(s.Separator[0])
	}
	var head []string
	for i, c := range s.Columns {
		if !slices.Contains([]string{reasonHead, codeHead, rowHead}, c.Header) {
			m.keep = append(m.keep, i)
			head = append(head, Inert(c.Header))
		}
	}
	return m, m.write(append(head, reasonHead, codeHead, rowHead))
}

// Row writes a row that failed.
func (m *Mend) Row(r *Record, code, reason string) error {
	out := make([]string, 0, len(m.keep)+3)
	for _, i := range m.keep {
		cell := ""
		if i < len(r.Cells) {
			cell = r.Cells[i]
		}
		out = append(out, Inert(cell))
	}
	if extra := r.Cells[min(len(r.Cells), m.width):]; len(extra) > 0 && r.Problem == "" {
		reason += " (" + strings.Join(extra, ", ") + ")"
	}
	return m.write(append(out, Inert(reason), code, fmt.Sprint(r.Line)))
}

func (m *Mend) write(cells []string) error {
	if err := m.w.Write(cells); err != nil {
		return fmt.Errorf("write failed rows: %w", err)
	}
	return nil
}

// Close writes what is still held back.
func (m *Mend) Close() error {
	m.w.Flush()
	return m.w.Error()
}

// Template is an empty file with every column, named in a language, as a
// spreadsheet of that country opens it: with a byte-order mark and, where the
// comma parts decimals, semicolons.
func Template(locale string) ([]byte, error) {
	lang, _, _ := strings.Cut(strings.ToLower(locale), "-")
	if !slices.Contains(Locales(), lang) {
		return nil, misfit("there is a template in %s, not in %q", strings.Join(Locales(), ", "), locale)
	}
	var heads []string
	for _, f := range Fields() {
		if f.Template {
			heads = append(heads, f.Heads[lang][0])
		}
	}
	comma := ";"
	if lang == "en" {
		comma = ","
	}
	return []byte("\uFEFF" + strings.Join(heads, comma) + "\r\n"), nil
}

package upload

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// bomb is a workbook with one part that says it unpacks to so many bytes.
func bomb(t testing.TB, name string, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: 3, UncompressedSize64: size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzDetect: whatever the bytes, an encoding is found that reads them as text,
// however they are cut into pieces, and with what is UTF-8 taken for that.
func FuzzDetect(f *testing.F) {
	for _, seed := range []string{"", "login\nann\n", italian, russian, "\xFF\xFE", "\xEF\xBB\xBFx", "\x00\x00", "caf\xE9 \xCF\xF0\xE8"} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, doc []byte, cut uint8) {
		whole, pieces := &detector{}, &detector{}
		_, _ = whole.Write(doc)
		for rest := doc; len(rest) > 0; {
			n := min(int(cut)%7+1, len(rest))
			_, _ = pieces.Write(rest[:n])
			rest = rest[n:]
		}
		a, b := whole.guess(), pieces.guess()
		if a != b {
			t.Fatalf("whole %+v, in pieces %+v", a, b)
		}
		if a.Confidence <= 0 || a.Confidence > 1 {
			t.Errorf("confidence %v", a.Confidence)
		}
		text, err := io.ReadAll(decode(bytes.NewReader(doc), a.Value))
		if err != nil || !utf8.Valid(text) {
			t.Errorf("%s: %v, valid: %t", a.Value, err, utf8.Valid(text))
		}
	})
}

// FuzzCSV: whatever stands in a file, reading ends, every line with something on
// it belongs to one record, and lines only go up.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a;b\n1;2\n", "a;\"b\n\n\"\"c\"\nd", "\"\n\"\n\"", "sep=;\na;b", "x\ry\r\nz", "\"a\"b;\"\n;\"c"} {
		f.Add(seed, byte(';'))
	}
	f.Fuzz(func(t *testing.T, doc string, comma byte) {
		s, ok := ParseSeparator(string(rune(comma)))
		if !ok {
			s = Semicolon
		}
		table := newCSV(io.NopCloser(strings.NewReader(doc)), UTF8, rune(s[0]))
		last, n := 0, 0
		for {
			rec, err := table.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n++; rec.Line <= last || rec.blank() {
				t.Fatalf("record %d at line %d after %d: %q", n, rec.Line, last, rec.Cells)
			}
			last = rec.Line
		}
		if lines := strings.Count(doc, "\n") + strings.Count(doc, "\r") + 1; n > lines {
			t.Errorf("%d records of %d lines", n, lines)
		}
	})
}

// FuzzFile: whatever a file is, it is refused in words or read to its end.
func FuzzFile(f *testing.F) {
	f.Add([]byte(italian))
	f.Add([]byte(russian))
	f.Add(written(f, charmap.Windows1251, russian))
	f.Add([]byte("login;groups;kind;admin\nann;a,b;utente;no\n;;;\n"))
	f.Add(book(f, [][]any{{"login", "mail"}, {"ann", "a@example.com"}}, nil))
	f.Add(bomb(f, "xl/workbook.xml", 100))
	f.Fuzz(func(t *testing.T, doc []byte) {
		in, err := Inspect(memory(doc), Choices{})
		if err != nil {
			if !errors.Is(err, ErrFile) && !errors.Is(err, ErrChoice) {
				t.Fatalf("refused without words: %v", err)
			}
			return
		}
		src := &Source{File: memory(doc), Settings: in.Settings}
		seen := map[string]bool{}
		err = src.Each(t.Context(), func(r Row) error {
			if a := r.Entry.Anchor; a != "" && seen[a] {
				t.Errorf("%q came twice", a)
			} else if (a == "") != (r.Entry.Problem != "") {
				t.Errorf("row %d has anchor %q and problem %q", r.Line, a, r.Entry.Problem)
			}
			seen[r.Entry.Anchor] = true
			return nil
		})
		if err != nil && !errors.Is(err, ErrFile) {
			t.Fatal(err)
		}
	})
}

// FuzzFormula: what is made inert comes back as it was.
func FuzzFormula(f *testing.F) {
	for _, seed := range []string{"", "=1", "'=1", "''x", "+39"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		if formula(cell) != strings.HasPrefix(Inert(cell), "'") && !strings.HasPrefix(cell, "'") {
			t.Errorf("%q: %q", cell, Inert(cell))
		}
		if got := unformula(Inert(cell)); formula(cell) && got != cell {
			t.Errorf("%q came back as %q", cell, got)
		}
	})
}

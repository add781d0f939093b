package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// palette colours words, or leaves them as they are.
type palette bool

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (p palette) in(color, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// paint is how a table is coloured.
func (f *flags) paint(w io.Writer) palette {
	auto := terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return palette(f.color == "always" || f.color == "auto" && auto)
}

// terminal reports whether a stream is a terminal.
func terminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// columns is how wide a line may be: what the terminal has, and 0 for no end
// where the output goes to a file or another program.
func columns(w io.Writer) int {
	if !terminal(w) {
		return 0
	}
	n, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return n
}

// grid is rows to print: as a table for people, or as CSV.
type grid struct {
	head []string
	rows [][]string
	// indent stands before every line of a table.
	indent string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// drop takes a column out.
func (g *grid) drop(column int) {
	g.head = slices.Delete(g.head, column, column+1)
	for i, row := range g.rows {
		g.rows[i] = slices.Delete(row, column, column+1)
	}
}

// Gaps between columns, and how far a column shrinks at most to make a table
// fit on a terminal.
const (
	gap       = "  "
	narrowest = 16
)

// table prints aligned columns, cut to fit where the output is a terminal: the
// whole values are in JSON and CSV.
func (g *grid) table(w io.Writer, p palette) error {
	lines := make([][]string, 0, len(g.rows)+1)
	if len(g.head) > 0 {
		lines = append(lines, upper(g.head))
	}
	for _, row := range g.rows {
		clean := make([]string, len(row))
		for i, c := range row {
			clean[i] = printable(c)
		}
		lines = append(lines, clean)
	}
	wide := fit(widths(lines), columns(w)-len(g.indent))
	var b bytes.Buffer
	for i, row := range lines {
		var line strings.Builder
		line.WriteString(g.indent)
		for j, c := range row {
			c = cut(c, wide[j])
			line.WriteString(c + strings.Repeat(" ", wide[j]-cells(c)) + gap)
		}
		text := strings.TrimRight(line.String(), " ")
		if i == 0 && len(g.head) > 0 {
			text = p.in(dim, text)
		}
		b.WriteString(text + "\n")
	}
	_, err := b.WriteTo(w)
	return err
}

func upper(head []string) []string {
	out := make([]string, len(head))
	for i, h := range head {
		out[i] = strings.ToUpper(h)
	}
	return out
}

// widths is how wide each column would like to be.
func widths(lines [][]string) []int {
	var out []int
	for _, row := range lines {
		for i, c := range row {
			if i == len(out) {
				out = append(out, 0)
			}
			out[i] = max(out[i], cells(c))
		}
	}
	return out
}

// fit takes from the widest columns until the sum fits; limit ≤ 0 is no limit.
// The last column may shrink further: it explains, the others tell apart.
func fit(wide []int, limit int) []int {
	total := len(gap) * (len(wide) - 1)
	for _, n := range wide {
		total += n
	}
	for ; limit > 0 && total > limit; total-- {
		widest := -1
		for i, n := range wide {
			least := narrowest
			if i == len(wide)-1 {
				least = narrowest / 2
			}
			if n > least && (widest < 0 || n >= wide[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		wide[widest]--
	}
	return wide
}

// cells is how many places a text takes on a terminal: East Asian wide letters
// take two, combining marks none.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < utf8.RuneSelf:
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cut shortens a text to a number of places.
func cut(s string, limit int) string {
	if cells(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += cell(r); n > limit-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// csv prints the rows.
func (g *grid) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(g.head); err != nil {
		return err
	}
	for _, row := range g.rows {
		if err := c.Write(inert(row)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// inert makes cells that no spreadsheet takes for a formula (OWASP, CSV
// injection) and that cannot move a terminal's cursor.
func inert(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = printable(cell)
		if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
			out[i] = "'" + out[i]
		}
	}
	return out
}

// print prints a grid in the form asked for; doc is what JSON shows.
func (f *flags) print(w io.Writer, g *grid, doc any) error {
	switch f.output {
	case "json":
		return printJSON(w, doc)
	case "csv":
		return g.csv(w)
	default:
		return g.table(w, f.paint(w))
	}
}

// say prints a sentence for people, or the document that says the same.
func (f *flags) say(w io.Writer, doc any, format string, args ...any) error {
	if f.output == "json" {
		return printJSON(w, doc)
	}
	_, err := fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
	return err
}

func printJSON(w io.Writer, doc any) error {
	text, err := encode(doc, "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, text)
	return err
}

// compactJSON is a value on one line.
func compactJSON(v any) (string, error) { return encode(v, "") }

// encode keeps letters as they are but escapes what could move a terminal's
// cursor or hide text, which JSON would let through beyond ASCII.
func encode(v any, indent string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if strings.IndexFunc(text, hostile) < 0 {
		return text, nil
	}
	var out strings.Builder
	for _, r := range text {
		if r != '\n' && hostile(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String(), nil
}

// hostile are the letters that could move a terminal's cursor or hide text.
func hostile(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// printable takes hostile letters out: names come from outside.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if hostile(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// stamp is a time for people, in the zone of the machine.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04") //nolint:gosmopolitan // the reader sits at this machine
}

// count is a number with its noun.
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

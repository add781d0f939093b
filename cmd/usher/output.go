package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
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

// grid is rows to print: as a table for people, or as CSV.
type grid struct {
	head []string
	rows [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// table prints aligned columns.
func (g *grid) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	if len(g.head) > 0 {
		_, _ = fmt.Fprintln(t, strings.ToUpper(strings.Join(g.head, "\t")))
	}
	for _, row := range g.rows {
		clean := make([]string, len(row))
		for i, c := range row {
			clean[i] = printable(c)
		}
		_, _ = fmt.Fprintln(t, strings.Join(clean, "\t"))
	}
	return t.Flush()
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
// injection).
func inert(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		if out[i] = cell; cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			out[i] = "'" + cell
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
		return g.table(w)
	}
}

func printJSON(w io.Writer, doc any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}

// printable takes out what could move a terminal's cursor or hide text: names
// come from outside.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func sourceCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Look at a source"}
	var n int
	test := &cobra.Command{
		Use: "test NAME", Short: "Connect, sign in, and show five people as they would be mapped", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error { return f.testSource(ctx, cmd, core, args[0], n) })
		},
	}
	test.Flags().IntVarP(&n, "number", "n", 5, "how many people")
	cmd.AddCommand(test)
	return cmd
}

// testSource prints what a source is and how its people look.
func (f *flags) testSource(ctx context.Context, cmd *cobra.Command, core *app.Core, name string, n int) error {
	info, rows, err := core.TestSource(ctx, name, n)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if f.output == "json" {
		return printJSON(w, map[string]any{"facts": info.Facts, "people": rows})
	}
	facts := &grid{}
	for _, fact := range info.Facts {
		facts.add(fact.Name, fact.Value)
	}
	if f.output == "table" {
		if err := facts.table(w); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w)
	}
	g := &grid{head: []string{"entry", "attribute", "value"}}
	usable := 0
	for _, r := range rows {
		before := len(g.rows)
		sampleRows(g, r)
		if r.Problem == "" && len(r.Person.Problems) == 0 && r.Person.InScope {
			usable++
		}
		if f.output == "table" { // the name once, then its attributes
			for i := before + 1; i < len(g.rows); i++ {
				g.rows[i][0] = ""
			}
		}
	}
	if f.output == "csv" {
		return g.csv(w)
	}
	if err := g.table(w); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nThe connection works. Of %s shown, %d would become users.\n", count(len(rows), "person", "people"), usable)
	return err
}

// sampleRows are the lines of one person.
func sampleRows(g *grid, r app.SampleRow) {
	p := r.Person
	switch {
	case r.Problem != "":
		g.add(r.Name, "problem", r.Problem)
		return
	case len(p.Problems) > 0:
		for _, x := range p.Problems {
			g.add(r.Name, "problem", x.Message)
		}
		return
	case !p.InScope:
		g.add(r.Name, "out of scope", "the source's scope leaves this person out")
		return
	}
	for _, d := range registry.AttributeDefs() {
		if v := p.Attributes[d.Name]; len(v) > 0 {
			g.add(r.Name, d.Name, strings.Join(v, ", "))
		}
	}
	g.add(r.Name, "kind", string(p.Kind))
	if !p.Enabled {
		g.add(r.Name, "enabled", "no: disabled in the directory")
	}
	if p.Department != "" {
		g.add(r.Name, "department", p.Department)
	}
	if p.Contract != "" {
		g.add(r.Name, "contract", p.Contract)
	}
	g.add(r.Name, "anchor", r.Anchor)
	for _, x := range p.Warnings {
		g.add(r.Name, "warning", x.Message)
	}
}

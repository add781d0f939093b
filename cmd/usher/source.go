package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func sourceCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Look at sources, test, schedule, pause, resume and forget one, tie people to entries by hand"}
	var n int
	test := &cobra.Command{
		Use: "test NAME", Short: "Connect, sign in, and show five people as they would be mapped",
		Args: cobra.ExactArgs(1), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 1 {
				return misuse(fmt.Errorf("--number %d: want 1 or more", n))
			}
			return f.with(cmd, func(ctx context.Context, core *app.Core) error { return f.testSource(ctx, cmd, core, args[0], n) })
		},
	}
	test.Flags().IntVarP(&n, "number", "n", 5, "how many people")
	cmd.AddCommand(f.listSourcesCmd(), f.scheduleCmd(), test, f.linkUserCmd(), f.pauseSourceCmd(), f.resumeSourceCmd(), f.forgetSourceCmd())
	return cmd
}

func (f *flags) linkUserCmd() *cobra.Command {
	var endPassword bool
	cmd := &cobra.Command{
		Use: "link NAME ANCHOR WHO", Short: "Say that a person is the one of this entry",
		Long: `Say that a person is the one of this entry, which no join rule may decide for
admins, people with a password of their own, and entries that were made anew.

ANCHOR is the id that a conflict in a run's report shows. The person becomes the
source's: the next run gives them the entry's values, and the source may disable
them. Somebody whose own entry is gone is tied to the new one. Passwords stay as
they are, unless --end-password is given; a contact never had one.`,
		Args: cobra.ExactArgs(3), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				u, err := core.FindPersonOfSource(ctx, args[0], args[2])
				if err != nil {
					return err
				}
				if err := core.LinkUser(ctx, args[0], args[1], whoami(), u.ID, endPassword); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "source": args[0], "anchor": args[1]},
					"%s is the person of %s at %s; the next run gives them the entry's values.", u.UserName(), args[1], args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&endPassword, "end-password", false, "destroy the password and end the sessions")
	return cmd
}

// sampleDoc is a person of a directory as JSON shows them. Its field names are a
// contract.
type sampleDoc struct {
	Entry      string              `json:"entry"`
	Anchor     string              `json:"anchor,omitempty"`
	Problems   []string            `json:"problems,omitempty"`
	Warnings   []string            `json:"warnings,omitempty"`
	InScope    bool                `json:"in_scope"`
	Enabled    bool                `json:"enabled"`
	Kind       string              `json:"kind,omitempty"`
	Department string              `json:"department,omitempty"`
	Contract   string              `json:"contract,omitempty"`
	Attributes registry.Attributes `json:"attributes,omitempty"`
}

func toSampleDoc(r app.SampleRow) sampleDoc {
	p := r.Person
	d := sampleDoc{
		Entry: r.Name, Anchor: r.Anchor, InScope: p.InScope, Enabled: p.Enabled, Kind: string(p.Kind),
		Department: p.Department, Contract: p.Contract, Attributes: p.Attributes,
	}
	if r.Problem != "" {
		d.Problems = append(d.Problems, r.Problem.String())
	}
	for _, x := range p.Problems {
		d.Problems = append(d.Problems, x.Said().String())
	}
	for _, x := range p.Warnings {
		d.Warnings = append(d.Warnings, x.Said().String())
	}
	return d
}

// testSource prints what a source is and how its people look.
// nobodyFound is what a test says that finds nobody.
const nobodyFound = `
The directory answers and lets us in, but shows nobody: a run would read nothing.
Look at users.base, at users.filter, and at what the account may read; for Entra
ID at the groups, the kinds of accounts and the application's consent.
`

func (f *flags) testSource(ctx context.Context, cmd *cobra.Command, core *app.Core, name string, n int) error {
	info, rows, err := core.TestSource(ctx, name, n)
	if err != nil {
		return err
	}
	docs := make([]sampleDoc, len(rows))
	usable := 0
	for i, r := range rows {
		if docs[i] = toSampleDoc(r); len(docs[i].Problems) == 0 && docs[i].InScope {
			usable++
		}
	}
	w := cmd.OutOrStdout()
	switch f.output {
	case "json":
		facts := map[string]string{}
		for _, fact := range info.Facts {
			facts[fact.Name.String()] = fact.Value.String()
		}
		return printJSON(w, map[string]any{"facts": facts, "people": docs})
	case "csv":
		g := &grid{head: []string{"entry", "attribute", "value"}}
		for _, d := range docs {
			for _, line := range d.lines() {
				g.add(d.Entry, line[0], line[1])
			}
		}
		return g.csv(w)
	}
	facts := &grid{}
	for _, fact := range info.Facts {
		facts.add(fact.Name.String(), fact.Value.String())
	}
	if err := facts.table(w, f.paint(w)); err != nil {
		return err
	}
	if err := f.people(w, docs); err != nil {
		return err
	}
	if len(rows) == 0 {
		_, err = fmt.Fprint(w, nobodyFound)
		return err
	}
	_, err = fmt.Fprintf(w, "\nThe connection works. %s shown, %d usable.\n", count(len(rows), "person", "people"), usable)
	return err
}

// people prints each person below the name of their entry.
func (f *flags) people(w io.Writer, docs []sampleDoc) error {
	for _, d := range docs {
		if _, err := fmt.Fprintf(w, "\n%s\n", f.paint(w).in(bold, printable(d.Entry))); err != nil {
			return err
		}
		if err := (&grid{rows: d.lines(), indent: "  "}).table(w, f.paint(w)); err != nil {
			return err
		}
	}
	return nil
}

// lines are what is to be said of a person, each a name and a value.
func (d sampleDoc) lines() (out [][]string) {
	add := func(name, value string) {
		if value != "" {
			out = append(out, []string{name, value})
		}
	}
	for _, x := range d.Problems {
		add("problem", x)
	}
	switch {
	case len(d.Problems) > 0:
		return out
	case !d.InScope:
		add("out of scope", "the source's scope leaves this person out")
		return out
	}
	for _, def := range registry.AttributeDefs() {
		add(def.Name, strings.Join(d.Attributes[def.Name], ", "))
	}
	add("kind", d.Kind)
	if !d.Enabled {
		add("enabled", "no: disabled in the directory")
	}
	add("department", d.Department)
	add("contract", d.Contract)
	add("anchor", d.Anchor)
	for _, x := range d.Warnings {
		add("warning", x)
	}
	return out
}

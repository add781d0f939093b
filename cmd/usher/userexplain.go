package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// explanationDoc says of everything known of a person where it came from, as
// JSON shows it. Its field names are a contract.
type explanationDoc struct {
	ID       string         `json:"id"`
	UserName string         `json:"user_name"`
	State    string         `json:"state"`
	Values   []explainedDoc `json:"values"`
	Ties     []tieDoc       `json:"origins"`
}

type explainedDoc struct {
	Attribute string        `json:"attribute"`
	Values    []string      `json:"values"`
	From      string        `json:"from,omitempty"`
	Rule      string        `json:"rule,omitempty"`
	Since     *time.Time    `json:"since,omitempty"`
	By        string        `json:"by,omitempty"`
	RunnersUp []runnerUpDoc `json:"runners_up,omitempty"`
}

type runnerUpDoc struct {
	From   string   `json:"from"`
	Values []string `json:"values"`
	Why    string   `json:"why"`
}

type tieDoc struct {
	Origin  string     `json:"origin"`
	Owner   bool       `json:"owner"`
	Anchor  string     `json:"anchor"`
	Name    string     `json:"name,omitempty"`
	Enabled bool       `json:"enabled"`
	Missing *time.Time `json:"missing_since,omitempty"`
}

func toExplanationDoc(x *app.Explanation) explanationDoc {
	d := explanationDoc{ID: x.User.PublicID, UserName: x.User.UserName(), State: string(x.User.State()), Values: []explainedDoc{}, Ties: []tieDoc{}}
	for _, v := range x.Values {
		e := explainedDoc{Attribute: v.Attribute, Values: v.Values, From: originWord(v.Origin), Rule: v.Rule.String(), Since: whenSet(v.Since), By: v.Actor}
		for _, r := range v.RunnersUp {
			e.RunnersUp = append(e.RunnersUp, runnerUpDoc{From: originWord(r.Origin), Values: r.Values, Why: r.Why.String()})
		}
		d.Values = append(d.Values, e)
	}
	for _, t := range x.Ties {
		d.Ties = append(d.Ties, tieDoc{
			Origin: originWord(t.Origin), Owner: t.Link.Origin == x.User.Owner, Anchor: t.Link.Anchor, Name: t.Link.Name,
			Enabled: t.Link.Enabled, Missing: whenSet(t.Link.MissingSince),
		})
	}
	return d
}

func (f *flags) explainUserCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "explain WHO", Short: "Say of each value of a person where it came from, by which rule, and what others say", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				x, err := core.ExplainUser(ctx, u)
				if err != nil {
					return err
				}
				return f.printExplanation(cmd, toExplanationDoc(x))
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) printExplanation(cmd *cobra.Command, d explanationDoc) error {
	g := &grid{head: []string{"attribute", "value", "from", "rule", "since", "by"}}
	g.add("state", d.State)
	for _, t := range d.Ties {
		tie := "tied to " + t.Anchor
		switch {
		case t.Missing != nil:
			tie += ", missing since " + stamp(*t.Missing)
		case !t.Enabled:
			tie += ", disabled there"
		}
		if t.Owner {
			tie += " (owner)"
		}
		g.add("origin", tie, t.Origin, t.Name)
	}
	for _, v := range d.Values {
		g.add(v.Attribute, strings.Join(v.Values, ", "), v.From, v.Rule, stampOf(v.Since), v.By)
		for _, r := range v.RunnersUp {
			g.add("  not taken", strings.Join(r.Values, ", "), r.From, r.Why)
		}
	}
	for i, row := range g.rows { // CSV has cells in every column
		g.rows[i] = append(row, make([]string, len(g.head)-len(row))...)
	}
	return f.print(cmd.OutOrStdout(), g, d)
}

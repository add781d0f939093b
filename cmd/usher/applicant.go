package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func applicantCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "applicant", Short: "Look at who registered, and let them in or keep them out"}
	cmd.AddCommand(f.listApplicantsCmd(), f.decideApplicantCmd(true), f.decideApplicantCmd(false))
	return cmd
}

// applicantDoc is an applicant as JSON shows them. Its field names are a contract.
type applicantDoc struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	State     string            `json:"state"`
	Code      string            `json:"code,omitempty"`
	Typed     map[string]string `json:"typed,omitempty"`
	Resolved  map[string]string `json:"resolved,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	DecidedAt *time.Time        `json:"decided_at,omitempty"`
	DecidedBy string            `json:"decided_by,omitempty"`
	Note      string            `json:"note,omitempty"`
}

// newCompanyFlag is for those whose company does not exist yet.
func newCompanyFlag(cmd *cobra.Command, founders *bool) {
	cmd.Flags().BoolVar(founders, "new-company", false, "those who want to found a company and wait for an operator")
}

// ofCompany opens the registry and finds the company, or none for founders.
func (f *flags) ofCompany(cmd *cobra.Command, company string, founders bool, fn func(context.Context, *app.Core, registry.CompanyID) error) error {
	if founders {
		return f.with(cmd, func(ctx context.Context, core *app.Core) error { return fn(ctx, core, 0) })
	}
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error { return fn(ctx, core, c.ID) })
}

func (f *flags) listApplicantsCmd() *cobra.Command {
	var company string
	var founders, all bool
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List who waits, with what they typed and what was found", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state := registry.ApplicationAwaiting
			if all {
				state = ""
			}
			return f.ofCompany(cmd, company, founders, func(ctx context.Context, core *app.Core, id registry.CompanyID) error {
				list, err := core.Applicants(ctx, id, state, limit)
				if err != nil {
					return err
				}
				docs, g := []applicantDoc{}, &grid{head: []string{"applicant", "state", "who", "address", "typed", "gets", "since"}}
				for _, a := range list {
					docs = append(docs, applicantDoc{
						a.PublicID, string(a.Kind), string(a.State), string(a.Code), a.Typed, a.Resolved, a.CreatedAt, whenSet(a.DecidedAt), a.DecidedBy, a.Note,
					})
					typed := strings.Join([]string{a.Typed[registry.FieldCompany], a.Typed[registry.FieldDepartment], a.Typed[registry.FieldGroup], a.Typed[registry.FieldContract]}, " / ")
					g.add(a.PublicID, string(a.State), strings.TrimSpace(a.Typed[registry.FieldGiven]+" "+a.Typed[registry.FieldFamily]),
						a.Typed[registry.FieldMail], strings.Trim(typed, " /"), gets(a.Resolved), stamp(a.CreatedAt))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	companyFlag(cmd, &company)
	newCompanyFlag(cmd, &founders)
	cmd.Flags().BoolVar(&all, "all", false, "also those who were decided")
	limitFlag(cmd, &limit, 100)
	return cmd
}

// gets says in words what an applicant gets, and what to look at twice.
func gets(r map[string]string) string {
	var out []string
	for _, x := range []struct{ fact, words string }{
		{registry.FactDepartment, "department %s"}, {registry.FactGroup, "group %s"}, {registry.FactContract, "contract %s"},
	} {
		if v := r[x.fact]; v != "" {
			out = append(out, fmt.Sprintf(x.words, v))
		}
	}
	for _, x := range []struct{ fact, words string }{
		{registry.FactDefault, "instead of what was typed"}, {registry.FactContact, "is a contact"}, {registry.FactFounder, "a company of their own"},
	} {
		if r[x.fact] != "" {
			out = append(out, x.words)
		}
	}
	if v := r[registry.FactForeign]; v != "" {
		out = append(out, "address at "+v+", which is not the company's")
	}
	return strings.Join(out, ", ")
}

func (f *flags) decideApplicantCmd(activate bool) *cobra.Command {
	var company, note string
	var founders bool
	cmd := &cobra.Command{
		Use: "activate APPLICANT", Short: "Let somebody in who registered; the set-up link is mailed now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.ofCompany(cmd, company, founders, func(ctx context.Context, core *app.Core, id registry.CompanyID) error {
				by := app.DecideByCommand(whoami())
				words, err := "The applicant is activated; the link is mailed.", error(nil)
				if activate {
					err = core.ActivateApplicant(ctx, id, args[0], by)
				} else {
					words, err = "The applicant is refused and is told so.", core.RefuseApplicant(ctx, id, args[0], note, by)
				}
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"applicant": args[0], "activated": activate}, "%s", words)
			})
		},
	}
	if !activate {
		cmd.Use, cmd.Short = "refuse APPLICANT", "Keep somebody out who registered"
		cmd.Flags().StringVar(&note, "note", "", "why, for those who look it up")
	}
	companyFlag(cmd, &company)
	newCompanyFlag(cmd, &founders)
	return cmd
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func operatorCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "operator", Short: "Make, list and remove those who run the installation"}
	cmd.AddCommand(f.createOperatorCmd(), f.listOperatorsCmd(), f.removeOperatorCmd())
	return cmd
}

func (f *flags) createOperatorCmd() *cobra.Command {
	var n app.NewUser
	cmd := &cobra.Command{
		Use: "create --name NAME --email ADDRESS", Short: "Make an operator and mail them their set-up link", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case n.UserName == "":
				return misuse(errors.New("--name is missing: what the operator signs in with"))
			case n.Email == "":
				return misuse(errors.New("--email is missing: where the set-up link goes"))
			}
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				res, err := core.CreateOperator(ctx, whoami(), n)
				if err != nil {
					return err
				}
				at := core.Config.PublicURL + "/c/" + registry.OperatorsKey + "/login"
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": n.UserName, "mailed": res.Mailed, "sign_in": at},
					"%s is an operator and signs in at %s. A set-up mail to %s waits; %s.", n.UserName, at, n.Email, whoSends(ctx, core, 1))
			})
		},
	}
	cmd.Flags().StringVar(&n.UserName, "name", "", "userName, what the operator signs in with")
	cmd.Flags().StringVar(&n.Email, "email", "", "address the set-up link is mailed to")
	cmd.Flags().StringVar(&n.GivenName, "given-name", "", "given name")
	cmd.Flags().StringVar(&n.FamilyName, "family-name", "", "family name")
	cmd.Flags().StringVar(&n.Locale, "locale", "", "language of mails and pages, such as it")
	return cmd
}

// operatorDoc is an operator as JSON shows them. Its field names are a contract.
type operatorDoc struct {
	ID       string `json:"id"`
	UserName string `json:"user_name"`
	Email    string `json:"email,omitempty"`
	State    string `json:"state"`
}

func (f *flags) listOperatorsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the operators", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				all, err := core.Operators(ctx)
				if err != nil {
					return err
				}
				g, docs := &grid{head: []string{"operator", "address", "state"}}, []operatorDoc{}
				for _, u := range all {
					docs = append(docs, operatorDoc{u.PublicID, u.UserName(), u.Email(), string(u.State())})
					g.add(u.UserName(), u.Email(), string(u.State()))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func (f *flags) removeOperatorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "remove WHO", Short: "Remove an operator; their sessions end at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, registry.OperatorsKey, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if err := core.RemoveOperator(ctx, u, whoami()); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "removed": true}, "%s is no operator any more.", u.UserName())
			})
		},
	}
}

func (f *flags) rightsCmd() *cobra.Command {
	var company string
	var admin, auditor, approver bool
	cmd := &cobra.Command{
		Use: "rights WHO", Short: "Show or change what a person may do",
		Long: `Show or change what a person may do. A right that is not named stays as it is:

  usher user rights claire --admin --approver
  usher user rights claire --admin=false

An admin manages the company, an approver decides held runs, an auditor sees
everything and changes nothing.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change app.Rights
			for name, to := range map[string]struct {
				value *bool
				field **bool
			}{"admin": {&admin, &change.Admin}, "auditor": {&auditor, &change.Auditor}, "approver": {&approver, &change.Approver}} {
				if cmd.Flags().Changed(name) {
					*to.field = to.value
				}
			}
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if change != (app.Rights{}) {
					var err error
					if u, err = core.SetRights(ctx, u, whoami(), change); err != nil {
						return err
					}
				}
				return f.say(cmd.OutOrStdout(), map[string]any{
					"user_name": u.UserName(), "admin": u.CompanyAdmin, "auditor": u.Rights&registry.RightsAuditor != 0, "approver": u.Rights&registry.RightsApprover != 0,
				}, "%s: %s.", u.UserName(), rightsInWords(u))
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().BoolVar(&admin, "admin", false, "manages the company; --admin=false takes it away")
	cmd.Flags().BoolVar(&auditor, "auditor", false, "sees everything, changes nothing")
	cmd.Flags().BoolVar(&approver, "approver", false, "decides held runs")
	return cmd
}

// rightsInWords lists what a person may do.
func rightsInWords(u *registry.User) string {
	words := u.Rights.String()
	switch {
	case u.CompanyAdmin && words != "":
		return "company admin, " + words
	case u.CompanyAdmin:
		return "company admin"
	case words != "":
		return words
	}
	return "no rights beyond their own account"
}

func (f *flags) resetFactorsCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "reset-factors WHO", Short: "Take a person's second factors away and sign them out, after a lost device", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				n, err := core.ResetFactors(ctx, u, whoami())
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "removed": n},
					"%s has no second factor any more (%s) and is signed out.", u.UserName(), fmt.Sprintf("%s removed", count(n, "was", "were")))
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

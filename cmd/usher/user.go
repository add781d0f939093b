package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func userCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Make a person by hand, look at one, invite one"}
	var company, kind string
	var n app.NewUser
	create := &cobra.Command{
		Use: "create --name NAME --email ADDRESS", Short: "Make a person and mail them their set-up link", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n.Kind = registry.Kind(kind)
			if n.Kind != registry.EndUser && n.Kind != registry.SupportStaff {
				return misuse(fmt.Errorf("--kind %q: want end_user or support_staff", kind))
			}
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				c, err := core.Company(ctx, company)
				if err != nil {
					return err
				}
				res, err := core.CreateUser(ctx, c.ID, whoami(), n)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is created in %s. %s\n", n.UserName, c.Name, mailed(res, n))
				return err
			})
		},
	}
	create.Flags().StringVar(&n.UserName, "name", "", "userName, what the person signs in with")
	create.Flags().StringVar(&n.Email, "email", "", "address the set-up link is mailed to")
	create.Flags().StringVar(&n.GivenName, "given-name", "", "given name")
	create.Flags().StringVar(&n.FamilyName, "family-name", "", "family name")
	create.Flags().StringVar(&n.Locale, "locale", "", "language of mails and pages, such as it")
	create.Flags().StringVar(&kind, "kind", string(registry.EndUser), "end_user or support_staff")
	create.Flags().BoolVar(&n.Admin, "admin", false, "make the person a company admin")
	_ = create.MarkFlagRequired("name")
	show := &cobra.Command{
		Use: "show WHO", Short: "Show what is known of a person (by userName, mail address or id)", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				return f.showPerson(ctx, cmd, core, u)
			})
		},
	}
	invite := &cobra.Command{
		Use: "invite WHO", Short: "Mail a person a fresh set-up link; older links stop working", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if err := core.InviteUser(ctx, u.Company, whoami(), u.ID); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "A set-up mail to %s waits; the running server sends it.\n", u.Email())
				return err
			})
		},
	}
	for _, c := range []*cobra.Command{create, show, invite} {
		c.Flags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	}
	cmd.AddCommand(create, show, invite)
	return cmd
}

func mailed(res registry.Result, n app.NewUser) string {
	if res.Mailed {
		return "A set-up mail to " + n.Email + " waits; the running server sends it."
	}
	return "Without an address there is no set-up mail; give one and use `usher user invite`."
}

// withPerson finds a person.
func (f *flags) withPerson(cmd *cobra.Command, company, who string, fn func(context.Context, *app.Core, *registry.User) error) error {
	return f.with(cmd, func(ctx context.Context, core *app.Core) error {
		c, err := core.Company(ctx, company)
		if err != nil {
			return err
		}
		u, err := core.Store.For(c.ID).FindUser(ctx, who)
		if errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("nobody in %s has the userName, address or id %q", c.Name, who)
		}
		if err != nil {
			return err
		}
		return fn(ctx, core, u)
	})
}

// showPerson prints a person with where each value came from.
func (f *flags) showPerson(ctx context.Context, cmd *cobra.Command, core *app.Core, u *registry.User) error {
	p, err := core.Store.Profile(ctx, u.Company, u.ID)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if f.output == "json" {
		return printJSON(w, map[string]any{"id": u.PublicID, "state": u.State(), "user": p.User, "values": p.Values, "groups": p.Groups})
	}
	g := &grid{head: []string{"attribute", "value", "from", "since"}}
	g.add("id", u.PublicID, "", stamp(u.CreatedAt))
	state := string(u.State())
	if u.Blocks != 0 {
		state += " (" + u.Blocks.String() + ")"
	}
	g.add("state", state, "", stamp(u.UpdatedAt))
	g.add("kind", string(u.Kind), "", "")
	if u.CompanyAdmin {
		g.add("company admin", "yes", "", "")
	}
	for _, v := range p.Values {
		g.add(v.Attribute, strings.Join(v.Values, ", "), originWord(v.Origin), stamp(v.Since))
	}
	for _, group := range p.Groups {
		from := make([]string, len(group.Origins))
		for i, o := range group.Origins {
			from[i] = originWord(o)
		}
		g.add("member of", group.Name, strings.Join(from, ", "), stamp(group.Since))
	}
	if f.output == "csv" {
		return g.csv(w)
	}
	return g.table(w)
}

func originWord(o registry.Origin) string {
	if o.Kind == "" {
		return ""
	}
	return string(o.Kind) + " " + o.Key
}

package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func userCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Make a person by hand, look at one, invite one"}
	cmd.AddCommand(f.createUserCmd(), f.showUserCmd(), f.explainUserCmd(), f.inviteUserCmd(), f.protectUserCmd(), f.rightsCmd(), f.resetFactorsCmd(),
		f.mergeUsersCmd(), f.listMergesCmd(), f.exportUserCmd(), f.eraseUserCmd())
	return cmd
}

func (f *flags) createUserCmd() *cobra.Command {
	var company, kind string
	var n app.NewUser
	cmd := &cobra.Command{
		Use: "create --name NAME --email ADDRESS", Short: "Make a person and mail them their set-up link", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n.Kind = registry.Kind(kind)
			switch {
			case n.UserName == "":
				return misuse(errors.New("--name is missing: what the person signs in with"))
			case n.Kind != registry.EndUser && n.Kind != registry.SupportStaff:
				return misuse(fmt.Errorf("--kind %q: want end_user or support_staff", kind))
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				res, err := core.CreateUser(ctx, c.ID, whoami(), n)
				if err != nil {
					return err
				}
				mail := "Without an address there is no set-up mail."
				switch {
				case res.Mailed && n.Hold:
					mail = "The set-up mail is held; `usher mail release` lets it go."
				case res.Mailed:
					mail = fmt.Sprintf("A set-up mail to %s waits; %s.", n.Email, whoSends(ctx, core, 1))
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": n.UserName, "company": c.Key, "mailed": res.Mailed},
					"%s is created in %s. %s", n.UserName, c.Name, mail)
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().StringVar(&n.UserName, "name", "", "userName, what the person signs in with")
	cmd.Flags().StringVar(&n.Email, "email", "", "address the set-up link is mailed to")
	cmd.Flags().BoolVar(&n.Admin, "admin", false, "make the person a company admin who decides held runs too")
	newUserFlags(cmd, &n, &kind)
	return cmd
}

// newUserFlags are what is chosen for somebody who gets an account.
func newUserFlags(cmd *cobra.Command, n *app.NewUser, kind *string) {
	cmd.Flags().StringVar(&n.GivenName, "given-name", "", "given name")
	cmd.Flags().StringVar(&n.FamilyName, "family-name", "", "family name")
	cmd.Flags().StringVar(&n.Locale, "locale", "", "language of mails and pages, such as it")
	cmd.Flags().StringVar(kind, "kind", string(registry.EndUser), "end_user or support_staff")
	cmd.Flags().StringVar(&n.Department, "department", "", "department of the company")
	cmd.Flags().StringVar(&n.Contract, "contract", "", "number of the person's service contract")
	cmd.Flags().StringSliceVar(&n.Groups, "group", nil, "group of the company, by name or id (may come several times)")
	cmd.Flags().BoolVar(&n.Hold, "hold", false, "hold the set-up mail back until `usher mail release`")
}

func (f *flags) showUserCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "show WHO", Short: "Show what is known of a person (by userName, mail address or id)", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				return f.showPerson(ctx, cmd, core, u)
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) inviteUserCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "invite WHO", Short: "Mail a person a fresh set-up link; older links stop working", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if err := core.InviteUser(ctx, u.Company, whoami(), u.ID); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "mailed": true},
					"A set-up mail to %s waits; %s.", u.Email(), whoSends(ctx, core, 1))
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) protectUserCmd() *cobra.Command {
	var company string
	var off bool
	cmd := &cobra.Command{
		Use: "protect WHO", Short: "Have no directory deactivate or delete a person, or lift that", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				changed, err := core.ProtectUser(ctx, u.Company, whoami(), u.ID, !off)
				if err != nil {
					return err
				}
				words := "%s is protected: no directory deactivates or deletes them."
				if off {
					words = "%s is not protected."
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "protected": !off, "changed": changed}, words, u.UserName())
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().BoolVar(&off, "off", false, "lift the protection")
	return cmd
}

// withPerson finds a person.
func (f *flags) withPerson(cmd *cobra.Command, company, who string, fn func(context.Context, *app.Core, *registry.User) error) error {
	return f.with(cmd, func(ctx context.Context, core *app.Core) error {
		c, err := core.CompanyOf(ctx, company)
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

// personDoc is a person as JSON shows them. Its field names are a contract.
type personDoc struct {
	ID           string     `json:"id"`
	UserName     string     `json:"user_name"`
	State        string     `json:"state"`
	Blocks       string     `json:"blocks,omitempty"`
	Kind         string     `json:"kind"`
	CompanyAdmin bool       `json:"company_admin"`
	Rights       string     `json:"rights,omitempty"`
	Protected    bool       `json:"protected,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	Values       []valueDoc `json:"values"`
	Groups       []groupDoc `json:"groups"`
}

type valueDoc struct {
	Attribute string     `json:"attribute"`
	Values    []string   `json:"values"`
	From      string     `json:"from,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
}

type groupDoc struct {
	Name  string     `json:"name"`
	From  []string   `json:"from"`
	Since *time.Time `json:"since,omitempty"`
}

// showPerson prints a person with where each value came from.
func (f *flags) showPerson(ctx context.Context, cmd *cobra.Command, core *app.Core, u *registry.User) error {
	p, err := core.Store.Profile(ctx, u.Company, u.ID)
	if errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("%s was deleted", u.UserName())
	}
	if err != nil {
		return err
	}
	order := map[string]int{}
	for i, def := range registry.AttributeDefs() {
		order[def.Name] = i
	}
	sort.Slice(p.Values, func(i, j int) bool { return order[p.Values[i].Attribute] < order[p.Values[j].Attribute] })
	d := personDoc{
		ID: u.PublicID, UserName: u.UserName(), State: string(u.State()), Kind: string(u.Kind), CompanyAdmin: u.CompanyAdmin, Rights: u.Rights.String(), Protected: u.Protected,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Values: []valueDoc{}, Groups: []groupDoc{},
	}
	if u.Blocks != 0 {
		d.Blocks = u.Blocks.String()
	}
	g := &grid{head: []string{"attribute", "value", "from", "since"}}
	g.add("id", d.ID)
	kind := d.Kind
	if u.Privileged() {
		kind += ", " + rightsInWords(u)
	}
	g.add("state", strings.TrimSuffix(d.State+" ("+d.Blocks+")", " ()"), "", stamp(d.UpdatedAt))
	g.add("kind", kind, "", stamp(d.CreatedAt))
	if d.Protected {
		g.add("protected", "no directory deactivates or deletes them", "")
	}
	for _, v := range p.Values {
		d.Values = append(d.Values, valueDoc{v.Attribute, v.Values, originWord(v.Origin), whenSet(v.Since)})
		g.add(v.Attribute, strings.Join(v.Values, ", "), originWord(v.Origin), stamp(v.Since))
	}
	for _, group := range p.Groups {
		from := make([]string, len(group.Origins))
		for i, o := range group.Origins {
			from[i] = originWord(o)
		}
		d.Groups = append(d.Groups, groupDoc{group.Name, from, whenSet(group.Since)})
		g.add("member of", group.Name, strings.Join(from, ", "), stamp(group.Since))
	}
	return f.print(cmd.OutOrStdout(), g, d)
}

// originWord names an origin: its kind, and its name where that says more.
func originWord(o registry.Origin) string {
	if o.Key == string(o.Kind) {
		return o.Key
	}
	return strings.TrimSpace(string(o.Kind) + " " + o.Key)
}

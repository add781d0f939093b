package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func contactCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "contact", Short: "People without an account: find or make one, list them, make one an account"}
	cmd.AddCommand(f.createContactCmd(), f.listContactsCmd(), f.promoteContactCmd())
	return cmd
}

func (f *flags) promoteContactCmd() *cobra.Command {
	var company, kind string
	var n app.NewUser
	cmd := &cobra.Command{
		Use: "promote WHO --name NAME", Short: "Make a full account of a contact, and mail them their set-up link", Args: cobra.ExactArgs(1),
		Long: `Make a full account of a contact, and mail them their set-up link.

The record stays, with its id and history. Nobody has proved the address yet:
following the link does.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Kind = registry.Kind(kind)
			switch {
			case n.UserName == "":
				return misuse(errors.New("--name is missing: what the person signs in with"))
			case n.Kind != registry.EndUser && n.Kind != registry.SupportStaff:
				return misuse(fmt.Errorf("--kind %q: want end_user or support_staff", kind))
			}
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				res, err := core.PromoteContact(ctx, u, whoami(), n)
				if err != nil {
					return err
				}
				if err := did(ctx, core, u, "contact.promote", nil); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"id": u.PublicID, "user_name": n.UserName, "mailed": res.Mailed},
					"%s has an account now, as %s.", u.DisplayName(), n.UserName)
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().StringVar(&n.UserName, "name", "", "userName, what the person signs in with")
	newUserFlags(cmd, &n, &kind)
	return cmd
}

// metDoc is who was met as JSON shows them. Its field names are a contract.
type metDoc struct {
	ID         string   `json:"id,omitempty"`
	Name       string   `json:"name,omitempty"`
	Strength   string   `json:"strength,omitempty"`
	New        bool     `json:"new"`
	Candidates []string `json:"candidates,omitempty"`
}

func (f *flags) createContactCmd() *cobra.Command {
	var company string
	e := app.Encounter{}
	cmd := &cobra.Command{
		Use: "create --email ADDRESS", Short: "Find who has an address or a Teams id, or make a contact of a stranger", Args: cobra.NoArgs,
		Long: `Find who has an address or a Teams id, or make a contact of a stranger.

A contact has no account and gets no mail. Somebody known is found and not made
again. Where several people fit, none is chosen: the command names them and
exits 1.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.Email == "" && e.TeamsObject == "" {
				return misuse(errors.New("--email is missing, or --teams-tenant and --teams-object"))
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				e.Actor = whoami()
				met, err := core.Recognise(ctx, c.ID, registry.OriginAdmin, e)
				if len(met.Candidates) > 0 {
					return errors.Join(f.sayCandidates(cmd, met), exit(exitFailed))
				}
				if err != nil {
					return err
				}
				return f.sayMet(cmd, c, met)
			})
		},
	}
	companyFlag(cmd, &company)
	for name, flag := range map[string]struct {
		value *string
		help  string
	}{
		"email": {&e.Email, "mail address"}, "given-name": {&e.GivenName, "given name"}, "family-name": {&e.FamilyName, "family name"},
		"phone": {&e.Phone, "telephone number"}, "locale": {&e.Locale, "language, such as it"}, "teams-tenant": {&e.TeamsTenant, "Microsoft tenant id"},
		"teams-object": {&e.TeamsObject, "object id in that tenant"}, "reason": {&e.Reason, "why, for the record: a ticket, an asset"},
	} {
		cmd.Flags().StringVar(flag.value, name, "", flag.help)
	}
	cmd.Flags().BoolVar(&e.Verified, "verified", false, "vouch for the address: a directory that brings it then takes the contact over")
	return cmd
}

func (f *flags) sayMet(cmd *cobra.Command, c registry.Company, met app.Met) error {
	d := metDoc{ID: met.User.PublicID, Name: met.User.DisplayName(), Strength: string(met.User.Association), New: met.New}
	words := map[bool]string{true: "%s is a new contact of %s (%s).", false: "%s is known in %s (%s, " + d.Strength + ")."}[met.New]
	return f.say(cmd.OutOrStdout(), d, words, d.Name, c.Name, d.ID)
}

func (f *flags) sayCandidates(cmd *cobra.Command, met app.Met) error {
	d, words := metDoc{}, []string{}
	for _, c := range met.Candidates {
		d.Candidates, words = append(d.Candidates, c.PublicID), append(words, c.Words())
	}
	return f.say(cmd.OutOrStdout(), d, "More than one person fits, so none was chosen: %s.", strings.Join(words, ", "))
}

// contactRow is a contact as JSON shows it. Its field names are a contract.
type contactRow struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Email     string     `json:"email,omitempty"`
	Verified  bool       `json:"verified"`
	From      string     `json:"from"`
	CreatedAt time.Time  `json:"created_at"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
}

func (f *flags) listContactsCmd() *cobra.Command {
	var company string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List the contacts, those who turned up last first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				contacts, err := core.Store.For(c.ID).Contacts(ctx, limit)
				if err != nil {
					return err
				}
				rows, g := make([]contactRow, len(contacts)), &grid{head: []string{"name", "email", "proven", "from", "last seen", "id"}}
				for i, x := range contacts {
					rows[i] = contactRow{x.ID, x.Name, x.Email, x.Verified, originWord(x.Door), x.CreatedAt, whenSet(x.LastSeen)}
					g.add(x.Name, x.Email, map[bool]string{true: "yes", false: "no"}[x.Verified], rows[i].From, stamp(x.LastSeen), x.ID)
				}
				return f.print(cmd.OutOrStdout(), g, rows)
			})
		},
	}
	companyFlag(cmd, &company)
	limitFlag(cmd, &limit, 100)
	return cmd
}

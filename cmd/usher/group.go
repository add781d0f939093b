package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func groupCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "Look at groups, and pin members by hand"}
	cmd.AddCommand(f.createGroupCmd(), f.listGroupsCmd(), f.showGroupCmd(),
		f.memberCmd("add", "Put a person into a group by hand; no directory takes that back", true),
		f.memberCmd("remove", "Take back what `group add` did; what directories say stays", false))
	return cmd
}

// groupRow is a group as JSON shows it. Its field names are a contract.
type groupRow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role,omitempty"`
	Default bool   `json:"default,omitempty"`
	From    string `json:"from"`
	Members int64  `json:"members"`
}

func (f *flags) listGroupsCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "list", Short: "List the groups with where they come from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				groups, err := core.Store.For(c.ID).ListGroups(ctx)
				if err != nil {
					return err
				}
				rows, g := make([]groupRow, len(groups)), &grid{head: []string{"group", "role", "from", "members", "id"}}
				for i, x := range groups {
					rows[i] = groupRow{x.PublicID, x.DisplayName, string(x.Role), x.Default, originWord(x.Origin), x.Members}
					g.add(x.DisplayName, rows[i].Role+map[bool]string{true: ", default"}[x.Default], rows[i].From, count(int(x.Members), "member", "members"), x.PublicID)
				}
				return f.print(cmd.OutOrStdout(), g, rows)
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

// memberRow is a member of a group as JSON shows it.
type memberRow struct {
	Name  string   `json:"name"`
	Group bool     `json:"group,omitempty"`
	From  []string `json:"from"`
}

func (f *flags) showGroupCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "show GROUP", Short: "List a group's members with who says so (by name or id)", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withGroup(cmd, company, args[0], func(ctx context.Context, core *app.Core, group *registry.Group) error {
				members, err := core.Store.For(group.Company).GroupMembers(ctx, group.ID)
				if err != nil {
					return err
				}
				rows, g := make([]memberRow, len(members)), &grid{head: []string{"member", "kind", "from"}}
				for i, m := range members {
					from := make([]string, len(m.Origins))
					for n, o := range m.Origins {
						from[n] = originWord(o)
					}
					rows[i] = memberRow{m.Name, m.Group != 0, from}
					g.add(m.Name, map[bool]string{true: "group", false: "user"}[m.Group != 0], strings.Join(from, ", "))
				}
				return f.print(cmd.OutOrStdout(), g, rows)
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) memberCmd(use, short string, add bool) *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: use + " GROUP WHO", Short: short, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[1], func(ctx context.Context, core *app.Core, u *registry.User) error {
				group, err := core.FindGroup(ctx, u.Company, args[0])
				if err != nil {
					return err
				}
				changed, err := core.ChangeMember(ctx, group, whoami(), u.ID, add)
				if err != nil {
					return err
				}
				words := map[[2]bool]string{
					{true, true}: "%s is pinned to %s.", {true, false}: "%s was pinned to %s before.",
					{false, true}:  "%s is no longer pinned to %s; what directories say of the group stays.",
					{false, false}: "%s was not pinned to %s; what directories say of the group stays.",
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"user_name": u.UserName(), "group": group.DisplayName, "changed": changed},
					words[[2]bool{add, changed}], u.UserName(), group.DisplayName)
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

// withGroup finds a group.
func (f *flags) withGroup(cmd *cobra.Command, company, who string, fn func(context.Context, *app.Core, *registry.Group) error) error {
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		g, err := core.FindGroup(ctx, c.ID, who)
		if err != nil {
			return err
		}
		return fn(ctx, core, g)
	})
}

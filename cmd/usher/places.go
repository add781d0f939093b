package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func contractCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "contract", Short: "Service contracts: the numbers that tie users to the company that serves them"}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(f.createContractCmd(&company), f.listContractsCmd(&company), f.endContractCmd(&company))
	return cmd
}

// contractDoc is a contract as JSON shows it. Its field names are a contract, too.
type contractDoc struct {
	Number    string     `json:"number"`
	Title     string     `json:"title,omitempty"`
	Users     int64      `json:"users"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

func (f *flags) createContractCmd(company *string) *cobra.Command {
	var title string
	cmd := &cobra.Command{
		Use: "create NUMBER", Short: "Make a contract, or open an ended one again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				if err := core.CreateContract(ctx, c.ID, whoami(), args[0], title); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]string{"number": args[0], "company": c.Key}, "People can register with the contract %s of %s.", args[0], c.Name)
			})
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "what it is called")
	return cmd
}

func (f *flags) listContractsCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the contracts with how many people live under each", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				all, err := core.Store.For(c.ID).Contracts(ctx)
				if err != nil {
					return err
				}
				docs, g := []contractDoc{}, &grid{head: []string{"contract", "title", "people", "since", "ended"}}
				for _, x := range all {
					docs = append(docs, contractDoc{x.Number, x.Title, x.Users, x.CreatedAt, whenSet(x.EndedAt)})
					g.add(x.Number, x.Title, fmt.Sprint(x.Users), stamp(x.CreatedAt), stamp(x.EndedAt))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func (f *flags) endContractCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "end NUMBER", Short: "Let nobody else register with a contract; who did stays", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				err := core.Store.For(c.ID).EndContract(ctx, args[0], whoami())
				if errors.Is(err, registry.ErrNotFound) {
					return fmt.Errorf("%s has no live contract %q", c.Name, args[0])
				}
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"number": args[0], "ended": true}, "The contract %s is ended; its people stay.", args[0])
			})
		},
	}
}

func departmentCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "department", Short: "The departments of a company"}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(&cobra.Command{
		Use: "create NAME", Short: "Make a department", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				if err := core.Store.For(c.ID).CreateDepartment(ctx, args[0], whoami()); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]string{"name": args[0], "company": c.Key}, "%s has the department %s.", c.Name, args[0])
			})
		},
	}, f.listDepartmentsCmd(&company))
	return cmd
}

// departmentDoc is a department as JSON shows it. Its field names are a contract.
type departmentDoc struct {
	Name      string    `json:"name"`
	Users     int64     `json:"users"`
	CreatedAt time.Time `json:"created_at"`
}

func (f *flags) listDepartmentsCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the departments with how many people are in each", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				all, err := core.Store.For(c.ID).Departments(ctx)
				if err != nil {
					return err
				}
				docs, g := []departmentDoc{}, &grid{head: []string{"department", "people", "since"}}
				for _, d := range all {
					docs = append(docs, departmentDoc{d.Name, d.Users, d.CreatedAt})
					g.add(d.Name, fmt.Sprint(d.Users), stamp(d.CreatedAt))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func (f *flags) createGroupCmd() *cobra.Command {
	var company string
	var support, isDefault bool
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a group by hand", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if isDefault && !support {
				return misuse(errors.New("--default is for a support group: add --support"))
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				var res registry.Result
				var err error
				if support {
					res, err = core.CreateSupportGroup(ctx, c.ID, whoami(), args[0], isDefault)
				} else {
					res, err = core.CreateGroup(ctx, c.ID, whoami(), args[0])
				}
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"id": res.PublicID, "name": args[0], "support": support, "default": isDefault},
					"%s has the group %s.", c.Name, args[0])
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().BoolVar(&support, "support", false, "a support group")
	cmd.Flags().BoolVar(&isDefault, "default", false, "the support group of people who named none")
	return cmd
}

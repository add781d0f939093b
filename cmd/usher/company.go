package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func companyCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "company", Short: "Look at companies, and vouch for those that registered themselves"}
	cmd.AddCommand(f.listCompaniesCmd(), f.verifyCompanyCmd())
	return cmd
}

// companyDoc is a company as JSON shows it. Its field names are a contract.
type companyDoc struct {
	Key        string     `json:"key"`
	Name       string     `json:"name"`
	Managed    bool       `json:"managed"`
	Vouched    bool       `json:"vouched"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
	VerifiedBy string     `json:"verified_by,omitempty"`
	Resembles  string     `json:"resembles,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
}

func (f *flags) listCompaniesCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the companies with who vouches for them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				all, err := core.Store.CompanyInfos(ctx)
				if err != nil {
					return err
				}
				docs, g := []companyDoc{}, &grid{head: []string{"company", "name", "vouched for by", "resembles", "since"}}
				for _, c := range all {
					docs = append(docs, companyDoc{c.Key, c.Name, c.Managed, c.Vouched(), whenSet(c.VerifiedAt), c.VerifiedBy, c.Resembles, c.CreatedAt})
					by := "nobody"
					switch {
					case c.Managed:
						by = "the configuration file"
					case c.Vouched():
						by = c.VerifiedBy
					}
					g.add(c.Key, c.Name, by, c.Resembles, stamp(c.CreatedAt))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func (f *flags) verifyCompanyCmd() *cobra.Command {
	return &cobra.Command{
		Use: "verify COMPANY", Short: "Vouch for a company that registered itself", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, args[0], func(ctx context.Context, core *app.Core, c registry.Company) error {
				done, err := core.Store.For(c.ID).Vouch(ctx, whoami())
				if err != nil {
					return err
				}
				words := "%s is vouched for."
				if !done {
					words = "%s was vouched for before."
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"company": c.Key, "changed": done}, words, c.Name)
			})
		},
	}
}

func domainCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "domain", Short: "Prove mail domains to be a company's own, by a DNS record"}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(f.addDomainCmd(&company), f.listDomainsCmd(&company), f.checkDomainCmd(&company))
	return cmd
}

// domainDoc is a domain as JSON shows it. Its field names are a contract.
type domainDoc struct {
	Domain     string     `json:"domain"`
	Record     string     `json:"record"`
	Value      string     `json:"value"`
	CheckedAt  *time.Time `json:"checked_at,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
}

func domainDocOf(d registry.Domain) domainDoc {
	record, value := app.DomainRecord(d)
	return domainDoc{d.Name, record, value, whenSet(d.CheckedAt), whenSet(d.VerifiedAt)}
}

func (f *flags) addDomainCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "add DOMAIN", Short: "Say that a domain is the company's, and print the record that proves it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				d, err := core.AddDomain(ctx, c.ID, whoami(), args[0])
				if err != nil {
					return err
				}
				doc := domainDocOf(d)
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Put this record into the domain's DNS, then run `usher domain check %s`:\n", d.Name)
				return f.say(cmd.OutOrStdout(), doc, "%s. TXT %q", doc.Record, doc.Value)
			})
		},
	}
}

func (f *flags) listDomainsCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the company's domains", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				all, err := core.Store.For(c.ID).Domains(ctx)
				if err != nil {
					return err
				}
				docs, g := []domainDoc{}, &grid{head: []string{"domain", "proven", "looked at", "record"}}
				for _, d := range all {
					doc := domainDocOf(d)
					docs = append(docs, doc)
					g.add(d.Name, stamp(d.VerifiedAt), stamp(d.CheckedAt), doc.Record+" TXT "+doc.Value)
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func (f *flags) checkDomainCmd(company *string) *cobra.Command {
	return &cobra.Command{
		Use: "check DOMAIN", Short: "Look for a domain's record; exit 1 while it is not there", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				proven, err := core.CheckDomain(ctx, &net.Resolver{}, c.ID, whoami(), args[0])
				if err != nil {
					return err
				}
				if !proven {
					return fmt.Errorf("the record is not there, or not yet; DNS can take some hours (`usher domain list` shows it)")
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"domain": args[0], "proven": true}, "%s is the domain of %s.", args[0], c.Name)
			})
		},
	}
}

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

func connectionCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "connection", Short: "SCIM connections: the doors through which identity providers push people"}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(createConnectionCmd(f, &company), listConnectionsCmd(f, &company), logCmd(f, &company),
		pauseCmd(f, &company, "pause", true), pauseCmd(f, &company, "resume", false), deleteConnectionCmd(f, &company))
	return cmd
}

func createConnectionCmd(f *flags, company *string) *cobra.Command {
	var name, visible, foreign string
	var tokenLife time.Duration
	settings := registry.DefaultConnection()
	cmd := &cobra.Command{
		Use: "create --name NAME", Short: "Make a connection and print its first token, once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings.Visible, settings.OnForeign = registry.Visibility(visible), registry.OnForeign(foreign)
			settings.TokenSeconds = int(tokenLife.Seconds())
			if err := errors.Join(app.CheckConnectionName(name), checkSettings(settings)); err != nil {
				return misuse(err)
			}
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				secret, err := core.CreateConnection(ctx, c.ID, name, settings)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Give the identity provider the address %s and this token, which is not shown again:\n", core.SCIMURL())
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what the connection is called: small letters, digits, - and _")
	cmd.Flags().StringVar(&settings.Profile, "profile", "", "the identity provider whose dialect is spoken: entra, okta, strict, …")
	cmd.Flags().StringVar(&visible, "visible", string(settings.Visible), "what reads show: own or company")
	cmd.Flags().StringVar(&foreign, "on-foreign", string(settings.OnForeign), "what becomes of a push about somebody of another origin: conflict, link or promote")
	cmd.Flags().BoolVar(&settings.SetupMail, "setup-mail", false, "mail people the connection creates a set-up link")
	cmd.Flags().BoolVar(&settings.Passwords, "passwords", false, "make the passwords that are sent the people's own, instead of forgetting them")
	cmd.Flags().IntVar(&settings.Rate, "rate", 0, "requests a second (default 100)")
	cmd.Flags().StringSliceVar(&settings.AllowFrom, "allow-from", nil, "networks requests may come from (default all)")
	cmd.Flags().DurationVar(&tokenLife, "token-life", 0, "how long tokens of OAuth clients are good, 1h to 6h (default 1h)")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

func listConnectionsCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the connections", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				all, err := core.Store.For(c.ID).Connections(ctx)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"connection", "profile", "visible", "on foreign", "setup mail", "state", "created"}}
				docs := []connectionDoc{}
				for _, x := range all {
					d := connectionDocOf(c, x)
					g.add(d.Name, d.Profile, string(d.Visible), string(d.OnForeign), fmt.Sprint(d.SetupMail), d.State, stamp(d.CreatedAt))
					docs = append(docs, d)
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

// connectionDoc is a connection as JSON shows it. Its field names are a contract.
type connectionDoc struct {
	Name      string              `json:"name"`
	Company   string              `json:"company"`
	State     string              `json:"state"` // open or paused
	Profile   string              `json:"profile,omitempty"`
	Visible   registry.Visibility `json:"visible"`
	OnForeign registry.OnForeign  `json:"on_foreign"`
	SetupMail bool                `json:"setup_mail"`
	Rate      int                 `json:"rate,omitempty"` // requests a second; left out for the default
	AllowFrom []string            `json:"allow_from,omitempty"`
	CreatedAt time.Time           `json:"created_at"`
}

func connectionDocOf(company registry.Company, x registry.Connection) connectionDoc {
	d := connectionDoc{
		Name: x.Origin.Key, Company: company.Key, State: "open", Profile: x.Profile, Visible: x.Visible, OnForeign: x.OnForeign,
		SetupMail: x.SetupMail, Rate: x.Rate, AllowFrom: x.AllowFrom, CreatedAt: x.CreatedAt,
	}
	if x.Paused {
		d.State = "paused"
	}
	return d
}

func deleteConnectionCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "End a connection and its tokens; its people stay", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onConnection(cmd, *company, args[0], func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				if err := core.DeleteConnection(ctx, c.ID, name); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "The connection %s and its tokens are ended; its people stay.\n", name)
				return err
			})
		},
	}
}

// logCmd shows what an identity engineer reads when something fails.
func logCmd(f *flags, company *string) *cobra.Command {
	var failed bool
	var limit int
	cmd := &cobra.Command{
		Use: "log NAME", Short: "Show a connection's latest requests, and why some were refused", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onConnection(cmd, *company, args[0], func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				rows, err := core.ScimRequests(ctx, c.ID, name, failed, limit)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"time", "method", "path", "status", "took", "error"}}
				docs := []requestDoc{}
				for _, r := range rows {
					took := time.Duration(r.Micros) * time.Microsecond
					why := r.Detail
					if r.ScimType != "" {
						why = r.ScimType + ": " + why
					}
					g.add(stamp(r.At), r.Method, r.Path, fmt.Sprint(r.Status), took.Round(time.Millisecond/10).String(), why)
					docs = append(docs, requestDoc{r.At, r.RequestID, r.Method, r.Path, r.Status, r.Micros, r.ScimType, r.Detail, r.Body})
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "only requests that were refused")
	limitFlag(cmd, &limit, 50)
	return cmd
}

// requestDoc is a row of the request log as JSON shows it. Its field names are a
// contract.
type requestDoc struct {
	At       time.Time `json:"at"`
	ID       string    `json:"request_id"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Status   int       `json:"status"`
	Micros   int64     `json:"micros"`
	ScimType string    `json:"scim_type,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Body     string    `json:"body,omitempty"` // of a refused request, redacted and capped
}

// checkSettings looks at the settings before anything is opened.
func checkSettings(s registry.ConnectionSettings) error {
	if s.Rate < 0 {
		return fmt.Errorf("--rate %d: want requests a second, or 0 for the default", s.Rate)
	}
	switch s.Visible {
	case registry.VisibleOwn, registry.VisibleCompany:
	default:
		return fmt.Errorf("--visible %q: want own or company", s.Visible)
	}
	switch s.OnForeign {
	case registry.ForeignConflict, registry.ForeignLink, registry.ForeignPromote:
	default:
		return fmt.Errorf("--on-foreign %q: want conflict, link or promote", s.OnForeign)
	}
	return app.CheckConnection(s)
}

func pauseCmd(f *flags, company *string, word string, paused bool) *cobra.Command {
	short := map[bool]string{true: "Refuse a connection's requests and keep everything", false: "Take a connection's requests again"}[paused]
	return &cobra.Command{
		Use: word + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onConnection(cmd, *company, args[0], func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				err := core.ChangeConnection(ctx, c.ID, name, func(s *registry.ConnectionSettings) { s.Paused = paused })
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The connection %s is %sd.\n", name, word)
				return err
			})
		},
	}
}

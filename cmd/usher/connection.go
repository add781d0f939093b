package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
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
			if err := checkSettings(settings); err != nil {
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
				for _, x := range all {
					state := "open"
					if x.Paused {
						state = "paused"
					}
					g.add(x.Origin.Key, x.Profile, string(x.Visible), string(x.OnForeign), fmt.Sprint(x.SetupMail), state, stamp(x.CreatedAt))
				}
				return f.print(cmd.OutOrStdout(), g, all)
			})
		},
	}
}

func deleteConnectionCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "End a connection and its tokens; its people stay", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				if err := core.DeleteConnection(ctx, c.ID, args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "The connection %s and its tokens are ended; its people stay.\n", args[0])
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
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				rows, err := core.ScimRequests(ctx, c.ID, args[0], failed, limit)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"time", "method", "path", "status", "took", "error"}}
				for _, r := range rows {
					took := time.Duration(r.Micros) * time.Microsecond
					why := r.Detail
					if r.ScimType != "" {
						why = r.ScimType + ": " + why
					}
					g.add(stamp(r.At), r.Method, r.Path, fmt.Sprint(r.Status), took.Round(time.Millisecond/10).String(), why)
				}
				return f.print(cmd.OutOrStdout(), g, rows)
			})
		},
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "only requests that were refused")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many")
	return cmd
}

// checkSettings looks at the settings that take a word of a list.
func checkSettings(s registry.ConnectionSettings) error {
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
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				err := core.ChangeConnection(ctx, c.ID, args[0], func(s *registry.ConnectionSettings) { s.Paused = paused })
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The connection %s is %sd.\n", args[0], word)
				return err
			})
		},
	}
}

func tokenCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Tokens of SCIM connections"}
	var company, connection string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	create, rotate := createTokenCmd(f, &company, &connection), rotateTokenCmd(f, &company, &connection)
	list := &cobra.Command{
		Use: "list --connection NAME", Short: "List a connection's tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.onConnection(cmd, company, connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				return f.listTokens(ctx, cmd, core, c, name)
			})
		},
	}
	for _, c := range []*cobra.Command{create, rotate, list} {
		connectionFlag(c, &connection)
	}
	cmd.AddCommand(create, list, rotate, revokeTokenCmd(f, &company))
	return cmd
}

func createTokenCmd(f *flags, company, connection *string) *cobra.Command {
	var life time.Duration
	var who string
	cmd := &cobra.Command{
		Use: "create --connection NAME", Short: "Give a connection another token and print it, once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.onConnection(cmd, *company, *connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				var expires time.Time
				if life > 0 {
					expires = core.Now().Add(life)
				}
				secret, err := "", error(nil)
				if who == "" {
					secret, err = core.CreateToken(ctx, c.ID, name, expires)
				} else {
					secret, err = core.CreatePersonalToken(ctx, c.ID, name, who, expires)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&life, "life", 0, "how long the token is good, as in 8760h (default for ever)")
	cmd.Flags().StringVar(&who, "user", "", "the one person whom the token speaks for and opens, at /Me (default the connection)")
	return cmd
}

func rotateTokenCmd(f *flags, company, connection *string) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate --connection NAME", Short: "Print a new token; the others end after the overlap", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.onConnection(cmd, *company, *connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				secret, n, err := core.RotateToken(ctx, c.ID, name, overlap)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s before it end in %s.\n", count(n, "token", "tokens"), overlap)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the older tokens still work; 0s ends them now")
	return cmd
}

func revokeTokenCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "revoke PREFIX", Short: "End a token at once; `token list` shows how it begins", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				done, err := core.Store.For(c.ID).RevokeToken(ctx, strings.TrimSuffix(args[0], "…"))
				if err != nil {
					return err
				}
				if !done {
					return fmt.Errorf("no live token begins with %q", args[0])
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "The token is revoked.")
				return err
			})
		},
	}
}

// onConnection takes a connection's name with or without its company before it.
func (f *flags) onConnection(cmd *cobra.Command, company, connection string, fn func(context.Context, *app.Core, registry.Company, string) error) error {
	if c, name, ok := strings.Cut(connection, "/"); ok {
		company, connection = c, name
	}
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		return fn(ctx, core, c, connection)
	})
}

func (f *flags) listTokens(ctx context.Context, cmd *cobra.Command, core *app.Core, c registry.Company, name string) error {
	all, err := core.Tokens(ctx, c.ID, name)
	if err != nil {
		return err
	}
	g := &grid{head: []string{"token", "for", "state", "created", "last used", "expires"}}
	for _, k := range all {
		who := "connection"
		if k.User != 0 {
			who = cmp.Or(k.Person, "somebody who was deleted")
		}
		g.add(k.Prefix+"…", who, lifeWord(k.Live(core.Now()), k.RevokedAt), stamp(k.CreatedAt), stamp(k.LastUsedAt), stamp(k.ExpiresAt))
	}
	clients, err := core.Clients(ctx, c.ID, name)
	if err != nil {
		return err
	}
	issued := 0
	for _, x := range clients {
		issued += x.Tokens
	}
	if issued > 0 {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "OAuth clients hold %s more; `usher client list` shows whose.\n", count(issued, "token", "tokens"))
	}
	return f.print(cmd.OutOrStdout(), g, all)
}

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

func tokenCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Tokens of SCIM connections, and of programs that use the API"}
	var company, connection string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	create, rotate := createTokenCmd(f, &company, &connection), rotateTokenCmd(f, &company, &connection)
	list := &cobra.Command{
		Use: "list [--connection NAME]", Short: "List a connection's tokens, or those of the API", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if connection == "" {
				return f.listAPITokens(cmd, company)
			}
			return f.onConnection(cmd, company, connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				return f.listTokens(ctx, cmd, core, c, name)
			})
		},
	}
	for _, c := range []*cobra.Command{create, rotate, list} {
		c.Flags().StringVar(&connection, "connection", "", "connection, as in okta or acme/okta; without one it is about tokens of the API")
	}
	cmd.AddCommand(create, list, rotate, revokeTokenCmd(f, &company))
	return cmd
}

func createTokenCmd(f *flags, company, connection *string) *cobra.Command {
	var life time.Duration
	var who string
	var program apiTokenFlags
	cmd := &cobra.Command{
		Use: "create --connection NAME | --scope SCOPE", Short: "Give a connection or a program another token and print it, once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if life < 0 {
				return misuse(fmt.Errorf("--life %s: want how long the token is good", life))
			}
			if err := program.check(*connection, who); err != nil {
				return err
			}
			if *connection == "" {
				return f.createAPIToken(cmd, *company, program, life)
			}
			return f.onConnection(cmd, *company, *connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				var expires time.Time
				if life != 0 {
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
	program.define(cmd)
	cmd.Flags().StringVar(&who, "user", "", "the one person whom the token speaks for and opens, at /Me (default the connection)")
	return cmd
}

func rotateTokenCmd(f *flags, company, connection *string) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate --connection NAME | TOKEN", Short: "Print a new token; the others of a connection, or the one of the API, end after the overlap",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case overlap < 0:
				return misuse(fmt.Errorf("--overlap %s: want how long the older tokens still work", overlap))
			case (*connection == "") == (len(args) == 0):
				return misuse(fmt.Errorf("say what to rotate: --connection NAME, or how a token of the API begins"))
			case len(args) == 1:
				return f.rotateAPIToken(cmd, *company, args[0], overlap)
			}
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
		Use: "revoke TOKEN", Short: "End a token at once, given whole or as `token list` shows it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				shown := app.ShownOf(args[0]) // the rest is a secret, and said to nobody
				done, err := core.RevokeToken(ctx, c.ID, whoami(), shown)
				if err != nil {
					return err
				}
				if !done {
					return fmt.Errorf("no live token begins with %q", shown)
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
	docs := []tokenDoc{}
	for _, k := range all {
		who := "connection"
		if k.User != 0 {
			who = cmp.Or(k.Person, "somebody who was deleted")
		}
		d := tokenDoc{k.Prefix, who, app.TokenState(k, core.Now()), k.CreatedAt, whenSet(k.LastUsedAt), whenSet(k.ExpiresAt), whenSet(k.RevokedAt)}
		g.add(k.Prefix+"…", d.For, d.State, stamp(k.CreatedAt), stamp(k.LastUsedAt), stamp(k.ExpiresAt))
		docs = append(docs, d)
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
	return f.print(cmd.OutOrStdout(), g, docs)
}

// tokenDoc is a token as JSON shows it. Its field names are a contract.
type tokenDoc struct {
	Prefix     string     `json:"prefix"` // how the token begins
	For        string     `json:"for"`    // connection, or whom it speaks for
	State      string     `json:"state"`  // live, expired or revoked
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

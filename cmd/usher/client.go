package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func clientCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "client", Short: "OAuth clients of SCIM connections: identity providers that ask for their tokens themselves"}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(createClientCmd(f, &company), listClientsCmd(f, &company), rotateClientCmd(f, &company), revokeClientCmd(f, &company))
	return cmd
}

func connectionFlag(cmd *cobra.Command, connection *string) {
	cmd.Flags().StringVar(connection, "connection", "", "connection, as in okta or acme/okta")
	_ = cmd.MarkFlagRequired("connection")
}

func createClientCmd(f *flags, company *string) *cobra.Command {
	var connection string
	var rules app.AssertionRules
	var life time.Duration
	cmd := &cobra.Command{
		Use: "create --connection NAME", Short: "Make a client and print its id and secret, once", Args: cobra.NoArgs,
		Long: `Make a client of a connection, which is given tokens for its id and secret.

With --jwks-uri the client signs assertions instead and has no secret, as Entra
calls workload identity federation: copy issuer, subject, audience and the
address of the keys from there.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if life < 0 {
				return misuse(fmt.Errorf("--expires %s: want how long the client is good", life))
			}
			return f.onConnection(cmd, *company, connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				var expires time.Time
				if life > 0 {
					expires = core.Now().Add(life)
				}
				client, secret, err := core.CreateClient(ctx, c.ID, name, rules, expires)
				if err != nil {
					return err
				}
				return f.showClient(cmd, core, client, secret)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().DurationVar(&life, "expires", 0, "how long the client is good, as in 8760h (default for ever)")
	cmd.Flags().StringVar(&rules.JWKSURI, "jwks-uri", "", "address of the keys that sign the client's assertions")
	cmd.Flags().StringVar(&rules.Issuer, "issuer", "", "iss of the assertions (default the client's id)")
	cmd.Flags().StringVar(&rules.Subject, "subject", "", "sub of the assertions (default the client's id)")
	cmd.Flags().StringVar(&rules.Audience, "audience", "", "aud of the assertions (default the token endpoint)")
	return cmd
}

// showClient prints a new client with its secret, if it has one.
func (f *flags) showClient(cmd *cobra.Command, core *app.Core, client registry.OAuthClient, secret string) error {
	endpoint, err := core.TokenEndpoint()
	if err != nil {
		return err
	}
	doc := map[string]any{"client_id": client.Name, "token_endpoint": endpoint, "scope": "scim", "scim_endpoint": core.SCIMURL()}
	line, what := client.Name, "this client id"
	if secret != "" {
		doc["client_secret"] = secret
		line, what = line+" "+secret, "this client id and secret, which is not shown again"
	}
	if f.output == "json" {
		return printJSON(cmd.OutOrStdout(), doc)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Give the identity provider the address %s, the token endpoint %s and %s:\n", core.SCIMURL(), endpoint, what)
	_, err = fmt.Fprintln(cmd.OutOrStdout(), line)
	return err
}

func listClientsCmd(f *flags, company *string) *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "list --connection NAME", Short: "List a connection's clients", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.onConnection(cmd, *company, connection, func(ctx context.Context, core *app.Core, c registry.Company, name string) error {
				all, err := core.Clients(ctx, c.ID, name)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"client", "proof", "state", "live tokens", "created", "last used", "expires"}}
				for _, k := range all {
					proof := "secret"
					if k.JWKSURI != "" {
						proof = "signed by " + k.Issuer
					}
					g.add(k.Name, proof, lifeWord(k.Live(core.Now()), k.RevokedAt), fmt.Sprint(k.Tokens), stamp(k.CreatedAt), stamp(k.LastUsedAt), stamp(k.ExpiresAt))
				}
				return f.print(cmd.OutOrStdout(), g, all)
			})
		},
	}
	connectionFlag(cmd, &connection)
	return cmd
}

// lifeWord says whether a credential still works, and why not.
func lifeWord(live bool, revoked time.Time) string {
	switch {
	case live:
		return "live"
	case !revoked.IsZero():
		return "revoked"
	}
	return "expired"
}

func rotateClientCmd(f *flags, company *string) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate CLIENT", Short: "Print a new client's id and secret; the one it follows ends after the overlap", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if overlap < 0 {
				return misuse(fmt.Errorf("--overlap %s: want how long the older client still works", overlap))
			}
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				client, secret, err := core.RotateClient(ctx, c.ID, args[0], overlap)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "The client %s ends in %s.\n", args[0], overlap)
				return f.showClient(cmd, core, client, secret)
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the older client still works; 0s ends it and its tokens now")
	return cmd
}

func revokeClientCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "revoke CLIENT", Short: "End a client and its tokens at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, *company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				done, err := core.Store.For(c.ID).RevokeOAuthClient(ctx, args[0])
				if err != nil {
					return err
				}
				if !done {
					return fmt.Errorf("there is no client %q that is not revoked", args[0])
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "The client and its tokens are revoked.")
				return err
			})
		},
	}
}

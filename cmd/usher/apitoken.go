package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// apiTokenFlags are what a token of the API is made with; a connection's has none
// of it.
type apiTokenFlags struct {
	scopes []string
	name   string
}

func (t *apiTokenFlags) define(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&t.scopes, "scope", nil, "make a token of the API instead, which may: read, operate, approve, contacts or privacy")
	cmd.Flags().StringVar(&t.name, "name", "", "what a token of the API is for, in your own words")
}

// check says what does not go together.
func (t *apiTokenFlags) check(connection, who string) error {
	switch {
	case connection == "" && len(t.scopes) == 0:
		return misuse(fmt.Errorf("say which token: --connection NAME for an identity provider, or --scope for a program"))
	case connection != "" && (len(t.scopes) > 0 || t.name != ""):
		return misuse(fmt.Errorf("--scope and --name are for tokens of the API; a connection's token has neither"))
	case who != "" && connection == "":
		return misuse(fmt.Errorf("--user is for tokens of a connection"))
	case connection == "":
		if err := app.CheckScopes(t.scopes); err != nil {
			return misuse(err)
		}
	}
	return nil
}

// createAPIToken makes a token of the API and prints it, once.
func (f *flags) createAPIToken(cmd *cobra.Command, company string, t apiTokenFlags, life time.Duration) error {
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		var expires time.Time
		if life != 0 {
			expires = core.Now().Add(life)
		}
		secret, err := core.CreateAPIToken(ctx, c.ID, whoami(), t.name, t.scopes, expires)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Give the program the address %s/api/v1 and this token, which is not shown again:\n", core.Config.PublicURL)
		_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
		return err
	})
}

// rotateAPIToken prints a new token; the one that it follows ends after the
// overlap.
func (f *flags) rotateAPIToken(cmd *cobra.Command, company, token string, overlap time.Duration) error {
	prefix := app.ShownOf(token)
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		secret, err := core.RotateAPIToken(ctx, c.ID, whoami(), prefix, overlap)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "The token %s… ends in %s.\n", prefix, overlap)
		_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
		return err
	})
}

// apiTokenDoc is a token of the API as JSON shows it. Its field names are a
// contract, and those of the API.
type apiTokenDoc struct {
	Prefix     string     `json:"prefix"`
	Name       string     `json:"name,omitempty"`
	Scopes     []string   `json:"scopes"`
	State      string     `json:"state"` // live, expired or revoked
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// listAPITokens prints a company's tokens of the API.
func (f *flags) listAPITokens(cmd *cobra.Command, company string) error {
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		all, err := core.APITokens(ctx, c.ID)
		if err != nil {
			return err
		}
		g := &grid{head: []string{"token", "name", "scopes", "state", "created", "last used", "expires"}}
		docs := []apiTokenDoc{}
		for _, k := range all {
			d := apiTokenDoc{k.Prefix, k.Name, k.Scopes, app.TokenState(k, core.Now()), k.CreatedAt, whenSet(k.LastUsedAt), whenSet(k.ExpiresAt), whenSet(k.RevokedAt)}
			g.add(k.Prefix+"…", d.Name, strings.Join(d.Scopes, ", "), d.State, stamp(k.CreatedAt), stamp(k.LastUsedAt), stamp(k.ExpiresAt))
			docs = append(docs, d)
		}
		return f.print(cmd.OutOrStdout(), g, docs)
	})
}

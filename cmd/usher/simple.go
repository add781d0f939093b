package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
)

func configCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the configuration file"}
	cmd.AddCommand(&cobra.Command{
		Use: "check", Short: "Check the file as a start would: settings, expressions, filters", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			if err := app.Check(cfg); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %s, %s.\n", f.config,
				count(len(cfg.Companies), "company", "companies"), count(len(cfg.Sources), "source", "sources"))
			return err
		},
	})
	return cmd
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func migrateCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Look at the database's migrations, or apply them"}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "List the migrations and which are applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			cfg, err := f.load()
			if err != nil {
				return err
			}
			s, err := app.OpenDatabase(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			list, err := s.MigrationStatus(cmd.Context())
			if err := errors.Join(err, s.Close()); err != nil {
				return err
			}
			g := &grid{head: []string{"migration", "state"}}
			for _, m := range list {
				g.add(m.Name, map[bool]string{true: "applied", false: "pending"}[m.Applied])
			}
			return f.print(cmd.OutOrStdout(), g, list)
		},
	}, &cobra.Command{
		Use: "up", Short: "Apply what is pending (serve does it at start, too)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			s, err := app.OpenDatabase(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if err := errors.Join(app.Migrate(cmd.Context(), s, f.log(cmd.ErrOrStderr())), s.Close()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The database is up to date.")
			return err
		},
	})
	return cmd
}

func healthcheckCmd(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the running server on this machine whether it is ready", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			if cfg.Telemetry == "" {
				return errors.New("the configuration has no telemetry address to ask")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			host := strings.Replace(cfg.Telemetry, "0.0.0.0:", "127.0.0.1:", 1)
			if strings.HasPrefix(host, ":") {
				host = "127.0.0.1" + host
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/readyz", nil)
			if err != nil {
				return err
			}
			client := &http.Client{}
			res, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("ask the server: %w", err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("the server is not ready: %s", res.Status)
			}
			return nil
		},
	}
}

func mailCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "mail", Short: "Look at the mails to people, and let held ones go"}
	var company, state string
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List mails, the newest first, with what became of each", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				c, err := core.Company(ctx, company)
				if err != nil {
					return err
				}
				rows, err := core.Store.For(c.ID).Mails(ctx, state, limit)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"created", "kind", "to", "state", "tries", "what happened"}}
				for _, m := range rows {
					g.add(stamp(m.CreatedAt), m.Kind, m.To, m.State, fmt.Sprint(len(m.Attempts)), m.Message)
				}
				return f.print(cmd.OutOrStdout(), g, rows)
			})
		},
	}
	release := &cobra.Command{
		Use: "release", Short: "Send the set-up mails that the first import held", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				n, err := core.ReleaseMails(ctx, company)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s released; the running server sends them.\n", count(n, "mail", "mails"))
				return err
			})
		},
	}
	for _, c := range []*cobra.Command{list, release} {
		c.Flags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	}
	list.Flags().StringVar(&state, "state", "", "only mails that are queued, held, sent, failed or cancelled")
	list.Flags().IntVar(&limit, "limit", 100, "how many")
	cmd.AddCommand(list, release)
	return cmd
}

// stamp is a time for people, in the zone of the machine.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05") //nolint:gosmopolitan // the reader sits at this machine
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
			return f.say(cmd.OutOrStdout(), map[string]any{"file": f.config, "companies": len(cfg.Companies), "sources": len(cfg.Sources)},
				"%s is good: %s, %s.", f.config, count(len(cfg.Companies), "company", "companies"), count(len(cfg.Sources), "source", "sources"))
		},
	})
	return cmd
}

// migrationDoc is a migration as JSON shows it.
type migrationDoc struct {
	Migration string `json:"migration"`
	State     string `json:"state"`
}

func migrateCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Look at the database's migrations, or apply them"}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "List the migrations and which are applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
			docs := make([]migrationDoc, len(list))
			for i, m := range list {
				docs[i] = migrationDoc{m.Name, map[bool]string{true: "applied", false: "pending"}[m.Applied]}
				g.add(docs[i].Migration, docs[i].State)
			}
			return f.print(cmd.OutOrStdout(), g, docs)
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
			return f.say(cmd.OutOrStdout(), map[string]bool{"up_to_date": true}, "The database is up to date.")
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
			host, port, err := net.SplitHostPort(cfg.Telemetry)
			if err != nil {
				return fmt.Errorf("telemetry: %w", err)
			}
			if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
				host = "localhost" // it listens everywhere, and so here
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
			if err != nil {
				return err
			}
			res, err := (&http.Client{}).Do(req)
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

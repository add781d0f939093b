package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
)

// stopTime is how long running work may take to end when the program is told to
// stop.
const stopTime = 20 * time.Second

func serveCmd(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve the pages, keep the schedules, send the mails", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			defer app.Headroom()()
			log := app.NewLog(cfg, cmd.ErrOrStderr(), f.verbose)
			server, err := app.New(cmd.Context(), cfg, app.Options{Log: log, Version: version})
			if err != nil {
				return err
			}
			if err := server.Start(cmd.Context()); err != nil {
				return errors.Join(err, stopServer(server))
			}
			log.Info("usher serves", "address", server.Addr(), "telemetry", server.TelemetryAddr(), "public_url", cfg.PublicURL, "version", version)
			var failed error
			select {
			case <-cmd.Context().Done():
			case failed = <-server.Failed():
			}
			log.Info("usher stops")
			return errors.Join(failed, stopServer(server))
		},
	}
}

// stopServer stops in bounded time, though the program's own context is over.
func stopServer(s *app.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func demoCmd(f *flags) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "demo", Short: "Run the whole thing on this machine, with a sample directory and a mailbox", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.demo(cmd, dir) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "keep the database in this folder (default: a temporary one, removed at the end)")
	return cmd
}

func (f *flags) demo(cmd *cobra.Command, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "usher-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	d, err := app.NewDemo(cmd.Context(), dir, program(), log)
	if err != nil {
		return err
	}
	first, err := d.Start(cmd.Context())
	if err != nil {
		return errors.Join(err, stopServer(d.Server))
	}
	welcome(cmd.OutOrStdout(), d, first)
	var failed error
	select {
	case <-cmd.Context().Done():
	case failed = <-d.Failed():
	}
	return errors.Join(failed, stopServer(d.Server))
}

// program is how this program is called: `go run` leaves a file that is gone
// afterwards.
func program() string {
	path, err := os.Executable()
	if err != nil || strings.Contains(path, "go-build") {
		return "go run ./cmd/usher"
	}
	return path
}

// welcome says where to look and what to try.
func welcome(w io.Writer, d *app.Demo, first *registry.Run) {
	c := first.Counts
	_, _ = fmt.Fprintf(w, `
usher demo is running. Everything is on this machine and gone when you stop it (Ctrl-C).

  Mailbox and directory   %s        read the set-up mails, turn the directory's days
  Sign in                 %s
  As admin                open the mail to %s@acme.example in the mailbox and follow its link;
                          then the console is at %s

The first sync read %s and %s and mailed %s.
Its report, and more to try in another terminal:

`, d.Mailbox, d.SignInURL(), d.Admin(), d.ConsoleURL(), count(c.Users, "person", "people"), count(c.Groups, "group", "groups"), count(c.Mailed, "set-up link", "set-up links"))
	for _, line := range d.Commands() {
		_, _ = fmt.Fprintln(w, "  "+line)
	}
	_, _ = fmt.Fprintln(w)
}

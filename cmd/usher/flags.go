package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
)

// flags are those every command has.
type flags struct {
	config, output, color string
	verbose               bool
}

// load reads the configuration file.
func (f *flags) load() (*config.Config, error) {
	cfg, err := config.Load(f.config, os.LookupEnv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; name the configuration file with -c", err)
	}
	return cfg, err
}

// open opens the registry for a command that does its work and ends.
func (f *flags) open(cmd *cobra.Command) (*app.Core, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	cfg, err := f.load()
	if err != nil {
		return nil, err
	}
	return app.Open(cmd.Context(), cfg, app.Options{Log: f.log(cmd.ErrOrStderr()), Version: version})
}

// with opens the registry for fn and closes it afterwards.
func (f *flags) with(cmd *cobra.Command, fn func(context.Context, *app.Core) error) error {
	core, err := f.open(cmd)
	if err != nil {
		return err
	}
	return errors.Join(fn(cmd.Context(), core), core.Close())
}

// check looks at the flags that take a word of a list.
func (f *flags) check() error {
	switch f.output {
	case "table", "json", "csv":
	default:
		return misuse(fmt.Errorf("--output %q: want table, json or csv", f.output))
	}
	switch f.color {
	case "auto", "always", "never":
	default:
		return misuse(fmt.Errorf("--color %q: want auto, always or never", f.color))
	}
	return nil
}

// log is the log of a command: silent unless asked, because its output is its
// answer.
func (f *flags) log(w io.Writer) *slog.Logger {
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// terminal reports whether a stream is a terminal.
func terminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) //nolint:gosec // descriptors are small
}

// paint is how a table is coloured.
func (f *flags) paint(w io.Writer) palette {
	on := f.color == "always" || f.color == "auto" && terminal(w) && os.Getenv("NO_COLOR") == ""
	return palette(on)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
)

// flags are those every command has.
type flags struct {
	config, output, color string
	verbose               bool
}

// words are the flags that take a word of a list.
func (f *flags) words() map[string]struct {
	given string
	known []string
} {
	return map[string]struct {
		given string
		known []string
	}{
		"output": {f.output, []string{"table", "json", "csv"}},
		"color":  {f.color, []string{"auto", "always", "never"}},
	}
}

// define adds the flags to the root command.
func (f *flags) define(root *cobra.Command) {
	p := root.PersistentFlags()
	p.StringVarP(&f.config, "config", "c", "usher.yaml", "configuration file")
	p.StringVarP(&f.output, "output", "o", "table", "output: table, json or csv")
	p.StringVar(&f.color, "color", "auto", "colour: auto, always or never (NO_COLOR is honoured)")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens to standard error")
	for name, w := range f.words() {
		// It fails for flags that are not there.
		_ = root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(w.known, cobra.ShellCompDirectiveNoFileComp))
	}
}

// check looks at the flags that take a word of a list.
func (f *flags) check() error {
	for name, w := range f.words() {
		if !slices.Contains(w.known, w.given) {
			return misuse(fmt.Errorf("--%s %q: want %s, %s or %s", name, w.given, w.known[0], w.known[1], w.known[2]))
		}
	}
	return nil
}

func companyFlag(cmd *cobra.Command, company *string) {
	cmd.Flags().StringVar(company, "company", "", "company (not needed when there is only one)")
}

func limitFlag(cmd *cobra.Command, limit *int, most int) {
	cmd.Flags().IntVar(limit, "limit", most, "how many")
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		if *limit < 1 {
			return fmt.Errorf("--limit %d: want 1 or more", *limit)
		}
		return check(c, args)
	}
}

// load reads the configuration file.
func (f *flags) load() (*config.Config, error) {
	cfg, err := config.Load(f.config, os.LookupEnv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; name the configuration file with -c", err)
	}
	return cfg, err
}

// with opens the registry for fn and closes it afterwards.
func (f *flags) with(cmd *cobra.Command, fn func(context.Context, *app.Core) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	core, err := app.Open(cmd.Context(), cfg, app.Options{Log: f.log(cmd.ErrOrStderr()), Version: version})
	if err != nil {
		return err
	}
	return errors.Join(fn(cmd.Context(), core), core.Close())
}

// inCompany opens the registry and finds a company in it.
func (f *flags) inCompany(cmd *cobra.Command, key string, fn func(context.Context, *app.Core, registry.Company) error) error {
	return f.with(cmd, func(ctx context.Context, core *app.Core) error {
		c, err := core.Company(ctx, key)
		if err != nil {
			return err
		}
		return fn(ctx, core, c)
	})
}

// log is the log of a command: silent unless asked, because its output is its
// answer.
func (f *flags) log(w io.Writer) *slog.Logger {
	if !f.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return app.CommandLog(w)
}

// sourceNames completes the name of a source from the configuration file.
func (f *flags) sourceNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := f.load()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(cfg.Sources)), cobra.ShellCompDirectiveNoFileComp
}

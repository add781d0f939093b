package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func syncCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "sync", Short: "Preview and run sources, read reports, decide held runs"}
	var all bool
	var company, note string
	var limit int
	preview := &cobra.Command{
		Use: "preview NAME", Short: "Show what a run would change, and change nothing",
		Long: `Show what a run would change, and change nothing.

Exit codes: 0 nothing to do, 2 there are changes, 4 the guard would hold the run,
5 another process is running the source, 1 failed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.sync(cmd, args[0], registry.ModePreview, all)
		},
	}
	run := &cobra.Command{
		Use: "run NAME", Short: "Run a source now",
		Long: `Run a source now.

Exit codes: 0 done, 3 done but some records failed or conflict, 4 the guard holds
it, 5 another process is running the source, 1 failed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.sync(cmd, args[0], registry.ModeRun, all)
		},
	}
	runs := &cobra.Command{
		Use: "runs [NAME]", Short: "List runs, the newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				return f.listRuns(ctx, cmd, core, company, args, limit)
			})
		},
	}
	show := &cobra.Command{
		Use: "show RUN", Short: "Show the report of a run", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				return f.report(ctx, cmd.OutOrStdout(), core, r, all)
			})
		},
	}
	approve := &cobra.Command{
		Use: "approve RUN", Short: "Let a held run through: exactly what it listed, and nothing more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				bar := newBar(cmd.ErrOrStderr())
				done, err := core.Approve(ctx, r, whoami(), note, bar.show)
				bar.clear()
				return f.ended(ctx, cmd, core, done, err, all)
			})
		},
	}
	reject := &cobra.Command{
		Use: "reject RUN", Short: "Discard a held run", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				if err := core.Reject(ctx, r, whoami(), note); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "Run %d is rejected; nothing was changed. The next run looks at the directory anew.\n", r.Number)
				return err
			})
		},
	}
	for _, c := range []*cobra.Command{preview, run, show, approve} {
		c.Flags().BoolVar(&all, "all", false, "print every row, not only the first 50 of each kind")
	}
	for _, c := range []*cobra.Command{runs, show, approve, reject} {
		c.Flags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	}
	for _, c := range []*cobra.Command{approve, reject} {
		c.Flags().StringVar(&note, "note", "", "why, for the record")
	}
	runs.Flags().IntVar(&limit, "limit", 20, "how many")
	cmd.AddCommand(preview, run, runs, show, approve, reject)
	return cmd
}

// sync runs or previews a source and prints its report.
func (f *flags) sync(cmd *cobra.Command, name, mode string, all bool) error {
	return f.with(cmd, func(ctx context.Context, core *app.Core) error {
		bar := newBar(cmd.ErrOrStderr())
		run, err := core.RunSource(ctx, name, app.RunRequest{Mode: mode, Trigger: "manual", Actor: whoami(), Progress: bar.show})
		bar.clear()
		return f.ended(ctx, cmd, core, run, err, all)
	})
}

// ended prints how a run ended and gives its exit code.
func (f *flags) ended(ctx context.Context, cmd *cobra.Command, core *app.Core, run *registry.Run, err error, all bool) error {
	var unknown *app.UnknownSourceError
	switch {
	case errors.Is(err, registry.ErrLeased):
		return &exitError{code: exitBusy, err: err}
	case errors.As(err, &unknown):
		return misuse(err)
	case err != nil:
		return err
	}
	if err := f.report(context.WithoutCancel(ctx), cmd.OutOrStdout(), core, run, all); err != nil {
		return err
	}
	return exit(exitCode(run))
}

// exitCode is what a run means to a script.
func exitCode(r *registry.Run) int {
	switch {
	case r.State == registry.RunFailed, r.State == registry.RunInterrupted:
		return exitFailed
	case len(r.Limits) > 0:
		return exitHeld
	case r.Mode == registry.ModePreview && r.Counts.Changes() > 0:
		return exitChanges
	case r.Mode == registry.ModeRun && r.State == registry.RunPartial:
		return exitPartial
	}
	return exitOK
}

// whoami is the name of whoever sits at the command line, for the record.
func whoami() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "command line"
	}
	return u.Username + " at the command line"
}

// withRun finds a run by its number.
func (f *flags) withRun(cmd *cobra.Command, company, number string, fn func(context.Context, *app.Core, *registry.Run) error) error {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return misuse(fmt.Errorf("%q is not the number of a run; `usher sync runs` lists them", number))
	}
	return f.with(cmd, func(ctx context.Context, core *app.Core) error {
		c, err := core.Company(ctx, company)
		if err != nil {
			return err
		}
		run, err := core.FindRun(ctx, c.ID, n)
		if err != nil {
			return err
		}
		return fn(ctx, core, run)
	})
}

// listRuns prints a company's runs.
func (f *flags) listRuns(ctx context.Context, cmd *cobra.Command, core *app.Core, company string, args []string, limit int) error {
	var source registry.SourceID
	c, err := core.Company(ctx, company)
	if len(args) == 1 {
		var src registry.Source
		if src, err = core.Store.SourceByKey(ctx, args[0]); err == nil {
			source, c.ID = src.ID, src.Company
		} else if errors.Is(err, registry.ErrNotFound) {
			return misuse(fmt.Errorf("there is no source %q", args[0]))
		}
	}
	if err != nil {
		return err
	}
	runs, err := core.Store.For(c.ID).Runs(ctx, source, limit)
	if err != nil {
		return err
	}
	g := &grid{head: []string{"run", "source", "mode", "state", "started", "took", "changes", "failed", "conflicts", "why"}}
	docs := make([]runDoc, len(runs))
	for i, r := range runs {
		docs[i] = toRunDoc(r)
		g.add(fmt.Sprint(r.Number), r.SourceKey, r.Mode, string(r.State), stamp(r.StartedAt), took(r),
			fmt.Sprint(r.Counts.Changes()), fmt.Sprint(r.Counts.Failed), fmt.Sprint(r.Counts.Conflicts), r.Message)
	}
	return f.print(cmd.OutOrStdout(), g, docs)
}

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
	cmd.AddCommand(
		f.runCmd(registry.ModePreview, "preview NAME", "Show what a run would change, and change nothing",
			`0 nothing to do, 2 there are changes, 3 there are none, but records that
failed or conflict, 4 the guard would hold the run, 5 another process is
running the source, 1 failed`),
		f.runCmd(registry.ModeRun, "run NAME", "Run a source now",
			`0 done, 3 done but some records failed or conflict, 4 the guard holds
it, 5 another process is running the source, 1 failed`),
		f.oneCmd(), f.runsCmd(), f.showCmd(), f.approveCmd(), f.rejectCmd(), f.retryCmd(),
	)
	return cmd
}

func allFlag(cmd *cobra.Command, all *bool) {
	cmd.Flags().BoolVar(all, "all", false, fmt.Sprintf("print every row, not only the first %d of each kind", shownRows))
}

// runCmd runs or previews a source and prints its report.
func (f *flags) runCmd(mode, use, short, codes string) *cobra.Command {
	var all, full bool
	cmd := &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\nExit codes: " + codes + ".",
		Args: cobra.ExactArgs(1), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				bar := newBar(cmd.ErrOrStderr())
				run, err := core.RunSource(ctx, args[0], app.RunRequest{Mode: mode, Trigger: "manual", Actor: whoami(), Full: full, Progress: bar.show})
				bar.clear()
				return f.ended(ctx, cmd, core, run, err, all)
			})
		},
	}
	allFlag(cmd, &all)
	cmd.Flags().BoolVar(&full, "full", false, "read everything whole, whatever the directory's change markers say")
	return cmd
}

func (f *flags) runsCmd() *cobra.Command {
	var company string
	var limit int
	cmd := &cobra.Command{
		Use: "runs [NAME]", Short: "List runs, the newest first", Args: cobra.MaximumNArgs(1), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				return f.listRuns(ctx, cmd, core, company, args, limit)
			})
		},
	}
	companyFlag(cmd, &company)
	limitFlag(cmd, &limit, 20)
	return cmd
}

func (f *flags) showCmd() *cobra.Command {
	var company string
	var all bool
	cmd := &cobra.Command{
		Use: "show RUN", Short: "Show the report of a run", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				return f.report(ctx, cmd.OutOrStdout(), core, r, all)
			})
		},
	}
	companyFlag(cmd, &company)
	allFlag(cmd, &all)
	return cmd
}

func decisionFlags(cmd *cobra.Command, d *app.Decision) {
	cmd.Flags().StringVar(&d.Note, "note", "", "why, for the record (needed)")
	cmd.Flags().StringVar(&d.PlanHash, "plan", "", "decide only if the run has this plan, as its report shows it")
	if err := cmd.MarkFlagRequired("note"); err != nil {
		panic(err) // there is such a flag: it stands above
	}
}

func (f *flags) approveCmd() *cobra.Command {
	var company string
	var all bool
	d := app.Decision{By: whoami()}
	cmd := &cobra.Command{
		Use: "approve RUN --note WHY", Short: "Let a held run through: what it listed passes the guard",
		Long: "Let a held run through. The source is read again; what the held run listed passes the guard, and what came\n" +
			"since is judged anew, as in any run: it goes along while it is within the limits, else the new run is held.\n" +
			"Exit codes as of `usher sync run`.", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				bar := newBar(cmd.ErrOrStderr())
				done, err := core.Approve(ctx, r, d, bar.show)
				bar.clear()
				return f.ended(ctx, cmd, core, done, err, all)
			})
		},
	}
	companyFlag(cmd, &company)
	decisionFlags(cmd, &d)
	allFlag(cmd, &all)
	return cmd
}

func (f *flags) rejectCmd() *cobra.Command {
	var company string
	d := app.Decision{By: whoami()}
	cmd := &cobra.Command{
		Use: "reject RUN --note WHY", Short: "Discard a held run",
		Long: "Discard a held run. The source goes on without deactivating, deleting or removing until the guard lets a\n" +
			"whole plan through or `usher source resume` allows it again; with --pause its schedule stops instead.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				if err := core.Reject(ctx, r, d); err != nil {
					return err
				}
				then := "The source goes on without removals until the guard lets a whole plan through"
				if d.Pause {
					then = "The source is paused"
				}
				return f.say(cmd.OutOrStdout(), toRunDoc(r), "Run %d is rejected; nothing was changed. %s, or until `usher source resume %s`.", r.Number, then, r.SourceKey)
			})
		},
	}
	companyFlag(cmd, &company)
	decisionFlags(cmd, &d)
	cmd.Flags().BoolVar(&d.Pause, "pause", false, "stop the source's schedule until somebody resumes it")
	return cmd
}

// ended prints how a run ended and gives its exit code.
func (f *flags) ended(ctx context.Context, cmd *cobra.Command, core *app.Core, run *registry.Run, err error, all bool) error {
	switch {
	case errors.Is(err, registry.ErrLeased):
		return &exitError{code: exitBusy, err: err}
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
	case r.State == registry.RunPartial:
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
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		run, err := core.FindRun(ctx, c.ID, n)
		if err != nil {
			return err
		}
		return fn(ctx, core, run)
	})
}

// listRuns prints the runs of a source, or of a whole company.
func (f *flags) listRuns(ctx context.Context, cmd *cobra.Command, core *app.Core, company string, args []string, limit int) error {
	var src registry.Source
	var err error
	if len(args) == 1 {
		src, err = core.Store.SourceByKey(ctx, args[0])
		if errors.Is(err, registry.ErrNotFound) {
			return misuse(fmt.Errorf("there is no source %q", args[0]))
		}
	} else {
		var c registry.Company
		c, err = core.Company(ctx, company)
		src.Company = c.ID
	}
	if err != nil {
		return err
	}
	runs, err := core.Store.For(src.Company).Runs(ctx, src.ID, limit)
	if err != nil {
		return err
	}
	g := &grid{head: []string{"run", "source", "mode", "state", "started", "changes", "problems", "why"}}
	docs := make([]runDoc, len(runs))
	for i, r := range runs {
		docs[i] = toRunDoc(r)
		g.add(fmt.Sprint(r.Number), r.SourceKey, r.Mode, string(r.State), stamp(r.StartedAt),
			fmt.Sprint(r.Counts.Changes()), fmt.Sprint(r.Counts.Failed+r.Counts.Conflicts), r.Message.String())
	}
	return f.print(cmd.OutOrStdout(), g, docs)
}

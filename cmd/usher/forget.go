package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

const forgetHelp = `Part from a source that was taken out of the configuration file for good, and say
what becomes of its people and groups:

  --release      they become the company's own, as if made by hand
  --deactivate   nobody is there any more: groups are deleted, people deactivated, and
                 deleted 30 days later, unless a source brings them back or they are
                 protected
  --to SOURCE    they become those of another source of the file, which knows them
                 by the same id or the same userName, groups by the same name; who is
                 not there stays as they are, and is told of. Where it knows others
                 by the same id, a userName under another one is a conflict: an entry
                 made anew. No userName hands over who has rights or is protected

Groups, values and passwords stay in the first and the last case. --preview shows
what it comes to. Without it the run is held, and ` + "`usher sync approve RUN --note WHY`" + `
carries out exactly what it lists.

Exit codes: 0 nothing to do, 4 held, or with --preview there is something to do,
5 another process is running the source, 1 failed.`

func (f *flags) forgetSourceCmd() *cobra.Command {
	var deactivate, release, preview, all bool
	var to string
	cmd := &cobra.Command{
		Use: "forget NAME --release | --deactivate | --to SOURCE", Short: "Part from a source that is gone for good, and say what becomes of its people",
		Long: forgetHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			how := app.PartTo
			switch {
			case deactivate:
				how = app.PartDeactivate
			case release:
				how = app.PartRelease
			case to == "":
				return misuse(errors.New("say what becomes of the people: --release, --deactivate or --to SOURCE"))
			}
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				bar := newBar(cmd.ErrOrStderr())
				req := app.RunRequest{Mode: registry.ModeRun, Actor: whoami(), Progress: bar.show}
				if preview {
					req.Mode = registry.ModePreview
				}
				run, err := core.ForgetSource(ctx, args[0], how, to, req)
				bar.clear()
				return f.ended(ctx, cmd, core, run, err, all)
			})
		},
	}
	cmd.Flags().BoolVar(&release, "release", false, "the people become the company's own")
	cmd.Flags().BoolVar(&deactivate, "deactivate", false, "the people are deactivated")
	cmd.Flags().StringVar(&to, "to", "", "the people become those of this source")
	cmd.Flags().BoolVar(&preview, "preview", false, "show what it comes to, and hold nothing")
	cmd.MarkFlagsMutuallyExclusive("release", "deactivate", "to")
	allFlag(cmd, &all)
	return cmd
}

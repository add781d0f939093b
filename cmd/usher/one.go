package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// singleDoc is a look at one person as JSON shows it. Its field names are a
// contract.
type singleDoc struct {
	Steps []stepDoc `json:"steps"`
	Run   *runDoc   `json:"run,omitempty"`
}

type stepDoc struct {
	Step     string        `json:"step"`
	OK       bool          `json:"ok"`
	Text     string        `json:"text"`
	Evidence []evidenceDoc `json:"evidence,omitempty"`
}

type evidenceDoc struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func toSingleDoc(s *app.Single) singleDoc {
	d := singleDoc{Steps: []stepDoc{}}
	for _, x := range s.Steps {
		step := stepDoc{Step: x.Name, OK: x.OK, Text: x.Text.String()}
		for _, e := range x.Evidence {
			step.Evidence = append(step.Evidence, evidenceDoc{e.Name.String(), e.Value.String()})
		}
		d.Steps = append(d.Steps, step)
	}
	if s.Run != nil {
		run := toRunDoc(s.Run)
		d.Run = &run
	}
	return d
}

func (f *flags) oneCmd() *cobra.Command {
	var preview bool
	cmd := &cobra.Command{
		Use: "one NAME WHO", Short: "Do one person of a source now, and show each step with what it went by",
		Long: "Do one person of a source now, and show each step with what it went by: found, mapped, in scope, matched,\n" +
			"action. WHO is a login name, a mail address, an employee number, the entry's name or its id. Nobody is ever\n" +
			"judged missing by this. Exit codes: 0 done, or nothing to do; 2 (with --preview) there is something to do;\n" +
			"3 the way ended at a step; 5 another process is running the source; 1 failed.",
		Args: cobra.ExactArgs(2), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				mode := registry.ModeRun
				if preview {
					mode = registry.ModePreview
				}
				single, err := core.SyncOne(ctx, args[0], args[1], app.RunRequest{Mode: mode, Trigger: "manual", Actor: whoami()})
				switch {
				case errors.Is(err, registry.ErrLeased):
					return &exitError{code: exitBusy, err: err}
				case err != nil:
					return err
				}
				if err := f.printSingle(cmd.OutOrStdout(), single); err != nil {
					return err
				}
				return exit(singleCode(single))
			})
		},
	}
	cmd.Flags().BoolVar(&preview, "preview", false, "show what would be done, and do nothing")
	return cmd
}

// singleCode is what a look at one person means to a script.
func singleCode(s *app.Single) int {
	if len(s.Steps) == 0 || !s.Steps[len(s.Steps)-1].OK {
		return exitPartial
	}
	return exitCode(s.Run)
}

// printSingle prints the steps, each with what it went by.
func (f *flags) printSingle(w io.Writer, s *app.Single) error {
	d := toSingleDoc(s)
	g := &grid{head: []string{"step", "ok", "text", "name", "value"}}
	switch f.output {
	case "json":
		return printJSON(w, d)
	case "csv":
		for _, x := range d.Steps {
			g.add(x.Step, strconv.FormatBool(x.OK), x.Text, "", "")
			for _, e := range x.Evidence {
				g.add(x.Step, strconv.FormatBool(x.OK), "", e.Name, e.Value)
			}
		}
		return g.csv(w)
	}
	p := f.paint(w)
	for i, x := range d.Steps {
		mark := p.in(green, "✓")
		if !x.OK {
			mark = p.in(red, "✗")
		}
		if _, err := fmt.Fprintf(w, "%d %s %s: %s\n", i+1, mark, p.in(bold, x.Step), printable(x.Text)); err != nil {
			return err
		}
		lines := &grid{indent: "      "}
		for _, e := range x.Evidence {
			lines.add(e.Name, e.Value)
		}
		if err := lines.table(w, p); err != nil {
			return err
		}
	}
	if s.Run == nil {
		_, err := fmt.Fprintln(w, "Nothing was changed.")
		return err
	}
	_, err := fmt.Fprintln(w, (&tableReport{p: p, run: s.Run}).summary())
	return err
}

func (f *flags) retryCmd() *cobra.Command {
	var company string
	var all bool
	cmd := &cobra.Command{
		Use: "retry RUN", Short: "Do again what failed or conflicted in a run, and nothing else",
		Long: "Do again what failed or conflicted in a run, and nothing else. Nobody is judged missing by this.\n\nExit codes as of `usher sync run`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				bar := newBar(cmd.ErrOrStderr())
				run, err := core.Retry(ctx, r, app.RunRequest{Trigger: "manual", Actor: whoami(), Progress: bar.show})
				bar.clear()
				return f.ended(ctx, cmd, core, run, err, all)
			})
		},
	}
	companyFlag(cmd, &company)
	allFlag(cmd, &all)
	return cmd
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
)

func doctorCmd(f *flags) *cobra.Command {
	var support, thorough bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look an installation over, and say how to mend what is wrong", Args: cobra.NoArgs,
		Long: `Look an installation over and say how to mend what is wrong: the configuration,
the database and its key, the clock, the disk, the mail server, the public
address and its certificates, every source, and what waits or stands still.
Nothing is changed. It works beside a running server, and without one.

Mend what failed from the top: later findings often follow from earlier ones.

Exit codes: 0 nothing failed (there may be things to look at), 1 something did.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, fault := f.load()
			found := app.Examine(cmd.Context(), cfg, app.DoctorOptions{File: f.config, Version: version, Fault: fault, Now: time.Now, Thorough: thorough})
			if support {
				if _, err := fmt.Fprint(cmd.OutOrStdout(), lined(app.Support(cfg, version, found))); err != nil {
					return err
				}
			} else if err := f.printFindings(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			for _, c := range found {
				if c.State == app.CheckFail {
					return exit(exitFailed)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&support, "support", false, "print a text to show to others, without names, addresses and secrets")
	cmd.Flags().BoolVar(&thorough, "thorough", false, "read every page of a SQLite file, too")
	return cmd
}

// findingSigns are what tells the states apart without colour.
var findingSigns = map[string]struct{ sign, color string }{
	app.CheckOK: {"✓", green}, app.CheckWarn: {"!", yellow}, app.CheckFail: {"✗", red}, app.CheckSkipped: {"-", dim},
}

// printFindings prints what was found, with the mend below what needs one.
func (f *flags) printFindings(w io.Writer, found []app.Finding) error {
	if f.output != "table" {
		g := &grid{head: []string{"number", "check", "state", "says", "mend", "command"}}
		for _, c := range found {
			g.add(fmt.Sprint(c.Number), c.Name.String(), c.State, c.Says.String(), c.Mend.String(), c.Command)
		}
		return f.print(w, g, found)
	}
	p, n := f.paint(w), map[string]int{}
	for _, c := range found {
		n[c.State]++
		s := findingSigns[c.State]
		_, _ = fmt.Fprintf(w, "%2d %s %s: %s\n", c.Number, p.in(s.color, s.sign+" "+c.State), p.in(bold, printable(c.Name.String())), lined(c.Says.String()))
		if c.Mend != "" {
			_, _ = fmt.Fprintf(w, "     mend: %s\n", printable(c.Mend.String()))
		}
		if c.Command != "" {
			_, _ = fmt.Fprintf(w, "     run:  %s\n", printable(c.Command))
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d ok, %d to look at, %d failed, %d skipped.\n", count(len(found), "check", "checks"),
		n[app.CheckOK], n[app.CheckWarn], n[app.CheckFail], n[app.CheckSkipped])
	return err
}

// lined is printable for a text of several lines.
func lined(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

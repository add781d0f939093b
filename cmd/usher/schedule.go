package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// scheduleDoc is a source's schedule as JSON shows it. Its field names are a
// contract.
type scheduleDoc struct {
	Source     string     `json:"source"`
	Schedule   string     `json:"schedule"`
	Configured string     `json:"configured_schedule"`
	SetAt      *time.Time `json:"set_at,omitempty"`
	SetBy      string     `json:"set_by,omitempty"`
	Note       string     `json:"note,omitempty"`
	NextRun    *time.Time `json:"next_run,omitempty"`
	NextRuns   []string   `json:"next_runs"`
}

// scheduleWish is what is to become of a schedule; the zero one only looks.
type scheduleWish struct {
	set, off, configured bool
	schedule, note       string
}

func (f *flags) scheduleCmd() *cobra.Command {
	var w scheduleWish
	cmd := &cobra.Command{
		Use: "schedule NAME [SCHEDULE]", Short: "Show the schedule of a source, or put another in place of the configuration file's",
		Long: `Show the schedule of a source and its next times, or put another in place of the
configuration file's.

SCHEDULE is a cron expression of five fields, or a descriptor as @daily, with a
time zone before it: "CRON_TZ=Europe/Rome 30 2 * * *". It holds whatever the file
says later, in running processes at once, until --configured gives the file's back.`,
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if w.set = len(args) == 2; w.set {
				w.schedule = args[1]
			}
			switch {
			case w.set && (w.off || w.configured), w.off && w.configured:
				return misuse(errors.New("give one of SCHEDULE, --off and --configured"))
			case w.set && w.schedule == "":
				return misuse(errors.New("an empty schedule; --off is for none"))
			}
			return f.with(cmd, func(ctx context.Context, core *app.Core) error { return f.schedule(ctx, cmd, core, args[0], w) })
		},
	}
	cmd.Flags().BoolVar(&w.off, "off", false, "run it by hand only")
	cmd.Flags().BoolVar(&w.configured, "configured", false, "let the configuration file's schedule hold again")
	cmd.Flags().StringVar(&w.note, "note", "", "why, for the record")
	return cmd
}

// schedule does what is wished, and shows what holds then.
func (f *flags) schedule(ctx context.Context, cmd *cobra.Command, core *app.Core, name string, w scheduleWish) error {
	d := registry.Deed{Actor: whoami(), Detail: map[string]string{"why": w.note}}
	var err error
	switch {
	case w.set, w.off:
		err = core.SetSchedule(ctx, name, w.schedule, d)
	case w.configured:
		err = core.ReturnSchedule(ctx, name, d)
	}
	if err != nil {
		return err
	}
	src, err := core.ScheduleOf(ctx, name)
	if err != nil {
		return err
	}
	times, zone, err := core.ScheduleTimes(src.Schedule)
	if err != nil {
		return err
	}
	doc := scheduleDoc{
		Source: name, Schedule: src.Schedule, Configured: src.Configured, SetAt: whenSet(src.ByHand.At), SetBy: src.ByHand.By, Note: src.ByHand.Why,
		NextRun: whenSet(src.NextDue), NextRuns: []string{},
	}
	g := &grid{head: []string{"source", "schedule", "next run", "by the schedule's clock", "set by", "why"}}
	for _, at := range times {
		at = at.In(zone)
		doc.NextRuns = append(doc.NextRuns, at.Format(time.RFC3339))
		g.add(name, src.Schedule, stamp(at), at.Format("Mon 2006-01-02 15:04 MST"), setter(src), src.ByHand.Why)
	}
	if len(times) == 0 {
		g.add(name, "by hand only", "", "", setter(src), src.ByHand.Why)
	}
	return f.print(cmd.OutOrStdout(), g, doc)
}

// setter is who stands for the schedule of a source.
func setter(src registry.Source) string {
	if src.ByHand.At.IsZero() {
		return "the configuration file"
	}
	return src.ByHand.By
}

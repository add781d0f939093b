package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// standingDoc is a source with how it fares, as JSON shows it. Its field names
// are a contract.
type standingDoc struct {
	Source       string     `json:"source"`
	Kind         string     `json:"kind"`
	State        string     `json:"state"`
	Code         string     `json:"code,omitempty"`
	Reason       string     `json:"reason,omitempty"`
	Since        *time.Time `json:"since,omitempty"`
	By           string     `json:"by,omitempty"`
	Failures     int        `json:"failures,omitempty"`
	NoRemovals   bool       `json:"no_removals,omitempty"`
	Schedule     string     `json:"schedule,omitempty"`
	NextRun      *time.Time `json:"next_run,omitempty"`
	LastRun      int64      `json:"last_run,omitempty"`
	LastState    string     `json:"last_state,omitempty"`
	LastFinished *time.Time `json:"last_finished,omitempty"`
}

func toStandingDoc(s app.SourceStanding) standingDoc {
	h := s.Health
	d := standingDoc{
		Source: s.Key, Kind: string(s.Origin.Kind), State: string(s.State), Failures: h.Failures, NoRemovals: h.NoRemovals, Schedule: s.Schedule,
	}
	switch s.State {
	case registry.Paused:
		d.Reason, d.By, d.Since = h.PausedReason, h.PausedBy, whenSet(h.PausedAt)
	case registry.Quarantined:
		d.Code, d.Reason, d.Since = string(h.Code), h.Reason.String(), whenSet(h.QuarantinedAt)
	case registry.Failing:
		d.Since = whenSet(h.FailingSince)
	case registry.NoRemovals:
		d.Reason = "a run was rejected: nobody is removed until the guard lets a whole plan through, or until `usher source resume " + s.Key + "`"
	}
	if s.State != registry.Paused {
		d.NextRun = whenSet(s.NextDue)
	}
	if r := s.Last; r != nil {
		d.LastRun, d.LastState, d.LastFinished = r.Number, string(r.State), whenSet(r.FinishedAt)
		if s.State == registry.Held {
			d.Since = d.LastFinished
		}
		if d.Reason == "" && (s.State == registry.Failing || s.State == registry.Held) {
			d.Code, d.Reason = r.Code, r.Message.String()
		}
	}
	return d
}

func (f *flags) listSourcesCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the sources: how each fares, its last run and its next", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				list, err := core.Sources(ctx)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"source", "state", "since", "last run", "next run", "why"}}
				docs := []standingDoc{}
				for _, s := range list {
					d := toStandingDoc(s)
					docs = append(docs, d)
					g.add(d.Source, d.State, stampOf(d.Since), strings.TrimSpace(stampOf(d.LastFinished)+" "+d.LastState), stampOf(d.NextRun), d.Reason)
				}
				gone, err := core.Store.RetiredSources(ctx)
				if err != nil {
					return err
				}
				for _, s := range gone {
					d := standingDoc{
						Source: s.Key, Kind: string(s.Origin.Kind), State: "retired", Since: whenSet(s.RetiredAt),
						Reason: "not in the configuration file; its people stay as they are until `usher source forget " + s.Key + "`",
					}
					docs = append(docs, d)
					g.add(d.Source, d.State, stampOf(d.Since), "", "", d.Reason)
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

// stampOf is a time for people, "" for none.
func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

func (f *flags) pauseSourceCmd() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: "pause NAME", Short: "Stop the schedule of a source; it can still be run by hand",
		Args: cobra.ExactArgs(1), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				if err := core.PauseSource(ctx, args[0], whoami(), note); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"source": args[0], "state": registry.Paused},
					"%s is paused until `usher source resume %s`.", args[0], args[0])
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for the record")
	return cmd
}

func (f *flags) resumeSourceCmd() *cobra.Command {
	return &cobra.Command{
		Use: "resume NAME", Short: "End a pause, and let a source remove again after a rejection",
		Args: cobra.ExactArgs(1), ValidArgsFunction: f.sourceNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, core *app.Core) error {
				if err := core.ResumeSource(ctx, args[0]); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"source": args[0], "state": registry.Healthy},
					"%s goes on as before. The guard judges its next run anew.", args[0])
			})
		},
	}
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// mailDoc is a mail as JSON shows it. Its field names are a contract.
type mailDoc struct {
	ID         int64        `json:"id"`
	Kind       string       `json:"kind"`
	User       string       `json:"user,omitempty"`
	To         string       `json:"to"`
	MessageID  string       `json:"message_id"`
	State      string       `json:"state"`
	Code       string       `json:"code,omitempty"`
	Message    string       `json:"message,omitempty"`
	CreatedAt  time.Time    `json:"created_at"`
	NextTry    *time.Time   `json:"next_try,omitempty"`
	FinishedAt *time.Time   `json:"finished_at,omitempty"`
	Attempts   []attemptDoc `json:"attempts"`
}

type attemptDoc struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Code    string    `json:"code,omitempty"`
	Message string    `json:"message,omitempty"`
}

// mailStates are the words of --state.
var mailStates = []string{"queued", "held", "sent", "failed", "cancelled"}

func mailCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "mail", Short: "Look at the mails to people, and let held ones go"}
	cmd.AddCommand(mailListCmd(f), mailReleaseCmd(f))
	return cmd
}

func mailListCmd(f *flags) *cobra.Command {
	var company, state string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List mails, the newest first, with what became of each", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state != "" && !slices.Contains(mailStates, state) {
				return misuse(fmt.Errorf("--state %q: want one of %v", state, mailStates))
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				mails, err := core.Store.For(c.ID).Mails(ctx, state, limit)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"created", "kind", "to", "state", "tries", "what happened"}}
				docs := make([]mailDoc, len(mails))
				for i, m := range mails {
					d := mailDoc{
						ID: m.ID, Kind: m.Kind, User: m.UserName, To: m.To, MessageID: m.MessageID, State: m.State, Code: m.Code, Message: m.Message.String(),
						CreatedAt: m.CreatedAt, NextTry: whenSet(m.NextTry), FinishedAt: whenSet(m.FinishedAt), Attempts: []attemptDoc{},
					}
					for _, a := range m.Attempts {
						d.Attempts = append(d.Attempts, attemptDoc{At: a.At, Outcome: a.Outcome, Code: a.Code, Message: a.Message.String()})
					}
					docs[i] = d
					g.add(stamp(d.CreatedAt), d.Kind, d.To, d.State, fmt.Sprint(len(d.Attempts)), whatHappened(d))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().StringVar(&state, "state", "", "only mails that are queued, held, sent, failed or cancelled")
	limitFlag(cmd, &limit, 100)
	return cmd
}

// whatHappened is the last answer, and for a mail that waits the next try.
func whatHappened(d mailDoc) string {
	if d.State == "queued" && d.Message != "" && d.NextTry != nil {
		return d.Message + "; again at " + d.NextTry.Local().Format(time.TimeOnly) //nolint:gosmopolitan // the reader sits at this machine
	}
	return d.Message
}

// whenSet is a time for JSON, which has no word for none.
func whenSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func mailReleaseCmd(f *flags) *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "release", Short: "Send the set-up mails that the first import held", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				n, err := core.ReleaseMails(ctx, c.ID)
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]int{"released": n}, "%s released; %s.", count(n, "mail", "mails"), whoSends(ctx, core, n))
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

// whoSends ends a sentence about mails that were queued.
func whoSends(ctx context.Context, core *app.Core, n int) string {
	it := map[bool]string{true: "it", false: "them"}[n == 1]
	if core.Served(ctx) {
		return "the running server sends " + it
	}
	return "no server is running: `usher serve` will send " + it
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func webhookCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "webhook", Short: "Webhooks: addresses that are told of events",
		Long: `Webhooks: addresses that are told of events, by the Standard Webhooks
specification. A webhook is named by its name, its id or its address.

Events: ` + wrapped(eventWords(), 70),
	}
	var company string
	cmd.PersistentFlags().StringVar(&company, "company", "", "company (not needed when there is only one)")
	cmd.AddCommand(createWebhookCmd(f, &company), listWebhooksCmd(f, &company), updateWebhookCmd(f, &company), rotateWebhookCmd(f, &company),
		liveWebhookCmd(f, &company, false), liveWebhookCmd(f, &company, true), deleteWebhookCmd(f, &company),
		deliveriesCmd(f, &company), testWebhookCmd(f, &company), replayCmd(f, &company))
	return cmd
}

func eventWords() []string {
	var out []string
	for _, e := range registry.EventTypes() {
		out = append(out, string(e))
	}
	return out
}

// wrapped breaks a list into lines.
func wrapped(list []string, width int) string {
	var b strings.Builder
	line := len("Events: ")
	for i, w := range list {
		if i < len(list)-1 {
			w += ","
		}
		if line+len(w)+1 > width {
			b.WriteString("\n" + w)
			line = len(w)
			continue
		}
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(w)
		line += len(w) + 1
	}
	return b.String()
}

// deed says who asks.
func deed() registry.Deed { return registry.Deed{Actor: whoami()} }

func createWebhookCmd(f *flags, company *string) *cobra.Command {
	var name, address string
	var events []string
	cmd := &cobra.Command{
		Use: "create --url URL --events LIST", Short: "Make a webhook and print the secret that signs, once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := registry.CheckEvents(events); err != nil {
				return misuse(fmt.Errorf("--events: %w", err))
			}
			return f.atDesk(cmd, *company, func(ctx context.Context, hooks *app.WebhookDesk, c registry.Company) error {
				h, secret, err := hooks.Create(ctx, c.ID, deed(), name, address, events)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Give the receiver of the webhook %s this secret, which is not shown again:\n", h.Name)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "address that requests go to, with https")
	cmd.Flags().StringSliceVar(&events, "events", nil, "what to tell: names of events, user.* for many, * for all")
	cmd.Flags().StringVar(&name, "name", "", "what the webhook is called (default the host of the address)")
	_ = cmd.MarkFlagRequired("url")
	_ = cmd.MarkFlagRequired("events")
	return cmd
}

// atDesk opens the registry and gives what is done with webhooks.
func (f *flags) atDesk(cmd *cobra.Command, company string, fn func(context.Context, *app.WebhookDesk, registry.Company) error) error {
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
		hooks, err := core.Webhooks()
		if err != nil {
			return err
		}
		return fn(ctx, hooks, c)
	})
}

// onWebhook is atDesk with a webhook.
func (f *flags) onWebhook(cmd *cobra.Command, company, what string, fn func(context.Context, *app.WebhookDesk, registry.Webhook) error) error {
	return f.atDesk(cmd, company, func(ctx context.Context, hooks *app.WebhookDesk, c registry.Company) error {
		h, err := hooks.Find(ctx, c.ID, what)
		if err != nil {
			return err
		}
		return fn(ctx, hooks, h)
	})
}

// webhookDoc is a webhook as JSON shows it. Its field names are a contract.
type webhookDoc struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	URL            string     `json:"url"`
	Events         []string   `json:"events"`
	State          string     `json:"state"` // live, failing or disabled
	CreatedAt      time.Time  `json:"created_at"`
	FailingSince   *time.Time `json:"failing_since,omitempty"`
	DisabledAt     *time.Time `json:"disabled_at,omitempty"`
	DisabledReason string     `json:"disabled_reason,omitempty"` // by_hand, gone or failing
	FormerUntil    *time.Time `json:"former_secret_until,omitempty"`
}

func webhookDocOf(h registry.Webhook) webhookDoc {
	d := webhookDoc{
		ID: h.PublicID, Name: h.Name, URL: h.URL, Events: h.Events, State: "live", CreatedAt: h.CreatedAt, FailingSince: whenSet(h.FailingSince),
		DisabledAt: whenSet(h.DisabledAt), DisabledReason: h.DisabledReason, FormerUntil: whenSet(h.FormerUntil),
	}
	switch {
	case !h.Live():
		d.State = "disabled"
	case !h.FailingSince.IsZero():
		d.State = "failing"
	}
	return d
}

func listWebhooksCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the webhooks", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.atDesk(cmd, *company, func(ctx context.Context, hooks *app.WebhookDesk, c registry.Company) error {
				all, err := hooks.List(ctx, c.ID)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"webhook", "state", "since", "created", "events", "url"}}
				docs := []webhookDoc{}
				for _, h := range all {
					d := webhookDocOf(h)
					since := h.FailingSince
					if !h.Live() {
						since = h.DisabledAt
					}
					g.add(d.Name, d.State, stamp(since), stamp(d.CreatedAt), strings.Join(d.Events, ","), d.URL)
					docs = append(docs, d)
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
}

func updateWebhookCmd(f *flags, company *string) *cobra.Command {
	var address string
	var events []string
	cmd := &cobra.Command{
		Use: "update WEBHOOK", Short: "Give a webhook another address or other events", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if address == "" && len(events) == 0 {
				return misuse(fmt.Errorf("say what to change: --url or --events"))
			}
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				h, err := hooks.Update(ctx, h, deed(), address, events)
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), webhookDocOf(h), "The webhook %s tells %s of %s.", h.Name, h.URL, strings.Join(h.Events, ", "))
			})
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "address that requests go to, with https")
	cmd.Flags().StringSliceVar(&events, "events", nil, "what to tell instead of what it is told now")
	return cmd
}

func rotateWebhookCmd(f *flags, company *string) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate WEBHOOK", Short: "Print a new secret; the one before signs beside it until the overlap is over", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				secret, err := hooks.Rotate(ctx, h, deed(), overlap)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "The secret before it signs too for %s.\n", overlap)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the secret before it signs too; 0s ends it now")
	return cmd
}

func liveWebhookCmd(f *flags, company *string, live bool) *cobra.Command {
	word := map[bool]string{true: "enable", false: "disable"}[live]
	short := map[bool]string{true: "Send a webhook events from now on", false: "Send a webhook nothing more; what waits for it is dropped"}[live]
	return &cobra.Command{
		Use: word + " WEBHOOK", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				do := hooks.Disable
				if live {
					do = hooks.Enable
				}
				h, err := do(ctx, h, deed())
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), webhookDocOf(h), "The webhook %s is %sd.", h.Name, word)
			})
		},
	}
}

func deleteWebhookCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete WEBHOOK", Short: "End a webhook; what waits for it is dropped", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				if err := hooks.Delete(ctx, h, deed()); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]string{"deleted": h.PublicID}, "The webhook %s is deleted.", h.Name)
			})
		},
	}
}

// deliveryDoc is a delivery as JSON shows it. Its field names are a contract.
type deliveryDoc struct {
	ID         string       `json:"id"` // the webhook-id of its requests
	Event      string       `json:"event"`
	State      string       `json:"state"` // queued, delivered, failed or dropped
	Status     int          `json:"status,omitempty"`
	Message    string       `json:"message,omitempty"`
	CreatedAt  time.Time    `json:"created_at"`
	NextTry    *time.Time   `json:"next_try,omitempty"`
	FinishedAt *time.Time   `json:"finished_at,omitempty"`
	Payload    any          `json:"payload"`
	Attempts   []requestTry `json:"attempts"`
}

type requestTry struct {
	At      time.Time `json:"at"`
	Status  int       `json:"status,omitempty"`
	Micros  int64     `json:"micros"`
	Message string    `json:"message,omitempty"`
}

func deliveryDocOf(d registry.Delivery) deliveryDoc {
	doc := deliveryDoc{
		ID: d.PublicID, Event: string(d.Event), State: string(d.State), Status: d.Status, Message: d.Message.String(), CreatedAt: d.CreatedAt,
		NextTry: whenSet(d.NextTry), FinishedAt: whenSet(d.FinishedAt), Payload: d.Payload, Attempts: []requestTry{},
	}
	for _, a := range d.Tries {
		doc.Attempts = append(doc.Attempts, requestTry{At: a.At, Status: a.Status, Micros: a.Micros, Message: a.Message.String()})
	}
	return doc
}

func deliveriesCmd(f *flags, company *string) *cobra.Command {
	q := registry.DeliveryQuery{}
	cmd := &cobra.Command{
		Use: "deliveries WEBHOOK", Short: "List what was sent to a webhook, the newest first, and what became of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				list, err := hooks.Deliveries(ctx, h, q)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"created", "event", "state", "tries", "answer", "next try", "delivery"}}
				docs := []deliveryDoc{}
				for _, d := range list {
					g.add(stamp(d.CreatedAt), string(d.Event), string(d.State), fmt.Sprint(len(d.Tries)), answerOf(d.Status, d.Message), stamp(d.NextTry), d.PublicID)
					docs = append(docs, deliveryDocOf(d))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	cmd.Flags().BoolVar(&q.Failed, "failed", false, "only what failed, was dropped, or has to be tried again")
	limitFlag(cmd, &q.Limit, 50)
	return cmd
}

// answerOf is an answer on one line.
func answerOf(status int, message registry.Said) string {
	if status == 0 {
		return message.String()
	}
	return strings.TrimSpace(fmt.Sprint(status) + " " + message.String())
}

func testWebhookCmd(f *flags, company *string) *cobra.Command {
	return &cobra.Command{
		Use: "test WEBHOOK", Short: "Send a webhook the event webhook.test now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				r, err := hooks.Test(ctx, h, deed())
				if err != nil {
					return err
				}
				if r.State != registry.DeliveryDelivered {
					return fmt.Errorf("the webhook %s did not take it: %s", h.Name, cmp.Or(answerOf(r.Status, r.Message), "it was broken off"))
				}
				doc := map[string]any{"status": r.Status, "micros": r.Took.Microseconds()}
				return f.say(cmd.OutOrStdout(), doc, "The webhook %s took it: %d after %s.", h.Name, r.Status, r.Took.Round(time.Millisecond))
			})
		},
	}
}

func replayCmd(f *flags, company *string) *cobra.Command {
	var since time.Duration
	cmd := &cobra.Command{
		Use: "replay WEBHOOK [DELIVERY]", Short: "Send again one delivery, or with --since all that failed or were dropped", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			one := len(args) == 2
			if one == (since != 0) || since < 0 {
				return misuse(fmt.Errorf("say what to send again: the id of a delivery, or --since 24h"))
			}
			return f.onWebhook(cmd, *company, args[0], func(ctx context.Context, hooks *app.WebhookDesk, h registry.Webhook) error {
				delivery, from := "", hooks.Now().Add(-since)
				if one {
					delivery = args[1]
				}
				n, err := hooks.Replay(ctx, h, deed(), delivery, from)
				if err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]int{"replayed": n}, "%s queued again; a running server sends them.", count(n, "delivery", "deliveries"))
			})
		},
	}
	cmd.Flags().DurationVar(&since, "since", 0, "how far back, as in 24h")
	return cmd
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/usherd/usher/ent/db/deliveryattempt"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/webhooks"
)

const deliveryCols = `id, public_id, webhook_id, event, payload, state, attempts, next_try, status, message, created_at, finished_at`

// scanDelivery reads deliveryCols, and what else is asked for behind them.
func scanDelivery(rows *sql.Rows, more ...any) (d registry.Delivery, err error) {
	var next, created, finished int64
	err = rows.Scan(append([]any{&d.ID, &d.PublicID, &d.Webhook, &d.Event, (*[]byte)(&d.Payload), &d.State, &d.Attempts, &next, &d.Status, &d.Message,
		&created, &finished}, more...)...)
	d.NextTry, d.CreatedAt, d.FinishedAt = fromMicros(next), fromMicros(created), fromMicros(finished)
	if err != nil {
		return d, fmt.Errorf("scan delivery: %w", err)
	}
	return d, nil
}

// Deliveries lists deliveries of a webhook with their attempts, newest first.
func (t *Tenant) Deliveries(ctx context.Context, q registry.DeliveryQuery) (out []registry.Delivery, err error) {
	where, args := `company_id = ? AND webhook_id = ?`, []any{int64(t.id), int64(q.Webhook)}
	if q.Before != 0 {
		where, args = where+` AND id < ?`, append(args, q.Before)
	}
	if q.Failed {
		where += ` AND (state IN ('failed', 'dropped') OR state = 'queued' AND attempts > 0)`
	}
	err = t.s.view(ctx, func(x *session) error {
		rows, err := x.query(ctx, `SELECT `+deliveryCols+` FROM deliveries WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, q.Limit)...)
		out, err = collect(rows, err, func(rows *sql.Rows) (registry.Delivery, error) { return scanDelivery(rows) })
		if err != nil {
			return fmt.Errorf("list deliveries: %w", err)
		}
		return x.tenant(t.id).addTries(ctx, out)
	})
	return out, err
}

// addTries fills in the attempts of deliveries.
func (t *tenantTx) addTries(ctx context.Context, list []registry.Delivery) error {
	byID := make(map[int64]*registry.Delivery, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	rows, err := t.query(ctx, `SELECT delivery_id, at, status, micros, message FROM delivery_attempts WHERE `+t.s.byKey("delivery_id")+` ORDER BY id`,
		int64(t.company), keys(t.s, slices.Collect(maps.Keys(byID))))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id, at int64
		var a registry.DeliveryAttempt
		err := rows.Scan(&id, &at, &a.Status, &a.Micros, &a.Message)
		a.At = fromMicros(at)
		if d := byID[id]; d != nil {
			d.Tries = append(d.Tries, a)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list attempts: %w", err)
	}
	return nil
}

// Replay has deliveries of a webhook sent again, under the ids they had: the one
// that is named, or all since a time that failed or were dropped. It tells how
// many.
func (t *Tenant) Replay(ctx context.Context, hook registry.WebhookID, delivery string, since time.Time, by registry.Deed) (int, error) {
	which, args := `state IN ('failed', 'dropped') AND created_at >= ?`, []any{micros(since)}
	if delivery != "" {
		which, args = `next_try = 0 AND public_id = ?`, []any{asText(delivery)}
	}
	total, batch := 0, int64(sweepBatch)
	for n := batch; n == batch; {
		err := t.s.inTx(ctx, func(x *session) (err error) {
			now := micros(t.s.now())
			n, err = x.affected(ctx, `UPDATE deliveries SET state = 'queued', attempts = 0, next_try = ?, claimed_until = 0, finished_at = 0
				WHERE company_id = ? AND id IN (SELECT id FROM deliveries WHERE company_id = ? AND webhook_id = ? AND `+which+` ORDER BY id LIMIT ?)`,
				slices.Concat([]any{now, int64(t.id), int64(t.id), int64(hook)}, args, []any{batch})...)
			if err != nil || n == 0 || total > 0 {
				return err
			}
			return x.tenant(t.id).audit(ctx, by)
		})
		if err != nil {
			return total, fmt.Errorf("replay deliveries: %w", err)
		}
		total += int(n)
	}
	return total, nil
}

// StartTest enters a test delivery that is claimed already, for the caller to make
// now.
func (t *Tenant) StartTest(ctx context.Context, hook registry.WebhookID, lease time.Duration, by registry.Deed) (webhooks.Due, error) {
	var due []webhooks.Due
	err := t.s.inTx(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		rows, err := x.query(ctx, `SELECT w.id, c.key FROM webhooks w JOIN companies c ON c.id = w.company_id WHERE w.company_id = ? AND w.id = ? AND w.deleted_at = 0`,
			int64(t.id), int64(hook))
		to := listeners{}
		_, err = one(rows, err, func(rows *sql.Rows) (id int64, err error) { return id, rows.Scan(&id, &to.key) })
		if err != nil {
			return err
		}
		to.hooks = []registry.Webhook{{ID: hook, Events: []string{"*"}}}
		rows, err = x.query(ctx, `SELECT coalesce(max(id), 0) FROM deliveries WHERE company_id = ?`, int64(t.id))
		last, err := one(rows, err, scanInt)
		if err != nil {
			return err
		}
		if err := tx.tell(ctx, to, event{kind: registry.EventTest, at: t.s.now()}); err != nil {
			return err
		}
		rows, err = x.query(ctx, `UPDATE deliveries SET claimed_until = `+t.s.clock()+` + ?, next_try = next_try + ? WHERE company_id = ? AND webhook_id = ? AND id > ?
			RETURNING id`, lease.Microseconds(), lease.Microseconds(), int64(t.id), int64(hook), last)
		ids, err := collect(rows, err, scanInt)
		if err != nil {
			return err
		}
		if due, err = tx.dueDeliveries(ctx, ids); err != nil {
			return err
		}
		return tx.audit(ctx, by)
	})
	if err != nil {
		return webhooks.Due{}, fmt.Errorf("test webhook: %w", err)
	}
	return due[0], nil
}

// dueDeliveries reads claimed deliveries of the company with their webhooks.
func (t *tenantTx) dueDeliveries(ctx context.Context, ids []int64) ([]webhooks.Due, error) {
	rows, err := t.query(ctx, `SELECT `+deliveryCols+`, claimed_until FROM deliveries WHERE `+t.s.byKey("id")+` ORDER BY id`, int64(t.company), keys(t.s, ids))
	due, err := collect(rows, err, func(rows *sql.Rows) (d webhooks.Due, err error) {
		d.Delivery, err = scanDelivery(rows, &d.Claim)
		return d, err
	})
	if err != nil {
		return nil, err
	}
	wanted := make([]registry.WebhookID, len(due))
	for i, d := range due {
		wanted[i] = d.Webhook
	}
	rows, err = t.query(ctx, hookSelect()+`WHERE `+t.s.byKey("id"), int64(t.company), keys(t.s, wanted))
	list, err := collect(rows, err, scanWebhook)
	if err != nil {
		return nil, err
	}
	hooks := make(map[registry.WebhookID]registry.Webhook, len(list))
	for _, h := range list {
		hooks[h.ID] = h
	}
	for i := range due {
		due[i].Hook = hooks[due[i].Webhook]
	}
	return due, nil
}

// deliveryQueue is webhooks.Queue.
type deliveryQueue struct {
	*Store
	mu    sync.Mutex
	again time.Time // see behind
}

// DeliveryQueue is where deliveries to webhooks wait.
func (s *Store) DeliveryQueue() webhooks.Queue { return &deliveryQueue{Store: s} }

// Claim implements webhooks.Queue.
func (q *deliveryQueue) Claim(ctx context.Context, n, perHook int, lease time.Duration) ([]webhooks.Due, error) {
	ids, err := q.dueNow(ctx, n, perHook, lease)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	claimed, err := q.claimDeliveries(ctx, ids, lease)
	if err != nil {
		return nil, err
	}
	var out []webhooks.Due
	for company, ids := range claimed {
		var due []webhooks.Due
		err := q.view(ctx, func(x *session) (err error) {
			due, err = x.tenant(company).dueDeliveries(ctx, ids)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read claimed deliveries: %w", err)
		}
		for _, d := range due {
			if d.Hook.ID != 0 && d.Hook.Live() {
				out = append(out, d)
			} else if err := q.dropDeliveries(ctx, company, d.Webhook); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// triesTable is where attempts go.
var triesTable = newTable(deliveryattempt.Table,
	"company_id", deliveryattempt.FieldDeliveryID, deliveryattempt.FieldAt, deliveryattempt.FieldStatus, deliveryattempt.FieldMicros,
	deliveryattempt.FieldMessage,
)

// Finish implements webhooks.Queue.
func (q *deliveryQueue) Finish(ctx context.Context, r webhooks.Result) error {
	disabled := false
	err := q.inTx(ctx, func(x *session) (err error) {
		t := x.tenant(r.Company)
		if err = t.finishDelivery(ctx, r); err != nil {
			return err
		}
		disabled, err = t.settleHook(ctx, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish delivery %d: %w", r.ID, err)
	}
	if !disabled {
		return nil
	}
	q.listening.forget()
	return q.dropDeliveries(ctx, r.Company, r.Webhook)
}

// finishDelivery brings a delivery into its next state. One that somebody else
// claimed meanwhile, or that was dropped, stays so, unless it arrived.
func (t *tenantTx) finishDelivery(ctx context.Context, r webhooks.Result) error {
	next, finished := micros(r.NextTry), int64(0)
	if r.State != registry.DeliveryQueued {
		next, finished = 0, micros(r.At)
	}
	tries := 0
	if r.Attempted {
		tries = 1
		row := []any{int64(t.company), r.ID, micros(r.At), int64(r.Status), r.Took.Microseconds(), asText(r.Message)}
		if _, err := t.insert(ctx, triesTable, [][]any{row}); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `UPDATE deliveries SET state = ?, attempts = attempts + ?, next_try = ?, claimed_until = 0, status = ?, message = ?, finished_at = ?
		WHERE company_id = ? AND id = ? AND (claimed_until = ? OR CAST(? AS text) = 'delivered' AND state <> 'delivered')`,
		string(r.State), tries, next, r.Status, asText(r.Message), finished, int64(t.company), r.ID, r.Claim, string(r.State))
	return err
}

// settleHook keeps the account of whether a webhook works, and reports whether it
// was disabled by this. Its admins are told in the same transaction, once.
func (t *tenantTx) settleHook(ctx context.Context, r webhooks.Result) (bool, error) {
	company, id := int64(t.company), int64(r.Webhook)
	switch {
	case !r.Attempted:
		return false, nil
	case r.State == registry.DeliveryDelivered:
		_, err := t.exec(ctx, `UPDATE webhooks SET failing_since = 0 WHERE company_id = ? AND id = ? AND failing_since <> 0`, company, id)
		return false, err
	case r.Disable == "":
		_, err := t.exec(ctx, `UPDATE webhooks SET failing_since = ? WHERE company_id = ? AND id = ? AND failing_since = 0`, micros(r.At), company, id)
		return false, err
	}
	n, err := t.affected(ctx, `UPDATE webhooks SET disabled_at = ?, disabled_reason = ? WHERE company_id = ? AND id = ? AND disabled_at = 0 AND deleted_at = 0`,
		micros(r.At), r.Disable, company, id)
	if err != nil || n == 0 {
		return false, err
	}
	deed := registry.Deed{At: r.At, Actor: "usher", Action: "webhook.disable", Detail: map[string]string{"why": r.Disable}}
	if r.Notice != nil {
		deed.Subject = "webhook " + r.Notice.Data["Webhook"]
		if err := t.s.For(t.company).tellAdmins(ctx, t.session, *r.Notice); err != nil {
			return false, err
		}
	}
	return true, t.audit(ctx, deed)
}

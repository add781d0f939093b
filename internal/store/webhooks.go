package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/usherd/usher/ent/db/webhook"
	"github.com/usherd/usher/internal/registry"
)

// hookCols are the columns of a webhook that change, after its keys.
var hookCols = []string{
	webhook.FieldURL, webhook.FieldEvents, webhook.FieldDescription, webhook.FieldSecret, webhook.FieldFormerSecret, webhook.FieldFormerUntil,
	webhook.FieldFailingSince, webhook.FieldDisabledAt, webhook.FieldDisabledReason, webhook.FieldDeletedAt,
}

var newWebhooks = newTable(webhook.Table, append([]string{"company_id", webhook.FieldPublicID, webhook.FieldCreatedAt}, hookCols...)...)

// hookRow are the values of hookCols.
func hookRow(h *registry.Webhook) ([]any, error) {
	events, err := json.Marshal(h.Events)
	if err != nil {
		return nil, fmt.Errorf("encode events: %w", err)
	}
	return []any{
		h.URL, string(events), h.Name, h.Secret, h.FormerSecret, micros(h.FormerUntil), micros(h.FailingSince), micros(h.DisabledAt),
		h.DisabledReason, micros(h.DeletedAt),
	}, nil
}

// scanWebhook reads id, company_id, public_id, created_at and hookCols.
func scanWebhook(rows *sql.Rows) (h registry.Webhook, err error) {
	var events []byte
	var created, former, failing, disabled, deleted int64
	err = rows.Scan(&h.ID, &h.Company, &h.PublicID, &created, &h.URL, &events, &h.Name, &h.Secret, &h.FormerSecret, &former, &failing, &disabled,
		&h.DisabledReason, &deleted)
	if err != nil {
		return h, fmt.Errorf("scan webhook: %w", err)
	}
	h.CreatedAt, h.FormerUntil, h.FailingSince = fromMicros(created), fromMicros(former), fromMicros(failing)
	h.DisabledAt, h.DeletedAt = fromMicros(disabled), fromMicros(deleted)
	if err := json.Unmarshal(events, &h.Events); err != nil {
		return h, fmt.Errorf("decode events of webhook: %w", err)
	}
	return h, nil
}

// hookSelect reads webhooks for scanWebhook.
func hookSelect() string {
	return `SELECT id, company_id, public_id, created_at, ` + columns(hookCols) + ` FROM webhooks `
}

// Webhooks lists the company's webhooks by name, without the deleted ones.
func (t *Tenant) Webhooks(ctx context.Context) ([]registry.Webhook, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(hookSelect()+`WHERE company_id = ? AND deleted_at = 0 ORDER BY description, id`), int64(t.id))
	return collect(rows, err, scanWebhook)
}

// CreateWebhook enters a webhook. When it returns, every process writes events
// for it. A name that a living webhook has is refused.
func (t *Tenant) CreateWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) (registry.Webhook, error) {
	h.PublicID, h.CreatedAt, h.Company = t.s.newID(), t.s.now(), t.id
	row, err := hookRow(&h)
	if err != nil {
		return h, err
	}
	err = t.s.inTx(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		if err := tx.freeHookName(ctx, h.Name); err != nil {
			return err
		}
		ids, err := x.insert(ctx, newWebhooks, [][]any{append([]any{int64(t.id), h.PublicID, micros(h.CreatedAt)}, row...)})
		if err != nil {
			return err
		}
		h.ID = registry.WebhookID(ids[0])
		return tx.audit(ctx, by)
	})
	if err == nil {
		err = t.heard(ctx)
	}
	return h, err
}

// freeHookName refuses a name that is taken. It holds the company against another
// who takes the same name at the same time.
func (t *tenantTx) freeHookName(ctx context.Context, name string) error {
	rows, err := t.query(ctx, `SELECT id FROM companies WHERE id = ?`+t.forUpdate(), int64(t.company))
	if _, err := one(rows, err, scanInt); err != nil {
		return err
	}
	rows, err = t.query(ctx, `SELECT id FROM webhooks WHERE company_id = ? AND deleted_at = 0 AND description = ?`, int64(t.company), name)
	taken, err := collect(rows, err, scanInt)
	if err == nil && len(taken) > 0 {
		return registry.Refuse(registry.CodeValueTaken, "there is a webhook %q already", name)
	}
	return err
}

// heard has every process know of a change to webhooks before it returns.
func (t *Tenant) heard(ctx context.Context) error {
	t.s.listening.forget()
	return t.s.untilKnown(ctx)
}

// ChangeWebhook changes a webhook as change says, which is given it as it stands.
// What waits for one that is not live afterwards is dropped.
func (t *Tenant) ChangeWebhook(ctx context.Context, id registry.WebhookID, by registry.Deed, change func(*registry.Webhook) error) (registry.Webhook, error) {
	var h registry.Webhook
	err := t.s.inTx(ctx, func(x *session) (err error) {
		tx := x.tenant(t.id)
		rows, err := x.query(ctx, hookSelect()+`WHERE company_id = ? AND id = ? AND deleted_at = 0`+tx.forUpdate(), int64(t.id), int64(id))
		if h, err = one(rows, err, scanWebhook); err != nil {
			return err
		}
		if err := change(&h); err != nil {
			return err
		}
		row, err := hookRow(&h)
		if err != nil {
			return err
		}
		changed := newTable(webhook.Table, append([]string{"id"}, hookCols...)...)
		if err := x.update(ctx, changed, int64(t.id), [][]any{append([]any{int64(id)}, row...)}); err != nil {
			return err
		}
		return tx.audit(ctx, by)
	})
	if err == nil {
		err = t.heard(ctx)
	}
	if err == nil && !h.Live() {
		err = t.s.dropDeliveries(ctx, t.id, id)
	}
	return h, err
}

// dropDeliveries ends what waits for a webhook that nothing is sent to any more.
func (s *Store) dropDeliveries(ctx context.Context, company registry.CompanyID, hook registry.WebhookID) error {
	for n := int64(sweepBatch); n == sweepBatch; {
		err := s.inTx(ctx, func(x *session) (err error) {
			n, err = x.affected(ctx, `UPDATE deliveries SET state = 'dropped', next_try = 0, claimed_until = 0, finished_at = ?,
				message = 'the webhook was disabled or deleted' WHERE company_id = ? AND id IN (
				SELECT id FROM deliveries WHERE company_id = ? AND webhook_id = ? AND next_try <> 0 LIMIT ?)`,
				micros(s.now()), int64(company), int64(company), int64(hook), sweepBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("drop deliveries: %w", err)
		}
	}
	return nil
}

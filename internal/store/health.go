package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// writeHealth writes how a source fares and moves its schedule to the next try of
// a quarantine.
func (t *Tenant) writeHealth(ctx context.Context, x *session, source registry.SourceID, h registry.Health) error {
	err := x.tenant(t.id).tellingHealth(ctx, source, func() error {
		_, err := x.exec(ctx, `UPDATE sources SET failures = ?, failing_since = ?, quarantined_at = ?, quarantine_code = ?, quarantine_reason = ?,
			next_try = ?, told = ? WHERE company_id = ? AND id = ?`,
			h.Failures, micros(h.FailingSince), micros(h.QuarantinedAt), string(h.Code), asText(h.Reason),
			micros(h.NextTry), string(h.Told), int64(t.id), source)
		return err
	})
	if err == nil && !h.NextTry.IsZero() {
		_, err = x.exec(ctx, `UPDATE sources SET next_due = next_try WHERE company_id = ? AND id = ? AND schedule <> ''`, int64(t.id), source)
	}
	if err != nil {
		return fmt.Errorf("write health: %w", err)
	}
	return nil
}

// AllowRemovals lets the runs of a source remove again. Only the holder of the
// lease may.
func (t *Tenant) AllowRemovals(ctx context.Context, f registry.Fence) error {
	return t.s.inTx(ctx, func(x *session) error {
		if err := x.checkFence(ctx, t.id, f); err != nil {
			return err
		}
		return x.tenant(t.id).tellingHealth(ctx, f.Source, func() error {
			_, err := x.exec(ctx, `UPDATE sources SET no_removals = false WHERE company_id = ? AND id = ?`, int64(t.id), f.Source)
			return err
		})
	})
}

// PauseSource stops a source's schedule until somebody resumes it.
func (t *Tenant) PauseSource(ctx context.Context, source registry.SourceID, by, why string) error {
	return t.s.inTx(ctx, func(x *session) error { return t.pause(ctx, x, source, by, why) })
}

func (t *Tenant) pause(ctx context.Context, x *session, source registry.SourceID, by, why string) error {
	return x.tenant(t.id).tellingHealth(ctx, source, func() error {
		_, err := x.exec(ctx, `UPDATE sources SET paused_at = ?, paused_by = ?, paused_reason = ? WHERE company_id = ? AND id = ? AND paused_at = 0`,
			micros(t.s.now()), asText(by), asText(why), int64(t.id), source)
		return err
	})
}

// ResumeSource ends a pause and lets the source remove again. Times that went by
// meanwhile are made up once.
func (t *Tenant) ResumeSource(ctx context.Context, source registry.SourceID) error {
	return t.s.inTx(ctx, func(x *session) error {
		return x.tenant(t.id).tellingHealth(ctx, source, func() error {
			_, err := x.exec(ctx, `UPDATE sources SET paused_at = 0, paused_by = '', paused_reason = '', no_removals = false
				WHERE company_id = ? AND id = ?`, int64(t.id), source)
			return err
		})
	})
}

// Reschedule sets when the schedule of a source comes up next.
func (t *Tenant) Reschedule(ctx context.Context, source registry.SourceID, next time.Time) error {
	return t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `UPDATE sources SET next_due = ? WHERE company_id = ? AND id = ?`, micros(next), int64(t.id), source)
		return err
	})
}

// toApprovers are the notices that ask for a decision, or may: whoever may decide
// gets them too.
var toApprovers = map[registry.NoticeKind]bool{registry.NoticeHeld: true, registry.NoticeDigest: true}

// approverBit is the right to decide held runs in users.rights.
const approverBit = 2

// tellAdmins queues a notice to every admin of the company with an open account
// and an address.
func (t *Tenant) tellAdmins(ctx context.Context, x *session, n registry.Notice) error {
	who, args := "company_admin", []any{int64(t.id)}
	if toApprovers[n.Kind] {
		who, args = "(company_admin OR rights & ? <> 0)", append(args, int64(approverBit))
	}
	rows, err := x.query(ctx, `SELECT id FROM users WHERE company_id = ? AND `+who+` AND deleted_at = 0`, args...)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return err
	}
	return t.tell(ctx, x, ids, n)
}

// tell queues a notice to those of some people who have an open account and an
// address.
func (t *Tenant) tell(ctx context.Context, x *session, ids []int64, n registry.Notice) error {
	if len(ids) == 0 {
		return nil
	}
	users, err := x.tenant(t.id).seen(ctx, asUserIDs(ids)...)
	if err != nil {
		return err
	}
	data, err := json.Marshal(n.Data)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	now := micros(t.s.now())
	var mails [][]any
	for _, id := range asUserIDs(ids) {
		u := users[id]
		open := u.Association == registry.Strong && u.Enabled && u.Blocks == 0
		if open && u.Email() != "" {
			mails = append(mails, []any{
				int64(t.id), int64(u.ID), string(n.Kind), "", u.Email(),
				strings.Replace(n.MessageID, "@", "."+strconv.FormatInt(int64(u.ID), 10)+"@", 1), mailQueued, now, now, string(data),
			})
		}
	}
	_, err = x.insert(ctx, newNotices, mails)
	return err
}

func asUserIDs(ids []int64) []registry.UserID {
	out := make([]registry.UserID, len(ids))
	for i, id := range ids {
		out[i] = registry.UserID(id)
	}
	return out
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/usherd/usher/ent/db/delivery"
	"github.com/usherd/usher/internal/registry"
)

// Events are written down in the transaction of what they tell of: a delivery for
// each webhook that listens. Most companies have no webhook, and their writes
// must not pay for those that do, so which ones there are is remembered for a
// moment, as tokens are.

// listening remembers who listens to what. What this process does to webhooks
// counts at once; what another does within rememberedFor, and the call that does
// it returns only then.
type listening struct {
	mu    sync.Mutex
	known map[registry.CompanyID]listeners
	// epoch tells an answer that was on its way when forget was called.
	epoch int
}

// listeners are the webhooks of a company that events are written for.
type listeners struct {
	key   string // the company's
	hooks []registry.Webhook
	at    time.Time
}

// wants reports whether anybody listens to an event.
func (l *listeners) wants(e registry.EventType) bool {
	return slices.ContainsFunc(l.hooks, func(h registry.Webhook) bool { return h.Wants(e) })
}

// forget has everybody asked anew.
func (l *listening) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
	l.epoch++
}

// recall gives what is remembered of a company.
func (l *listening) recall(company registry.CompanyID, now time.Time) (known listeners, ok bool, epoch int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok = l.known[company]
	age := now.Sub(known.at)
	return known, ok && age >= 0 && age < rememberedFor, l.epoch
}

// remember keeps an answer, unless it was overtaken.
func (l *listening) remember(company registry.CompanyID, found listeners, epoch int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch != epoch {
		return
	}
	if l.known == nil {
		l.known = map[registry.CompanyID]listeners{}
	}
	l.known[company] = found
}

// listeners are the webhooks that the company's events are written for.
func (t *tenantTx) listeners(ctx context.Context) (listeners, error) {
	known, ok, epoch := t.s.listening.recall(t.company, t.s.now())
	if ok {
		return known, nil
	}
	found := listeners{at: t.s.now()}
	rows, err := t.query(ctx, `SELECT w.id, w.events, c.key FROM webhooks w JOIN companies c ON c.id = w.company_id
		WHERE w.company_id = ? AND w.deleted_at = 0 AND w.disabled_at = 0 ORDER BY w.id`, int64(t.company))
	found.hooks, err = collect(rows, err, func(rows *sql.Rows) (h registry.Webhook, err error) {
		var doc []byte
		if err := rows.Scan(&h.ID, &doc, &found.key); err != nil {
			return h, err
		}
		return h, json.Unmarshal(doc, &h.Events)
	})
	if err != nil {
		return found, fmt.Errorf("look for webhooks: %w", err)
	}
	t.s.listening.remember(t.company, found, epoch)
	return found, nil
}

// event is something to be told.
type event struct {
	kind registry.EventType
	at   time.Time
	// data are ids and figures; no personal data.
	data map[string]any
}

// newDeliveries is where deliveries go.
var newDeliveries = newTable(delivery.Table,
	"company_id", delivery.FieldPublicID, delivery.FieldWebhookID, delivery.FieldEvent, delivery.FieldPayload, delivery.FieldState,
	delivery.FieldNextTry, delivery.FieldCreatedAt,
)

// tell writes a delivery for each event and each webhook that listens to it.
func (t *tenantTx) tell(ctx context.Context, to listeners, events ...event) error {
	var rows [][]any
	now := micros(t.s.now())
	for _, e := range events {
		var payload []byte
		for i := range to.hooks {
			h := &to.hooks[i]
			if !h.Wants(e.kind) {
				continue
			}
			if payload == nil {
				var err error
				if payload, err = payloadOf(to.key, e); err != nil {
					return err
				}
			}
			rows = append(rows, []any{int64(t.company), t.s.newID(), int64(h.ID), string(e.kind), string(payload), string(registry.DeliveryQueued), now, now})
		}
	}
	_, err := t.insert(ctx, newDeliveries, rows)
	return err
}

// payloadOf is an event as it is sent.
func payloadOf(company string, e event) ([]byte, error) {
	data := map[string]any{"company": company}
	for name, value := range e.data {
		if value != "" {
			data[name] = value
		}
	}
	doc, err := json.Marshal(struct {
		Type      registry.EventType `json:"type"`
		Timestamp string             `json:"timestamp"`
		Data      map[string]any     `json:"data"`
	}{e.kind, e.at.UTC().Format(time.RFC3339Nano), data})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return doc, nil
}

// tellChanges tells of changes to people and groups.
func (t *tenantTx) tellChanges(ctx context.Context, changes []registry.PendingChange) error {
	if len(changes) == 0 {
		return nil
	}
	to, err := t.listeners(ctx)
	if err != nil || len(to.hooks) == 0 {
		return err
	}
	if err := t.settle(ctx); err != nil { // they name the changes by their keys
		return err
	}
	numbers := map[registry.RunID]int64{}
	events := make([]event, 0, len(changes))
	for _, p := range changes {
		e, ok := eventOf(p)
		if !ok || !to.wants(e.kind) {
			continue
		}
		if err := t.addRun(ctx, e.data, p.Change.Run, numbers); err != nil {
			return err
		}
		events = append(events, e)
	}
	return t.tell(ctx, to, events...)
}

// eventOf is the event of a change, false for a record that events know nothing
// of.
func eventOf(p registry.PendingChange) (event, bool) {
	c := p.Change
	e := event{at: c.At, data: map[string]any{"change": c.ID, "action": string(c.Action)}}
	switch {
	case p.User != nil:
		e.kind, e.data["user"] = registry.EventOfUser(c.Action), p.User.PublicID
	case p.Group != nil:
		e.kind, e.data["group"] = registry.EventOfGroup(c.Action), p.Group.PublicID
	default:
		return e, false
	}
	if p.Into != nil {
		e.data["into"] = p.Into.PublicID
	}
	if _, known := registry.ReasonOf(c.Reason); known { // else it may be anybody's words
		e.data["code"] = c.Reason
	}
	return e, true
}

// addRun says which run a change belongs to, by the number people know.
func (t *tenantTx) addRun(ctx context.Context, data map[string]any, run registry.RunID, numbers map[registry.RunID]int64) error {
	if run == 0 {
		return nil
	}
	if _, known := numbers[run]; !known {
		rows, err := t.query(ctx, `SELECT number FROM runs WHERE company_id = ? AND id = ?`, int64(t.company), int64(run))
		n, err := one(rows, err, scanInt)
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("number run: %w", err)
		}
		numbers[run] = n
	}
	data["run"] = numbers[run]
	return nil
}

// runEvents are the states of a run that are told, with the event of each.
var runEvents = map[registry.RunState]registry.EventType{
	registry.RunHeld: registry.EventRunHeld, registry.RunDone: registry.EventRunFinished,
	registry.RunPartial: registry.EventRunFinished, registry.RunFailed: registry.EventRunFinished,
}

// tellRun tells that a run is about to be written as ended or held, once. A
// preview is nobody else's business.
func (t *tenantTx) tellRun(ctx context.Context, r *registry.Run) error {
	kind, told := runEvents[r.State]
	if !told || r.Mode == registry.ModePreview {
		return nil
	}
	to, err := t.listeners(ctx)
	if err != nil || !to.wants(kind) {
		return err
	}
	rows, err := t.query(ctx, `SELECT r.state, s.key FROM runs r JOIN sources s ON s.id = r.source_id AND s.company_id = r.company_id
		WHERE r.company_id = ? AND r.id = ?`, int64(t.company), int64(r.ID))
	was, err := one(rows, err, func(rows *sql.Rows) (v [2]string, err error) { return v, rows.Scan(&v[0], &v[1]) })
	if errors.Is(err, registry.ErrNotFound) || err == nil && was[0] == string(r.State) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at run: %w", err)
	}
	data := map[string]any{
		"source": was[1], "run": r.Number, "run_id": r.PublicID, "mode": r.Mode, "trigger": r.Trigger, "state": string(r.State), "code": r.Code,
		"counts": r.Counts,
	}
	if len(r.Limits) > 0 {
		var names []string
		for _, l := range r.Limits {
			names = append(names, l.Name)
		}
		data["limits"] = names
	}
	return t.tell(ctx, to, event{kind, t.s.now(), data})
}

// tellingHealth does something to a source and tells if it is in another state
// then. That a run of it is held is told by itself.
func (t *tenantTx) tellingHealth(ctx context.Context, source registry.SourceID, do func() error) error {
	to, err := t.listeners(ctx)
	if err != nil {
		return err
	}
	if !to.wants(registry.EventHealthChanged) {
		return do()
	}
	before, key, err := t.sourceState(ctx, source)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, _, err := t.sourceState(ctx, source)
	if err != nil || after.state == before.state || key == "" {
		return err
	}
	return t.tell(ctx, to, event{registry.EventHealthChanged, t.s.now(), map[string]any{
		"source": key, "from": string(before.state), "to": string(after.state), "code": after.code,
	}})
}

// stateOfSource is a source's health in one word, and why.
type stateOfSource struct {
	state registry.HealthState
	code  string
}

// sourceState reads how a source fares; all of it is empty for one that is not
// there.
func (t *tenantTx) sourceState(ctx context.Context, source registry.SourceID) (stateOfSource, string, error) {
	rows, err := t.query(ctx, `SELECT key, failures, quarantined_at, quarantine_code, paused_at, no_removals FROM sources WHERE company_id = ? AND id = ?`,
		int64(t.company), source)
	var key string
	var out stateOfSource
	err = each(rows, err, func(rows *sql.Rows) error {
		var h registry.Health
		var quarantined, paused int64
		err := rows.Scan(&key, &h.Failures, &quarantined, &out.code, &paused, &h.NoRemovals)
		h.QuarantinedAt, h.PausedAt = fromMicros(quarantined), fromMicros(paused)
		out.state = h.State(nil)
		return err
	})
	if err != nil {
		return out, "", fmt.Errorf("look at source: %w", err)
	}
	return out, key, nil
}

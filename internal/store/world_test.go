package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// world is a company with one LDAP source and whatever a test does to them.
type world struct {
	t   *testing.T
	s   *store.Store
	r   *registry.Registry
	src registry.Source
	now time.Time
}

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{t: t, s: s, r: newRegistry(s), src: corp(t.Context(), t, s), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	w.r.Now = func() time.Time { return w.now }
	return w
}

// door gives another origin of the same company.
func (w *world) door(kind registry.OriginKind, key string) registry.Origin {
	w.t.Helper()
	o, err := w.s.For(w.src.Company).EnsureOrigin(w.t.Context(), kind, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// put applies operations of the source as one batch.
func (w *world) put(ops ...registry.Op) []registry.Result {
	w.t.Helper()
	return w.putAs(w.src.Origin, ops...)
}

func (w *world) putAs(o registry.Origin, ops ...registry.Op) []registry.Result {
	w.t.Helper()
	res, err := w.r.Apply(w.t.Context(), registry.Batch{Company: w.src.Company, Origin: o, Actor: "test", Ops: ops})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// create makes people of the source and gives their keys.
func (w *world) create(ops ...registry.PutUser) []registry.UserID {
	w.t.Helper()
	list := make([]registry.Op, len(ops))
	for i, op := range ops {
		list[i] = op
	}
	ids := make([]registry.UserID, len(ops))
	for i, r := range w.put(list...) {
		if r.Refused != nil {
			w.t.Fatalf("create %s: %v", r.Name, r.Refused)
		}
		ids[i] = r.User
	}
	return ids
}

// create1 is create for one person.
func (w *world) create1(op registry.PutUser) registry.UserID {
	w.t.Helper()
	return w.create(op)[0]
}

// sql changes something behind the registry's back.
func (w *world) sql(q string, args ...any) {
	w.t.Helper()
	if _, err := w.s.WriteDB().ExecContext(w.outside(), w.bind(q, args)); err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
}

// number is a single number from the database.
func (w *world) number(q string, args ...any) (n int64) {
	w.t.Helper()
	if err := w.s.WriteDB().QueryRowContext(w.outside(), w.bind(q, args)).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
	return n
}

// texts are the rows of one text column, in the query's order.
func (w *world) texts(q string, args ...any) []string {
	w.t.Helper()
	rows, err := w.s.WriteDB().QueryContext(w.outside(), w.bind(q, args))
	if err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) outside() context.Context { return store.Crossing(w.t.Context()) }

// bind writes keys into a statement of a test, which the two databases would
// else want with placeholders of their own.
func (w *world) bind(q string, args []any) string { return fmt.Sprintf(q, args...) }

// person reads someone through the registry's own port.
func (w *world) person(id registry.UserID) *registry.User {
	w.t.Helper()
	var out *registry.User
	err := w.s.Read(w.t.Context(), w.src.Company, func(tx registry.Tx) error {
		users, err := tx.Users(w.t.Context(), []registry.UserID{id})
		if err == nil && len(users) == 1 {
			out = users[0]
		}
		return err
	})
	if err != nil || out == nil {
		w.t.Fatalf("person %d: %v, %v", id, out, err)
	}
	return out
}

// mails are the states and addresses of a person's mails, the oldest first.
func (w *world) mails(id registry.UserID) []string {
	w.t.Helper()
	return w.texts(`SELECT state || ' ' || address FROM mails WHERE user_id = %d ORDER BY id`, id)
}

// liveLinks counts a person's set-up links that would still work.
func (w *world) liveLinks(id registry.UserID) int64 {
	w.t.Helper()
	return w.number(`SELECT count(*) FROM setup_links WHERE user_id = %d AND used_at = 0 AND superseded_at = 0`, id)
}

// changes counts the rows of history.
func (w *world) changes() int64 { w.t.Helper(); return w.number(`SELECT count(*) FROM changes`) }

// footprint is all that a batch may leave behind, for tests that say that
// nothing was.
func (w *world) footprint() string {
	w.t.Helper()
	var out string
	for _, table := range []string{"users", "emails", `"groups"`, "memberships", "links", "changes", "mails", "setup_links", "departments"} {
		out += fmt.Sprintf("%s %d; ", table, w.number(`SELECT count(*) FROM %s`, table))
	}
	return out + fmt.Sprintf("versions %d, links written %d", w.number(`SELECT coalesce(sum(version), 0) FROM users`),
		w.number(`SELECT coalesce(max(updated_at), 0) FROM links`))
}

// codes are the refusals of a batch, "" where an operation went through.
func codes(results []registry.Result) []registry.Code {
	out := make([]registry.Code, len(results))
	for i, r := range results {
		if r.Refused != nil {
			out[i] = r.Refused.Code
		}
	}
	return out
}

// actions are what a batch did, "" where nothing visible changed.
func actions(results []registry.Result) []registry.Action {
	out := make([]registry.Action, len(results))
	for i, r := range results {
		if r.Change != nil {
			out[i] = r.Change.Action
		}
	}
	return out
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// with changes a copy of an assertion.
func with(op registry.PutUser, change func(*registry.PutUser)) registry.PutUser {
	op.Attributes = op.Attributes.Clone()
	change(&op)
	op.Fingerprint = registry.FingerprintOf(op.Attributes, fmt.Sprint(op.Enabled))
	return op
}

// disabled is an assertion of someone who may not sign in.
func disabled(op registry.PutUser) registry.PutUser {
	return with(op, func(p *registry.PutUser) { p.Enabled = false })
}

// address is an assertion with these addresses.
func address(op registry.PutUser, list ...string) registry.PutUser {
	return with(op, func(p *registry.PutUser) { p.Attributes.Set(registry.AttrEmails, list...) })
}

// signIn gives a person a session.
func (w *world) signIn(id registry.UserID) {
	w.t.Helper()
	w.sql(`INSERT INTO sessions (company_id, token_hash, user_id, credential_version, created_at, seen_at, expires_at)
		VALUES (%d, 'token', %d, 1, 0, 0, 9)`, w.src.Company, id)
}

// empty removes every row there is.
func (w *world) empty() {
	w.t.Helper()
	tables := store.Tables()
	if w.s.Postgres() {
		w.sql(`TRUNCATE "` + strings.Join(tables, `", "`) + `" RESTART IDENTITY`)
		return
	}
	w.sql(`PRAGMA foreign_keys = 0`)
	for _, table := range tables {
		w.sql(`DELETE FROM "` + table + `"`)
	}
	w.sql(`PRAGMA foreign_keys = 1`)
}

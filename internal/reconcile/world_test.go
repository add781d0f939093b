package reconcile_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
	"github.com/usherd/usher/internal/testkit/slapd"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code := m.Run()
	if shared.server != nil {
		shared.server.Kill()
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// clock is a clock that tests turn.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.at.Add(1)).UTC() } // never twice the same
func (c *clock) forward(d time.Duration) { c.at.Add(d.Microseconds()) }

// world is a company with a directory and an engine that brings the two
// together.
type world struct {
	t       testing.TB
	dir     *directory
	address string
	clock   *clock
	s       *store.Store
	reg     *registry.Registry
	engine  *reconcile.Engine
	// adjust changes the sources that run opens.
	adjust func(*reconcile.Source)
	// ldap changes the settings of the directory's reader, spec the mapping.
	ldap func(*sourceldap.Config)
	spec func(*mapping.Spec)
	// reader, when set, opens another reader than the directory's.
	reader func(*mapping.Mapper) (source.Source, error)
	// tenant is what readTenant had it read.
	tenant tenantAddress
}

type minter struct{}

func (minter) LinkHash(uid, purpose string) []byte {
	h := sha256.Sum256([]byte(purpose + uid))
	return h[:]
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// databases are the kinds there are, with the address of one without rows.
var databases = map[string]func(testing.TB) string{
	"sqlite":   func(t testing.TB) string { return migrated.SQLite(t) },
	"postgres": func(t testing.TB) string { return migrated.Postgres(t) },
}

// onBoth runs a test on both databases, side by side.
func onBoth(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, newWorld(t, databases[name](t), newDirectory(t)))
		})
	}
}

// sqlite is a world on SQLite.
func sqlite(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	return newWorld(t, databases["sqlite"](t), newDirectory(t))
}

func newWorld(t testing.TB, address string, dir *directory) *world {
	t.Helper()
	w := &world{t: t, dir: dir, address: address, clock: newClock()}
	w.s, w.reg, w.engine = open(t, address, w.clock, "first")
	if err := w.s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.s.Settle(t.Context(), store.Settled{
		Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "it"}},
		Sources: []store.SettledSource{
			{Key: "corp", CompanyKey: "acme", Kind: registry.OriginLDAP}, {Key: "branch", CompanyKey: "acme", Kind: registry.OriginLDAP},
			{Key: "cloud", CompanyKey: "acme", Kind: registry.OriginEntra},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// open opens a database as another process would.
func open(t testing.TB, address string, c *clock, holder string, busy ...time.Duration) (*store.Store, *registry.Registry, *reconcile.Engine) {
	t.Helper()
	o := store.Options{Now: c.now, Synchronous: "OFF", BusyTimeout: 5 * time.Second}
	if len(busy) > 0 {
		o.BusyTimeout = busy[0]
	}
	s, err := store.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	reg, engine := newEngine(s, c, holder)
	engine.Ended = func(r *registry.Run) { free(t, s, r) }
	return s, reg, engine
}

// free: a run that shows as ended holds its source no longer, however it ended.
// Where the database is gone it shows as nothing.
func free(t testing.TB, s *store.Store, r *registry.Run) {
	var held int
	err := s.WriteDB().QueryRowContext(context.Background(), fmt.Sprintf(`SELECT count(*) FROM runs r JOIN sources s ON s.id = r.source_id AND s.fence = r.fence
		WHERE r.id = %d AND r.state NOT IN ('reading', 'planning', 'applying') AND s.lease_until <> 0`, r.ID)).Scan(&held)
	if err == nil && held != 0 {
		t.Errorf("a run that ended as %s holds its source", r.State)
	}
}

func newEngine(s *store.Store, c *clock, holder string) (*registry.Registry, *reconcile.Engine) {
	reg := &registry.Registry{Store: s, Now: c.now, NewID: newID, Minter: minter{}, LinkLife: 7 * 24 * time.Hour, MessageDomain: "example.com"}
	return reg, &reconcile.Engine{
		Registry: reg, Ledger: func(id registry.CompanyID) reconcile.Ledger { return s.For(id) },
		Now: c.now, NewID: newID, Holder: holder, Heartbeat: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Sealer: newVault("a key of the installation, thirty-two bytes or more"),
	}
}

// another is the same world seen by another process.
func (w *world) another(holder string, busy ...time.Duration) *world {
	w.t.Helper()
	out := *w
	out.s, out.reg, out.engine = open(w.t, w.address, w.clock, holder, busy...)
	return &out
}

// roomy are limits that hold nothing but emptiness.
var (
	unlimited = plan.Threshold{Count: 1 << 30, Percent: 1e9}
	roomy     = plan.Limits{
		Deactivate: unlimited, Delete: unlimited, GroupDelete: unlimited, MembershipRemove: unlimited, MembershipRemovePerGroup: unlimited,
		Rename: unlimited, MailChange: unlimited, Create: unlimited, Adopt: unlimited,
	}
)

const grace = 30 * 24 * time.Hour

func scoped(expression string) func(*mapping.Spec) {
	return func(s *mapping.Spec) { s.Scope = expression }
}

// source opens a source of the world's directory.
func (w *world) source(key string) *reconcile.Source {
	w.t.Helper()
	src, err := w.openSource(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return src
}

func (w *world) openSource(ctx context.Context, key string) (*reconcile.Source, error) {
	spec := mapping.Spec{Source: key, Attributes: map[string]string{
		"userName": "uid", "emails": "mail", "givenName": "givenName", "familyName": "sn", "displayName": "cn",
		"title": "title", "employeeNumber": "employeeNumber",
	}}
	if w.spec != nil {
		w.spec(&spec)
	}
	mapper, err := mapping.Compile(spec)
	if err != nil {
		return nil, err
	}
	reader, err := w.openReader(key, mapper)
	if err != nil {
		return nil, err
	}
	state, err := w.s.SourceByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	src := &reconcile.Source{
		State: state, Reader: reader, Mapper: mapper, Nested: plan.NestedFlatten, OnMissing: true, DeleteAfter: grace,
		Setup: reconcile.SetupSend, Limits: roomy, SettingsHash: fmt.Sprint(spec), Scope: spec.Scope, FullEvery: 100 * 365 * 24 * time.Hour,
		Managers: w.tenant != tenantAddress{},
	}
	if w.adjust != nil {
		w.adjust(src)
	}
	return src, nil
}

func (w *world) openReader(key string, mapper *mapping.Mapper) (source.Source, error) {
	if w.reader != nil {
		return w.reader(mapper)
	}
	cfg := sourceldap.Config{
		Name: key, URLs: []string{w.dir.s.URL}, BindDN: slapd.ReaderDN, BindPassword: sourceldap.Password(slapd.ReaderPassword),
		Users:    sourceldap.Search{Base: w.dir.people(), Filter: "(objectClass=inetOrgPerson)", Attributes: mapper.Wants()},
		Groups:   sourceldap.Search{Base: w.dir.groups(), Filter: "(objectClass=groupOfNames)", Attributes: mapper.GroupWants()},
		PageSize: 20, Timeout: 5 * time.Second,
	}
	if w.ldap != nil {
		w.ldap(&cfg)
	}
	return sourceldap.New(cfg)
}

// run runs the source corp and fails the test unless it ends in the state.
func (w *world) run(state registry.RunState) *registry.Run {
	w.t.Helper()
	return w.runSource("corp", reconcile.Request{Mode: registry.ModeRun, Trigger: "manual"}, state)
}

func (w *world) preview() *registry.Run {
	w.t.Helper()
	run, err := w.engine.Run(w.t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModePreview, Trigger: "manual"})
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) runSource(key string, req reconcile.Request, state registry.RunState) *registry.Run {
	w.t.Helper()
	run, err := w.engine.Run(w.t.Context(), w.source(key), req)
	if err != nil {
		w.t.Fatal(err)
	}
	if run.State != state {
		w.t.Fatalf("run %d ended %s, want %s: %s %s\n%s", run.Number, run.State, state, run.Code, run.Message, strings.Join(w.report(run), "\n"))
	}
	return run
}

// idle runs the source and fails the test when it changes anything.
func (w *world) idle() {
	w.t.Helper()
	before := w.footprint()
	run, err := w.engine.Run(w.t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun})
	if err != nil {
		w.t.Fatal(err)
	}
	if n := run.Counts.Changes(); n != 0 || run.State.Active() || run.State == registry.RunFailed {
		w.t.Errorf("the run after it is %s and counts %d changes: %+v", run.State, n, run.Counts)
	}
	want(w.t, "what the run after it left behind", w.footprint(), before)
}

// report are the rows of a run's report in words, changes first.
func (w *world) report(run *registry.Run) []string {
	w.t.Helper()
	return append(w.changes(run), w.items(run)...)
}

func (w *world) changes(run *registry.Run) (out []string) {
	w.t.Helper()
	err := w.s.For(run.Company).ChangesOf(w.t.Context(), run.ID, func(c registry.Change, name string) error {
		s := fmt.Sprintf("%s %s", c.Action, name)
		if c.Reason != "" {
			s += " " + c.Reason
		}
		if c.Payload.Added+c.Payload.Removed > 0 {
			s += fmt.Sprintf(" +%d -%d", c.Payload.Added, c.Payload.Removed)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// items are the report rows that are no changes: outcome, action, code, name.
func (w *world) items(run *registry.Run, outcomes ...registry.Outcome) (out []string) {
	w.t.Helper()
	err := w.s.For(run.Company).Items(w.t.Context(), run.ID, func(it registry.RunItem) error {
		s := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", it.Outcome, it.Action, it.Code, it.Name)), " ")
		if it.Detail != nil && it.Detail.Added+it.Detail.Removed > 0 {
			s += fmt.Sprintf(" +%d -%d", it.Detail.Added, it.Detail.Removed)
		}
		out = append(out, s)
		return nil
	}, outcomes...)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// rows are a query's rows with the columns side by side.
func (w *world) rows(q string, args ...any) (out []string) {
	w.t.Helper()
	if len(args) > 0 {
		q = fmt.Sprintf(q, args...)
	}
	rows, err := w.s.WriteDB().QueryContext(w.t.Context(), q)
	if err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		vals, ptrs := make([]sql.NullString, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			w.t.Fatal(err)
		}
		parts := make([]string, len(cols))
		for i, v := range vals {
			parts[i] = v.String
		}
		out = append(out, strings.TrimSpace(strings.Join(parts, " ")))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) exec(q string, args ...any) {
	w.t.Helper()
	if _, err := w.s.WriteDB().ExecContext(w.t.Context(), fmt.Sprintf(q, args...)); err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
}

// people are everybody in words: key, name, whether enabled, deleted.
func (w *world) people() []string {
	w.t.Helper()
	return w.rows(`SELECT user_name, CASE WHEN deleted_at > 0 THEN 'deleted' WHEN enabled THEN 'on' ELSE 'off' END FROM users ORDER BY user_name, id`)
}

// id is the key of somebody by name.
func (w *world) id(name string) string {
	w.t.Helper()
	ids := w.rows(`SELECT id FROM users WHERE user_name = '%s'`, name)
	if len(ids) != 1 {
		w.t.Fatalf("%s is %v", name, ids)
	}
	return ids[0]
}

// members are who is in which living group by which origin.
func (w *world) members() []string {
	w.t.Helper()
	return w.rows(`SELECT g.display_name, o.key, coalesce(u.user_name, ':' || i.display_name) FROM memberships m
		JOIN "groups" g ON g.id = m.group_id JOIN origins o ON o.id = m.origin_id
		LEFT JOIN users u ON u.id = m.user_id LEFT JOIN "groups" i ON i.id = m.member_group_id
		WHERE g.deleted_at = 0 ORDER BY 1, 2, 3`)
}

// mails are the states and addresses of the mails there are.
func (w *world) mails() []string {
	w.t.Helper()
	return w.rows(`SELECT state, address FROM mails ORDER BY address, id`)
}

// footprint is whatever a run that changes nothing must leave alone.
func (w *world) footprint() []string {
	w.t.Helper()
	var out []string
	for _, q := range []string{
		`SELECT 'users', count(*), sum(version), max(updated_at) FROM users`,
		`SELECT 'groups', count(*), sum(version), max(updated_at) FROM "groups"`,
		`SELECT 'links', count(*), max(updated_at), max(seen_run) FROM links`,
		`SELECT 'memberships', count(*), max(id) FROM memberships`,
		`SELECT 'changes', count(*), max(id) FROM changes`,
		`SELECT 'mails', count(*), max(id) FROM mails`,
		`SELECT 'setup links', count(*), max(id), sum(superseded_at) FROM setup_links`,
		`SELECT 'emails', count(*), max(id) FROM emails`,
	} {
		out = append(out, w.rows("%s", q)...)
	}
	return out
}

// door gives another origin of the company.
func (w *world) door(kind registry.OriginKind, key string) registry.Origin {
	w.t.Helper()
	o, err := w.s.For(w.source("corp").State.Company).EnsureOrigin(w.t.Context(), kind, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// put applies operations through a door.
func (w *world) put(o registry.Origin, ops ...registry.Op) []registry.Result {
	w.t.Helper()
	res, err := w.reg.Apply(w.t.Context(), registry.Batch{Company: o.Company, Origin: o, Actor: "test", Ops: ops})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range res {
		if r.Refused != nil {
			w.t.Fatalf("%s: %v", r.Name, r.Refused)
		}
	}
	return res
}

func want[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// onPostgres runs a test on a migrated PostgreSQL behind the tenant fence.
func onPostgres(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	fn(t, openStore(t, migrated.Postgres(t), store.Options{Driver: store.FencedDriver("pgx")}))
}

// flights counts how often somebody said something to a server after the server
// had said something: the round trips.
type flights struct {
	mu    sync.Mutex
	n     int
	heard bool
	// cut has the connection break where the server answers next, once.
	cut bool
}

func (f *flights) took(fn func()) int {
	f.mu.Lock()
	f.n, f.heard = 0, true
	f.mu.Unlock()
	fn()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// passes reports whether what was said is to go on.
func (f *flights) passes(toServer bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if toServer && f.heard {
		f.n++
	}
	f.heard = !toServer
	if f.cut && !toServer {
		f.cut = false
		return false
	}
	return true
}

func (f *flights) breakAtAnswer() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
}

// counted puts a counter between the store and a database, and gives the address by
// which to reach it.
func counted(t *testing.T, address string) (string, *flights) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	network, server := "tcp", u.Host
	q := u.Query()
	if host := q.Get("host"); strings.HasPrefix(host, "/") {
		port := q.Get("port")
		if port == "" {
			port = "5432"
		}
		network, server = "unix", host+"/.s.PGSQL."+port
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &flights{}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(context.Background(), network, server)
			if err != nil {
				_ = near.Close()
				continue
			}
			go pass(far, near, func() bool { return f.passes(true) })
			go pass(near, far, func() bool { return f.passes(false) })
		}
	}()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return u.String(), f
}

// pass copies and tells of each piece before it goes on, if it does.
func pass(to, from net.Conn, tell func() bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !tell() {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestWritesTakeFewRoundTrips: what a write needs is asked for at once, and what it
// leaves behind goes with the commit.
func TestWritesTakeFewRoundTrips(t *testing.T) {
	address, f := counted(t, migrated.Postgres(t))
	w := newWorld(t, openStore(t, address, store.Options{}))
	w.r.Blind = func(v string) []byte { return []byte(v) }
	n := 0
	create := func() registry.UserID {
		n++
		op := person(fmt.Sprint("anchor", n), fmt.Sprint("name", n))
		op.SetupMail = registry.SetupNone
		return w.create1(op)
	}
	group := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
	var member registry.UserID
	for _, c := range []struct {
		what string
		max  int
		do   func()
	}{
		{"create a person", 3, func() { member = create() }},
		{"add a member", 3, func() { w.put(registry.PatchMembers{Group: group, AddUsers: []registry.UserID{member}}) }},
		{"add the member again", 3, func() { w.put(registry.PatchMembers{Group: group, AddUsers: []registry.UserID{member}}) }},
		{"remove the member", 3, func() { w.put(registry.PatchMembers{Group: group, RemoveUsers: []registry.UserID{member}}) }},
		{"change a person", 4, func() {
			op := person(fmt.Sprint("anchor", n), fmt.Sprint("other", n))
			op.SetupMail = registry.SetupNone
			w.put(op)
		}},
		{"say what is known", 3, func() {
			op := person("anchor1", "name1")
			op.SetupMail = registry.SetupNone
			w.put(op)
		}},
	} {
		best := 1000
		for range 6 { // a connection parses each statement once
			best = min(best, f.took(c.do))
		}
		t.Logf("%s: %d", c.what, best)
		if best > c.max {
			t.Errorf("%s takes %d round trips, want at most %d", c.what, best, c.max)
		}
	}
}

// TestDeferredFailure: what is kept back fails whoever sends it, in its own words,
// with all of the transaction, and leaves the connection usable.
func TestDeferredFailure(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		_, err := s.WriteDB().ExecContext(t.Context(), `CREATE TABLE marks (n bigint PRIMARY KEY)`)
		must(t, err)
		for _, last := range []string{"", "SELECT 1"} {
			err := s.Deferred(t.Context(), []string{`INSERT INTO marks VALUES (1)`, `INSERT INTO marks VALUES (1 / 0)`, `INSERT INTO marks VALUES (2)`}, last)
			if err == nil || !strings.Contains(err.Error(), "statement 1: ") || !strings.Contains(err.Error(), "division by zero") {
				t.Errorf("then %q: %v", last, err)
			}
			err = s.Deferred(t.Context(), []string{`INSERT INTO marks VALUES (1)`, `INSERT INTO nowhere VALUES (1)`}, last)
			if err == nil || !strings.Contains(err.Error(), "nowhere") {
				t.Errorf("then %q: %v", last, err)
			}
		}
		must(t, s.Deferred(t.Context(), []string{`INSERT INTO marks VALUES (7)`}, ""))
		var got string
		must(t, s.WriteDB().QueryRowContext(t.Context(), `SELECT string_agg(n::text, ' ') FROM marks`).Scan(&got))
		want(t, "rows", got, "7")
	})
}

// TestDeferredConflict: a unique row that appeared meanwhile is found at the commit,
// and the transaction is tried again.
func TestDeferredConflict(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		_, err := s.WriteDB().ExecContext(t.Context(), `CREATE TABLE marks (n bigint PRIMARY KEY)`)
		must(t, err)
		n := 0
		must(t, s.DeferredIn(t.Context(), func() string {
			if n++; n < 3 {
				return `INSERT INTO marks VALUES (1), (1)`
			}
			return `INSERT INTO marks VALUES (1)`
		}))
		want(t, "tries", n, 3)
	})
}

// TestDeadConnections: those that the server closed are found when a transaction
// begins, before anything was done.
func TestDeadConnections(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		for i := range 3 {
			_, err := s.WriteDB().ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			must(t, err)
			err = atOnce(2, func(n int) error {
				_, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test",
					Ops: []registry.Op{person(fmt.Sprint(i, "-", n), fmt.Sprint("name", i, n))}})
				return err
			})
			must(t, err)
		}
		want(t, "people", w.number(`SELECT count(*) FROM users`), int64(6))
	})
}

// TestCommitUnheard: where the answer to a commit is lost, nobody knows whether it
// was carried out, and the transaction is not tried again.
func TestCommitUnheard(t *testing.T) {
	address, line := counted(t, migrated.Postgres(t))
	s := openStore(t, address, store.Options{Driver: store.FencedDriver("pgx")})
	_, err := s.WriteDB().ExecContext(t.Context(), `CREATE TABLE marks (n bigint GENERATED ALWAYS AS IDENTITY)`)
	must(t, err)
	mark := []string{`INSERT INTO marks DEFAULT VALUES`}
	must(t, s.Deferred(t.Context(), mark, "")) // from now on the statements are known to the connection
	line.breakAtAnswer()
	if err := s.Deferred(t.Context(), mark, ""); err == nil {
		t.Error("no answer to the commit, and no error")
	}
	var got int
	must(t, s.WriteDB().QueryRowContext(t.Context(), `SELECT count(*) FROM marks`).Scan(&got))
	want(t, "rows", got, 2)
}

// TestPipedValues: a value is the same whether its statement was sent alone or with
// others.
func TestPipedValues(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		const q = `SELECT 9007199254740993::bigint, 7::int, 'è'::text, true, '\x00ff'::bytea, '{"a": [1]}'::jsonb, 12345678901234567890.5::numeric,
			1.5::float8, NULL::bigint, sum(x), -1::bigint FROM generate_series(1, 3) AS x`
		read := func(ctx context.Context, tx *sql.Tx) []sql.NullString {
			rows, err := tx.QueryContext(ctx, q)
			must(t, err)
			defer rows.Close()
			columns, err := rows.Columns()
			must(t, err)
			out, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
			for i := range out {
				into[i] = &out[i]
			}
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
			must(t, rows.Scan(into...))
			must(t, rows.Err())
			return out
		}
		must(t, s.InTx(t.Context(), func(tx *sql.Tx) error {
			together, alone := read(store.Ours(t.Context()), tx), read(t.Context(), tx) // the transaction begins with the first
			if diff := cmp.Diff(alone, together); diff != "" {
				t.Error(diff)
			}
			return nil
		}))
		must(t, s.InTx(t.Context(), func(tx *sql.Tx) error {
			var list string // as the queue reads its tags
			must(t, tx.QueryRowContext(t.Context(), `SELECT ARRAY['a', 'b']`).Scan(&list))
			want(t, "array", list, "{a,b}")
			return nil
		}))
		must(t, s.InTx(t.Context(), func(tx *sql.Tx) error { // as the queue makes its tables
			_, err := tx.ExecContext(t.Context(), `CREATE TABLE one (n int); CREATE TABLE two (n int)`)
			return err
		}))
		err := s.InTx(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRowContext(store.Ours(t.Context()), `SELECT ARRAY['a', 'b']`).Scan(new(string))
		})
		if err == nil {
			t.Error("an array was read as something else")
		}
	})
}

// TestManyRowsTogether: the rows of the last statement are not held in memory, and
// need not be read to the end.
func TestManyRowsTogether(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		must(t, s.InTx(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(store.Ours(t.Context()), `SELECT x FROM generate_series(1, 100000) AS x`)
			if err != nil {
				return err
			}
			for range 10 {
				if !rows.Next() {
					return errors.Join(io.ErrUnexpectedEOF, rows.Err())
				}
			}
			if err := rows.Close(); err != nil { //nolint:sqlclosecheck // closed half read, before the next, is what is tried
				return err
			}
			var n int
			return tx.QueryRowContext(t.Context(), `SELECT 1`).Scan(&n)
		}))
	})
}

// TestPatchesOfOneGroupAtOnce: many who change members of one group at once, beside others who
// rename it and who say who alone is in it, lose nothing; each change has a version of
// its own.
func TestPatchesOfOneGroupAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		const clients, rounds = 8, 6
		people := make([]registry.PutUser, clients*rounds)
		for i := range people {
			people[i] = person(fmt.Sprint(i), fmt.Sprint("name", i))
		}
		ids := w.create(people...)
		group := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
		apply := func(op registry.Op) (registry.Result, error) {
			res, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{op}})
			if err == nil && res[0].Refused != nil {
				err = res[0].Refused
			}
			if err != nil {
				return registry.Result{}, err
			}
			return res[0], nil
		}
		other := w.put(registry.PutGroup{Anchor: "h", DisplayName: "H"})[0].Group
		var mu sync.Mutex
		versions := map[int64]bool{}
		err := atOnce(clients+2, func(i int) error {
			for n := range rounds {
				var op registry.Op
				switch i {
				case clients:
					op = registry.PutGroup{Anchor: "g", DisplayName: fmt.Sprint("G", n)}
				case clients + 1:
					if _, err := apply(registry.PatchMembers{Group: other, Exactly: true, AddUsers: ids[n : n+2]}); err != nil {
						return err
					}
					continue
				default:
					op = registry.PatchMembers{Group: group, AddUsers: []registry.UserID{ids[i*rounds+n]}}
				}
				r, err := apply(op)
				if err != nil {
					return err
				}
				mu.Lock()
				if r.Change == nil || r.Change.ID == 0 || versions[r.Change.Version] {
					t.Errorf("client %d, round %d: %+v", i, n, r.Change)
				} else {
					versions[r.Change.Version] = true
				}
				mu.Unlock()
			}
			return nil
		})
		must(t, err)
		want(t, "members", w.number(`SELECT count(*) FROM memberships WHERE group_id = %d`, group), int64(clients*rounds))
		want(t, "version", w.number(`SELECT version FROM "groups" WHERE id = %d`, group), int64(1+(clients+1)*rounds))
		want(t, "versions told", int64(len(versions)), int64((clients+1)*rounds))
		want(t, "versions kept", w.number(`SELECT count(DISTINCT version) FROM changes WHERE group_id = %d`, group), int64(1+(clients+1)*rounds))
		want(t, "members of the other", w.number(`SELECT count(*) FROM memberships WHERE group_id = %d`, other), int64(2))
	})
}

// TestSameMembersAtOnce: who adds and removes the same people at once as others do,
// and as one who says who alone is in the group, ends with what one of them said.
func TestSameMembersAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		people := make([]registry.PutUser, 4)
		for i := range people {
			people[i] = person(fmt.Sprint(i), fmt.Sprint("name", i))
		}
		ids := w.create(people...)
		reversed := []registry.UserID{ids[3], ids[2], ids[1], ids[0]}
		group := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
		ops := []registry.PatchMembers{
			{Group: group, AddUsers: ids}, {Group: group, RemoveUsers: reversed}, {Group: group, AddUsers: reversed}, {Group: group, RemoveUsers: ids},
			{Group: group, AddUsers: ids[:1], Exactly: true}, {Group: group, AddUsers: ids[2:3], RemoveUsers: ids[:1]},
		}
		must(t, atOnce(len(ops), func(i int) error {
			for range 10 {
				_, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{ops[i]}})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		want(t, "versions", w.number(`SELECT max(version) FROM changes WHERE group_id = %d`, group), w.number(`SELECT version FROM "groups" WHERE id = %d`, group))
		want(t, "changes", w.number(`SELECT count(*) FROM changes WHERE group_id = %d`, group), w.number(`SELECT version FROM "groups" WHERE id = %d`, group))
		version := w.number(`SELECT version FROM "groups" WHERE id = %d`, group)
		w.put(registry.PatchMembers{Group: group, AddUsers: ids})
		w.put(registry.PatchMembers{Group: group, AddUsers: ids}) // says nothing new
		if now := w.number(`SELECT version FROM "groups" WHERE id = %d`, group); now > version+1 {
			t.Errorf("version %d after %d: a change of nothing moved it", now, version)
		}
	})
}

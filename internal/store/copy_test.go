package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/postgres"
)

func quietly(string, int64) {}

// migrated opens a database and brings it up to date.
func withTables(t *testing.T, address string) *store.Store {
	t.Helper()
	s := openStore(t, address, store.Options{})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func liteAddress(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
}

// TestCopyThereAndBack: every column of every table arrives on PostgreSQL, and
// back on SQLite, the same, and what is numbered goes on where it stopped.
func TestCopyThereAndBack(t *testing.T) {
	ctx, n := t.Context(), 40
	first, middle, last := withTables(t, liteAddress(t)), withTables(t, postgres.New(t)), withTables(t, liteAddress(t))
	if err := first.Fill(ctx, n); err != nil {
		t.Fatal(err)
	}
	// One table has more than two batches.
	if _, err := first.WriteDB().ExecContext(store.Crossing(ctx), `INSERT INTO source_marks (company_id, source_id, anchor, marker)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4100) SELECT 1, 2, i, 'm' FROM n`); err != nil {
		t.Fatal(err)
	}
	there, err := first.CopyTo(ctx, middle, quietly)
	if err != nil {
		t.Fatal(err)
	}
	back, err := middle.CopyTo(ctx, last, quietly)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the tables there and back", back, there)
	digests := make([]map[string]string, 3)
	for i, s := range []*store.Store{first, middle, last} {
		if digests[i], err = s.Digest(ctx); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "the first copy", digests[1], digests[0])
	want(t, "the second copy", digests[2], digests[0])
	if len(there) != len(store.Tables())-2 { // processes and backups stay
		t.Errorf("%d tables of %d were copied", len(there), len(store.Tables()))
	}
	for _, table := range there {
		if table.Rows < int64(n-1) {
			t.Errorf("%s: %d rows", table.Table, table.Rows)
		}
	}
	for _, s := range []*store.Store{middle, last} { // row n was deleted: its key is spent
		id, err := insertDepartment(ctx, s, "new")
		if err != nil || id != int64(n+1) {
			t.Errorf("the next department is %d after %d, %v", id, n, err)
		}
	}
}

func insertDepartment(ctx context.Context, s *store.Store, name string) (id int64, err error) {
	q := fmt.Sprintf(`INSERT INTO departments (company_id, name, name_key, created_at) VALUES (1, '%s', '%s', 0) RETURNING id`, name, name)
	return id, s.WriteDB().QueryRowContext(store.Crossing(ctx), q).Scan(&id)
}

// TestCopyWorks: a registry that was moved is gone on with.
func TestCopyWorks(t *testing.T) {
	from, to := withTables(t, liteAddress(t)), withTables(t, postgres.New(t))
	w := newWorld(t, from)
	ann := w.create1(person("1", "ann"))
	if _, err := from.CopyTo(t.Context(), to, quietly); err != nil {
		t.Fatal(err)
	}
	moved := newWorld(t, to)
	if got := moved.person(ann); got.PublicID != w.person(ann).PublicID {
		t.Errorf("ann is %s, and was %s", got.PublicID, w.person(ann).PublicID)
	}
	want(t, "ann again", actions(moved.put(person("1", "ann"))), []registry.Action{""})
	if bob := moved.create1(person("2", "bob")); bob != ann+1 {
		t.Errorf("bob is %d after %d", bob, ann)
	}
}

func TestCopyRefuses(t *testing.T) {
	ctx := t.Context()
	filled := func(t *testing.T) *store.Store {
		t.Helper()
		s := withTables(t, liteAddress(t))
		newWorld(t, s).create1(person("1", "ann"))
		return s
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T) (from, to *store.Store)
		want    error
	}{
		"a target with rows": {func(t *testing.T) (*store.Store, *store.Store) { return filled(t), filled(t) }, store.ErrNotEmpty},
		"a target of somebody else": {func(t *testing.T) (*store.Store, *store.Store) {
			to := withTables(t, postgres.New(t))
			if _, err := to.WriteDB().ExecContext(ctx, `CREATE TABLE theirs AS SELECT 1 AS x`); err != nil {
				t.Fatal(err)
			}
			return filled(t), to
		}, store.ErrNotEmpty},
		"a source at work": {func(t *testing.T) (*store.Store, *store.Store) {
			from := filled(t)
			if err := from.Announce(ctx, store.Process{Name: "server", ConfigHash: "a"}); err != nil {
				t.Fatal(err)
			}
			return from, withTables(t, liteAddress(t))
		}, store.ErrLive},
		"a source of another version": {func(t *testing.T) (*store.Store, *store.Store) {
			from := filled(t)
			if _, err := from.WriteDB().ExecContext(ctx, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`); err != nil {
				t.Fatal(err)
			}
			return from, withTables(t, liteAddress(t))
		}, store.ErrPending},
		"a target that changes what it is given": {func(t *testing.T) (*store.Store, *store.Store) {
			to := withTables(t, postgres.New(t))
			if _, err := to.WriteDB().ExecContext(ctx, `CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.user_name := upper(NEW.user_name); RETURN NEW; END$$;
				CREATE TRIGGER shout BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION shout()`); err != nil {
				t.Fatal(err)
			}
			return filled(t), to
		}, store.ErrCopyDiffers},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := test.prepare(t)
			if _, err := from.CopyTo(ctx, to, quietly); !errors.Is(err, test.want) {
				t.Fatalf("%v, want %v", err, test.want)
			}
			if !errors.Is(test.want, store.ErrNotEmpty) {
				if err := to.CheckEmpty(ctx); err != nil {
					t.Errorf("the target after a failure: %v", err)
				}
			}
			if _, err := insertDepartment(ctx, from, "later"); err != nil {
				t.Errorf("the source is left locked: %v", err)
			}
		})
	}
}

// writers create people until told to stop, each through a store of its own, as
// other processes would, and tell how many they made.
func writers(t *testing.T, address string, n int) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	begun := make(chan struct{}, 1000)
	for i := range n {
		s := openStore(t, address, store.Options{})
		src, err := s.SourceByKey(ctx, "corp")
		if err != nil {
			t.Fatal(err)
		}
		r := newRegistry(s)
		wg.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				name := fmt.Sprintf("w%d-%d", i, k)
				res, err := r.Apply(context.WithoutCancel(ctx), registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: []registry.Op{person(name, name)}})
				if err != nil || res[0].Refused != nil {
					t.Error(res, err)
					return
				}
				mu.Lock()
				total++
				mu.Unlock()
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 { // they are at work
		<-begun
	}
	return func() int {
		cancel()
		wg.Wait()
		return total
	}
}

// whole fails unless the database is one moment of what writers do: each person
// with an address, a link, a change, a set-up link and a mail.
func whole(t *testing.T, s *store.Store) int64 {
	t.Helper()
	w := &world{t: t, s: s}
	people := w.number(`SELECT count(*) FROM users`)
	for _, table := range []string{"emails", "links", "changes", "setup_links", "mails"} {
		want(t, table, w.number(`SELECT count(*) FROM %s`, table), people)
	}
	return people
}

// TestBackupUnderWriters: the copy is one moment, can be opened beside the
// original at once, and is gone on with.
func TestBackupUnderWriters(t *testing.T) {
	ctx, address := t.Context(), liteAddress(t)
	s := withTables(t, address)
	corp(ctx, t, s)
	if err := s.Announce(ctx, store.Process{Name: "server", ConfigHash: "a"}); err != nil {
		t.Fatal(err)
	}
	stop := writers(t, address, 3)
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(ctx, file); err != nil {
		t.Fatal(err)
	}
	made := stop()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	restored := withTables(t, "sqlite:"+file)
	if n := whole(t, restored); n < 20 || n > int64(made) {
		t.Errorf("%d people in the backup, %d were made", n, made)
	}
	if live, err := restored.LiveProcesses(ctx); err != nil || len(live) != 0 {
		t.Errorf("processes run on the backup: %v, %v", live, err)
	}
	newWorld(t, restored).create1(person("later", "later"))
	if err := restored.CheckFile(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Backup(ctx, file); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
}

func TestBackupRefuses(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	pg := withTables(t, postgres.New(t))
	if err := pg.Backup(ctx, filepath.Join(dir, "x")); !errors.Is(err, store.ErrNotAFile) {
		t.Errorf("PostgreSQL: %v", err)
	}
	// A damaged database is not backed up as if it were whole, and leaves nothing.
	address := liteAddress(t)
	s := withTables(t, address)
	newWorld(t, s).create1(person("1", "ann"))
	if _, err := s.WriteDB().ExecContext(store.Crossing(ctx), `PRAGMA foreign_keys = 0; DELETE FROM users`); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, filepath.Join(dir, "y")); err == nil || !strings.Contains(err.Error(), "refer to rows that are not there") {
		t.Errorf("lost rows: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCopyLocksWritersOut: whoever writes while a registry is copied waits, and
// is not in the copy; nothing is half there.
func TestCopyLocksWritersOut(t *testing.T) {
	ctx, address := t.Context(), liteAddress(t)
	from := withTables(t, address)
	corp(ctx, t, from)
	stop := writers(t, address, 2)
	to := withTables(t, postgres.New(t))
	copied, err := from.CopyTo(ctx, to, quietly)
	if err != nil {
		t.Fatal(err)
	}
	made := stop()
	n := whole(t, to)
	if n < 20 || n > int64(made) {
		t.Errorf("%d people were copied, %d were made", n, made)
	}
	for _, table := range copied {
		if table.Table == "users" && table.Rows != n {
			t.Errorf("%d users are said to be copied of %d", table.Rows, n)
		}
	}
}

// TestVitals: the numbers are those of the rows.
func TestVitals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		tenant := s.For(w.src.Company)
		conn, err := tenant.SaveConnection(ctx, "okta", registry.DefaultConnection())
		if err != nil {
			t.Fatal(err)
		}
		ends := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		if _, err := tenant.CreateToken(ctx, conn.Origin.ID, []byte("h"), "ush_", ends); err != nil {
			t.Fatal(err)
		}
		last := ends.Add(-2 * time.Hour)
		if err := tenant.LogScimRequests(ctx, []registry.ScimRequest{{Origin: conn.Origin.ID, At: last, RequestID: "r", Method: "GET", Status: 200}}); err != nil {
			t.Fatal(err)
		}
		w.create(person("1", "ann"), person("2", "bob"))
		w.sql(`UPDATE mails SET attempts = 1 WHERE id = (SELECT min(id) FROM mails)`)
		fence, _ := acquire(t, w, "a")
		done := newRun(t, w, fence, registry.ModeRun)
		done.State, done.Complete, done.FinishedAt = registry.RunPartial, true, last
		held := newRun(t, w, fence, registry.ModeRun)
		held.State, held.FinishedAt, held.Counts = registry.RunHeld, ends, registry.Counts{Deactivated: 400, Deleted: 12}
		for _, r := range []*registry.Run{done, held} {
			if err := tenant.UpdateRun(ctx, fence, r); err != nil {
				t.Fatal(err)
			}
		}
		v, err := s.Vitals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		src := v.Sources[0]
		if src.Company != "acme" || src.Key != "corp" || !src.LastSuccess.Equal(last) || src.HeldRun != held.Number || src.HeldChanges != 412 || !src.HeldSince.Equal(ends) {
			t.Errorf("source: %+v", src)
		}
		c := v.Connections[0]
		if c.Name != "okta" || !c.LastRequest.Equal(last) || !c.TokenEnds.Equal(ends) || c.Credentials != 1 {
			t.Errorf("connection: %+v", c)
		}
		want(t, "mails", v.Mails.States, map[string]int64{"new": 1, "retrying": 1})
		if v.Mails.Oldest.IsZero() || !v.Deliveries.Oldest.IsZero() {
			t.Errorf("oldest: %+v", v)
		}
		newRun(t, w, fence, registry.ModeRun) // a later run overtakes the held one
		if v, err = s.Vitals(ctx); err != nil || v.Sources[0].HeldRun != 0 {
			t.Errorf("held: %+v, %v", v.Sources, err)
		}
		uid, purpose, hash, err := s.SampleLink(ctx)
		if err != nil || uid == "" || purpose == "" || len(hash) == 0 {
			t.Errorf("link: %q %q %x, %v", uid, purpose, hash, err)
		}
		if err := s.CheckWrite(ctx); err != nil {
			t.Error(err)
		}
		if at, err := s.Clock(ctx); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("the clock says %s, %v", at, err)
		}
		if n, err := s.MailTroubles(ctx); err != nil || len(n) != 0 {
			t.Errorf("troubles: %v, %v", n, err)
		}
	})
}

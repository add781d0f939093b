package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// queue has writers wait behind one who holds the turn, so that they share the
// transaction that follows.
type queue struct {
	t        *testing.T
	s        *store.Store
	release  chan struct{}
	wg       sync.WaitGroup
	waiting  int
	answered atomic.Int64
}

func newQueue(t *testing.T) *queue {
	s := openStore(t, databases[0].address(t), store.Options{})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.BePatient() // a slow machine is no matter here
	q := &queue{t: t, s: s, release: make(chan struct{})}
	holds := make(chan struct{})
	q.wg.Go(func() {
		_ = s.InTx(context.Background(), func(*sql.Tx) error {
			close(holds)
			<-q.release
			return nil
		})
	})
	<-holds
	return q
}

// write has fn wait in the line; the error is there after run.
func (q *queue) write(ctx context.Context, fn func(*sql.Tx) error) *error {
	return q.do(func() error { return q.s.InTx(ctx, fn) })
}

func (q *queue) do(fn func() error) *error {
	q.t.Helper()
	out := new(error)
	q.wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				*out = fmt.Errorf("panicked: %v", v)
			}
		}()
		*out = fn()
		q.answered.Add(1)
	})
	q.waiting++
	q.settle()
	return out
}

// settle waits until all are in the line.
func (q *queue) settle() {
	q.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); q.s.Waiting() != q.waiting; runtime.Gosched() {
		if time.Now().After(deadline) {
			q.t.Fatalf("%d wait, not %d", q.s.Waiting(), q.waiting)
		}
	}
}

func (q *queue) run() {
	close(q.release)
	q.wg.Wait()
}

// names are what add wrote, as a reader sees it.
func (q *queue) names() string {
	q.t.Helper()
	rows, err := q.s.ReadDB().QueryContext(q.t.Context(), `SELECT name FROM processes ORDER BY name`)
	must(q.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		must(q.t, rows.Scan(&name))
		out = append(out, name)
	}
	must(q.t, rows.Err())
	return strings.Join(out, " ")
}

// add writes a row, and then does what the test wants.
func add(name string, then func(*sql.Tx) error) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO processes (name, version, config_hash, started_at, alive_until) VALUES (?, '', '', 0, 0)`, name)
		if err == nil && then != nil {
			err = then(tx)
		}
		return err
	}
}

var errNo = errors.New("no")

// TestWritersShareATransaction: what waits is written in one commit; nobody is
// answered before it, and what fails or is given up leaves nothing.
func TestWritersShareATransaction(t *testing.T) {
	q := newQueue(t)
	ctx := t.Context()
	gone, leave := context.WithCancel(ctx)
	left := q.write(gone, add("left", nil))
	leave()
	q.waiting--
	q.settle()
	during, cancel := context.WithCancel(ctx)
	a := q.write(ctx, add("a", nil))
	failed := q.write(ctx, add("failed", func(*sql.Tx) error { return errNo }))
	cut := q.write(during, add("cut", func(*sql.Tx) error { cancel(); return nil }))
	taken := q.write(ctx, add("a", nil))
	var seen int
	var answered int64
	var read string
	last := q.write(ctx, add("z", func(tx *sql.Tx) error {
		answered, read = q.answered.Load(), q.names()
		return tx.QueryRow(`SELECT count(*) FROM processes`).Scan(&seen)
	}))
	q.run()
	if *a != nil || *last != nil {
		t.Errorf("a: %v, z: %v", *a, *last)
	}
	if !errors.Is(*failed, errNo) || !errors.Is(*cut, context.Canceled) || !errors.Is(*left, context.Canceled) || *taken == nil {
		t.Errorf("failed: %v, cut: %v, left: %v, taken: %v", *failed, *cut, *left, *taken)
	}
	// The one who left may have been answered.
	if seen != 2 || read != "" || answered > 1 {
		t.Errorf("before the commit the last saw %d rows, readers %q, and %d were answered", seen, read, answered)
	}
	if got := q.names(); got != "a z" {
		t.Errorf("written: %s", got)
	}
}

// TestEachPartIsWrittenOnce, also where one of those that share a transaction
// fails late and they are carried out anew.
func TestEachPartIsWrittenOnce(t *testing.T) {
	for name, last := range map[string]func(*sql.Tx) error{"all well": nil, "the last fails": func(*sql.Tx) error { return errNo }} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t)
			var answered []int64
			see := func(*sql.Tx) error {
				answered = append(answered, q.answered.Load())
				return nil
			}
			a, b := q.write(t.Context(), add("a", see)), q.write(t.Context(), add("b", see))
			z := q.write(t.Context(), add("z", last))
			q.run()
			want := "a b z"
			if last != nil {
				want = "a b"
			}
			if *a != nil || *b != nil || (*z != nil) != (last != nil) || q.names() != want {
				t.Errorf("a: %v, b: %v, z: %v, written: %s", *a, *b, *z, q.names())
			}
			if slices.Max(answered) > 1 { // the one before them may have been
				t.Errorf("answered before the commit: %v", answered)
			}
		})
	}
}

// TestBrokenTransactionIsShared by nobody: each part is carried out by itself.
func TestBrokenTransactionIsShared(t *testing.T) {
	for name, broken := range map[string]struct {
		then func(*sql.Tx) error
		want string
	}{
		"panic":    {func(*sql.Tx) error { panic("oh") }, "panicked: oh"},
		"rollback": {func(tx *sql.Tx) error { _, err := tx.Exec(`ROLLBACK`); return errors.Join(err, errNo) }, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t)
			a := q.write(t.Context(), add("a", nil))
			bad := q.write(t.Context(), add("bad", broken.then))
			z := q.write(t.Context(), add("z", nil))
			q.run()
			if *a != nil || *z != nil || *bad == nil || !strings.Contains((*bad).Error(), broken.want) {
				t.Errorf("a: %v, z: %v, bad: %v", *a, *z, *bad)
			}
			if got := q.names(); got != "a z" {
				t.Errorf("written: %s", got)
			}
		})
	}
}

// TestFailedCommitFailsAll: who shared it is told that nothing was written.
func TestFailedCommitFailsAll(t *testing.T) {
	q := newQueue(t)
	a := q.write(t.Context(), add("a", nil))
	bad := q.write(t.Context(), add("bad", func(tx *sql.Tx) error {
		_, err := tx.Exec(`PRAGMA defer_foreign_keys = 1`)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO memberships (company_id, group_id, origin_id, created_at) VALUES (1, 999, 1, 0)`)
		}
		return err
	}))
	failed := q.write(t.Context(), add("failed", func(*sql.Tx) error { return errNo }))
	q.run()
	if !strings.Contains(fmt.Sprint(*a), "commit:") || !strings.Contains(fmt.Sprint(*bad), "commit:") || !errors.Is(*failed, errNo) {
		t.Errorf("a: %v, bad: %v, failed: %v", *a, *bad, *failed)
	}
	if got := q.names(); got != "" {
		t.Errorf("written: %s", got)
	}
}

// TestFenceOfEach: who lost the lease is kept out of a transaction that others
// share.
func TestFenceOfEach(t *testing.T) {
	q := newQueue(t)
	stale := registry.Fence{Source: 1, Number: 7}
	write := func(fence *registry.Fence) *error {
		return q.do(func() error {
			return q.s.Write(t.Context(), 1, fence, func(registry.Tx) error { return nil })
		})
	}
	free, fenced, again := write(nil), write(&stale), write(nil)
	q.run()
	if *free != nil || *again != nil || !errors.Is(*fenced, registry.ErrFenced) {
		t.Errorf("free: %v, %v, fenced: %v", *free, *again, *fenced)
	}
}

// killedEnv makes the test program the writer that TestKilledWriter kills.
const killedEnv = "USHER_TEST_KILLED_WRITER"

// TestKilledWriter kills a process in the middle of shared transactions, and of
// checkpoints beside them: what it said was written is there, and nothing is broken.
func TestKilledWriter(t *testing.T) {
	if file := os.Getenv(killedEnv); file != "" {
		writeUntilKilled(t, file)
		return
	}
	file := filepath.Join(t.TempDir(), "usher.db")
	s := openStore(t, "sqlite:"+file, store.Options{})
	must(t, s.Migrate(t.Context()))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestKilledWriter$")
	cmd.Env = append(os.Environ(), killedEnv+"="+file)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	said := map[string]bool{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "wrote "); ok {
			said[name] = true
		}
		if len(said) == 500 {
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed
	q := &queue{t: t, s: s}
	for _, name := range strings.Fields(q.names()) {
		delete(said, name)
	}
	if len(said) > 0 {
		t.Errorf("answered, but not written: %v", said)
	}
	var broken string
	if must(t, s.ReadDB().QueryRow(`PRAGMA integrity_check`).Scan(&broken)); broken != "ok" {
		t.Errorf("the file: %s", broken)
	}
}

func writeUntilKilled(t *testing.T, file string) {
	s := openStore(t, "sqlite:"+file, store.Options{})
	large := strings.Repeat("x", 64<<10) // 16 pages
	must(t, atOnce(8, func(i int) error {
		for n := 0; ; n++ {
			name := fmt.Sprintf("p%d-%d", i, n)
			if err := s.InTx(t.Context(), add(name, func(tx *sql.Tx) error {
				_, err := tx.Exec(`UPDATE processes SET version = ? WHERE name = ?`, large, name)
				return err
			})); err != nil {
				return err
			}
			fmt.Println("wrote", name)
		}
	}))
}

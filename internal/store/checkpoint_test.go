package store_test

import (
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/store"
)

// logOf is how many pages SQLite's log has, and how many of them are in the file.
func logOf(t *testing.T, s *store.Store) (log, copied int) {
	t.Helper()
	var busy int
	must(t, s.ReadDB().QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(NOOP)`).Scan(&busy, &log, &copied))
	return log, copied
}

// TestLogIsCopiedBesideTheWriter: long before the writer would have to do it, what
// it committed is in the file, also while a reader still sees what was before.
func TestLogIsCopiedBesideTheWriter(t *testing.T) {
	s := openStore(t, databases[0].address(t), store.Options{})
	must(t, s.Migrate(t.Context()))
	before, err := s.ReadDB().BeginTx(t.Context(), nil)
	must(t, err)
	defer before.Rollback()
	count := func() (n int) {
		must(t, before.QueryRow(`SELECT count(*) FROM processes`).Scan(&n))
		return n
	}
	if n := count(); n != 0 {
		t.Fatalf("%d rows in an empty table", n)
	}
	seen, _ := logOf(t, s)              // by the reader
	large := strings.Repeat("x", 1<<20) // 256 pages
	log := seen
	for n := 0; log < seen+store.WorthCopying; n++ {
		must(t, s.InTx(t.Context(), add(fmt.Sprint(n), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE processes SET version = ? WHERE name = ?`, large, fmt.Sprint(n))
			return err
		})))
		log, _ = logOf(t, s)
	}
	if log, copied := logOf(t, s); copied > seen {
		t.Errorf("%d of %d pages are in the file under a reader that saw %d", copied, log, seen)
	}
	if got := count(); got != 0 {
		t.Errorf("a reader that began before sees %d rows", got)
	}
	must(t, before.Rollback())
	for deadline := time.Now().Add(5 * time.Minute); ; runtime.Gosched() {
		log, copied := logOf(t, s)
		if log-copied < store.WorthCopying {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d pages are in the file", copied, log)
		}
		must(t, s.InTx(t.Context(), func(*sql.Tx) error { return nil }))
	}
	if log, _ := logOf(t, s); log >= store.LongestLog {
		t.Errorf("the log has %d pages: the writer may have copied it", log)
	}
}

// TestLogBeginsAnew under writers that never stop: what is left for the writer to
// copy keeps the log from growing for ever.
func TestLogBeginsAnew(t *testing.T) {
	s := openStore(t, databases[0].address(t), store.Options{})
	must(t, s.Migrate(t.Context()))
	must(t, s.InTx(t.Context(), add("a", nil)))
	most := 0
	for i := range 20 * store.LongestLog / 64 {
		large := strings.Repeat(string(rune('a'+i%2)), 256<<10) // 64 pages; what stays as it is is not written
		must(t, s.InTx(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE processes SET version = ?`, large)
			return err
		}))
		log, _ := logOf(t, s)
		if log < most {
			return
		}
		most = log
	}
	t.Errorf("the log grew to %d pages", most)
}

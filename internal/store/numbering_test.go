package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/usherd/usher/internal/store"
)

// TestKeysAreGivenOnce: a key of a deleted row must never come to mean someone
// new. SQLite numbers rows onwards by AUTOINCREMENT, but for tables from which no
// row is ever deleted, or whose keys nothing refers to.
func TestKeysAreGivenOnce(t *testing.T) {
	s := openStore(t, databases[0].address(t), store.Options{})
	must(t, s.Migrate(t.Context()))
	var plain []string
	for _, table := range store.Tables() {
		var numbered bool
		must(t, s.ReadDB().QueryRowContext(store.Crossing(t.Context()), `SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table' AND name = ?`, table).Scan(&numbered))
		if !numbered {
			plain = append(plain, table)
		}
	}
	slices.Sort(plain)
	if want := []string{"changes", "emails", "users"}; !slices.Equal(plain, want) {
		t.Errorf("without AUTOINCREMENT: %v, want %v; see plainKeys in ent/migrate", plain, want)
	}
	deletes := regexp.MustCompile(`DELETE FROM "?(users|changes)\b|\.(User|Change)\.Delete(One|OneID)?\(`)
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		if found := deletes.Find(text); found != nil && !regexp.MustCompile(`_test\.go$`).MatchString(file) {
			t.Errorf("%s: %s; the last key would be given again: take the table out of plainKeys in ent/migrate", file, found)
		}
	}
}

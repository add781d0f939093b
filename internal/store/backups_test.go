package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestNoteBackup: the last try and the last good copy are told apart, and what is
// long past is forgotten.
func TestNoteBackup(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
		good := registry.Backup{At: now, File: "/backups/a.db", Bytes: 42}
		failed := registry.Backup{At: now.Add(time.Hour), File: "/backups/b.db", Problem: "no space left"}
		for _, c := range []struct {
			note       *registry.Backup
			last, good registry.Backup
		}{
			{},
			{&registry.Backup{At: now.Add(-401 * 24 * time.Hour), File: "old"}, registry.Backup{At: now.Add(-401 * 24 * time.Hour), File: "old"}, registry.Backup{At: now.Add(-401 * 24 * time.Hour), File: "old"}},
			{&good, good, good},
			{&failed, failed, good},
		} {
			if c.note != nil {
				must(t, s.NoteBackup(t.Context(), *c.note))
			}
			v, err := s.Vitals(t.Context())
			must(t, err)
			if d := cmp.Diff([]registry.Backup{c.last, c.good}, []registry.Backup{v.LastBackup, v.GoodBackup}); d != "" {
				t.Error(d)
			}
		}
		if n, err := s.Rows().Backup.Query().Count(store.Crossing(t.Context())); n != 2 || err != nil {
			t.Errorf("%d are remembered, %v; want 2", n, err)
		}
	})
}

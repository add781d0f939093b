package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// uploadClimbed are the methods of Tenant that TestUploadFence tries.
var uploadClimbed = []string{
	"AddUploadPart", "CreateUpload", "EnsureSource", "GroupsNamed", "ItemKeys", "ItemsByID", "UpdateUpload", "Upload", "UploadOfRun", "UploadPart", "Uploads",
	"Audit", "Deeds", "AddUploadRows", "UploadRowPage", "KeepUploadRows", "DropExpiredUploads",
}

// kept is an upload of a company with one piece of content.
func kept(ctx context.Context, t *testing.T, tenant *store.Tenant, id string) *registry.Upload {
	t.Helper()
	u := &registry.Upload{
		PublicID: id, Actor: "admin ann", FileName: "people.csv", Format: "csv", Hash: []byte("hash"), Size: 3, Settings: []byte(`{"key":"userName"}`), Inspection: []byte(`{"sample":[]}`),
		State: registry.UploadReceived, CreatedAt: time.UnixMicro(1), ExpiresAt: time.UnixMicro(1000),
	}
	must(t, tenant.CreateUpload(ctx, u))
	must(t, tenant.AddUploadPart(ctx, u.ID, 0, []byte("abc")))
	return u
}

// TestUploadFence: company B, with the keys of A's upload, sees and touches
// nothing of it.
func TestUploadFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		u := kept(t.Context(), t, c.a, "u1")
		u.Run = c.run.ID
		moved, err := c.a.UpdateUpload(t.Context(), u, registry.UploadReceived)
		if !moved || err != nil {
			t.Fatalf("the owner's own update: %v, %v", moved, err)
		}
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		for what, fn := range map[string]func() error{
			"Upload":        func() error { _, err := c.b.Upload(ctx, "u1"); return err },
			"UploadOfRun":   func() error { _, err := c.b.UploadOfRun(ctx, c.run.ID); return err },
			"UploadPart":    func() error { _, err := c.b.UploadPart(ctx, u.ID, 0); return err },
			"AddUploadPart": func() error { return c.b.AddUploadPart(ctx, u.ID, 1, []byte("x")) },
			"AddUploadRows": func() error {
				return c.b.AddUploadRows(ctx, u.ID, c.run.ID, []registry.UploadRow{{Line: 3, Outcome: registry.RowFailed}})
			},
		} {
			if err := fn(); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		u.State = registry.UploadDiscarded
		if moved, err := c.b.UpdateUpload(ctx, u, registry.UploadReceived); moved || err != nil {
			t.Errorf("UpdateUpload: %v, %v", moved, err)
		}
		if list, err := c.b.Uploads(ctx, 10); len(list) != 0 || err != nil {
			t.Errorf("Uploads: %v, %v", list, err)
		}
		if found, err := c.b.GroupsNamed(ctx, []string{"g"}); len(found) != 0 || err != nil {
			t.Errorf("GroupsNamed: %v, %v", found, err)
		}
		c.seeNoItems(ctx)
		c.seeNoUploadRows(ctx, u)
		must(t, c.a.Audit(t.Context(), registry.Deed{Actor: "ann", Action: "upload.receive"}))
		if deeds, err := c.b.Deeds(ctx, registry.DeedQuery{Limit: 10}); len(deeds) != 0 || err != nil {
			t.Errorf("Deeds: %v, %v", deeds, err)
		}
		must(t, c.b.Audit(ctx, registry.Deed{Actor: "bob", Action: "upload.receive"}))
		if _, err := c.b.EnsureSource(ctx, registry.OriginUpload, "upload/beta"); err != nil {
			t.Errorf("EnsureSource: %v", err)
		}
		if _, err := c.b.EnsureSource(ctx, registry.OriginLDAP, "corp"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("EnsureSource took A's source: %v", err)
		}
	})
}

// seeNoUploadRows: what became of the rows of A's upload is not B's to see, nor to
// drop.
func (c *climber) seeNoUploadRows(ctx context.Context, u *registry.Upload) {
	t := c.t
	t.Helper()
	all := registry.UploadRowQuery{Upload: u.ID, Run: c.run.ID, Limit: 10}
	must(t, c.a.AddUploadRows(t.Context(), u.ID, c.run.ID, []registry.UploadRow{{Line: 2, Outcome: registry.RowCreated, Name: "ann"}}))
	if rows, err := c.b.UploadRowPage(ctx, all); len(rows) != 0 || err != nil {
		t.Errorf("UploadRowPage: %v, %v", rows, err)
	}
	must(t, c.b.KeepUploadRows(ctx, u.ID, 0))
	must(t, c.b.DropExpiredUploads(ctx, u.ExpiresAt))
	if rows, err := c.a.UploadRowPage(t.Context(), all); len(rows) != 1 || err != nil {
		t.Errorf("the owner's rows: %v, %v", rows, err)
	}
	if _, err := c.a.UploadPart(t.Context(), u.ID, 0); err != nil {
		t.Errorf("the owner's file: %v", err)
	}
}

// TestUploadRows: rows are paged in the order of the file, of one run and one
// outcome, and go with the file.
func TestUploadRows(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		u := kept(ctx, t, c.a, "u1")
		var rows []registry.UploadRow
		for line := 2; line <= 1201; line++ {
			rows = append(rows, registry.UploadRow{Line: line, Outcome: []string{registry.RowCreated, registry.RowFailed}[line%2], Code: "c", Name: "n", Message: "m", Item: int64(line)})
		}
		must(t, c.a.AddUploadRows(ctx, u.ID, 1, rows))
		must(t, c.a.AddUploadRows(ctx, u.ID, 2, rows[:3]))
		page := func(q registry.UploadRowQuery) []registry.UploadRow {
			q.Upload = u.ID
			out, err := c.a.UploadRowPage(ctx, q)
			must(t, err)
			return out
		}
		want(t, "a page", page(registry.UploadRowQuery{Run: 1, After: 600, Limit: 3}), rows[599:602])
		failed := page(registry.UploadRowQuery{Run: 1, After: 600, Limit: 2, Outcome: registry.RowFailed})
		want(t, "a page of an outcome", []int{failed[0].Line, failed[1].Line}, []int{601, 603})
		must(t, c.a.KeepUploadRows(ctx, u.ID, 2))
		want(t, "rows of the other run", len(page(registry.UploadRowQuery{Run: 1, Limit: 5})), 0)
		want(t, "rows of the run", page(registry.UploadRowQuery{Run: 2, Limit: 5}), rows[:3])
		must(t, c.a.DropExpiredUploads(ctx, u.ExpiresAt.Add(-time.Microsecond)))
		want(t, "rows before their time", len(page(registry.UploadRowQuery{Run: 2, Limit: 5})), 3)
		must(t, c.a.DropExpiredUploads(ctx, u.ExpiresAt))
		want(t, "rows after it", len(page(registry.UploadRowQuery{Run: 2, Limit: 5})), 0)
		if got, err := c.a.Upload(ctx, "u1"); err != nil || len(got.Inspection) != 0 {
			t.Errorf("what was seen of the file: %s, %v", got.Inspection, err)
		}
	})
}

// seeNoItems: the rows of A's reports are not B's.
func (c *climber) seeNoItems(ctx context.Context) {
	t := c.t
	var ids []int64
	must(t, c.a.Items(t.Context(), c.run.ID, func(it registry.RunItem) error { ids = append(ids, it.ID); return nil }))
	if len(ids) == 0 {
		t.Fatal("A has no report rows")
	}
	if found, err := c.b.ItemsByID(ctx, ids); len(found) != 0 || err != nil {
		t.Errorf("ItemsByID: %v, %v", found, err)
	}
	must(t, c.b.ItemKeys(ctx, c.run.ID, func(registry.RunItem) error { t.Error("ItemKeys gave a row of A"); return nil }))
}

// TestUploadKept: a file's pieces come back in order, an upload moves only from
// where it is thought to be, sources of uploads survive a settling, and the
// content goes when its time is over.
func TestUploadKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		tenant, ctx := s.For(w.src.Company), t.Context()
		u := kept(ctx, t, tenant, "u1")
		must(t, tenant.AddUploadPart(ctx, u.ID, 1, []byte("def")))
		part, err := tenant.UploadPart(ctx, u.ID, 1)
		must(t, err)
		want(t, "part", string(part), "def")
		if _, err := tenant.UploadPart(ctx, u.ID, 2); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("behind the last: %v", err)
		}
		u.State, u.Counts = registry.UploadConfirmed, registry.UploadCounts{Rows: 2, Failed: 2}
		for _, first := range []bool{true, false} {
			moved, err := tenant.UpdateUpload(ctx, u, registry.UploadReceived)
			must(t, err)
			want(t, "moved", moved, first)
		}
		back, err := tenant.Upload(ctx, "u1")
		must(t, err)
		want(t, "upload", back.Counts, u.Counts)
		confirmed, err := s.ConfirmedUploads(ctx)
		must(t, err)
		want(t, "confirmed", len(confirmed), 1)

		src, err := tenant.EnsureSource(ctx, registry.OriginUpload, "upload/acme")
		must(t, err)
		corp(ctx, t, s)
		again, err := tenant.EnsureSource(ctx, registry.OriginUpload, "upload/acme")
		must(t, err)
		want(t, "source", again, src)
		if !again.RetiredAt.IsZero() {
			t.Error("a settling retired the uploads")
		}
		must(t, s.Sweep(ctx, time.UnixMicro(1000), func(string) time.Duration { return 0 }))
		if _, err := tenant.UploadPart(ctx, u.ID, 0); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the content is still there: %v", err)
		}
	})
}

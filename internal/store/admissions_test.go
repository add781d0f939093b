package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestRevokedTokens are out at once in the process that revokes them, and within
// a second in the others.
func TestRevokedTokens(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	address := databases[0].address(t)
	clock := store.Options{Now: func() time.Time { return now }}
	here, there := openStore(t, address, clock), openStore(t, address, clock)
	must(t, here.Migrate(t.Context()))
	tenant := here.For(corp(t.Context(), t, here).Company)
	conn, err := tenant.SaveConnection(t.Context(), "okta", registry.DefaultConnection())
	must(t, err)
	ends := map[string]func(context.Context, registry.Token) error{
		"revoked": func(ctx context.Context, k registry.Token) error {
			_, err := tenant.RevokeToken(ctx, k.Prefix)
			return err
		},
		"rotated": func(ctx context.Context, _ registry.Token) error {
			_, err := tenant.ExpireTokens(ctx, conn.Origin.ID, 0, now)
			return err
		},
		"deleted": func(ctx context.Context, _ registry.Token) error { return tenant.DeleteConnection(ctx, conn.Origin.ID) },
	}
	for _, name := range []string{"revoked", "rotated", "deleted"} {
		hash := []byte(name)
		k, err := tenant.CreateToken(t.Context(), conn.Origin.ID, hash, name, time.Time{})
		must(t, err)
		opens := func(s *store.Store) bool {
			_, _, err := s.TokenByHash(t.Context(), hash)
			if err != nil && !errors.Is(err, registry.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		if !opens(here) || !opens(there) {
			t.Fatalf("%s: the token opens nothing", name)
		}
		must(t, ends[name](t.Context(), k))
		if opens(here) {
			t.Errorf("%s: it still opens here", name)
		}
		if now = now.Add(time.Second); opens(there) {
			t.Errorf("%s: it still opens elsewhere after a second", name)
		}
	}
	_, err = tenant.SaveConnection(t.Context(), "okta", registry.DefaultConnection())
	must(t, err)
	// Beside a server it does not return before the server has heard of it.
	must(t, there.Announce(t.Context(), store.Process{Name: "server"}))
	k, err := tenant.CreateToken(t.Context(), conn.Origin.ID, []byte("late"), "late", time.Time{})
	must(t, err)
	hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ends["revoked"](hurried, k); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("revoked beside a server, in no time: %v", err)
	}
	_, err = tenant.CreateToken(t.Context(), conn.Origin.ID, []byte("short"), "short", now.Add(time.Millisecond))
	must(t, err)
	if _, _, err := here.TokenByHash(t.Context(), []byte("short")); err != nil {
		t.Error(err)
	}
	now = now.Add(2 * time.Millisecond)
	if _, _, err := here.TokenByHash(t.Context(), []byte("short")); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("an expired token: %v", err)
	}
}

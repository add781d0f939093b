package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestEndedToken: a token that ended is found with its connection; live ones, those
// of the API and those of a connection that is gone are not.
func TestEndedToken(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		x := c.apiThings()
		origin := x.conn.Origin.ID
		for _, name := range []string{"lives", "revoked"} {
			_, err := c.a.CreateToken(ctx, origin, []byte(name), "ush_"+name, time.Time{})
			must(t, err)
		}
		_, err := c.a.CreateToken(ctx, origin, []byte("expired"), "ush_expired", c.now.Add(-time.Hour))
		must(t, err)
		_, err = c.a.RevokeToken(ctx, "ush_revoked")
		must(t, err)
		must(t, c.a.ExpireToken(ctx, x.token.ID, c.now.Add(-time.Second)))
		found := func(name string) bool {
			k, conn, err := s.EndedToken(ctx, []byte(name))
			if err != nil && !errors.Is(err, registry.ErrNotFound) {
				t.Fatal(err)
			}
			if err == nil && (k.Prefix != "ush_"+name || conn.Origin.ID != origin || conn.Origin.Company != c.src.Company) {
				t.Errorf("%s: %+v of %+v", name, k, conn)
			}
			return err == nil
		}
		for name, want := range map[string]bool{"expired": true, "revoked": true, "lives": false, "a's": false, "nobody's": false} {
			if found(name) != want {
				t.Errorf("%s is found: %v", name, !want)
			}
		}
		must(t, c.a.DeleteConnection(ctx, origin))
		if found("expired") || found("lives") {
			t.Error("a token of a connection that is gone is found")
		}
	})
}

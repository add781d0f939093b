package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// consoleDoorsClimbed are the methods of Tenant that TestConsoleDoorsFence tries.
var consoleDoorsClimbed = []string{"ConnectionUses", "CountOwned", "ScimRequest", "ScimTraffic"}

// TestConsoleDoorsFence: company B, with the keys of A's connection, sees nothing
// of what A's identity provider asked; A sees when each part first worked.
func TestConsoleDoorsFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		conn, err := c.a.SaveConnection(ctx, "okta", registry.DefaultConnection())
		must(t, err)
		origin := conn.Origin.ID
		at := func(minute int) time.Time { return c.now.Add(time.Duration(minute) * time.Minute) }
		row := func(minute int, method, path string, status int) registry.ScimRequest {
			return registry.ScimRequest{Origin: origin, At: at(minute), RequestID: "r", Method: method, Path: "/scim/v2" + path, Status: status}
		}
		must(t, c.a.LogScimRequests(ctx, []registry.ScimRequest{
			row(0, "GET", "/Users", 401), row(1, "GET", "/Users?filter=x", 400), row(2, "GET", "/Users?count=1", 200), row(3, "POST", "/Users", 409), row(4, "POST", "/Users", 201),
			row(5, "POST", "/Groups", 201), row(6, "DELETE", "/Users/1", 204), row(7, "DELETE", "/Users/2", 204),
		}))
		want := registry.ScimTraffic{Request: at(1), Lookup: at(2), User: at(4), Group: at(5), Leaver: at(6)}
		got, err := c.a.ScimTraffic(store.OnlyCompany(ctx, int64(c.src.Company)), origin)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" || err != nil {
			t.Errorf("A's traffic: %v\n%s", err, diff)
		}
		list, err := c.a.ScimRequestPage(ctx, registry.ScimRequestQuery{Origin: origin, Method: "POST", Status: 409, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Status != 409 {
			t.Fatalf("refused POST: %+v, %v", list, err)
		}
		if r, err := c.a.ScimRequest(ctx, origin, list[0].ID); err != nil || r.Path != "/scim/v2/Users" {
			t.Errorf("A's request: %+v, %v", r, err)
		}
		own := store.OnlyCompany(ctx, int64(c.beta.Company))
		if _, err := c.b.ScimRequest(own, origin, list[0].ID); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("B's request: %v", err)
		}
		if uses, err := c.a.ConnectionUses(ctx, at(2)); err != nil || uses[origin].Requests != 6 || uses[origin].Failures != 1 || !uses[origin].Last.Equal(at(7)) {
			t.Errorf("A's uses: %+v, %v", uses, err)
		}
		if uses, err := c.b.ConnectionUses(own, at(0)); err != nil || len(uses) != 0 {
			t.Errorf("B's uses: %+v, %v", uses, err)
		}
		if n, err := c.a.CountOwned(ctx); err != nil || n[c.src.Origin.ID] == 0 {
			t.Errorf("A's people by door: %v, %v", n, err)
		}
		if n, err := c.b.CountOwned(own); err != nil || len(n) != 0 {
			t.Errorf("B's people by door: %v, %v", n, err)
		}
		if got, err := c.b.ScimTraffic(own, origin); err != nil || got != (registry.ScimTraffic{}) {
			t.Errorf("B's traffic: %+v, %v", got, err)
		}
	})
}

package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// connectionClimbed are the methods of Tenant that TestConnectionFence tries.
var connectionClimbed = []string{
	"Connection", "Connections", "CreateOAuthClient", "CreatePersonalToken", "CreateToken", "DeleteConnection", "ExpireOAuthClient", "ExpireTokens",
	"IssueToken", "LogScimRequests", "OAuthClients", "RevokeOAuthClient", "RevokeToken", "SaveConnection", "ScimRequests", "Tokens",
}

// TestConnectionFence: company B, with the keys of A's connection, sees and
// touches nothing of it.
func TestConnectionFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		conn, err := c.a.SaveConnection(ctx, "okta", registry.DefaultConnection())
		if err != nil {
			t.Fatal(err)
		}
		origin := conn.Origin.ID
		token, err := c.a.CreateToken(ctx, origin, []byte("hash"), "ush_aaaaaa", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.a.LogScimRequests(ctx, []registry.ScimRequest{{Origin: origin, At: c.now, RequestID: "r", Method: "GET", Path: "/", Status: 400}}); err != nil {
			t.Fatal(err)
		}
		own := store.OnlyCompany(ctx, int64(c.beta.Company))
		if _, err := c.b.Connection(own, "okta"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("Connection: %v", err)
		}
		if list, err := c.b.Connections(own); len(list) != 0 || err != nil {
			t.Errorf("Connections: %v, %v", list, err)
		}
		if list, err := c.b.Tokens(own, origin); len(list) != 0 || err != nil {
			t.Errorf("Tokens: %v, %v", list, err)
		}
		if list, err := c.b.ScimRequests(own, origin, false, 10); len(list) != 0 || err != nil {
			t.Errorf("ScimRequests: %v, %v", list, err)
		}
		if _, err := c.b.CreateToken(own, origin, []byte("theirs"), "ush_bbbbbb", time.Time{}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("CreateToken: %v", err)
		}
		if err := c.b.LogScimRequests(own, []registry.ScimRequest{{Origin: origin}}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("LogScimRequests: %v", err)
		}
		if n, err := c.b.ExpireTokens(own, origin, 0, c.now); n != 0 || err != nil {
			t.Errorf("ExpireTokens: %d, %v", n, err)
		}
		if done, err := c.b.RevokeToken(own, token.Prefix); done || err != nil {
			t.Errorf("RevokeToken: %v, %v", done, err)
		}
		c.clientFence(own, origin)
		if err := c.b.DeleteConnection(own, origin); err != nil {
			t.Error(err)
		}
		if other, err := c.b.SaveConnection(own, "okta", registry.DefaultConnection()); err != nil || other.Origin.ID == origin {
			t.Errorf("SaveConnection: %+v, %v", other, err)
		}
		if k, after, err := s.TokenByHash(ctx, []byte("hash")); err != nil || k.ID != token.ID || after.Origin.ID != origin || after.Origin.Company != c.src.Company {
			t.Errorf("A's token after B: %+v of %+v, %v", k, after, err)
		}
	})
}

// TestSweepOfTheRequestLog: the log of a busy connection does not grow for ever.
func TestSweepOfTheRequestLog(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		conn, err := c.a.SaveConnection(ctx, "okta", registry.DefaultConnection())
		if err != nil {
			t.Fatal(err)
		}
		row := func(id string, age time.Duration) registry.ScimRequest {
			return registry.ScimRequest{Origin: conn.Origin.ID, At: c.now.Add(-age), RequestID: id, Method: "GET", Path: "/Users", Status: 200}
		}
		if err := c.a.LogScimRequests(ctx, []registry.ScimRequest{row("old", 3*time.Hour), row("new", time.Hour)}); err != nil {
			t.Fatal(err)
		}
		left := func() int {
			t.Helper()
			list, err := c.a.ScimRequests(ctx, conn.Origin.ID, false, 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		for _, step := range []struct {
			retention time.Duration
			want      int
		}{{0, 2}, {2 * time.Hour, 1}} {
			if err := s.Sweep(ctx, c.now, func(company string) time.Duration {
				if company == "b" { // the other company keeps its own for ever
					return 0
				}
				return step.retention
			}); err != nil {
				t.Fatal(err)
			}
			if n := left(); n != step.want {
				t.Errorf("retention %s leaves %d rows, want %d", step.retention, n, step.want)
			}
		}
	})
}

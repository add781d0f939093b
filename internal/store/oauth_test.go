package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// clientFence tries A's OAuth clients and people with B's store.
func (c *climber) clientFence(own context.Context, origin registry.OriginID) {
	t, ctx := c.t, c.t.Context()
	client, err := c.a.CreateOAuthClient(ctx, registry.OAuthClient{Origin: origin, Name: "ushc_a", SecretHash: []byte("s")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.b.CreateOAuthClient(own, registry.OAuthClient{Origin: origin, Name: "ushc_b"}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("CreateOAuthClient: %v", err)
	}
	if list, err := c.b.OAuthClients(own, origin); len(list) != 0 || err != nil {
		t.Errorf("OAuthClients: %v, %v", list, err)
	}
	if done, err := c.b.ExpireOAuthClient(own, client.Name, c.now); done || err != nil {
		t.Errorf("ExpireOAuthClient: %v, %v", done, err)
	}
	if done, err := c.b.RevokeOAuthClient(own, client.Name); done || err != nil {
		t.Errorf("RevokeOAuthClient: %v, %v", done, err)
	}
	k := registry.IssuedToken{Origin: origin, Client: client.ID, Hash: []byte("issued"), Expires: c.now.Add(time.Hour)}
	if err := c.b.IssueToken(own, k); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("IssueToken: %v", err)
	}
	if _, err := c.b.CreatePersonalToken(own, origin, c.user, []byte("p"), "ush_p", time.Time{}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("CreatePersonalToken for A's connection: %v", err)
	}
	theirs, err := c.b.SaveConnection(own, "mine", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.b.CreatePersonalToken(own, theirs.Origin.ID, c.user, []byte("p"), "ush_p", time.Time{}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("CreatePersonalToken for A's person: %v", err)
	}
	k.Origin = theirs.Origin.ID
	if err := c.b.IssueToken(own, k); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("IssueToken for B's connection with A's client: %v", err)
	}
	k.Origin = origin
	if err := c.a.IssueToken(ctx, k); err != nil {
		t.Errorf("A's client after B: %v", err)
	}
	if got, conn, err := c.s.OAuthClient(ctx, client.Name); err != nil || got.ID != client.ID || conn.Origin.ID != origin || conn.Origin.Company != c.src.Company {
		t.Errorf("A's client after B: %+v of %+v, %v", got, conn, err)
	}
}

// oauthWorld is a connection with a client.
func oauthWorld(t *testing.T, s *store.Store) (*climber, registry.OriginID, registry.OAuthClient) {
	t.Helper()
	c := newClimber(t, s)
	conn, err := c.a.SaveConnection(t.Context(), "okta", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	client, err := c.a.CreateOAuthClient(t.Context(), registry.OAuthClient{
		Origin: conn.Origin.ID, Name: "ushc_a", Issuer: "i", Subject: "s", Audience: "a", JWKSURI: "https://keys.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, conn.Origin.ID, client
}

func TestOAuthClients(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c, origin, client := oauthWorld(t, s)
		ctx, now := t.Context(), client.CreatedAt.Truncate(time.Microsecond)
		got, _, err := s.OAuthClient(ctx, client.Name)
		if err != nil || got.Issuer != "i" || got.Subject != "s" || got.Audience != "a" || got.JWKSURI != "https://keys.example" || len(got.SecretHash) != 0 {
			t.Errorf("as it was made: %+v, %v", got, err)
		}
		if _, err := c.a.CreateOAuthClient(ctx, client); err == nil {
			t.Error("two clients of one name")
		}
		token := func(n int, spent string) registry.IssuedToken {
			k := registry.IssuedToken{Origin: origin, Client: client.ID, Hash: fmt.Append(nil, "hash", n), Prefix: "ush_x", Expires: now.Add(time.Hour)}
			if spent != "" {
				k.Spent, k.SpentUntil = []byte(spent), now.Add(time.Hour)
			}
			return k
		}
		if err := c.a.IssueToken(ctx, token(1, "once")); err != nil {
			t.Fatal(err)
		}
		if err := c.a.IssueToken(ctx, token(2, "once")); !errors.Is(err, registry.ErrSpent) {
			t.Errorf("the same proof twice: %v", err)
		}
		if err := c.a.IssueToken(ctx, token(3, "another")); err != nil {
			t.Error(err)
		}
		for hash, lives := range map[string]bool{"hash1": true, "hash2": false, "hash3": true, "once": false} {
			_, _, err := s.TokenByHash(ctx, []byte(hash))
			if (err == nil) != lives {
				t.Errorf("%s: %v", hash, err)
			}
		}
		if list, err := c.a.OAuthClients(ctx, origin); err != nil || len(list) != 1 || list[0].Tokens != 2 || list[0].LastUsedAt.IsZero() {
			t.Errorf("clients: %+v, %v", list, err)
		}
		if list, err := c.a.Tokens(ctx, origin); err != nil || len(list) != 0 {
			t.Errorf("tokens made by hand: %+v, %v", list, err)
		}
		// A rotation never makes a client live longer.
		for _, until := range []time.Duration{time.Hour, 2 * time.Hour} {
			if done, err := c.a.ExpireOAuthClient(ctx, client.Name, now.Add(until)); !done || err != nil {
				t.Errorf("expire: %v, %v", done, err)
			}
		}
		if got, _, err := s.OAuthClient(ctx, client.Name); err != nil || !got.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("expires: %+v, %v", got, err)
		}
		if done, err := c.a.RevokeOAuthClient(ctx, client.Name); !done || err != nil {
			t.Fatal(done, err)
		}
		if _, _, err := s.TokenByHash(ctx, []byte("hash1")); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a token of a revoked client: %v", err)
		}
		if err := c.a.IssueToken(ctx, token(4, "")); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a token for a revoked client: %v", err)
		}
		if done, err := c.a.RevokeOAuthClient(ctx, client.Name); done || err != nil {
			t.Errorf("revoked twice: %v, %v", done, err)
		}
	})
}

// TestRevokeBesideIssue: whoever revokes leaves no token behind, however many
// are being given just then.
func TestRevokeBesideIssue(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c, origin, client := oauthWorld(t, s)
		var begun, ended sync.WaitGroup
		for n := range 8 {
			begun.Add(1)
			ended.Go(func() {
				for i := 0; ; i++ {
					err := c.a.IssueToken(t.Context(), registry.IssuedToken{Origin: origin, Client: client.ID, Hash: fmt.Append(nil, n, "/", i), Expires: client.CreatedAt.Add(time.Hour)})
					if i == 0 {
						begun.Done()
					}
					if errors.Is(err, registry.ErrNotFound) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		begun.Wait()
		if _, err := c.a.RevokeOAuthClient(t.Context(), client.Name); err != nil {
			t.Error(err)
		}
		ended.Wait()
		if n := c.number(`SELECT count(*) FROM tokens WHERE company_id = %d AND revoked_at = 0`, c.src.Company); n != 0 {
			t.Errorf("%d tokens outlived their client", n)
		}
	})
}

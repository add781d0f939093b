package scimserver_test

import (
	"crypto/rand"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

// answer is what a client without anything in its favour sees of an answer.
func (c *client) answer() string {
	r := httptest.NewRequestWithContext(c.w.t.Context(), "GET", "/Users", nil)
	rec := httptest.NewRecorder()
	c.ServeHTTP(rec, r)
	headers := maps.Clone(rec.Header())
	var b strings.Builder
	_ = headers.Write(&b)
	return rec.Result().Status + b.String() + rec.Body.String()
}

// TestEndedTokensAreLogged: the connection's log says of a request with a token
// that ended what became of it; the client learns no more than one with a token
// that never was.
func TestEndedTokensAreLogged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		id := c.user("ann", "a")
		short := *c
		secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		short.secret, short.prefix = secret, prefix
		if _, err := c.tenant.CreateToken(t.Context(), c.origin.ID, hash, prefix, w.config.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		me := c.as(id)
		me.want(200, "GET", "/Me", "")
		c.want(200, "PATCH", "/Users/"+id, ops(`{"op":"replace","path":"active","value":false}`))
		before := len(c.logged())
		w.later(2 * time.Hour)
		if ok, err := c.tenant.RevokeToken(t.Context(), c.prefix); !ok || err != nil {
			t.Fatal(ok, err)
		}
		unknown := *c
		unknown.secret = "ush_unknown"
		want := unknown.answer()
		for _, k := range []*client{&short, c, me} {
			if got := k.answer(); got != want {
				t.Errorf("an ended token is answered %q, an unknown one %q", got, want)
			}
		}
		rows := c.logged()
		if len(rows) != before+3 {
			t.Fatalf("%d rows more", len(rows)-before)
		}
		for i, want := range []string{
			"the token " + prefix + "… expired at 2026-11-21T13:", "the token " + c.prefix + "… was revoked at 2026-11-21T14:", "the token " + me.prefix + "… is of somebody who may not come in",
		} {
			if r := rows[before+i]; r.Status != 401 || !strings.HasPrefix(r.Detail, want) {
				t.Errorf("%d %s, want %s", r.Status, r.Detail, want)
			}
		}
		tokens, err := c.tenant.Tokens(t.Context(), c.origin.ID)
		for _, k := range tokens {
			if k.Prefix == prefix && !k.LastUsedAt.IsZero() {
				t.Error("a refused token counts as used")
			}
		}
		if err != nil {
			t.Error(err)
		}
		if err := c.tenant.DeleteConnection(t.Context(), c.origin.ID); err != nil {
			t.Fatal(err)
		}
		if got := c.answer(); got != want || len(c.logged()) != len(rows) {
			t.Errorf("a token of a retired connection: %s, %d rows", got, len(c.logged()))
		}
	})
}

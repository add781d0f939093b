package openid_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth/openid"
	"github.com/usherd/usher/internal/testkit/issuer"
)

// liar is a provider that says what it is told; its keys are real.
type liar struct {
	t     *testing.T
	keys  *issuer.Issuer
	url   string
	token func(nonce string) string // the ID token
	info  map[string]any
	nonce string
	calls int
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	l := &liar{t: t, keys: issuer.New(t)}
	srv := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(srv.Close)
	l.url = srv.URL
	return l
}

func (l *liar) serve(w http.ResponseWriter, r *http.Request) {
	l.calls++
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": l.url, "authorization_endpoint": l.url + "/auth", "token_endpoint": l.url + "/token", "jwks_uri": l.keys.JWKSURI(),
			"userinfo_endpoint": l.url + "/me", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
	case "/token":
		if id, secret, _ := r.BasicAuth(); id != "usher" || secret != "s" || r.FormValue("code_verifier") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": l.token(l.nonce)}
	case "/me":
		answer = l.info
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// TestFinish: an answer proves somebody only when everything in it fits.
func TestFinish(t *testing.T) {
	now := time.Now()
	good := func(l *liar, nonce string) map[string]any {
		return map[string]any{"iss": l.url, "sub": "1", "aud": "usher", "nonce": nonce, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	}
	with := func(more map[string]any) func(*liar, string) string {
		return func(l *liar, nonce string) string {
			c := good(l, nonce)
			maps.Copy(c, more)
			return l.keys.Sign("RS256", c)
		}
	}
	for name, c := range map[string]struct {
		token  func(*liar, string) string
		info   map[string]any
		answer url.Values // beside state and code
		want   string     // the kind of error, "" for none
	}{
		"as it should be":             {token: with(nil), info: map[string]any{"sub": "1", "email": "a@example.com", "email_verified": "true"}},
		"another client":              {token: with(map[string]any{"aud": "other"}), want: "invalid"},
		"another issuer":              {token: with(map[string]any{"iss": "https://other.example"}), want: "invalid"},
		"another issuer's answer":     {token: with(nil), answer: url.Values{"iss": {"https://other.example"}}, want: "invalid"},
		"another try":                 {token: with(map[string]any{"nonce": "x"}), want: "invalid"},
		"no nonce":                    {token: with(map[string]any{"nonce": ""}), want: "invalid"},
		"expired":                     {token: with(map[string]any{"exp": now.Add(-time.Hour).Unix()}), want: "invalid"},
		"nobody":                      {token: with(map[string]any{"sub": ""}), want: "invalid"},
		"two clients and no party":    {token: with(map[string]any{"aud": []string{"usher", "other"}}), want: "invalid"},
		"made for another":            {token: with(map[string]any{"azp": "other"}), want: "invalid"},
		"an algorithm not advertised": {token: func(l *liar, n string) string { return l.keys.Sign("ES256", good(l, n)) }, want: "invalid"},
		"a key of one's own":          {token: func(l *liar, n string) string { return issuer.New(l.t).Sign("RS256", good(l, n)) }, want: "invalid"},
		"the client's secret as key": {token: func(l *liar, n string) string {
			return issuer.SignWith(l.t, "HS256", []byte("ssssssssssssssssssssssssssssssss"), good(l, n))
		}, want: "invalid"},
		"no token":                {token: func(*liar, string) string { return "" }, want: "invalid"},
		"user info about another": {token: with(nil), info: map[string]any{"sub": "2", "email": "a@example.com"}, want: "invalid"},
		"refused":                 {token: with(nil), answer: url.Values{"error": {"access_denied"}}, want: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.token = func(nonce string) string { return c.token(l, nonce) }
			if l.info = c.info; l.info == nil {
				l.info = map[string]any{"sub": "1"}
			}
			p := openid.New(openid.Config{Issuer: l.url, ClientID: "usher", ClientSecret: "s", Scopes: []string{"openid"}, RedirectURL: "https://usher.example/back"}, time.Now)
			t.Cleanup(p.Close)
			address, flow, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(address)
			if err != nil || u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("state") != flow.State {
				t.Fatalf("%v: %s", err, address)
			}
			l.nonce = u.Query().Get("nonce")
			answer := url.Values{"state": {flow.State}, "code": {"c"}}
			maps.Copy(answer, c.answer)
			claims, err := p.Finish(t.Context(), flow, answer)
			if got := kindOf(err); got != c.want {
				t.Fatalf("%v (%s), want %q", err, got, c.want)
			}
			if c.want == "" && (claims.Subject != "1" || claims.Email != "a@example.com" || !claims.EmailVerified || claims.Factor) {
				t.Errorf("claims %+v", claims)
			}
		})
	}
}

func kindOf(err error) string {
	var away *openid.UnavailableError
	var no *openid.RefusedError
	var bad *openid.InvalidError
	switch {
	case errors.As(err, &bad):
		return "invalid"
	case errors.As(err, &no):
		return "refused"
	case errors.As(err, &away):
		return "unavailable"
	case err != nil:
		return "unknown"
	}
	return ""
}

// TestStateFirst: without the state nothing is asked of the provider.
func TestStateFirst(t *testing.T) {
	l := newLiar(t)
	p := openid.New(openid.Config{Issuer: l.url, ClientID: "usher"}, time.Now)
	t.Cleanup(p.Close)
	for _, flow := range []openid.Flow{{}, {State: "a"}} {
		if _, err := p.Finish(t.Context(), flow, url.Values{"state": {""}, "code": {"c"}}); kindOf(err) != "invalid" {
			t.Errorf("%+v: %v", flow, err)
		}
	}
	if l.calls != 0 {
		t.Errorf("the provider was asked %d times", l.calls)
	}
	away := openid.New(openid.Config{Issuer: "http://127.0.0.1:1"}, time.Now)
	if _, _, err := away.Start(t.Context()); kindOf(err) != "unavailable" {
		t.Errorf("a provider that is down: %v", err)
	}
}

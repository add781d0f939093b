package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/testkit/issuer"
)

// bench judges assertions of one issuer at a time that stands.
type bench struct {
	*issuer.Issuer
	judge *auth.Assertions
	rules auth.AssertionRules

	mu  sync.Mutex
	now time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{Issuer: issuer.New(t), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	b.judge = auth.NewAssertions(b.clock)
	b.rules = auth.AssertionRules{Issuer: "https://idp.example", Subject: "sync", Audience: "api://usher", JWKSURI: b.JWKSURI()}
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) later(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// claims are good ones with changes; a nil value takes one away.
func (b *bench) claims(changes map[string]any) map[string]any {
	at := func(d time.Duration) int64 { return b.clock().Add(d).Unix() }
	c := map[string]any{"iss": b.rules.Issuer, "sub": b.rules.Subject, "aud": b.rules.Audience, "iat": at(0), "nbf": at(0), "exp": at(time.Hour)}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func TestAssertionsThatHold(t *testing.T) {
	b := newBench(t)
	at := func(d time.Duration) int64 { return b.clock().Add(d).Unix() }
	for what, raw := range map[string]string{
		"RS256":                b.Sign("RS256", b.claims(nil)),
		"PS256":                b.Sign("PS256", b.claims(nil)),
		"ES256":                b.Sign("ES256", b.claims(nil)),
		"several audiences":    b.Sign("RS256", b.claims(map[string]any{"aud": []string{"x", "api://usher"}})),
		"no iat and nbf":       b.Sign("RS256", b.claims(map[string]any{"iat": nil, "nbf": nil})),
		"a clock behind ours":  b.Sign("RS256", b.claims(map[string]any{"exp": at(-50 * time.Second)})),
		"a clock ahead":        b.Sign("RS256", b.claims(map[string]any{"iat": at(50 * time.Second), "nbf": at(50 * time.Second)})),
		"claims of no concern": b.Sign("RS256", b.claims(map[string]any{"tid": "x", "ver": "2.0", "roles": []string{"a"}})),
	} {
		if _, err := b.judge.Verify(t.Context(), raw, b.rules); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := b.Fetches(); n != 1 {
		t.Errorf("the keys were fetched %d times for eight assertions", n)
	}
	got, err := b.judge.Verify(t.Context(), b.Sign("RS256", b.claims(map[string]any{"jti": "once"})), b.rules)
	if err != nil || got.ID != "once" || !got.Expires.After(b.clock()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAssertionsThatDoNot(t *testing.T) {
	b := newBench(t)
	at := func(d time.Duration) int64 { return b.clock().Add(d).Unix() }
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(b.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := b.Sign("RS256", b.claims(nil))
	parts := strings.Split(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for _, c := range []struct{ what, raw, says string }{
		{"expired", b.Sign("RS256", b.claims(map[string]any{"exp": at(-2 * time.Minute)})), "exp"},
		{"without end", b.Sign("RS256", b.claims(map[string]any{"exp": nil})), "no exp"},
		{"good for a year", b.Sign("RS256", b.claims(map[string]any{"exp": at(365 * 24 * time.Hour)})), "more than"},
		{"not yet", b.Sign("RS256", b.claims(map[string]any{"nbf": at(2 * time.Minute)})), "not valid yet"},
		{"from the future", b.Sign("RS256", b.claims(map[string]any{"iat": at(2 * time.Minute)})), "in the future"},
		{"another issuer", b.Sign("RS256", b.claims(map[string]any{"iss": "https://evil.example"})), "evil.example"},
		{"no issuer", b.Sign("RS256", b.claims(map[string]any{"iss": nil})), "iss"},
		{"another subject", b.Sign("RS256", b.claims(map[string]any{"sub": "somebody"})), "somebody"},
		{"no subject", b.Sign("RS256", b.claims(map[string]any{"sub": nil})), "sub"},
		{"another audience", b.Sign("RS256", b.claims(map[string]any{"aud": "api://other"})), "api://other"},
		{"no audience", b.Sign("RS256", b.claims(map[string]any{"aud": nil})), "aud"},
		{"alg none", unsigned, "signature"},
		{"HS256 with the public key", issuer.SignWith(t, "HS256", public, b.claims(nil)), "signature"},
		{"HS256 with the public key and its kid", issuer.SignWith(t, "HS256", jose.JSONWebKey{Key: public, KeyID: "rsa-1"}, b.claims(nil)), "signature"},
		{"RS512", b.Sign("RS512", b.claims(nil)), "signature"},
		{"somebody else's key", issuer.SignWith(t, "RS256", jose.JSONWebKey{Key: other, KeyID: "rsa-1"}, b.claims(nil)), "signature"},
		{"changed", parts[0] + "." + strings.Split(b.Sign("RS256", b.claims(map[string]any{"sub": "x"})), ".")[1] + "." + parts[2], "signature"},
		{"no JWT", "nonsense", "signature"},
		{"empty", "", "signature"},
		{"long", strings.Repeat("a", 20_000), "longer"},
	} {
		_, err := b.judge.Verify(t.Context(), c.raw, b.rules)
		var refused *auth.AssertionError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.says) {
			t.Errorf("%s: %v, want a word of %q", c.what, err, c.says)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	b := newBench(t)
	verify := func(what string, raw string, good bool) {
		t.Helper()
		if _, err := b.judge.Verify(t.Context(), raw, b.rules); (err == nil) != good {
			t.Errorf("%s: %v", what, err)
		}
	}
	old := b.Sign("RS256", b.claims(nil))
	verify("the first key", old, true)
	b.Rotate()
	verify("a key that is known", old, true)
	verify("a kid that is not", b.Sign("RS256", b.claims(nil)), true)
	// Whoever waited for the keys is answered a moment before they are remembered.
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if _, err := b.judge.Verify(t.Context(), old, b.rules); err != nil {
			break
		}
	}
	verify("a key that was taken back", old, false)

	// Whoever makes up kids does not have us fetch without end.
	was := b.Fetches()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		verify("a made-up kid", issuer.SignWith(t, "RS256", jose.JSONWebKey{Key: stranger, KeyID: "x"}, b.claims(nil)), false)
	}
	if n := b.Fetches() - was; n > 3 {
		t.Errorf("50 made-up kids had the keys fetched %d times", n)
	}
	verify("a good one meanwhile", b.Sign("RS256", b.claims(nil)), true)

	// What is known grows old.
	was = b.Fetches()
	b.later(2 * time.Hour)
	verify("after an age", b.Sign("ES256", b.claims(nil)), true)
	if b.Fetches() == was {
		t.Error("keys are believed for ever")
	}
}

func TestKeysThatAreNone(t *testing.T) {
	elsewhere := issuer.New(t)
	for what, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.JWKSURI(), http.StatusFound)
		},
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[], "x":"` + strings.Repeat("x", 1<<20) + `"}`))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[],"x":"`))
			for range 1000 {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		b := newBench(t)
		b.Answer(answer)
		if _, err := b.judge.Verify(t.Context(), b.Sign("RS256", b.claims(nil)), b.rules); err == nil {
			t.Errorf("%s gave keys", what)
		}
	}
	if elsewhere.Fetches() != 0 {
		t.Error("a redirect was followed")
	}
	b := newBench(t)
	b.rules.JWKSURI = "http://keys.example.com/"
	if _, err := b.judge.Verify(t.Context(), b.Sign("RS256", b.claims(nil)), b.rules); err == nil {
		t.Error("keys over plain HTTP were believed")
	}
}

func TestCheckJWKSURI(t *testing.T) {
	for address, good := range map[string]bool{
		"https://login.example.com/keys": true, "http://127.0.0.1:8080/keys": true, "http://localhost/keys": true, "http://[::1]/keys": true,
		"http://login.example.com/keys": false, "http://127.0.0.1.example.com/": false, "ftp://localhost/": false, "file:///etc/passwd": false,
		"https://": false, "keys": false, "https://user:password@login.example.com/": false, "": false,
	} {
		if err := auth.CheckJWKSURI(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func FuzzAssertion(f *testing.F) {
	f.Add("")
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.AA")
	f.Add(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`)
	judge := auth.NewAssertions(func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) })
	f.Fuzz(func(t *testing.T, raw string) {
		_ = auth.AssertionSubject(raw)
		if _, err := judge.Verify(t.Context(), raw, auth.AssertionRules{JWKSURI: "ftp://nowhere"}); err == nil {
			t.Error("an assertion without keys holds")
		}
	})
}

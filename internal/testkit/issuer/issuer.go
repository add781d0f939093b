// Package issuer is an identity provider that signs assertions and serves its
// keys, for tests. It does not check anything: that is what is tested.
package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer signs with an RSA and an EC key, and serves both.
type Issuer struct {
	t      testing.TB
	server *httptest.Server

	mu      sync.Mutex
	n       int
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	fetches int
	answer  http.Handler
}

// New starts an issuer that ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate()
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.server.Close)
	return i
}

// JWKSURI is where the keys are.
func (i *Issuer) JWKSURI() string { return i.server.URL + "/keys" }

// Rotate replaces the keys: each generation has other kids.
func (i *Issuer) Rotate() {
	i.t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err1 != nil || err2 != nil {
		i.t.Fatal(err1, err2)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rsa, i.ec = r, e
	i.n++
}

// Answer has the address of the keys answer otherwise; nil for the keys again.
func (i *Issuer) Answer(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = nil
	if h != nil {
		i.answer = h
	}
}

// Fetches is how often the keys were fetched.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.fetches++
	answer, keys := i.answer, i.keys()
	i.mu.Unlock()
	if answer != nil {
		answer.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(keys)
}

func (i *Issuer) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: i.rsa.Public(), KeyID: i.kid("rsa"), Use: "sig"}, {Key: i.ec.Public(), KeyID: i.kid("ec"), Use: "sig"},
	}}
}

func (i *Issuer) kid(kind string) string { return fmt.Sprintf("%s-%d", kind, i.n) }

// Public is the RSA key that everybody knows.
func (i *Issuer) Public() crypto.PublicKey { return i.rsa.Public() }

// Sign gives claims as an assertion signed with RS256, PS256 or ES256.
func (i *Issuer) Sign(algorithm string, claims any) string {
	i.t.Helper()
	key := jose.JSONWebKey{Key: i.rsa, KeyID: i.kid("rsa")}
	if algorithm == "ES256" {
		key = jose.JSONWebKey{Key: i.ec, KeyID: i.kid("ec")}
	}
	return SignWith(i.t, algorithm, key, claims)
}

// SignWith gives claims as an assertion signed with any key.
func SignWith(t testing.TB, algorithm string, key any, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

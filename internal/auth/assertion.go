package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// AssertionAlgorithms are the signatures an assertion may have: those of a key
// pair, so that whoever checks one cannot make one.
func AssertionAlgorithms() []string { return []string{"RS256", "PS256", "ES256"} }

const (
	// maxAssertion is how many bytes an assertion may have.
	maxAssertion = 16 << 10
	// assertionLeeway is how far two clocks may be apart.
	assertionLeeway = time.Minute
	// maxAssertionLife is how far ahead an assertion may expire. Entra's are good
	// for an hour, a managed identity's for a day; what is good for longer is a
	// password.
	maxAssertionLife = 24 * time.Hour
)

// AssertionRules are what an assertion must say, and whose keys must have signed
// it.
type AssertionRules struct {
	Issuer, Subject, Audience string
	// JWKSURI is where the issuer's keys are (RFC 7517 section 5).
	JWKSURI string
}

// Assertion is what is left to know of an assertion that holds.
type Assertion struct {
	ID      string // jti, "" for none: such a one is good as often as it is sent
	Expires time.Time
}

// AssertionError refuses an assertion. Its text is for whoever set the rules:
// it quotes what the assertion says.
type AssertionError struct{ Reason string }

func (e *AssertionError) Error() string { return "assertion refused: " + e.Reason }

// Assertions judges the signed statements by which clients prove themselves (RFC
// 7523 section 3).
type Assertions struct {
	keys *keyRing
	now  func() time.Time
}

// NewAssertions makes a judge, who fetches keys when they are needed.
func NewAssertions(now func() time.Time) *Assertions {
	return &Assertions{keys: newKeyRing(now), now: now}
}

// Verify judges an assertion: its signature, issuer, subject, audience and
// times. The error is an *AssertionError.
func (a *Assertions) Verify(ctx context.Context, raw string, want AssertionRules) (Assertion, error) {
	refuse := func(format string, args ...any) (Assertion, error) {
		return Assertion{}, &AssertionError{Reason: fmt.Sprintf(format, args...)}
	}
	if len(raw) > maxAssertion {
		return refuse("it is longer than %d bytes", maxAssertion)
	}
	// go-oidc checks the signature and its algorithm. What an assertion must say
	// differs from an ID token: the subject, and clocks that are apart.
	verifier := oidc.NewVerifier(want.Issuer, a.keys.set(want.JWKSURI), &oidc.Config{
		SupportedSigningAlgs: AssertionAlgorithms(), SkipIssuerCheck: true, SkipClientIDCheck: true, SkipExpiryCheck: true, Now: a.now,
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return refuse("its signature cannot be checked with the keys at %s: %.300s", want.JWKSURI, err)
	}
	var c jwt.Claims
	if err := token.Claims(&c); err != nil {
		return refuse("its claims cannot be read")
	}
	if c.Expiry == nil {
		return refuse("it has no exp")
	}
	now := a.now()
	err = c.ValidateWithLeeway(jwt.Expected{
		Issuer: want.Issuer, Subject: want.Subject, AnyAudience: jwt.Audience{want.Audience}, Time: now,
	}, assertionLeeway)
	switch {
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse("its iss is %.300q and not %q", c.Issuer, want.Issuer)
	case errors.Is(err, jwt.ErrInvalidSubject):
		return refuse("its sub is %.300q and not %q", c.Subject, want.Subject)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse("its aud is %.300q and not %q", c.Audience, want.Audience)
	case err != nil:
		return refuse("%s (iat %s, nbf %s, exp %s)", strings.TrimPrefix(err.Error(), "go-jose/go-jose/jwt: "), when(c.IssuedAt), when(c.NotBefore), when(c.Expiry))
	case c.Expiry.Time().After(now.Add(maxAssertionLife + assertionLeeway)):
		return refuse("it is good until %s, which is more than %s ahead", when(c.Expiry), maxAssertionLife)
	}
	return Assertion{ID: c.ID, Expires: c.Expiry.Time().Add(assertionLeeway)}, nil
}

func when(d *jwt.NumericDate) string {
	if d == nil {
		return "none"
	}
	return d.Time().UTC().Format(time.RFC3339)
}

// AssertionSubject is who an assertion claims to be, before anything of it is
// believed: a client may leave its client_id to it (RFC 7521 section 4.2).
func AssertionSubject(raw string) string {
	if len(raw) > maxAssertion {
		return ""
	}
	var algorithms []jose.SignatureAlgorithm
	for _, a := range AssertionAlgorithms() {
		algorithms = append(algorithms, jose.SignatureAlgorithm(a))
	}
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil {
		return ""
	}
	var c jwt.Claims
	if token.UnsafeClaimsWithoutVerification(&c) != nil {
		return ""
	}
	return c.Subject
}

// CheckJWKSURI says what is wrong with the address of a key set: keys come over
// TLS, or from this machine.
func CheckJWKSURI(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q is no address of a key set, as in https://login.example.com/keys", address)
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s: keys are fetched by https, or by http from this machine alone", address)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

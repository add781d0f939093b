package scimserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
)

// How long the tokens of OAuth clients are good. Microsoft's gallery asks for
// one to six hours.
const (
	minTokenLife = time.Hour
	maxTokenLife = 6 * time.Hour
)

// oauthScope is the one scope there is (IPSIE's SCIM profile names it).
const oauthScope = "scim"

// tokenPath is where tokens are given, below the issuer.
const tokenPath = "oauth/token" //nolint:gosec // an address, and no credentials

// oauth gives tokens to clients by the client credentials grant (RFC 6749
// section 4.4).
type oauth struct {
	*Server
	assertions *auth.Assertions
	failures   auth.Throttle
	endpoint   string
}

func newOAuth(s *Server) *oauth {
	const remembered = 100_000 // keys a limiter keeps
	return &oauth{
		Server: s, assertions: auth.NewAssertions(s.cfg.Now), endpoint: TokenEndpoint(s.cfg.Issuer),
		failures: auth.Throttle{
			// One identity provider pushes for many from one network: there one
			// wrong secret must not lock out the others.
			Address: auth.NewLimiter(auth.Rate{Burst: 60, Every: time.Second}, remembered, s.cfg.Now),
			Account: auth.NewLimiter(auth.Rate{Burst: 20, Every: 5 * time.Second}, remembered, s.cfg.Now),
		},
	}
}

// refusal is an answer of RFC 6749 section 5.2.
type refusal struct {
	code, description string
	// reason is what the request log says instead: it may name what the client
	// is not to know.
	reason string
	status int           // 0 for 400
	retry  time.Duration // 0 for none
}

func (e *refusal) Error() string { return e.code + ": " + e.description }

// errClient is the answer to everybody who does not prove to be a client: it
// tells nothing of which clients exist.
func errClient(reason string) error {
	return &refusal{
		code: "invalid_client", description: "the client is unknown, ended, or did not prove itself", reason: reason, status: http.StatusUnauthorized,
	}
}

func badRequest(description string) error {
	return &refusal{code: "invalid_request", description: description}
}

// attempt is one request for a token, as far as it is known.
type attempt struct {
	client registry.OAuthClient
	conn   registry.Connection
}

// ServeHTTP answers POST /oauth/token.
func (o *oauth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := o.cfg.Now()
	registry.RequestOf(r.Context()).Route = "/" + tokenPath
	var a attempt
	body, err := o.grant(w, r, &a)
	status := http.StatusOK
	var e *refusal
	if err != nil {
		if !errors.As(err, &e) {
			o.cfg.Log.ErrorContext(r.Context(), "give token", "error", err)
			e = &refusal{code: "temporarily_unavailable", description: "tokens cannot be given now; try again", status: http.StatusServiceUnavailable, retry: time.Second}
		}
		status, body = e.write(w)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	o.log(r, a.conn, begun, status, e)
}

// log puts the request into the log of the client's connection. Of the body,
// which holds secrets, nothing is kept.
func (o *oauth) log(r *http.Request, conn registry.Connection, begun time.Time, status int, e *refusal) {
	if conn.Origin.ID == 0 {
		return
	}
	row := registry.ScimRequest{
		Origin: conn.Origin.ID, At: begun, RequestID: requestID(r.Context(), o.cfg), Method: r.Method, Path: "/" + tokenPath, Status: status,
		Micros: o.cfg.Now().Sub(begun).Microseconds(),
	}
	if e != nil {
		row.ScimType, row.Detail = e.code, e.description
		if e.reason != "" {
			row.Detail = e.reason
		}
	}
	if status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
		o.journal.addRefused(conn.Origin.Company, row)
	} else {
		o.journal.add(conn.Origin.Company, row)
	}
}

// write sets the headers of a refusal and gives its status and body.
func (e *refusal) write(w http.ResponseWriter) (int, []byte) {
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="usher", charset="UTF-8"`)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.retry+time.Second-1)/time.Second)))
	}
	return status, encode(map[string]any{"error": e.code, "error_description": e.description})
}

func encode(doc map[string]any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc) // words and numbers always encode
	return b.Bytes()
}

// grant judges a request and gives the answer that carries the token. What is
// known of the client goes into a.
func (o *oauth) grant(w http.ResponseWriter, r *http.Request, a *attempt) ([]byte, error) {
	req, err := readTokenRequest(w, r)
	if err != nil {
		return nil, err
	}
	spent, err := o.prove(r.Context(), req, a)
	if e := new(refusal); errors.As(err, &e) && e.code == "invalid_client" {
		// Whoever proves to be the client is never slowed: its name is no secret,
		// and a stranger's failures would keep it out. The secrets are ours, and
		// nobody finds one by trying.
		if wait := o.failures.Take(req.client, o.cfg.ClientIP(r)); wait > 0 {
			err = &refusal{code: "temporarily_unavailable", description: "too many failed attempts", status: http.StatusTooManyRequests, retry: wait}
		}
	}
	if err != nil {
		return nil, err
	}
	if err := o.entitled(r, req, a.conn); err != nil {
		return nil, err
	}
	return o.issue(r.Context(), a, spent)
}

// spentProof is a proof that is good once; the zero value is one that is good
// again.
type spentProof struct {
	hash  []byte
	until time.Time
}

// prove makes sure that the request is from the client it names.
func (o *oauth) prove(ctx context.Context, req tokenRequest, a *attempt) (spentProof, error) {
	if !req.proves() {
		return spentProof{}, errClient("no credentials were sent")
	}
	client, conn, err := o.cfg.Tokens.OAuthClient(ctx, req.client)
	known := !errors.Is(err, registry.ErrNotFound)
	if known && err != nil {
		return spentProof{}, err
	}
	*a = attempt{client, conn}
	if req.assertion != "" {
		return o.proveByAssertion(ctx, req, client, known)
	}
	hash := client.SecretHash
	if len(hash) == 0 {
		hash = make([]byte, sha256.Size) // a secret is compared whoever asks
	}
	match := subtle.ConstantTimeCompare(hash, HashToken(req.secret)) == 1
	switch {
	case known && len(client.SecretHash) == 0:
		return spentProof{}, errClient("the client proves itself by assertions and has no secret")
	case !match:
		return spentProof{}, errClient("the secret is wrong")
	}
	return spentProof{}, nil
}

// proveByAssertion judges a signed assertion (RFC 7523 section 3). One that has
// an id is good once; Entra's have none, and are sent until they expire.
func (o *oauth) proveByAssertion(ctx context.Context, req tokenRequest, client registry.OAuthClient, known bool) (spentProof, error) {
	if !known {
		return spentProof{}, errClient("")
	}
	if client.JWKSURI == "" {
		return spentProof{}, errClient("the client proves itself by its secret and signs no assertions")
	}
	found, err := o.assertions.Verify(ctx, req.assertion, auth.AssertionRules{
		Issuer: client.Issuer, Subject: client.Subject, Audience: client.Audience, JWKSURI: client.JWKSURI,
	})
	var refused *auth.AssertionError
	if errors.As(err, &refused) {
		return spentProof{}, errClient("the assertion was refused: " + refused.Reason)
	}
	if err != nil || found.ID == "" {
		return spentProof{}, err
	}
	sum := sha256.Sum256([]byte("usher-assertion/1\x00" + client.Name + "\x00" + found.ID))
	return spentProof{hash: sum[:], until: found.Expires}, nil
}

// entitled holds a client that proved itself to what its connection allows.
func (o *oauth) entitled(r *http.Request, req tokenRequest, conn registry.Connection) error {
	for _, scope := range strings.Fields(req.scope) {
		if scope != oauthScope {
			return &refusal{code: "invalid_scope", description: "the only scope is " + oauthScope}
		}
	}
	err := o.allowed(r, conn)
	if err == nil {
		return nil
	}
	e := scim.AsError(err)
	if e.Kind == scim.TooManyRequests {
		return &refusal{code: "temporarily_unavailable", description: e.Detail, status: http.StatusTooManyRequests, retry: e.RetryAfter}
	}
	return &refusal{code: "unauthorized_client", description: e.Detail}
}

// issue gives the token.
func (o *oauth) issue(ctx context.Context, a *attempt, spent spentProof) ([]byte, error) {
	life := minTokenLife
	if a.conn.TokenSeconds != 0 {
		life = time.Duration(a.conn.TokenSeconds) * time.Second
	}
	now := o.cfg.Now()
	if left := a.client.ExpiresAt.Sub(now); !a.client.ExpiresAt.IsZero() && left < life {
		life = left
	}
	secret, hash, prefix, err := NewToken(rand.Reader)
	if err != nil {
		return nil, err
	}
	err = o.cfg.Open(a.conn.Origin.Company).IssueToken(ctx, registry.IssuedToken{
		Origin: a.conn.Origin.ID, Client: a.client.ID, Hash: hash, Prefix: prefix, Expires: now.Add(life), Spent: spent.hash, SpentUntil: spent.until,
	})
	switch {
	case errors.Is(err, registry.ErrSpent):
		return nil, errClient("the assertion was used before: each with a jti is good once")
	case errors.Is(err, registry.ErrNotFound):
		return nil, errClient("the client ended meanwhile")
	case err != nil:
		return nil, err
	}
	return encode(map[string]any{
		"access_token": secret, "token_type": "Bearer", "expires_in": int(life.Seconds()), "scope": oauthScope,
	}), nil
}

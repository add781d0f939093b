package openid

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// timeout bounds each request to the provider from its dial to its last byte.
	timeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 1 << 20
	// metadataAge is how old the provider's description of itself may get; an
	// older one is used while a new one cannot be had.
	metadataAge = time.Hour
)

// Config is one client at one provider.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // "" for a public client, which PKCE alone protects
	Scopes       []string
	// RedirectURL is where the provider sends people back; no other provider uses
	// it, so that one cannot pass its answer off as another's.
	RedirectURL string
	// ACR and AMR are the values of these claims that stand for a second factor.
	ACR, AMR []string
}

// UnavailableError: the provider could not be asked.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return "identity provider unavailable: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// RefusedError: the provider sent the person back without a proof; Code is its
// reason (OAuth 2.0, RFC 6749 section 4.1.2.1).
type RefusedError struct{ Code string }

func (e *RefusedError) Error() string { return "identity provider refused: " + e.Code }

// InvalidError: the answer proves nothing. The text is for the log.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return "identity provider's answer refused: " + e.Reason }

// Provider is a client at a provider. It asks the provider nothing before the
// first person wants to sign in.
type Provider struct {
	cfg    Config
	now    func() time.Time
	client *http.Client

	mu    sync.Mutex
	known *metadata
}

// metadata is what a provider says of itself.
type metadata struct {
	provider *oidc.Provider
	oauth    oauth2.Config
	userInfo bool
	since    time.Time
}

// New makes a Provider.
func New(cfg Config, now func() time.Time) *Provider {
	return &Provider{cfg: cfg, now: now, client: &http.Client{Timeout: timeout, Transport: bounded{&http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout / 2}).DialContext,
		TLSHandshakeTimeout: timeout / 2, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}}}}
}

// Close lets go of idle connections.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// bounded reads no more of an answer than it should have.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// metadata asks the provider about itself, when that was not done or long ago
// (OpenID Connect Discovery 1.0 section 4).
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil && p.now().Sub(p.known.since) < metadataAge {
		return p.known, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		if p.known != nil {
			return p.known, nil
		}
		return nil, &UnavailableError{err}
	}
	var more struct {
		Methods  []string `json:"token_endpoint_auth_methods_supported"`
		UserInfo string   `json:"userinfo_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, &UnavailableError{err}
	}
	m := &metadata{provider: provider, userInfo: more.UserInfo != "", since: p.now(), oauth: oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: p.cfg.RedirectURL, Scopes: p.cfg.Scopes,
	}}
	m.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // the default (Discovery section 3)
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") || p.cfg.ClientSecret == "" {
		m.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	p.known = m
	return m, nil
}

// Flow is what a browser has to bring back with the provider's answer. Nobody
// else may read or make one.
type Flow struct{ State, Nonce, Verifier string }

// Start begins a sign-in: the address to send the browser to, and what it has to
// bring back.
func (p *Provider) Start(ctx context.Context) (string, Flow, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	f := Flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if len(p.cfg.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.cfg.ACR, " ")))
	}
	return m.oauth.AuthCodeURL(f.State, options...), f, nil
}

// Finish judges the answer that the browser brought back. The error is an
// *UnavailableError, a *RefusedError or an *InvalidError.
func (p *Provider) Finish(ctx context.Context, f Flow, answer url.Values) (Claims, error) {
	if f.State == "" || subtle.ConstantTimeCompare([]byte(f.State), []byte(answer.Get("state"))) != 1 {
		return Claims{}, &InvalidError{"its state belongs to another browser or another try"}
	}
	if iss := answer.Get("iss"); iss != "" && iss != p.cfg.Issuer {
		return Claims{}, &InvalidError{"it is from another issuer"}
	}
	if code := answer.Get("error"); code != "" {
		return Claims{}, &RefusedError{code}
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Claims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := m.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return Claims{}, &InvalidError{"its code is not taken: " + refused.ErrorCode}
	case err != nil:
		return Claims{}, &UnavailableError{err}
	}
	raw, err := p.idToken(ctx, m, token, f.Nonce)
	if err != nil {
		return Claims{}, err
	}
	if m.userInfo {
		if err := addUserInfo(ctx, m, token, raw); err != nil {
			return Claims{}, err
		}
	}
	return p.claims(raw), nil
}

// idToken verifies the ID token (OpenID Connect Core section 3.1.3.7) and
// returns what it says.
func (p *Provider) idToken(ctx context.Context, m *metadata, token *oauth2.Token, nonce string) (map[string]any, error) {
	text, _ := token.Extra("id_token").(string)
	id, err := m.provider.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, Now: p.now}).Verify(ctx, text)
	if err != nil {
		return nil, &InvalidError{fmt.Sprintf("%.300s", err)}
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, &InvalidError{"its nonce belongs to another try"}
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, &InvalidError{"its access token belongs to another ID token"}
		}
	}
	raw := map[string]any{}
	if err := id.Claims(&raw); err != nil {
		return nil, &InvalidError{"its claims cannot be read"}
	}
	if azp, ok := raw["azp"]; ok && azp != p.cfg.ClientID || !ok && len(id.Audience) > 1 {
		return nil, &InvalidError{"it was made for another client"}
	}
	if id.Subject == "" {
		return nil, &InvalidError{"it names nobody"}
	}
	return raw, nil
}

// addUserInfo adds what the provider tells only when asked. An address comes
// from one place together with whether it is verified.
func addUserInfo(ctx context.Context, m *metadata, token *oauth2.Token, raw map[string]any) error {
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return &UnavailableError{err}
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil || info.Subject != raw["sub"] {
		return &InvalidError{"its user info is about somebody else"} // Core section 5.3.2
	}
	if raw["email"] == nil {
		delete(raw, "email_verified")
	} else {
		delete(more, "email_verified")
	}
	for name, value := range more {
		if _, ok := raw[name]; !ok {
			raw[name] = value
		}
	}
	return nil
}

package scimserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/dialect"
)

// Config is what the way in works with; all fields are required.
type Config struct {
	Registry *registry.Registry
	Tokens   Tokens
	// Open opens a company's records.
	Open func(registry.CompanyID) Records
	// Users and Groups are the two types with the extensions they have here, Types
	// the further resource types; nil for none beside those of RFC 7643.
	Users, Groups *scim.ResourceType
	Types         []*scim.ResourceType
	// BaseURL is the service's absolute address as clients know it.
	BaseURL *url.URL
	// Issuer is the absolute address that tokens are from: it names the service
	// to OAuth clients, and their addresses are below it.
	Issuer *url.URL
	// NewPassword judges and hashes the passwords that clients send.
	NewPassword NewPassword
	// CursorKey authenticates cursors: the same in every process.
	CursorKey []byte
	ClientIP  func(*http.Request) netip.Addr
	Now       func() time.Time
	NewID     func() string
	Log       *slog.Logger
	// Served, when set, is told of every request that was answered.
	Served func(Served)
}

// Served is a request that was answered.
type Served struct {
	// Connection is whose it was, the zero one of a request without its token or
	// with one that ended.
	Connection registry.Origin
	// Resource is the endpoint of a resource type or of the protocol, "other" for
	// what is neither.
	Resource, Method string
	Status           int
	Took             time.Duration
}

// Server is SCIM's way in. Run must be running for its log and the tokens' last
// use to be written.
type Server struct {
	cfg     Config
	handler http.Handler
	journal *journal
	oauth   *oauth

	// endpoints are the first segments of the addresses there are.
	endpoints map[string]bool

	mu       sync.Mutex
	limiters map[registry.OriginID]*limiter
}

// limiter is a connection's rate limit with the rate it was made for.
type limiter struct {
	*rate.Limiter
	rate int
}

// defaultRate is how many requests a second a connection may make unless it is
// told otherwise. Entra asks for 25 at least.
const defaultRate = 100

// New makes the way in.
func New(cfg Config) (*Server, error) {
	b := &backend{registry: cfg.Registry, open: cfg.Open, base: strings.TrimSuffix(cfg.BaseURL.String(), "/"), newID: cfg.NewID, password: cfg.NewPassword, late: newQueues(),
		users: cmp.Or(cfg.Users, scim.UserType()), groups: cmp.Or(cfg.Groups, scim.GroupType())}
	h, err := scim.NewHandler(scim.Config{
		Backend: personal{b}, ResourceTypes: append([]*scim.ResourceType{b.users, b.groups}, cfg.Types...), BaseURL: cfg.BaseURL, CursorKey: cfg.CursorKey,
		Profile: func(ctx context.Context) dialect.Profile { return profileOf(connectionOf(ctx)) },
		// Not the name: connections of two companies may share it.
		Caller:                func(ctx context.Context) string { return strconv.FormatInt(int64(connectionOf(ctx).Origin.ID), 10) },
		AuthenticationSchemes: schemes(), ChangePassword: func(ctx context.Context) bool { return connectionOf(ctx).Passwords },
		Now: cfg.Now, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, handler: h, journal: newJournal(cfg), limiters: map[registry.OriginID]*limiter{}, endpoints: endpoints(append([]*scim.ResourceType{b.users, b.groups}, cfg.Types...))}
	s.oauth = newOAuth(s)
	return s, nil
}

// profileOf is how a connection is spoken with; one whose profile a later
// version knew is spoken with as if it had none.
func profileOf(c registry.Connection) dialect.Profile {
	p, err := dialect.ByName(c.Profile)
	if err != nil {
		return dialect.Default()
	}
	return p
}

type connectionKey struct{}

// connectionOf is the connection whose token opened the request.
func connectionOf(ctx context.Context) registry.Connection {
	c, _ := ctx.Value(connectionKey{}).(registry.Connection)
	return c
}

// ServeHTTP lets a request in by its token, and logs it.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &observed{ResponseWriter: rw}
	resource, begun := s.resourceOf(r.URL.Path), s.cfg.Now()
	registry.RequestOf(r.Context()).Route = "/scim/v2/" + resource
	token, conn, err := s.admit(r)
	var over ended
	origin := conn.Origin
	if errors.As(err, &over) { // its token is no more
		origin = registry.Origin{}
	}
	if s.cfg.Served != nil {
		defer func() {
			s.cfg.Served(Served{origin, resource, r.Method, w.code(), s.cfg.Now().Sub(begun)})
		}()
	}
	if err != nil {
		challenge(w, r, err)
		if conn.Origin.ID == 0 { // nobody's request: there is no log to put it in
			scim.WriteError(w, err)
			return
		}
	}
	entry := s.journal.begin(conn, r)
	entry.refused, entry.reason = err != nil, over.reason
	if over.error == nil {
		s.journal.use(conn, token)
	}
	whole := false // a panic is how an answer breaks off
	defer func() { s.journal.end(entry, w, outcome(r.Context(), w, whole)) }()
	if err != nil {
		scim.WriteError(w, err)
	} else {
		ctx := context.WithValue(context.WithValue(r.Context(), entryKey{}, entry), connectionKey{}, conn)
		if token.Person != "" {
			ctx = context.WithValue(ctx, personKey{}, token.Person)
		}
		s.handler.ServeHTTP(w, r.WithContext(ctx))
	}
	whole = true
}

// Run writes the log and the tokens' last use until ctx ends.
func (s *Server) Run(ctx context.Context) { s.journal.run(ctx) }

// admit decides who a request is from and whether it may come in.
func (s *Server) admit(r *http.Request) (registry.Token, registry.Connection, error) {
	secret, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		return registry.Token{}, registry.Connection{}, scim.Errorf(scim.Unauthorized, "send the connection's token as Authorization: Bearer …")
	}
	token, conn, err := s.cfg.Tokens.TokenByHash(r.Context(), HashToken(secret))
	if errors.Is(err, registry.ErrNotFound) {
		return s.ended(r.Context(), HashToken(secret), scim.Errorf(scim.Unauthorized, "the token is unknown, expired or revoked"))
	}
	if err != nil {
		s.cfg.Log.ErrorContext(r.Context(), "look up token", "error", err)
		return token, registry.Connection{}, scim.Errorf(scim.Unavailable, "tokens cannot be checked now; try again")
	}
	return token, conn, s.allowed(r, conn)
}

// ended is the refusal of a token that opens its connection no more. The
// connection's log says why; the client is told what anybody is.
type ended struct {
	error
	reason string
}

// Unwrap gives what the client is told.
func (e ended) Unwrap() error { return e.error }

// ended finds whose a refused token was, if anybody's.
func (s *Server) ended(ctx context.Context, hash []byte, refusal error) (registry.Token, registry.Connection, error) {
	token, conn, err := s.cfg.Tokens.EndedToken(ctx, hash)
	if err != nil {
		if !errors.Is(err, registry.ErrNotFound) {
			s.cfg.Log.WarnContext(ctx, "look up ended token", "error", err)
		}
		return registry.Token{}, registry.Connection{}, refusal
	}
	reason := "is of somebody who may not come in"
	switch {
	case !token.RevokedAt.IsZero():
		reason = "was revoked at " + token.RevokedAt.UTC().Format(time.RFC3339)
	case !token.Live(s.cfg.Now()):
		reason = "expired at " + token.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return token, conn, ended{refusal, "the token " + token.Prefix + "… " + reason}
}

// challenge says in a 401 what the client's token lacks (RFC 6750 section 3): a
// client that sent none is told no error.
func challenge(w http.ResponseWriter, r *http.Request, err error) {
	refusal := scim.AsError(err)
	if _, sent := bearer(r.Header.Get("Authorization")); sent && refusal.Kind == scim.Unauthorized {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="SCIM", error="invalid_token", error_description=%q`, refusal.Detail))
	}
}

// allowed holds a request to what its connection allows.
func (s *Server) allowed(r *http.Request, conn registry.Connection) error {
	if conn.Paused {
		return scim.Errorf(scim.Forbidden, "this connection is paused; an admin can resume it with `usher connection resume`")
	}
	if len(conn.AllowFrom) > 0 && !within(s.cfg.ClientIP(r), conn.AllowFrom) {
		return scim.Errorf(scim.Forbidden, "this connection takes no requests from this address")
	}
	now := s.cfg.Now()
	limit := s.limiter(conn)
	wait := limit.ReserveN(now, 1)
	if delay := wait.DelayFrom(now); delay > 0 {
		wait.CancelAt(now)
		e := scim.Errorf(scim.TooManyRequests, "this connection's limit of %d a second is reached; try again after the time in Retry-After", limit.rate)
		e.RetryAfter = delay
		return e
	}
	return nil
}

// limiter is the rate limit of a connection.
func (s *Server) limiter(conn registry.Connection) *limiter {
	perSecond := conn.Rate
	if perSecond <= 0 {
		perSecond = defaultRate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limiters[conn.Origin.ID]
	if l == nil || l.rate != perSecond {
		l = &limiter{rate.NewLimiter(rate.Limit(perSecond), 2*perSecond), perSecond}
		s.limiters[conn.Origin.ID] = l
	}
	return l
}

// within reports whether an address is in one of the networks.
func within(addr netip.Addr, networks []string) bool {
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(addr) {
			return true
		}
		if a, err := netip.ParseAddr(n); err == nil && a == addr {
			return true
		}
	}
	return false
}

// Check says what is wrong with a connection's settings.
func Check(s registry.ConnectionSettings) error {
	if _, err := dialect.ByName(s.Profile); err != nil {
		return err
	}
	for _, n := range s.AllowFrom {
		_, prefixErr := netip.ParsePrefix(n)
		_, addrErr := netip.ParseAddr(n)
		if prefixErr != nil && addrErr != nil {
			return fmt.Errorf("%q is no network, as in 203.0.113.0/24", n)
		}
	}
	if life := time.Duration(s.TokenSeconds) * time.Second; s.TokenSeconds != 0 && (life < minTokenLife || life > maxTokenLife) {
		return fmt.Errorf("tokens of OAuth clients are good for %s to %s, not %s", minTokenLife, maxTokenLife, life)
	}
	return nil
}

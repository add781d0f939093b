package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Base is the path of the API.
const Base = "/api/v1"

// Tokens is how a request's token leads to its company. internal/store implements
// it.
type Tokens interface {
	// APIToken finds a live token of the API and its origin; registry.ErrNotFound
	// for any other.
	APIToken(ctx context.Context, hash []byte) (registry.Token, registry.Origin, error)
	// UseTokens records when tokens were last used.
	UseTokens(ctx context.Context, used map[registry.CompanyID]map[registry.TokenID]time.Time) error
}

// Records is what the API keeps of its own in a company. internal/store implements
// it.
type Records interface {
	// BeginRequest enters an Idempotency-Key of a token until a time, and returns
	// nil; where it is there already, what is known of the first request.
	BeginRequest(ctx context.Context, token registry.TokenID, key string, hash []byte, until time.Time) (*registry.KeptAnswer, error)
	// FinishRequest keeps the answer until a time.
	FinishRequest(ctx context.Context, token registry.TokenID, key string, answer registry.KeptAnswer, until time.Time) error
	// DropRequest forgets a key: nothing was done.
	DropRequest(ctx context.Context, token registry.TokenID, key string) error
	// Audit writes down what was done or tried.
	Audit(ctx context.Context, d registry.Deed) error
}

// Config is what the API works with; all fields are required.
type Config struct {
	Desk
	Tokens Tokens
	// Open opens a company's records.
	Open     func(registry.CompanyID) Records
	Vault    *auth.Vault
	Version  string
	ClientIP func(*http.Request) netip.Addr
	Now      func() time.Time
	NewID    func() string
	Log      *slog.Logger
	// Spool keeps files that are sent.
	Spool Spool
	// More are the routes of other resources.
	More []Route
	// Rate is how often a token may ask; the zero Rate is 50 times a second.
	Rate auth.Rate
}

// Server is the API. Run must be running for the tokens' last use to be written.
type Server struct {
	cfg      Config
	routes   []Route
	mux      *http.ServeMux
	document []byte
	uses     uses
	limit    *auth.Limiter
}

// remembered is how many tokens a rate is kept for.
const remembered = 10_000

// New makes the API. The error is a fault of the table.
func New(cfg Config) (*Server, error) {
	if cfg.Rate == (auth.Rate{}) {
		cfg.Rate = auth.Rate{Burst: 100, Every: 20 * time.Millisecond}
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), limit: auth.NewLimiter(cfg.Rate, remembered, cfg.Now)}
	s.routes = append(Table(cfg.Desk), cfg.More...)
	doc, err := Document(s.routes, cfg.Version)
	if err != nil {
		return nil, err
	}
	s.document = doc
	byPath := map[string][]*Route{}
	for i := range s.routes {
		r := &s.routes[i]
		byPath[r.Pattern] = append(byPath[r.Pattern], r)
	}
	for pattern, routes := range byPath {
		s.mux.Handle(Base+pattern, s.resource(routes))
	}
	s.mux.Handle(Base+documentPath, http.HandlerFunc(s.serveDocument))
	s.mux.Handle("/", s.resource(nil))
	return s, nil
}

// documentPath is where the document is.
const documentPath = "/openapi.json"

// Routes is the table, for tests and documents; callers do not change it.
func (s *Server) Routes() []Route { return s.routes }

// request is one request at work.
type request struct {
	*http.Request
	id    string
	who   Who
	route *Route
	began time.Time
	code  registry.Code // of the refusal, if any
}

type requestKey struct{}

// ServeHTTP names the request, bounds what a panic costs, and logs the outcome.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	q := &request{id: s.cfg.NewID(), began: s.cfg.Now()}
	q.Request = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
	w := &answer{ResponseWriter: rw}
	h := w.Header()
	h.Set("X-Request-Id", q.id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		p := recover()
		operation := ""
		if q.route != nil {
			operation = q.route.ID
		}
		s.cfg.Log.InfoContext(r.Context(), "api request", "request_id", q.id, "actor", q.who.Actor, "method", r.Method, "operation", operation,
			"status", w.status, "code", string(q.code), "duration", s.cfg.Now().Sub(q.began).Round(time.Microsecond))
		switch p {
		case nil:
			return
		case http.ErrAbortHandler:
			panic(p)
		}
		s.cfg.Log.ErrorContext(r.Context(), "api handler panicked", "request_id", q.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if w.status != 0 {
			panic(http.ErrAbortHandler) // half an answer is out: it must not look whole
		}
		refuse(registry.CodeInternal, "something failed here").write(w, q.id)
	}()
	s.mux.ServeHTTP(w, q.Request)
}

// resource serves the operations of one path; none, where there is no such path.
func (s *Server) resource(routes []*Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, _ := r.Context().Value(requestKey{}).(*request)
		q.Request = r
		if err := s.serve(w, q, routes); err != nil {
			e := refusalOf(err)
			if q.code = e.code; e.code == registry.CodeInternal {
				s.cfg.Log.ErrorContext(r.Context(), "api operation failed", "request_id", q.id, "error", err)
			}
			s.audit(q, q.deed(), e.code)
			e.write(w, q.id)
			return
		}
	})
}

// serve answers, or returns why not before anything was written.
func (s *Server) serve(w http.ResponseWriter, q *request, routes []*Route) error {
	if err := s.admit(q); err != nil {
		return err
	}
	if err := choose(q, routes); err != nil {
		return err
	}
	if right := q.route.Right; right != "" && !q.who.May(right, q.who.Company) {
		return refuse(registry.CodeForbidden, "the token's scopes (%s) do not give the right to %s", strings.Join(q.who.Scopes, ", "), right)
	}
	format, err := formatOf(q)
	if err != nil {
		return err
	}
	sent, err := s.contentOf(w, q)
	if err != nil {
		return err
	}
	defer func() {
		if err := sent.done(); err != nil {
			s.cfg.Log.WarnContext(q.Context(), "let file go", "request_id", q.id, "error", err)
		}
	}()
	in, err := q.route.bind(q.Request, sent.body)
	if err != nil {
		return err
	}
	sent.into(q.route, in)
	switch {
	case format != formatJSON:
		return s.export(w, q, in, format)
	case q.route.stream != nil:
		return s.stream(w, q, in)
	}
	if key := q.Header.Get(keyHeader); key != "" && q.route.Repeatable() {
		return s.once(w, q, in, key, requestHash(q, sent.digest))
	}
	a, err := s.carryOut(q, in)
	if err == nil {
		a.write(w, q)
	}
	return err
}

// admit finds out who asks, and whether not too often.
func (s *Server) admit(q *request) error {
	scheme, secret, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return refuse(registry.CodeUnauthorized, "send a token of the company as Authorization: Bearer …")
	}
	hash := sha256.Sum256([]byte(secret))
	token, origin, err := s.cfg.Tokens.APIToken(q.Context(), hash[:])
	if errors.Is(err, registry.ErrNotFound) {
		return refuse(registry.CodeUnauthorized, "the token is unknown, expired or revoked")
	}
	if err != nil {
		return fmt.Errorf("look up token: %w", err)
	}
	q.who = Who{
		Company: origin.Company, Token: int64(token.ID), Actor: "token " + token.Prefix, Scopes: token.Scopes,
		Client: auth.Client{Address: s.cfg.ClientIP(q.Request), Agent: clip(q.UserAgent())}, Request: q.id,
	}
	s.uses.note(origin.Company, token.ID, q.began)
	if wait := s.limit.Take(fmt.Sprint(token.ID)); wait > 0 {
		return &refusal{code: registry.CodeRateLimited, detail: "too many requests", retry: wait}
	}
	return nil
}

// choose finds the operation of a path by the method.
func choose(q *request, routes []*Route) error {
	if len(routes) == 0 {
		return refuse(registry.CodeNotFound, "there is nothing at this address; %s describes what there is", Base+documentPath)
	}
	method := q.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for _, r := range routes {
		if allow = append(allow, r.Method); r.Method == method {
			q.route = r
			return nil
		}
		if r.Method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	e := refuse(registry.CodeMethod, "this address takes %s", strings.Join(allow, ", "))
	e.allow = strings.Join(allow, ", ")
	return e
}

// bodyOf reads the body of an operation that takes one.
func (s *Server) bodyOf(w http.ResponseWriter, q *request) ([]byte, error) {
	body, err := readBody(w, q.Request)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if !q.route.TakesBody() {
		return nil, refuse(registry.CodeBadRequest, "this operation takes no body")
	}
	media, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";")
	if media = strings.TrimSpace(media); !strings.EqualFold(media, "application/json") {
		return nil, refuse(registry.CodeMediaType, "the body is %q; send application/json", clip(media))
	}
	return body, nil
}

// answered is a whole answer.
type answered struct {
	registry.KeptAnswer
	etag, link string
}

// write sends an answer, or says that the client has it already.
func (a *answered) write(w http.ResponseWriter, q *request) {
	for name, value := range map[string]string{"ETag": a.etag, "Link": a.link, "Location": a.Location} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	if a.etag != "" && q.Header.Get("If-None-Match") == a.etag && q.route.Method == http.MethodGet {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", a.ContentType)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever left does not read it
}

// versioned is an answer that is a record with a version, located one that has an
// address of its own.
type (
	versioned interface{ version() int64 }
	located   interface{ location() string }
)

// carryOut does what is asked and makes the answer of it.
func (s *Server) carryOut(q *request, in reflect.Value) (*answered, error) {
	list := q.list(in)
	if p := paging(in); p != nil {
		if p.Limit == 0 {
			p.Limit = defaultLimit
		}
		if err := s.unseal(p, list); err != nil {
			return nil, err
		}
	}
	out, err := q.route.serve(q.Context(), &q.who, in.Interface())
	if err != nil {
		return nil, err
	}
	a := &answered{KeptAnswer: registry.KeptAnswer{Status: q.route.Status, ContentType: "application/json"}}
	if p, ok := out.(pager); ok {
		cursor := ""
		if p.next() != "" {
			if cursor, err = s.sealCursor(list, p.next()); err != nil {
				return nil, err
			}
			a.link = "<" + q.with("cursor", cursor) + `>; rel="next"`
		}
		out = p.sealed(cursor)
	}
	if v, ok := out.(versioned); ok {
		a.etag = etag(v.version())
	}
	if l, ok := out.(located); ok && a.Status != http.StatusOK {
		a.Location = Base + l.location()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	a.Body = b.Bytes()
	if !q.route.Told {
		s.audit(q, q.deed(), "")
	}
	return a, nil
}

// unseal puts the place in for the cursor.
func (s *Server) unseal(p *Paging, list string) (err error) {
	if p.After != "" {
		p.After, err = s.openCursor(list, p.After)
	}
	return err
}

// list names what a cursor belongs to: the company, the operation and everything
// that was asked but the page.
func (q *request) list(in reflect.Value) string {
	bare := reflect.New(q.route.in)
	bare.Elem().Set(in.Elem())
	if p := paging(bare); p != nil {
		*p = Paging{}
	}
	return fmt.Sprintf("%d %s %+v", q.who.Company, q.route.ID, bare.Elem().Interface())
}

// with is the request's own address with another parameter.
func (q *request) with(name, value string) string {
	query := q.URL.Query()
	query.Set(name, value)
	return q.URL.EscapedPath() + "?" + query.Encode()
}

// serveDocument gives the description to everybody: it holds nothing of anybody.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		q, _ := r.Context().Value(requestKey{}).(*request)
		e := refuse(registry.CodeMethod, "this address takes GET, HEAD")
		e.allow = "GET, HEAD"
		e.write(w, q.id)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(s.document) // whoever left does not read it
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

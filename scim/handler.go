package scim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
)

// handler answers the requests of the protocol.
type handler struct {
	Config

	base      string // BaseURL without a slash at the end
	types     map[string]*ResourceType
	all       *attr.Set
	discovery map[string][]byte
	sealer    sealer
	bodies    bodies
}

// reserved are the addresses, in lower case, that no resource type can have.
var reserved = map[string]bool{
	"bulk": true, "me": true, "schemas": true, "resourcetypes": true, "serviceproviderconfig": true,
}

// NewHandler makes the service. It expects paths below its base, as
// http.StripPrefix("/scim/v2", h) gives them, and a context that says whose
// request it is. The error is a fault of the configuration.
func NewHandler(c Config) (http.Handler, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("make SCIM handler: %w", err)
	}
	c.Limits = c.Limits.withDefaults()
	if c.Profile == nil {
		fallback := dialect.Default()
		c.Profile = func(context.Context) dialect.Profile { return fallback }
	}
	if c.Caller == nil {
		c.Caller = func(context.Context) string { return "" }
	}
	if c.ChangePassword == nil {
		c.ChangePassword = func(context.Context) bool { return false }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{Config: c, base: strings.TrimSuffix(c.BaseURL.String(), "/"), types: map[string]*ResourceType{}, bodies: newBodies(c.Limits)}
	sets := make([]*attr.Set, len(c.ResourceTypes))
	for i, t := range c.ResourceTypes {
		h.types[t.Endpoint[1:]] = t
		sets[i] = t.Attributes()
	}
	h.all = attr.Union(sets...)
	var err error
	if h.sealer, err = newSealer(c.CursorKey, c.Limits.CursorTimeout, c.Now); err != nil {
		return nil, fmt.Errorf("make SCIM handler: %w", err)
	}
	h.discovery = h.describe()
	return h, nil
}

// call is one operation, a request's own or one of a Bulk.
type call struct {
	ctx     context.Context
	method  string
	query   url.Values
	pre     preconditions
	profile dialect.Profile
	body    map[string]any // nil until read
	// quiet is set where nobody sees the answer's body: in a Bulk.
	quiet bool
}

// wants is the projection as the backend gets it.
func (c *call) wants(p *projection) Projection {
	if c.quiet {
		return nothingWanted{}
	}
	return p
}

// answer is what an operation came to.
type answer struct {
	status   int
	location string // "" for none
	tag      string // of the entity, "" for none
	id       string // of the resource written, for Bulk
	// write writes the body; nil for none.
	write func(s *stream) error
}

// action does an operation.
type action func(c *call) (*answer, error)

// route is what may be done at an address.
type route map[string]action

// ServeHTTP answers a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := h.serve(w, r)
	if err == nil {
		err = send(w, r, a)
	}
	if err == nil {
		return
	}
	var begun *begunError
	if errors.As(err, &begun) {
		h.report(r, err)
		// The client must not take what it has for the whole.
		panic(http.ErrAbortHandler)
	}
	if AsError(err).Kind == Internal {
		h.report(r, err)
	}
	WriteError(w, err)
}

// report logs a fault of ours.
func (h *handler) report(r *http.Request, err error) {
	if r.Context().Err() == nil {
		h.Log.ErrorContext(r.Context(), "scim request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}

// serve finds what to do and does it.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) (*answer, error) {
	segments, err := splitPath(r.URL)
	if err != nil {
		return nil, err
	}
	actions, err := h.find(r.Context(), segments)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	act, ok := actions[method]
	if !ok {
		return nil, actions.refuse(r.Method)
	}
	if !accepts(r.Header.Values("Accept")) {
		return nil, Errorf(NotAcceptable, "the service answers with %s only", mediaType)
	}
	query, err := queryOf(r.URL)
	if err != nil {
		return nil, err
	}
	c := &call{
		ctx: r.Context(), method: method, query: query,
		pre: preconditionsOf(r.Header), profile: h.Profile(r.Context()),
	}
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		var done func()
		c.body, done, err = h.readBody(w, r, segments)
		defer done()
		if err != nil {
			return nil, err
		}
	}
	return act(c)
}

// splitPath takes the path apart. Each segment is unescaped once, after the
// split, so that an id may hold slashes and percent signs. Empty segments are
// passed over: a base URL with a slash at its end makes them. Dot segments lead
// nowhere, least of all out of the service.
func splitPath(u *url.URL) ([]string, error) {
	var segments []string
	for s := range strings.SplitSeq(u.EscapedPath(), "/") {
		if s == "" {
			continue
		}
		plain, err := url.PathUnescape(s)
		if err != nil || strings.ContainsRune(plain, 0) || plain == "." || plain == ".." {
			return nil, nothing()
		}
		segments = append(segments, plain)
	}
	return segments, nil
}

// queryOf reads the parameters. net/url passes over those that hold a bare ";" or
// are escaped wrongly: a filter passed over would find everybody, and the client
// take the first for whom it looks. The RFC of URLs lets ";" stand.
func queryOf(u *url.URL) (url.Values, error) {
	q, err := url.ParseQuery(strings.ReplaceAll(u.RawQuery, ";", "%3B"))
	if err != nil {
		return nil, Errorf(InvalidSyntax, "the parameters of the address are not escaped as they must be")
	}
	return q, nil
}

// find is what may be done at an address. It is the list of all addresses.
func (h *handler) find(ctx context.Context, s []string) (route, error) {
	if len(s) == 0 {
		return route{http.MethodGet: h.listing(h.ResourceTypes...)}, nil
	}
	if t := h.types[s[0]]; t != nil {
		if r := h.typeRoute(t, s[1:]); r != nil {
			return r, nil
		}
		return nil, nothing()
	}
	if len(s) == 1 {
		switch s[0] {
		case ".search":
			return route{http.MethodPost: h.searching(h.ResourceTypes...)}, nil
		case "Bulk":
			return route{http.MethodPost: h.bulk}, nil
		case "Me":
			return h.meRoute(ctx)
		}
	}
	key := s[0] + strings.ToLower(strings.Join(s[1:], "/"))
	if key == "ServiceProviderConfig" && h.ChangePassword(ctx) {
		key = passwordConfig
	}
	if d, ok := h.discovery[key]; ok {
		return route{http.MethodGet: h.describing(d)}, nil
	}
	return nil, nothing()
}

// typeRoute is what may be done below a resource type's endpoint; nil for
// nothing.
func (h *handler) typeRoute(t *ResourceType, s []string) route {
	switch {
	case len(s) == 0:
		return route{http.MethodGet: h.listing(t), http.MethodPost: h.creating(t)}
	case len(s) == 1 && s[0] == ".search":
		return route{http.MethodPost: h.searching(t)}
	case len(s) == 1:
		return h.resourceRoute(t, s[0])
	}
	return nil
}

// resourceRoute is what may be done to one resource.
func (h *handler) resourceRoute(t *ResourceType, id string) route {
	return route{
		http.MethodGet:    h.getting(t, id),
		http.MethodPut:    h.replacing(t, id),
		http.MethodPatch:  h.patching(t, id),
		http.MethodDelete: h.deleting(t, id),
	}
}

// meRoute is the caller's own resource (RFC 7644 section 3.11).
func (h *handler) meRoute(ctx context.Context) (route, error) {
	t, id, err := h.Backend.Me(ctx)
	if err != nil {
		return nil, err
	}
	if t == nil || id == "" {
		return nil, Errorf(NotFound, "the token is not a person's")
	}
	return h.resourceRoute(t, id), nil
}

func nothing() error { return Errorf(NotFound, "there is nothing at this address") }

// refuse says which methods the address has.
func (r route) refuse(method string) error {
	var allowed []string
	for m := range r {
		allowed = append(allowed, m)
		if m == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	e := Errorf(MethodNotAllowed, "this address does not know the method %s", method)
	e.allow = strings.Join(allowed, ", ")
	return e
}

package graphfake

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options are the settings of a server. The zero value is good.
type Options struct {
	// Apps are the registered applications and managed identities.
	Apps []App
	// Anonymous lets a request without a token in, as an application with every
	// permission. Tests of reading alone need no sign-in then.
	Anonymous bool
	// DeltaPage is how many objects a page of a delta query holds at most, and
	// MemberPage how many members; 0 means 200 and 1,000.
	DeltaPage, MemberPage int
	// RemovedAtFirst makes the first round of a delta query tell deleted objects
	// too. Microsoft's pages say that it may, and that it does not.
	RemovedAtFirst bool
	// Units is how many resource units an application has in ten seconds
	// (concepts/throttling-limits.md); 0 means no limit.
	Units int
	// TokenLife is how long an access token lasts; 0 means an hour.
	TokenLife time.Duration
	// Seed picks what faults leave to chance, and the request ids.
	Seed uint64
	// Now is the clock; nil means the machine's.
	Now func() time.Time
	// Sleep waits out a fault's latency; nil means real time. It returns when
	// the context ends.
	Sleep func(ctx context.Context, d time.Duration)
	// IdentityHeader is the secret of the App Service way to a managed
	// identity; "" means identity-header.
	IdentityHeader string
}

// Server answers for a tenant. It is an http.Handler; Start gives it an address.
type Server struct {
	tenant *Tenant
	opt    Options
	mux    *http.ServeMux
	signer *signer

	mu      sync.Mutex
	epochs  uint64
	lag     int64
	asked   uint64
	faults  []*fault
	rng     *rand.Rand
	grants  map[string]*grant
	log     []Request
	windows map[string]*window
}

// New makes a server for a tenant.
func New(t *Tenant, o Options) (*Server, error) {
	if o.DeltaPage <= 0 {
		o.DeltaPage = 200
	}
	if o.MemberPage <= 0 {
		o.MemberPage = 1000
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.IdentityHeader == "" {
		o.IdentityHeader = "identity-header"
	}
	key, err := newSigner()
	if err != nil {
		return nil, err
	}
	s := &Server{
		tenant: t, opt: o, signer: key, grants: map[string]*grant{}, windows: map[string]*window{},
		epochs: mix(t.pop.Seed) ^ uint64(o.Now().UnixNano()),
		rng:    rand.New(rand.NewPCG(o.Seed, 0x6661756c74)), //nolint:gosec // repeatable on purpose
	}
	s.routes()
	return s, nil
}

// Tenant is what the server answers for.
func (s *Server) Tenant() *Tenant { return s.tenant }

// ExpireTokens makes every delta and page token given out so far one that has
// expired.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs = mix(s.epochs)
}

// Lag keeps the latest changes from delta queries, as many as that: what was
// done a moment ago may be told later (concepts/delta-query-overview.md,
// "Processing delays").
func (s *Server) Lag(changes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = changes
}

// seen is the version that delta queries know of.
func (s *Server) seen(version int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, version-s.lag)
}

func (s *Server) epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var u uuid.UUID
	for i := range 8 {
		u[i] = byte(s.epochs >> (8 * i)) //nolint:gosec // takes the number apart
	}
	return u.String()[:18]
}

func (s *Server) now() time.Time { return s.opt.Now() }

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// call is one request under way.
type call struct {
	s       *Server
	r       *http.Request
	base    string // scheme and host that the client used
	query   query
	grant   *grant
	version int64
}

// endpoint answers a request.
type endpoint func(c *call) *Reply

// routes are all that the server answers. Paths come without the brackets of a
// function, without microsoft.graph. before delta, and without a slash at the
// end.
func (s *Server) routes() {
	users, groups := s.userCollection(), s.groupCollection()
	s.mux = http.NewServeMux()
	s.signInRoutes()
	s.read("/users", users.roles, func(c *call) *Reply { return listOf(c, users, "users", present) })
	s.read("/users/$count", users.roles, func(c *call) *Reply { return countOf(c, users) })
	s.read("/users/delta", users.roles, func(c *call) *Reply { return deltaOf(c, users) })
	s.read("/users/{id}", users.roles, func(c *call) *Reply { slot, ok := c.user(); return one(c, users, slot, ok) })
	s.read("/users/{id}/manager", users.roles, (*call).manager)
	s.read("/users/{id}/memberOf", readGroups, func(c *call) *Reply { return c.memberOf("memberOf", false) })
	s.read("/users/{id}/transitiveMemberOf", readGroups, func(c *call) *Reply { return c.memberOf("transitiveMemberOf", true) })
	s.read("/groups", groups.roles, func(c *call) *Reply { return listOf(c, groups, "groups", present) })
	s.read("/groups/$count", groups.roles, func(c *call) *Reply { return countOf(c, groups) })
	s.read("/groups/delta", groups.roles, func(c *call) *Reply { return deltaOf(c, groups) })
	s.read("/groups/{id}", groups.roles, func(c *call) *Reply {
		slot, ok := s.tenant.slot(kindGroup, c.r.PathValue("id"))
		return one(c, groups, slot, ok)
	})
	for _, cast := range []string{"", "/{cast}"} {
		s.read("/groups/{id}/members"+cast, groups.roles, func(c *call) *Reply { return c.members("members", c.membersOf) })
		s.read("/groups/{id}/transitiveMembers"+cast, groups.roles, func(c *call) *Reply {
			return c.members("transitiveMembers", func(_ *Group, slot int) []ref { return c.closure(slot) })
		})
	}
	const bin = "directory/deletedItems/"
	s.read("/"+bin+"microsoft.graph.user", users.roles, func(c *call) *Reply { return listOf(c, users, bin+"microsoft.graph.user", deleted) })
	s.read("/"+bin+"microsoft.graph.group", groups.roles, func(c *call) *Reply { return listOf(c, groups, bin+"microsoft.graph.group", deleted) })
	s.graph("POST /v1.0/"+bin+"{id}/restore", restoreUsers, (*call).restore)
	s.read("/organization", readOrganization, (*call).organization)
	s.graph("POST /v1.0/$batch", nil, (*call).batch)
	s.handle("/", func(c *call) *Reply {
		segment := c.r.URL.Path[strings.LastIndex(c.r.URL.Path, "/")+1:]
		return failed(badRequest("BadRequest", "Resource not found for the segment '"+segment+"'."))
	})
}

// read adds an endpoint that reads the tenant as it is when the request comes.
func (s *Server) read(path string, roles []string, e endpoint) {
	s.graph("GET /v1.0"+path, roles, func(c *call) *Reply {
		s.tenant.mu.RLock()
		defer s.tenant.mu.RUnlock()
		c.version = s.tenant.version
		return e(c)
	})
}

// graph adds an endpoint for callers with one of the permissions.
func (s *Server) graph(pattern string, roles []string, e endpoint) {
	s.handle(pattern, func(c *call) *Reply {
		g, r := s.admit(c.r)
		if r != nil {
			return r
		}
		if c.grant = g; roles != nil && !g.may(roles...) {
			return failed(&odataError{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."})
		}
		q, bad := parseQuery(c.r.URL.RawQuery)
		if bad != nil {
			return failed(bad)
		}
		c.query = q
		return e(c)
	})
}

// carrier hands the endpoint's answer out of the mux. What the mux itself would
// write, a redirect to a cleaner path, is dropped: Graph redirects nobody.
type carrier struct {
	header http.Header
	reply  *Reply
}

func (c *carrier) Header() http.Header         { return c.header }
func (c *carrier) Write(b []byte) (int, error) { return len(b), nil }
func (c *carrier) WriteHeader(int)             {}

func (s *Server) handle(pattern string, e endpoint) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		out, _ := w.(*carrier) // ServeHTTP alone calls the mux
		out.reply = e(&call{s: s, r: r, base: scheme + r.Host})
	})
}

// reply answers a request up to the faults.
func (s *Server) reply(r *http.Request) *Reply {
	path := strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/"), "()")
	r = r.Clone(r.Context())
	r.URL.Path = strings.Replace(path, "/microsoft.graph.delta", "/delta", 1)
	r.URL.RawPath = ""
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	used, share := s.charge(r)
	if share > 1 {
		return s.throttled(r)
	}
	out := &carrier{header: http.Header{}}
	s.mux.ServeHTTP(out, r)
	if out.reply == nil {
		out.reply = failed(badRequest("BadRequest", "The request path is not valid."))
	}
	if used > 0 {
		out.reply.set("x-ms-resource-unit", strconv.Itoa(used))
	}
	if share > nearLimit {
		out.reply.set("x-ms-throttle-limit-percentage", strconv.FormatFloat(share, 'f', 2, 64))
	}
	return out.reply
}

// ServeHTTP answers a request of Graph, of the token endpoint or of the metadata
// service.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.requestID()
	clientID := r.Header.Get("client-request-id")
	if clientID == "" {
		clientID = id
	}
	reply := s.reply(r)
	faults := s.spoil(r, reply)
	reply.set("request-id", id)
	reply.set("client-request-id", clientID)
	s.note(r, reply, faults)
	if reply.Wait > 0 {
		s.opt.Sleep(r.Context(), reply.Wait)
	}
	reply.write(w, reply.body(s.now(), id, clientID))
}

func (s *Server) requestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return Population{Seed: s.opt.Seed}.id(kindRequest, int(s.asked)) //nolint:gosec // counts requests
}

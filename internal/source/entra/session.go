package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	kiotajson "github.com/microsoft/kiota-serialization-json-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// session is one operation's way to Graph.
type session struct {
	*Source
	users  *users.UsersRequestBuilder
	groups *groups.GroupsRequestBuilder
	claims claims
	close  func()
}

// open signs in.
func (s *Source) open(ctx context.Context) (*session, error) {
	rt := s.transport()
	seen := &witness{base: rt, now: s.cfg.Now}
	held := &tokens{make: func() (azcore.TokenCredential, error) { return s.credential(seen) }, witness: seen, scope: s.tokenScope(), now: s.cfg.Now}
	c := &carrier{
		base: rt, graph: s.graph, tokens: held, pace: newPace(s.cfg.Now, s.cfg.Sleep),
		patience: &patience{now: s.cfg.Now, most: s.cfg.RetryAll}, timeout: s.cfg.Timeout,
		retryFor: s.cfg.RetryFor, now: s.cfg.Now, sleep: s.cfg.Sleep, rand: s.cfg.Rand,
	}
	client := &http.Client{Transport: c, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	adapter, err := graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, graphcore.GraphClientOptions{}, kiotajson.NewJsonParseNodeFactory(), nil, client)
	if err != nil {
		return nil, fmt.Errorf("make graph client: %w", err)
	}
	adapter.SetBaseUrl(s.graph.String())
	sess := &session{
		Source: s, users: users.NewUsersRequestBuilderInternal(map[string]string{}, adapter),
		groups: groups.NewGroupsRequestBuilderInternal(map[string]string{}, adapter),
		close:  func() { closeIdle(rt) },
	}
	token, err := c.firstToken(ctx)
	if err != nil {
		sess.close()
		return nil, plain(err)
	}
	sess.claims = claimsOf(token)
	return sess, nil
}

// closeIdle ends the connections of a transport that was made for one session.
func closeIdle(rt http.RoundTripper) {
	if t, ok := rt.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// firstToken signs in with the patience of any request.
func (c *carrier) firstToken(ctx context.Context) (token string, err error) {
	err = c.patiently(ctx, func() error {
		token, err = c.tokens.get(ctx)
		return err
	})
	return token, err
}

// plain takes off what the HTTP client puts around our own errors: it repeats
// the whole address, tokens included.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// request is one page to ask for: the one at link, or the first.
type request struct {
	link string
	// ids limits a first page to these objects, at most idsAtOnce; nil to none.
	ids []string
	sel []string
	// minimal asks for what changed only.
	minimal bool
}

// idsAtOnce is how many objects one delta query can be limited to
// (concepts/delta-query-overview.md).
const idsAtOnce = 50

func (r *request) filter() *string {
	if r.ids == nil {
		return nil
	}
	clauses := make([]string, len(r.ids))
	for i, id := range r.ids {
		clauses[i] = "id eq '" + strings.ReplaceAll(id, "'", "''") + "'"
	}
	text := strings.Join(clauses, " or ")
	return &text
}

func (r *request) headers() *kiota.RequestHeaders {
	h := kiota.NewRequestHeaders()
	if r.minimal {
		h.Add("Prefer", "return=minimal") // the headers of the first page are not remembered
	}
	return h
}

// page is one answer to a delta query.
type page[T any] struct {
	items       []T
	next, delta string
}

// deltaPage is what the answers for users and for groups have in common.
type deltaPage[T any] interface {
	GetValue() []T
	GetOdataNextLink() *string
	GetOdataDeltaLink() *string
}

// pageOf takes a page apart. Where the answer says null the SDK has no object.
func pageOf[T comparable](res deltaPage[T]) page[T] {
	var null T
	items := slices.DeleteFunc(res.GetValue(), func(item T) bool { return item == null })
	return page[T]{items: items, next: deref(res.GetOdataNextLink()), delta: deref(res.GetOdataDeltaLink())}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// userPage asks for one page of changed people.
func (s *session) userPage(ctx context.Context, r request) (page[models.Userable], error) {
	b, conf := s.users.Delta(), &users.DeltaRequestBuilderGetRequestConfiguration{Headers: r.headers()}
	if r.link != "" {
		b = b.WithUrl(r.link)
	} else {
		conf.QueryParameters = &users.DeltaRequestBuilderGetQueryParameters{Select: r.sel, Filter: r.filter()}
	}
	res, err := b.GetAsDeltaGetResponse(ctx, conf)
	if err != nil {
		return page[models.Userable]{}, s.explain(err)
	}
	return pageOf(res), nil
}

// groupPage asks for one page of changed groups.
func (s *session) groupPage(ctx context.Context, r request) (page[models.Groupable], error) {
	b, conf := s.groups.Delta(), &groups.DeltaRequestBuilderGetRequestConfiguration{Headers: r.headers()}
	if r.link != "" {
		b = b.WithUrl(r.link)
	} else {
		conf.QueryParameters = &groups.DeltaRequestBuilderGetQueryParameters{Select: r.sel, Filter: r.filter()}
	}
	res, err := b.GetAsDeltaGetResponse(ctx, conf)
	if err != nil {
		return page[models.Groupable]{}, s.explain(err)
	}
	return pageOf(res), nil
}

// explain turns an error of the SDK into one of package source's kinds: the
// carrier's own, or an answer that the SDK could not make sense of.
func (s *session) explain(err error) error {
	err = plain(err)
	for _, known := range []error{source.ErrAuth, source.ErrUnreachable, source.ErrProtocol, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return &fault{doing: registry.Say("read from %s", s.graph.Host), class: source.ErrProtocol, cause: err}
}

const (
	// maxEmptyPages ends a query that leads from empty page to empty page, and
	// maxRepeats one whose page leads to itself for ever.
	maxEmptyPages = 1000
	maxRepeats    = 50
)

// follow asks for page after page until the delta link, which proves that
// nothing is missing, and returns it. Pages may be empty, and may come again.
func follow[T any](ctx context.Context, s *session, r request, ask func(context.Context, request) (page[T], error), take func([]T) error) (string, error) {
	bad := func(why registry.Format, args ...any) error {
		return &fault{doing: registry.Say("read from %s", s.graph.Host), class: source.ErrProtocol, text: registry.Say(why, args...)}
	}
	for empty, repeats := 0, 0; ; {
		if r.link != "" && !s.ours(r.link) {
			return "", bad("a link leads away from %s, and is not followed", s.graph.Host)
		}
		p, err := ask(ctx, r)
		if err != nil {
			return "", err
		}
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		if err := take(p.items); err != nil {
			return "", err
		}
		switch {
		case p.next == "" && p.delta == "":
			return "", bad("an answer says neither where it goes on nor that it ends")
		case p.next == "" && !s.ours(p.delta):
			return "", bad("the delta link leads away from %s", s.graph.Host)
		case p.next == "":
			return p.delta, nil
		}
		if empty++; len(p.items) > 0 {
			empty = 0
		}
		if repeats++; p.next != r.link {
			repeats = 0
		}
		if empty > maxEmptyPages || repeats > maxRepeats {
			return "", bad("the pages have no end")
		}
		r.link = p.next
	}
}

// ours reports whether a link leads to Graph.
func (s *Source) ours(link string) bool {
	u, err := url.Parse(link)
	return err == nil && within(s.graph, u)
}

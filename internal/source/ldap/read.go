package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Batches carry entries from the connection to the consumer; their bounds and
// the channel's keep memory flat however large the directory is.
const (
	batchEntries = 128
	batchBytes   = 1 << 20
	batchQueue   = 4
	// maxEmptyPages ends a read from a server that sends cookies for ever.
	maxEmptyPages = 1000
)

// listing is one search to carry out in full.
type listing struct {
	name   string // users or groups, for people
	kind   source.Kind
	search Search
	filter string // the search's, or the kind of server's usual one
}

// listings gives the searches of a read.
func (s *Source) listings(srv *server) []listing {
	or := func(filter, usual string) string {
		if filter == "" {
			return usual
		}
		return filter
	}
	out := []listing{{"users", source.User, s.cfg.Users, or(s.cfg.Users.Filter, srv.users)}}
	if s.cfg.Groups.Base != "" {
		out = append(out, listing{"groups", source.Group, s.cfg.Groups, or(s.cfg.Groups.Filter, srv.groups)})
	}
	return out
}

// factNames are what a probe calls what it says of a listing.
type factNames struct{ base, filter, count registry.Format }

func factNamesOf(kind source.Kind) factNames {
	if kind == source.Group {
		return factNames{"groups base", "groups filter", "groups"}
	}
	return factNames{"users base", "users filter", "users"}
}

// Read implements source.Source. The network is read and decoded while emit
// works, a few batches ahead at most.
func (s *Source) Read(ctx context.Context, r source.Request, emit func(source.Entry) error) (source.Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return source.Summary{}, err
	}
	defer sess.close()
	cursor, err := s.cursor(ctx, sess, r.Cursor)
	if err != nil {
		return source.Summary{}, err
	}
	if r.Cursor == "" {
		r.Known = nil
	}
	rd := &reading{Source: s, sess: sess, cancel: cancel, known: r.Known, emit: emit,
		sum: source.Summary{Complete: true, Full: true, Cursor: cursor}}
	for _, l := range s.listings(&sess.server) {
		if err := rd.listing(ctx, l); err != nil {
			return source.Summary{}, err
		}
	}
	rd.conclude()
	return rd.sum, nil
}

// pager makes the pager for a listing.
func (s *Source) pager(sess *session, l listing, scan bool) *pager {
	return &pager{
		sess: sess, list: l, build: s.builder(&sess.server, l, scan), size: s.cfg.PageSize,
		out: make(chan []source.Entry, batchQueue),
	}
}

// pager reads one listing page by page.
type pager struct {
	sess  *session
	list  listing
	build *builder
	size  uint32
	out   chan []source.Entry

	batch     []source.Entry
	bytes     int
	held      []*pending    // groups whose members did not come whole
	entries   int           // that the server gave
	announced int           // that the server said it would give, 0 for not said
	limit     registry.Said // the limit that ended the listing
	referrals []string
}

// run reads in one goroutine and emits in this one. It returns when both are
// done, so that nothing outlives the read.
func (p *pager) run(ctx context.Context, cancel context.CancelFunc, read func(context.Context) error, emit func(source.Entry) error) (given int, err error) {
	result := make(chan error, 1)
	go func() {
		defer close(p.out)
		result <- read(ctx)
	}()
	var emitErr error
	for batch := range p.out {
		for i := 0; i < len(batch) && emitErr == nil; i++ {
			if emitErr = emit(batch[i]); emitErr == nil {
				given++
			}
		}
		if emitErr != nil {
			cancel()
		}
	}
	if emitErr != nil {
		<-result //nolint:errcheck // the reading ended because we stopped it
		return given, emitErr
	}
	return given, <-result
}

// pages asks for page after page until the server says that was all.
func (p *pager) pages(ctx context.Context) error {
	doing := registry.Say("read %s below %q", p.list.name, p.list.search.Base)
	attrs := p.build.request()
	var cookie []byte
	for empty := 0; empty < maxEmptyPages; {
		before := p.entries
		req := pageRequest(p.list, attrs, p.size, cookie)
		res, limit, err := p.sess.search(ctx, doing, req, func(raw rawEntry) error { return p.take(ctx, raw) })
		if err != nil {
			return err
		}
		if limit != "" {
			p.limit = limit
			return p.finishPage(ctx)
		}
		p.referrals = append(p.referrals, res.Referrals...)
		if err := p.finishPage(ctx); err != nil {
			return err
		}
		paging, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			return registry.Errorf("%s: %s: the answer does not say whether more follows (no paging control)", doing, source.ErrProtocol)
		}
		p.announced = max(p.announced, int(paging.PagingSize))
		if cookie = paging.Cookie; len(cookie) == 0 {
			return nil
		}
		if empty++; p.entries > before {
			empty = 0
		}
	}
	return registry.Errorf("%s: %s: %d pages in a row were empty", doing, source.ErrProtocol, maxEmptyPages)
}

// pageRequest asks for one page. The paging control is critical: a server that
// cannot page must say so instead of giving what it likes.
func pageRequest(l listing, attrs []string, size uint32, cookie []byte) *ldap.SearchRequest {
	value := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Search Control Value")
	value.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(size), "Paging Size"))
	value.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(cookie), "Cookie"))
	paging := ldap.NewControlString(ldap.ControlTypePaging, true, string(value.Bytes()))
	return ldap.NewSearchRequest(l.search.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		0, 0, false, l.filter, attrs, []ldap.Control{paging})
}

// take accepts one entry on the connection's reading goroutine.
func (p *pager) take(ctx context.Context, raw rawEntry) error {
	p.entries++
	e, more := p.build.build(raw)
	if p.sess.server.ad && tombstone(e.Keys[0]) {
		return nil
	}
	if more != nil {
		p.held = append(p.held, more)
		return nil
	}
	return p.add(ctx, e, raw.size)
}

// tombstone recognises what lies in Active Directory's recycle bin.
func tombstone(key string) bool { return strings.Contains(key, ",cn=deleted objects,") }

// add puts an entry into the batch and sends a full batch.
func (p *pager) add(ctx context.Context, e source.Entry, size int) error {
	if p.batch == nil {
		p.batch = make([]source.Entry, 0, batchEntries)
	}
	p.batch = append(p.batch, e)
	if p.bytes += size; len(p.batch) < batchEntries && p.bytes < batchBytes {
		return nil
	}
	return p.flush(ctx)
}

func (p *pager) flush(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	select {
	case p.out <- p.batch:
		p.batch, p.bytes = nil, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finishPage fetches the members that were held back and sends what is there.
// It runs between pages, when the connection is free.
func (p *pager) finishPage(ctx context.Context) error {
	for _, h := range p.held {
		e, err := p.complete(ctx, h)
		if err != nil {
			return err
		}
		if err := p.add(ctx, e, 64*len(e.Members)); err != nil {
			return err
		}
	}
	p.held = nil
	return p.flush(ctx)
}

// complete fetches the rest of a group's members, range by range. A group that
// vanished meanwhile, or a server that gives no progress, makes a problem of
// the entry: half a member list proves nothing.
func (p *pager) complete(ctx context.Context, h *pending) (source.Entry, error) {
	e := h.entry
	for next, ok := h.next, true; ok; {
		part, limit, err := p.ranged(ctx, e.Name, h.attr, next)
		switch {
		case err != nil && ctx.Err() == nil && errors.Is(err, source.ErrProtocol):
			limit = registry.SaidOf(err)
		case err != nil:
			return e, err
		}
		if limit == "" && part == nil {
			limit = registry.Say("the server gave no further members")
		}
		if limit != "" {
			e.Problem = registry.Say("the group has more than %d members and the others could not be read: %s", next, limit)
			return e, nil
		}
		e.Members = append(e.Members, part.members...)
		last := next
		if next, ok = nextRange(part.ranged); ok && next <= last {
			e.Problem = registry.Say("the server repeats the group's members instead of continuing them")
			return e, nil
		}
	}
	return e, nil
}

// memberPart is one answer to a request for a range of members.
type memberPart struct {
	members []string
	ranged  string
}

// ranged asks for the members of one group from a position on.
func (p *pager) ranged(ctx context.Context, dn, attr string, from int) (*memberPart, registry.Said, error) {
	var part *memberPart
	req := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{fmt.Sprintf("%s;range=%d-*", attr, from)}, nil)
	_, limit, err := p.sess.search(ctx, registry.Say("read the members of %q", dn), req, func(raw rawEntry) error {
		for _, a := range raw.attrs {
			if known := p.build.lookup(a.name); known.role == attr && known.ranged != "" {
				part = &memberPart{p.build.members(nil, a.values, memberAttributes[attr], dnKey(dn)), known.ranged}
			}
		}
		return nil
	})
	return part, limit, err
}

// maxNamedReferrals is how many referrals a note spells out.
const maxNamedReferrals = 3

// conclude writes the listing's outcome into the summary.
func (p *pager) conclude(sum *source.Summary) {

	why := p.limit
	if why != "" {
		why = registry.Say("%s after %d %s; let the account read without limits (OpenLDAP: limits, Active Directory: query policy), or ask for less",
			why, p.entries, p.list.name)
	} else if p.entries < p.announced {
		why = registry.Say("the server announced %d %s and gave %d", p.announced, p.list.name, p.entries)
	}
	if why != "" {
		sum.Complete = false
		if sum.Incomplete != "" {
			why = registry.Join([]registry.Said{sum.Incomplete, why}, "; ")
		}
		sum.Incomplete = why
	}
	if n := len(p.referrals); n > 0 {
		sum.Notes = append(sum.Notes, registry.Say("referrals to other servers were not followed (%d): %s", n,
			strings.Join(p.referrals[:min(n, maxNamedReferrals)], ", ")))
	}
}

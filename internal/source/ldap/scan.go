package ldap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

const (
	// fetchShare is the part of a listing, as one in so many, above which changed
	// entries cost less in a listing of everything than one by one.
	fetchShare = 5
	// fetchAlways are so few that they are always fetched one by one.
	fetchAlways = 64
	// fetchMost bounds the memory of those that wait to be fetched.
	fetchMost = 200_000
	// fetchWays is how many requests are under way at a time, so that a distant
	// server costs one journey for all of them.
	fetchWays = 16
	// fetchChunk is how many are fetched between two deliveries.
	fetchChunk = 256
	// anchorsAtOnce is how many ids one filter asks for.
	anchorsAtOnce = 50
	// cursorFormat changes when entries mean something else by a new version of
	// this package, so that everything is read whole once.
	cursorFormat = "1"
)

// cursor identifies what markers of this server mean to this source. was is the
// cursor of the last read, "" for none; another one is source.ErrCursor.
func (s *Source) cursor(ctx context.Context, sess *session, was string) (string, error) {
	settings := sha256.New()
	for _, l := range []Search{s.cfg.Users, s.cfg.Groups} {
		wanted := strings.Split(strings.ToLower(strings.Join(l.Attributes, " ")), " ")
		slices.Sort(wanted)
		_, _ = fmt.Fprintf(settings, "%q %q %q %q %q|", l.Base, l.Filter, l.Anchor, l.Manager, wanted)
	}
	settings.Write([]byte(s.cfg.BindDN))
	now := strings.Join([]string{
		cursorFormat, sess.server.name, sess.server.marker, sess.identity(ctx, s.cfg.Users.Base), hex.EncodeToString(settings.Sum(nil)[:8]),
	}, "|")
	if was == "" || was == now {
		return now, nil
	}
	reason := registry.Say("it is another server or another database than then")
	if a, b := strings.Split(was, "|"), strings.Split(now, "|"); len(a) != len(b) || a[0] != b[0] || a[len(a)-1] != b[len(b)-1] {
		reason = registry.Say("the source's settings or this program changed since")
	}
	return "", registry.Errorf("scan %s: %s: %s", sess.at.shown, source.ErrCursor, reason)
}

// reading is one read of all listings.
type reading struct {
	*Source
	sess   *session
	cancel context.CancelFunc
	known  func(kind source.Kind, anchor, marker string) bool // nil reads everything whole
	emit   func(source.Entry) error
	sum    source.Summary

	marked           bool // somebody had a marker to go by
	foreign, expired int
}

// listing reads one listing: by markers where the caller knows some, and whole
// where it does not or where too much has changed.
func (r *reading) listing(ctx context.Context, l listing) error {
	if r.known == nil {
		return r.whole(ctx, l)
	}
	scan := r.pager(r.sess, l, true)
	left, err := r.scan(ctx, scan)
	if err != nil {
		return err
	}
	if n := len(left.changed); n > fetchAlways && n*fetchShare > scan.entries || n > fetchMost || len(left.blind) > fetchMost {
		return r.whole(ctx, l)
	}
	for _, e := range left.blind {
		if err := r.emit(e); err != nil {
			return err
		}
	}
	fetch := r.pager(r.sess, l, false)
	fetched, err := fetch.run(ctx, r.cancel, func(ctx context.Context) error { return fetch.fetch(ctx, left.changed) }, r.emit)
	if err != nil {
		return err
	}
	scan.referrals = append(scan.referrals, fetch.referrals...)
	if scan.limit == "" {
		scan.limit = fetch.limit
	}
	scan.build.marked += fetch.build.marked
	scan.build.foreign, scan.build.expired = fetch.build.foreign, fetch.build.expired
	r.sum.Full = false
	r.take(scan, left.given+len(left.blind)+fetched)
	return nil
}

// leftovers are what a scan did not give at once.
type leftovers struct {
	given   int
	changed []target
	blind   []source.Entry // without an id
}

// scan gives who is known, and keeps the others.
func (r *reading) scan(ctx context.Context, p *pager) (left leftovers, err error) {
	_, err = p.run(ctx, r.cancel, p.pages, func(e source.Entry) error {
		switch {
		case e.Anchor == "":
			if len(left.blind) <= fetchMost {
				left.blind = append(left.blind, e)
			}
			return nil
		case e.Marker == "" || !r.known(p.list.kind, e.Anchor, e.Marker):
			if len(left.changed) <= fetchMost {
				left.changed = append(left.changed, target{dn: e.Name, anchor: e.Anchor})
			}
			return nil
		}
		e.Same = true
		left.given++
		return r.emit(e)
	})
	return left, err
}

// whole reads one listing whole. After a scan it gives entries again, which
// replace what the scan gave.
func (r *reading) whole(ctx context.Context, l listing) error {
	p := r.pager(r.sess, l, false)
	n, err := p.run(ctx, r.cancel, p.pages, r.emit)
	if err != nil {
		return err
	}
	r.take(p, n)
	return nil
}

// take enters a listing's outcome.
func (r *reading) take(p *pager, given int) {
	if p.list.kind == source.User {
		r.sum.Users = given
	} else {
		r.sum.Groups = given
	}
	r.marked = r.marked || p.build.marked > 0
	r.foreign += p.build.foreign
	r.expired += p.build.expired
	p.conclude(&r.sum)
}

// conclude adds what concerns all listings.
func (r *reading) conclude() {
	if !r.marked {
		r.sum.Cursor = ""
	}
	if r.expired > 0 {
		r.sum.Notes = append(r.sum.Notes, registry.Say("%d accounts are disabled because their time is over (accountExpires)", r.expired))
	}
	if r.foreign > 0 {
		r.sum.Notes = append(r.sum.Notes, registry.Say("%d group members are of other domains (ForeignSecurityPrincipals) and were left out", r.foreign))
	}
}

// target is an entry to be fetched.
type target struct{ dn, anchor string }

// fetch reads entries whole, by name and, where they are not there any more, by
// id: an entry may move between the scan and this. Who is not found either way
// has left the listing.
func (p *pager) fetch(ctx context.Context, all []target) error {
	for len(all) > 0 {
		n := min(fetchChunk, len(all))
		if p.list.kind == source.Group {
			n = min(fetchWays, n) // one may be as large as all people together
		}
		c := &chunk{p: p, at: make(map[string]int, n), got: make([]fetched, n)}
		for i, t := range all[:n] {
			c.at[t.anchor] = i
		}
		if err := p.fetchNamed(ctx, all[:n], c); err != nil {
			return err
		}
		var lost []string
		for i, t := range all[:n] {
			if !c.got[i].there {
				lost = append(lost, t.anchor)
			}
		}
		if err := p.fetchAnchors(ctx, lost, c.take); err != nil {
			return err
		}
		if err := c.deliver(ctx); err != nil {
			return err
		}
		if err := p.finishPage(ctx); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// chunk gathers what is fetched together: answers come in no order, and what a
// report says should not depend on it.
type chunk struct {
	p     *pager
	at    map[string]int // place by anchor
	got   []fetched
	other []fetched // who has taken a name over meanwhile
}

// fetched is an entry that came.
type fetched struct {
	there bool
	entry source.Entry
	more  *pending
	size  int
}

// take takes an entry on the connection's reading goroutine.
func (c *chunk) take(raw rawEntry) error {
	c.p.entries++
	e, more := c.p.build.build(raw)
	f := fetched{true, e, more, raw.size}
	if i, ok := c.at[e.Anchor]; ok {
		c.got[i] = f
	} else if !c.p.sess.server.ad || !tombstone(e.Keys[0]) {
		c.other = append(c.other, f)
	}
	return nil
}

// deliver sends what came on, in the order it was asked for.
func (c *chunk) deliver(ctx context.Context) error {
	for _, f := range append(c.got, c.other...) {
		if !f.there {
			continue
		}
		if f.more != nil {
			c.p.held = append(c.p.held, f.more)
			continue
		}
		if err := c.p.add(ctx, f.entry, f.size); err != nil {
			return err
		}
	}
	return nil
}

// fetchNamed asks for entries by name, several requests at a time. The listing's
// filter applies: who fell out of it is not given.
func (p *pager) fetchNamed(ctx context.Context, batch []target, c *chunk) error {
	names := make(chan string)
	errs := make([]error, fetchWays)
	attrs := p.build.request()
	p.sess.tap.begin(c.take)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			for dn := range names {
				if errs[i] == nil {
					errs[i] = p.fetchOne(dn, attrs)
				}
			}
		})
	}
	for _, t := range batch {
		names <- t.dn
	}
	close(names)
	workers.Wait()
	wire := p.sess.tap.end()
	doing := registry.Say("fetch %s below %q", p.list.name, p.list.search.Base)
	for _, err := range errs {
		if err != nil || wire != nil {
			return p.sess.explain(ctx, doing, err, wire)
		}
	}
	return ctx.Err()
}

// fetchOne asks for one entry by name. One that is not there is no error.
func (p *pager) fetchOne(dn string, attrs []string) error {
	_, err := p.sess.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		0, 0, false, p.list.filter, attrs, nil))
	if le, ok := answered(err); ok && (le.ResultCode == ldap.LDAPResultNoSuchObject || le.ResultCode == ldap.LDAPResultInvalidDNSyntax) {
		return nil
	}
	return err
}

// fetchAnchors asks for entries of the listing by id.
func (p *pager) fetchAnchors(ctx context.Context, anchors []string, sink func(rawEntry) error) error {
	doing := registry.Say("fetch %s below %q", p.list.name, p.list.search.Base)
	for len(anchors) > 0 {
		n := min(anchorsAtOnce, len(anchors))
		filter := "(&" + p.list.filter + anchorFilter(p.build.name, anchors[:n]) + ")"
		res, limit, err := p.sess.search(ctx, doing, ldap.NewSearchRequest(p.list.search.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
			0, 0, false, filter, p.build.request(), nil), sink)
		if err != nil {
			return err
		}
		if limit != "" {
			p.limit = limit
		} else {
			p.referrals = append(p.referrals, res.Referrals...)
		}
		anchors = anchors[n:]
	}
	return nil
}

package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// The Source implements the contract.
var _ source.Source = (*Source)(nil)

// Probe implements source.Source. It counts what the searches find, reading
// no attribute of it.
func (s *Source) Probe(ctx context.Context) (source.Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return source.Info{}, err
	}
	defer sess.close()
	srv := &sess.server
	var info source.Info
	add := func(name registry.Format, value registry.Said) {
		if value != "" {
			info.Facts = append(info.Facts, source.Fact{Name: registry.Say(name), Value: value})
		}
	}
	add("server", registry.Verbatim(strings.TrimSpace(srv.name+" "+srv.version)))
	add("address", registry.Verbatim(sess.at.shown))
	add("encryption", s.encryption(sess))
	add("signed in as", s.identity(sess))
	add("naming contexts", registry.Verbatim(strings.Join(srv.contexts, "; ")))
	add("anchor", s.anchors(srv))
	add("change marker", markerWords(srv))
	add("disabled flag", registry.Verbatim(srv.disabled))
	add("paging", map[bool]registry.Said{true: registry.Say("pages of %d", s.cfg.PageSize), false: registry.Say("not announced")}[srv.paging])
	for _, l := range s.listings(srv) {
		names := factNamesOf(l.kind)
		add(names.base, registry.Verbatim(l.search.Base))
		add(names.filter, registry.Verbatim(l.filter))
		n, err := s.count(ctx, cancel, sess, l)
		if err != nil {
			return info, err
		}
		add(names.count, n)
	}
	return info, nil
}

// anchors names the ids of users and groups.
func (s *Source) anchors(srv *server) registry.Said {
	users, groups := cmp.Or(s.cfg.Users.Anchor, srv.anchor), cmp.Or(s.cfg.Groups.Anchor, srv.anchor)
	if s.cfg.Groups.Base == "" || groups == users {
		return registry.Verbatim(users)
	}
	return registry.Say("%s, of groups %s", users, groups)
}

// markerWords says by what a night without changes is recognised.
func markerWords(srv *server) registry.Said {
	switch {
	case srv.usn:
		return registry.Say("%s, counted by this server", srv.marker)
	case srv.clocked:
		return registry.Say("%s, trusted after %s", srv.marker, markerOverlap)
	}
	return registry.Verbatim(srv.marker)
}

// count tells how many entries a listing has, by reading their ids.
func (s *Source) count(ctx context.Context, cancel context.CancelFunc, sess *session, l listing) (registry.Said, error) {
	p := s.pager(sess, l, true)
	problems := 0
	n, err := p.run(ctx, cancel, p.pages, func(e source.Entry) error {
		if e.Problem != "" {
			problems++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	text := registry.Verbatim(fmt.Sprint(n))
	if problems > 0 {
		text = registry.Say("%s, %d of them without a usable %s", text, problems, p.build.name)
	}
	var sum source.Summary
	if p.conclude(&sum); sum.Incomplete != "" {
		text = registry.Say("%s, not all: %s", text, sum.Incomplete)
	}
	return text, nil
}

// encryption says how the connection is protected.
func (s *Source) encryption(sess *session) registry.Said {
	switch {
	case sess.at.network == "unix":
		return registry.Say("local socket")
	case sess.tls == nil:
		return registry.Say("none: names, values and the password cross the network in the clear")
	}
	how := registry.Verbatim(tls.VersionName(sess.tls.Version))
	if sess.at.start {
		how = registry.Say("%s by StartTLS", how)
	}
	if len(sess.tls.PeerCertificates) > 0 {
		how = registry.Say("%s, certificate until %s", how, sess.tls.PeerCertificates[0].NotAfter.UTC().Format("2006-01-02"))
	}
	return how
}

// identity says who the server takes us for.
func (s *Source) identity(sess *session) registry.Said {
	switch {
	case s.cfg.BindDN != "":
		return registry.Verbatim(s.cfg.BindDN)
	case sess.at.network == "unix":
		return registry.Say("the local user (EXTERNAL)")
	}
	return registry.Say("anonymous")
}

// errEnough ends a sample.
var errEnough = errors.New("enough")

// Sample implements source.Source.
func (s *Source) Sample(ctx context.Context, n int) ([]source.Entry, error) {
	if n <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer sess.close()
	l := s.listings(&sess.server)[0]
	p := s.pager(sess, l, false)
	p.size = min(s.cfg.PageSize, uint32(min(n, 1000)))
	var out []source.Entry
	_, err = p.run(ctx, cancel, p.pages, func(e source.Entry) error {
		out = append(out, e)
		if len(out) == n {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return out, nil
}

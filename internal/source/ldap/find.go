package ldap

import (
	"cmp"
	"context"
	"encoding/hex"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// The Source can look for single people.
var _ source.Finder = (*Source)(nil)

// searchable are the attributes by which somebody may be asked for, each with
// what stands before the value there. A server that does not know an attribute
// finds nothing by it (RFC 4511 section 4.5.1.7).
var searchable = []struct{ attribute, before string }{
	{"uid", ""}, {"sAMAccountName", ""}, {"userPrincipalName", ""}, {"cn", ""},
	{"mail", ""}, {"proxyAddresses", "smtp:"}, {"employeeNumber", ""}, {"employeeID", ""},
}

// anyPerson matches people that the listing's own filter may leave out.
const anyPerson = "(|(objectClass=person)(objectClass=account)(objectClass=posixAccount))"

// maxWho is the longest text that is looked for, in bytes.
const maxWho = 1024

// Fetch implements source.Finder.
func (s *Source) Fetch(ctx context.Context, anchors []string, emit func(source.Entry) error) error {
	return s.look(ctx, func(l *lookup) error {
		for len(anchors) > 0 {
			n := min(anchorsAtOnce, len(anchors))
			l.left, l.limit = n, n
			if err := l.stages(ctx, anchorFilter(l.p.build.name, anchors[:n])); err != nil {
				return err
			}
			for _, e := range l.take() {
				if err := emit(e); err != nil {
					return err
				}
			}
			anchors = anchors[n:]
		}
		return nil
	})
}

// Find implements source.Finder.
func (s *Source) Find(ctx context.Context, who string, limit int) (out []source.Entry, err error) {
	who = strings.TrimSpace(who)
	if who == "" || len(who) > maxWho || limit <= 0 {
		return nil, nil
	}
	err = s.look(ctx, func(l *lookup) error {
		l.left, l.limit = limit, limit
		match := "(|" + anchorFilter(l.p.build.name, []string{who})
		for _, a := range searchable {
			match += "(" + a.attribute + "=" + ldap.EscapeFilter(a.before+who) + ")"
		}
		if err := l.named(ctx, who); err != nil {
			return err
		}
		if err := l.stages(ctx, match+")"); err != nil {
			return err
		}
		out = l.take()
		return nil
	})
	return out, err
}

// look runs fn with a session to look people up in.
func (s *Source) look(ctx context.Context, fn func(*lookup) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer sess.close()
	users := s.listings(&sess.server)[0]
	return fn(&lookup{p: s.pager(sess, users, false), base: dnKey(users.search.Base), seen: map[string]bool{}})
}

// lookup looks for people, first where a read would find them and then where it
// would not.
type lookup struct {
	p           *pager
	base        string // key of the users' base
	found       []source.Entry
	seen        map[string]bool // by key
	left, limit int
}

// take gives what was found and starts anew.
func (l *lookup) take() []source.Entry {
	out := l.found
	l.found = nil
	return out
}

// stages looks in the listing, then past its filter, then beyond its base.
func (l *lookup) stages(ctx context.Context, match string) error {
	users := l.p.list
	past := "(&" + anyPerson + match + ")"
	if err := l.search(ctx, users.search.Base, ldap.ScopeWholeSubtree, "(&"+users.filter+match+")", ""); err != nil {
		return err
	}
	if err := l.search(ctx, users.search.Base, ldap.ScopeWholeSubtree, past, l.pastFilter()); err != nil {
		return err
	}
	return l.search(ctx, l.context(), ldap.ScopeWholeSubtree, past, l.beyondBase())
}

// named looks for an entry by its distinguished name.
func (l *lookup) named(ctx context.Context, who string) error {
	if !isDN(who) {
		return nil
	}
	var excluded registry.Said
	if !l.below(dnKey(who)) {
		excluded = l.beyondBase()
	}
	if err := l.search(ctx, who, ldap.ScopeBaseObject, l.p.list.filter, excluded); err != nil {
		return err
	}
	return l.search(ctx, who, ldap.ScopeBaseObject, anyPerson, cmp.Or(excluded, l.pastFilter()))
}

func isDN(who string) bool {
	dn, err := ldap.ParseDN(who)
	return err == nil && len(dn.RDNs) > 0
}

func (l *lookup) pastFilter() registry.Said {
	return registry.Say("the filter %s leaves the entry out", l.p.list.filter)
}

func (l *lookup) beyondBase() registry.Said {
	return registry.Say("the entry is outside the base %q", l.p.list.search.Base)
}

// below reports whether a key is of an entry under the users' base.
func (l *lookup) below(key string) bool {
	return key == l.base || strings.HasSuffix(key, ","+strings.TrimPrefix(l.base, dnPrefix))
}

// context is the naming context that the users' base lies in, "" where the server
// does not say.
func (l *lookup) context() string {
	for _, c := range l.p.sess.server.contexts {
		if key := strings.TrimPrefix(dnKey(c), dnPrefix); key != "" && (l.base == dnPrefix+key || strings.HasSuffix(l.base, ","+key)) {
			return c
		}
	}
	return ""
}

// search takes who is new. A place that does not exist or may not be read holds
// nobody: not to find somebody proves nothing.
func (l *lookup) search(ctx context.Context, base string, scope int, filter string, excluded registry.Said) error {
	if l.left <= 0 || base == "" {
		return nil
	}
	sess := l.p.sess
	sess.tap.begin(func(raw rawEntry) error { l.add(raw, excluded); return nil })
	_, err := sess.conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases,
		l.limit+len(l.seen), 0, false, filter, l.p.build.request(), nil))
	wire := sess.tap.end()
	if le, ok := answered(err); ok && nobody[le.ResultCode] && wire == nil {
		return nil
	}
	return sess.explain(ctx, registry.Say("look for people below %q", base), err, wire)
}

// nobody are the result codes that mean no more than that nobody was found, or
// that there are more than were asked for.
var nobody = map[uint16]bool{
	ldap.LDAPResultNoSuchObject: true, ldap.LDAPResultInvalidDNSyntax: true, ldap.LDAPResultInsufficientAccessRights: true,
	ldap.LDAPResultReferral: true, ldap.LDAPResultSizeLimitExceeded: true, ldap.LDAPResultTimeLimitExceeded: true,
	ldap.LDAPResultAdminLimitExceeded: true,
}

// add takes an entry that is new.
func (l *lookup) add(raw rawEntry, excluded registry.Said) {
	e, _ := l.p.build.build(raw)
	if l.left <= 0 || l.seen[e.Keys[0]] || l.p.sess.server.ad && tombstone(e.Keys[0]) {
		return
	}
	l.seen[e.Keys[0]] = true
	l.left--
	if e.Excluded = excluded; excluded != "" && !l.below(e.Keys[0]) {
		e.Excluded = l.beyondBase()
	}
	l.found = append(l.found, e)
}

// anchorFilter matches entries by their canonical anchors.
func anchorFilter(attribute string, anchors []string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, a := range anchors {
		b.WriteString("(" + attribute + "=" + anchorValue(attribute, a) + ")")
	}
	b.WriteString(")")
	return b.String()
}

// anchorValue is the value behind a canonical anchor, escaped for a filter. What
// cannot be an anchor is looked for as it is, and found nowhere.
func anchorValue(attribute, anchor string) string {
	kind := strings.ToLower(attribute)
	if kind != "objectguid" && kind != "ms-ds-consistencyguid" && kind != "guid" {
		return ldap.EscapeFilter(anchor)
	}
	id, err := uuid.Parse(anchor)
	if err != nil {
		return ldap.EscapeFilter(anchor)
	}
	if kind != "guid" {
		id = mixedEndian(string(id[:])) // its own inverse
	}
	var b strings.Builder
	for _, c := range id {
		b.WriteString(`\` + hex.EncodeToString([]byte{c}))
	}
	return b.String()
}

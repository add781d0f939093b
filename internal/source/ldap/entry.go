package ldap

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// The attributes that name members, and whether they do it by DN.
var memberAttributes = map[string]bool{"member": true, "uniquemember": true, "memberuid": false}

// attribute is what usher makes of one attribute description of a server.
type attribute struct {
	key    string // the whole description in lower case
	wanted bool
	// role is the attribute's name in lower case, without options, if the
	// builder itself needs it, or "".
	role string
	// ranged is the range option's text ("0-1499"), or "".
	ranged string
	// aside is true for what the change marker does not cover.
	aside bool
}

// builder turns raw entries of one listing into source entries. It belongs to
// one goroutine.
type builder struct {
	kind   source.Kind
	server *server
	wanted map[string]bool
	// scan is true where only ids, markers and names are read.
	scan bool
	uids bool // users give a key by uid too
	// primary is true where people name a group themselves.
	primary bool
	now     time.Time
	// name is the anchor's attribute; the others are what the builder itself
	// looks at, in lower case, "" for none.
	name                              string
	anchor, marker, disabled, manager string
	// aside are the attributes that the change marker does not cover.
	aside map[string]bool
	// known caches what descriptions mean; a server repeats a dozen of them.
	known map[string]attribute
	keys  []byte // scratch for the members' keys
	ends  []int

	// For the summary: members of other domains, accounts whose time is over,
	// people whose change marker can be trusted.
	foreign, expired, marked int
}

// maxKnown bounds the cache against a server that invents descriptions.
const maxKnown = 1024

// builder makes the builder for a listing.
func (s *Source) builder(srv *server, l listing, scan bool) *builder {
	groups := s.cfg.Groups.Base != ""
	b := &builder{
		kind: l.kind, server: srv, scan: scan, wanted: map[string]bool{}, known: map[string]attribute{},
		// Only posixGroup refers by uid, and Active Directory's groups never do.
		uids: groups && !srv.ad, primary: groups && srv.ad, now: s.cfg.Now(),
		name: srv.anchor, marker: strings.ToLower(srv.marker), disabled: strings.ToLower(srv.disabled),
		manager: strings.ToLower(l.search.Manager),
	}
	if l.search.Anchor != "" {
		b.name = l.search.Anchor
	}
	b.anchor = strings.ToLower(b.name)
	for _, w := range l.search.Attributes {
		b.wanted[strings.ToLower(w)] = !scan
	}
	b.aside = b.besideMarker()
	return b
}

// request lists the attributes to ask for. Operational ones must be asked for
// by name.
func (b *builder) request() []string {
	var out []string
	seen := map[string]bool{"": true}
	add := func(names ...string) {
		for _, n := range names {
			if l := strings.ToLower(n); !seen[l] {
				seen[l] = true
				out = append(out, n)
			}
		}
	}
	add(b.name, b.server.marker)
	if b.primary {
		add("objectSid")
	}
	users := b.kind == source.User
	if users && b.uids {
		add("uid")
	}
	if users && b.primary {
		add("primaryGroupID")
	}
	for a := range b.aside {
		add(a)
	}
	if b.scan {
		return out
	}
	if users {
		add(b.server.disabled, b.manager)
		if b.server.ad {
			add("accountExpires")
		}
	} else {
		add("member", "uniqueMember", "memberUid")
	}
	for w := range b.wanted {
		add(w)
	}
	return out
}

// lookup tells what a description means.
func (b *builder) lookup(description string) attribute {
	if a, ok := b.known[description]; ok {
		return a
	}
	a := attribute{key: strings.ToLower(description)}
	name, options, _ := strings.Cut(a.key, ";")
	a.wanted, a.aside = b.wanted[name], b.aside[name]
	for option := range strings.SplitSeq(options, ";") {
		if r, ok := strings.CutPrefix(option, "range="); ok {
			a.ranged, a.key = r, name
		}
	}
	_, isMember := memberAttributes[name]
	switch name {
	case b.anchor, b.marker, b.disabled, b.manager, "uid", "objectsid", "primarygroupid", "accountexpires":
		a.role = name
	default:
		if isMember && b.kind == source.Group {
			a.role = name
		}
	}
	if len(b.known) < maxKnown {
		b.known[strings.Clone(description)] = a
	}
	return a
}

// pending is an entry whose members did not all come at once: the attribute
// and the position from which to ask for more.
type pending struct {
	entry source.Entry
	attr  string
	next  int
}

// build makes an entry; more is set when the server held members back. Values
// share the message's memory, for they are soon gone; what a consumer keeps for
// the whole read (anchor, marker, name, keys) is copied, so that it does not
// keep the message alive.
func (b *builder) build(raw rawEntry) (e source.Entry, more *pending) {
	e = source.Entry{Kind: b.kind, Name: strings.Clone(raw.dn), Values: make(map[string][]string, len(raw.attrs))}
	self := dnKey(raw.dn)
	e.Keys = append(make([]string, 0, 2), self)
	var anchors []string
	var sid, rid string
	var aside uint64
	for _, attr := range raw.attrs {
		a := b.lookup(attr.name)
		aside += a.sum(attr.values)
		if a.wanted && a.ranged == "" && len(attr.values) > 0 {
			e.Values[a.key] = append(e.Values[a.key], attr.values...)
		}
		if a.role == "" || len(attr.values) == 0 && a.ranged == "" {
			continue
		}
		if a.role == b.anchor {
			anchors = append(anchors, attr.values...)
		}
		switch {
		case a.role == "objectsid" && b.primary:
			sid = sidText(attr.values[0])
		case a.role == "primarygroupid":
			rid = attr.values[0]
		case b.kind == source.User:
			b.facts(&e, a.role, attr.values)
		}
		if a.role == b.marker {
			e.Marker = b.markerOf(attr.values[0])
		}
		if byDN, ok := memberAttributes[a.role]; ok && b.kind == source.Group {
			e.Members = b.members(e.Members, attr.values, byDN, self)
			if next, ok := nextRange(a.ranged); ok {
				more = &pending{attr: a.role, next: next}
			}
		}
	}
	e.Marker = marked(e.Marker, aside)
	b.identify(&e, sid, rid)
	e.Anchor, e.Problem = anchorOf(b.name, anchors)
	if more != nil {
		more.entry = e
	}
	return e, more
}

// identify enters how groups and their people find each other by security
// identifiers.
func (b *builder) identify(e *source.Entry, sid, rid string) {
	switch {
	case sid == "":
	case b.kind == source.Group:
		e.Keys = append(e.Keys, sidPrefix+sid)
	default:
		if group := primaryGroup(sid, rid); group != "" {
			e.MemberOf = []string{sidPrefix + group}
		}
	}
}

// markerOf is the change marker, "" for one that cannot be trusted: where it is a
// time in seconds, another change may have followed within the same second, and
// the two clocks may differ.
func (b *builder) markerOf(v string) string {
	if b.server.clocked {
		if t, ok := generalizedTime(v); !ok || b.now.Sub(t) < markerOverlap {
			return ""
		}
	}
	b.marked++
	return strings.Clone(v + b.server.scope)
}

// markerOverlap is how old a time stamp must be to be trusted. It covers the
// difference of the clocks; a server that is further behind is not noticed until
// the next full read.
const markerOverlap = 10 * time.Minute

// facts takes what else is said of a person.
func (b *builder) facts(e *source.Entry, role string, values []string) {
	switch role {
	case "uid":
		if b.uids {
			for _, v := range values {
				e.Keys = append(e.Keys, uidKey(v))
			}
		}
	case "accountexpires":
		b.expiry(e, values[0])
	}
	if role == b.disabled && b.server.isDisabled != nil && b.server.isDisabled(values[0]) {
		e.Disabled = true
	}
	if role == b.manager {
		e.Manager = dnKey(values[0])
	}
}

// expiry takes the moment from which an account is closed by the clock alone.
func (b *builder) expiry(e *source.Entry, v string) {
	at, ok := fileTime(v)
	switch {
	case !ok || at.IsZero() || !b.server.ad:
	case at.After(b.now):
		e.RecheckAt = at
	default:
		e.Disabled = true
		b.expired++
	}
}

// members appends the reference keys of members, leaving out placeholders: the
// empty name and the group itself, which schemas that demand a member invite.
// The keys of one call share one piece of memory.
func (b *builder) members(dst, values []string, byDN bool, self string) []string {
	b.keys, b.ends = b.keys[:0], b.ends[:0]
	for _, v := range values {
		start := len(b.keys)
		if byDN {
			b.keys = appendDN(append(b.keys, dnPrefix...), withoutUID(v))
			if string(b.keys[start:]) == self || len(b.keys) == start+len(dnPrefix) || b.isForeign(b.keys[start:]) {
				b.keys = b.keys[:start]
				continue
			}
		} else if b.keys = append(b.keys, uidKey(v)...); v == "" {
			b.keys = b.keys[:start]
			continue
		}
		b.ends = append(b.ends, len(b.keys))
	}
	all, from := string(b.keys), 0
	if dst == nil {
		dst = make([]string, 0, len(b.ends))
	}
	for _, end := range b.ends {
		dst = append(dst, all[from:end])
		from = end
	}
	return dst
}

// isForeign counts and leaves out the stand-ins for members of other domains:
// nobody whom this source reads is behind them.
func (b *builder) isForeign(key []byte) bool {
	if !b.server.ad || !bytes.Contains(key, foreignContainer) {
		return false
	}
	b.foreign++
	return true
}

var foreignContainer = []byte(",cn=foreignsecurityprincipals,")

// nextRange reads a range option (MS-ADTS 3.1.1.3.1.3.3): "0-1499" continues at
// 1500, "1500-*" is the last.
func nextRange(option string) (next int, ok bool) {
	_, last, found := strings.Cut(option, "-")
	if !found || last == "*" {
		return 0, false
	}
	n, err := strconv.Atoi(last)
	if err != nil || n < 0 {
		return 0, false
	}
	return n + 1, true
}

// anchorOf gives the canonical text of an anchor, or what is wrong with it.
func anchorOf(name string, values []string) (anchor string, problem registry.Said) {
	switch {
	case len(values) == 0 || values[0] == "":
		return "", registry.Say("the entry has no %s, or it may not be read", name)
	case len(values) > 1:
		return "", registry.Say("the entry has %d values of %s, which must be one to identify it", len(values), name)
	}
	v := values[0]
	switch strings.ToLower(name) {
	case "objectguid", "ms-ds-consistencyguid":
		if len(v) != 16 {
			return "", registry.Say("%s holds %d bytes where a GUID has 16", name, len(v))
		}
		return mixedEndian(v).String(), ""
	case "guid": // eDirectory's, in network order
		if id, err := uuid.FromBytes([]byte(v)); err == nil {
			return id.String(), ""
		}
	case "entryuuid", "nsuniqueid", "ipauniqueid":
		return strings.Clone(strings.ToLower(v)), ""
	}
	if !utf8.ValidString(v) {
		return hex.EncodeToString([]byte(v)), ""
	}
	return strings.Clone(strings.TrimSpace(v)), ""
}

// mixedEndian reads a GUID as Windows stores it: the first three fields
// little-endian, the rest in order (MS-DTYP 2.3.4.2).
func mixedEndian(v string) uuid.UUID {
	return uuid.UUID{
		v[3], v[2], v[1], v[0], v[5], v[4], v[7], v[6],
		v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15],
	}
}

package ldap

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

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
}

// builder turns raw entries of one listing into source entries. It belongs to
// one goroutine.
type builder struct {
	kind   source.Kind
	server *server
	wanted map[string]bool
	uids   bool // users give a key by uid too
	// anchor, marker and disabled are the server's attributes in lower case.
	anchor, marker, disabled string
	// known caches what descriptions mean; a server repeats a dozen of them.
	known map[string]attribute
	keys  []byte // scratch for the members' keys
	ends  []int
}

// maxKnown bounds the cache against a server that invents descriptions.
const maxKnown = 1024

func newBuilder(kind source.Kind, srv *server, wanted []string, uids bool) *builder {
	b := &builder{
		kind: kind, server: srv, uids: uids, wanted: map[string]bool{}, known: map[string]attribute{},
		anchor: strings.ToLower(srv.anchor), marker: strings.ToLower(srv.marker), disabled: strings.ToLower(srv.disabled),
	}
	for _, w := range wanted {
		b.wanted[strings.ToLower(w)] = true
	}
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
	add(b.server.anchor, b.server.marker)
	if b.kind == source.Group {
		add("member", "uniqueMember", "memberUid")
	} else {
		add(b.server.disabled)
		if b.uids {
			add("uid")
		}
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
	a.wanted = b.wanted[name]
	for option := range strings.SplitSeq(options, ";") {
		if r, ok := strings.CutPrefix(option, "range="); ok {
			a.ranged, a.key = r, name
		}
	}
	_, isMember := memberAttributes[name]
	switch name {
	case b.anchor, b.marker, b.disabled, "uid":
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
	for _, attr := range raw.attrs {
		a := b.lookup(attr.name)
		if a.wanted && a.ranged == "" && len(attr.values) > 0 {
			e.Values[a.key] = append(e.Values[a.key], attr.values...)
		}
		if a.role == "" {
			continue
		}
		if a.role == b.anchor {
			anchors = append(anchors, attr.values...)
		}
		if a.role == "uid" && b.uids && b.kind == source.User {
			for _, v := range attr.values {
				e.Keys = append(e.Keys, uidKey(v))
			}
		}
		b.facts(&e, a.role, attr.values)
		if byDN, ok := memberAttributes[a.role]; ok && b.kind == source.Group {
			e.Members = b.members(e.Members, attr.values, byDN, self)
			if next, ok := nextRange(a.ranged); ok {
				more = &pending{attr: a.role, next: next}
			}
		}
	}
	e.Anchor, e.Problem = anchorOf(b.server.anchor, anchors)
	if more != nil {
		more.entry = e
	}
	return e, more
}

// facts takes the marker and the disabled flag.
func (b *builder) facts(e *source.Entry, role string, values []string) {
	if len(values) == 0 {
		return
	}
	if role == b.marker {
		e.Marker = strings.Clone(values[0] + b.server.scope)
	}
	if b.kind == source.User && b.server.isDisabled != nil && role == b.disabled {
		e.Disabled = b.server.isDisabled(values[0])
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
			b.keys = appendDN(append(b.keys, dnPrefix...), v)
			if string(b.keys[start:]) == self || len(b.keys) == start+len(dnPrefix) {
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
func anchorOf(name string, values []string) (anchor, problem string) {
	switch {
	case len(values) == 0 || values[0] == "":
		return "", fmt.Sprintf("the entry has no %s, or it may not be read", name)
	case len(values) > 1:
		return "", fmt.Sprintf("the entry has %d values of %s, which must be one to identify it", len(values), name)
	}
	v := values[0]
	switch strings.ToLower(name) {
	case "objectguid", "ms-ds-consistencyguid":
		if len(v) != 16 {
			return "", fmt.Sprintf("%s holds %d bytes where a GUID has 16", name, len(v))
		}
		return mixedEndian(v).String(), ""
	case "entryuuid", "nsuniqueid":
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

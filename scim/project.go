package scim

import (
	"strings"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
)

// projection decides which attributes an answer shows (RFC 7644 section 3.9 and
// the returned characteristic of RFC 7643 section 7).
type projection struct {
	set *attr.Set
	// only is what attributes named, canonical; nil when it named nothing that
	// there is not.
	only map[filter.Attr]bool
	// parts are the attributes of which only names sub-attributes.
	parts map[filter.Attr]bool
	// except is what excludedAttributes named.
	except map[filter.Attr]bool
	// sent is what a write set: returned "request" shows it.
	sent map[string]any
}

// newProjection reads the parameters attributes and excludedAttributes. Names
// that no schema has are passed over.
func newProjection(set *attr.Set, profile dialect.Profile, attributes, excluded []string) *projection {
	names := func(list []string) map[filter.Attr]bool { return names(set, spelling(profile, set), list) }
	p := &projection{set: set, except: names(excluded)}
	if len(attributes) > 0 {
		p.only, p.parts = names(attributes), map[filter.Attr]bool{}
		for a := range p.only {
			if a.Sub != "" {
				a.Sub = ""
				p.parts[a] = true
			}
		}
	}
	return p
}

// projectionOf reads the parameters of a request's URL.
func projectionOf(set *attr.Set, c *call) *projection {
	return newProjection(set, c.profile, commaList(c.query["attributes"]), commaList(c.query["excludedAttributes"]))
}

// commaList takes lists of names apart.
func commaList(values []string) []string {
	var list []string
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				list = append(list, name)
			}
		}
	}
	return list
}

// names makes attribute names canonical.
func names(set *attr.Set, spelling func(filter.Attr) filter.Attr, list []string) map[filter.Attr]bool {
	m := map[filter.Attr]bool{}
	for _, name := range list {
		if path, err := filter.ParsePath(name); err == nil && path.Filter == nil {
			if path, err = filter.ResolvePath(filter.Path{Attr: spelling(path.Attr)}, set, nil); err == nil {
				m[path.Attr] = true
			}
		}
	}
	return m
}

// asked reports whether the client chose what is shown.
func (p *projection) asked() bool { return p.only != nil || len(p.except) > 0 }

// Wants implements Projection.
func (p *projection) Wants(name string) bool {
	uri, short := splitURN(name)
	d, canonical := p.set.Lookup(uri, short)
	return d == nil || p.shows(canonical, d)
}

// shows reports whether an attribute, or a part of it, is shown.
func (p *projection) shows(uri string, d *attr.Definition) bool {
	a, whole := filter.Attr{URI: uri, Name: d.Name}, filter.Attr{URI: uri}
	switch {
	case d.Returned == attr.Always:
		return true
	case d.Returned == attr.Never, p.except[a], uri != "" && p.except[whole]:
		return false
	case p.only != nil:
		return p.only[a] || p.parts[a] || uri != "" && p.only[whole]
	case d.Returned == attr.Request:
		return p.wasSent(uri, d.Name)
	}
	return true
}

// wasSent reports whether the write that is being answered set the attribute.
func (p *projection) wasSent(uri, name string) bool {
	from := p.sent
	if uri != "" {
		from, _ = p.sent[uri].(map[string]any)
	}
	_, ok := from[name]
	return ok
}

// showsSub reports whether a sub-attribute of a shown attribute is shown.
func (p *projection) showsSub(uri string, d, sub *attr.Definition) bool {
	a := filter.Attr{URI: uri, Name: d.Name}
	part := filter.Attr{URI: uri, Name: d.Name, Sub: sub.Name}
	switch {
	case sub.Returned == attr.Always:
		return true
	case sub.Returned == attr.Never, p.except[part]:
		return false
	case p.only != nil && p.parts[a] && !p.only[a]:
		return p.only[part]
	case sub.Returned == attr.Request:
		return p.only[part]
	}
	return true
}

// nothingWanted is the projection of an answer without a body.
type nothingWanted struct{}

// Wants implements Projection.
func (nothingWanted) Wants(string) bool { return false }

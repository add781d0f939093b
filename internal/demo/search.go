package demo

import (
	"maps"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// query is a search.
type query struct {
	base       string
	scope      int // RFC 4511 section 4.5.1.2
	sizeLimit  int // 0 for none
	typesOnly  bool
	filter     *ber.Packet
	attributes []string
}

// found is an entry of an answer.
type found struct {
	dn         string
	attributes []attribute
}

type attribute struct {
	name   string
	values []string
}

// search answers a query in the order of the tree. It is not ok when the base is
// not there.
func (d *Directory) search(q query) (out []found, ok bool) {
	base, err := ldap.ParseDN(q.base)
	if err != nil {
		return nil, false
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	objects := d.b.objects
	if q.base == "" && q.scope == ldap.ScopeBaseObject {
		objects = []*object{rootDSE()}
	}
	for _, o := range objects {
		if o.hidden {
			continue
		}
		ok = ok || o.parsed.EqualFold(base)
		if inScope(o.parsed, base, q.scope) && matches(q.filter, o) {
			out = append(out, selectFrom(o, q))
		}
	}
	return out, ok
}

// inScope reports whether a name lies in the scope of a search.
func inScope(dn, base *ldap.DN, scope int) bool {
	switch scope {
	case ldap.ScopeBaseObject:
		return dn.EqualFold(base)
	case ldap.ScopeSingleLevel:
		return len(dn.RDNs) == len(base.RDNs)+1 && base.AncestorOfFold(dn)
	default:
		return dn.EqualFold(base) || base.AncestorOfFold(dn)
	}
}

// selectFrom picks the attributes asked for: none means all user attributes,
// "*" the same, "+" the operational ones (RFC 3673), "1.1" none.
func selectFrom(o *object, q query) found {
	wanted := func(name, all string) bool {
		return slices.ContainsFunc(q.attributes, func(a string) bool { return a == all || strings.EqualFold(a, name) })
	}
	out := found{dn: o.dn}
	take := func(set map[string][]string, all string, everything bool) {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if !everything && !wanted(name, all) {
				continue
			}
			a := attribute{name: name, values: set[name]}
			if q.typesOnly {
				a.values = nil
			}
			out.attributes = append(out.attributes, a)
		}
	}
	take(o.attrs, "*", len(q.attributes) == 0)
	take(o.operational, "+", false)
	return out
}

// rootDSE is what the server says about itself (RFC 4512 section 5.1), in the
// manner of OpenLDAP.
func rootDSE() *object {
	return &object{
		parsed: &ldap.DN{},
		attrs:  map[string][]string{"objectClass": {"top", "OpenLDAProotDSE"}},
		operational: map[string][]string{
			"structuralObjectClass": {"OpenLDAProotDSE"},
			"namingContexts":        {BaseDN},
			"supportedControl":      {ldap.ControlTypePaging},
			"supportedLDAPVersion":  {"3"},
			"vendorName":            {"usher demo directory"},
			"vendorVersion":         {"1"},
		},
	}
}

package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// object is one entry of the directory. Value lists are replaced, never changed
// in place, so that a search may hand them on.
type object struct {
	dn     string
	parsed *ldap.DN
	// attrs by name as written in the schema; operational ones are apart
	// because a search gives them only when asked.
	attrs, operational map[string][]string
	// hidden objects are there but not shown, as behind a wrong access rule.
	hidden bool
}

// first is an attribute's first value, or "".
func (o *object) first(name string) string {
	if v := o.attrs[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// isPerson tells the people from groups and containers.
func (o *object) isPerson() bool { return slices.Contains(o.attrs["objectClass"], "inetOrgPerson") }

func (o *object) isGroup() bool { return slices.Contains(o.attrs["objectClass"], "groupOfNames") }

// lookup finds an attribute whatever its case, with its proper name.
func (o *object) lookup(attr string) (string, []string) {
	for _, set := range []map[string][]string{o.attrs, o.operational} {
		for n, v := range set {
			if strings.EqualFold(n, attr) {
				return n, v
			}
		}
	}
	return "", nil
}

// store is the tree with its clock. Its methods need the Directory's lock.
type store struct {
	objects []*object
	now     time.Time
	changes int
	uuid    func() string
}

// mustDN parses a name this package made itself; the tests make all of them.
func mustDN(dn string) *ldap.DN {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		panic(fmt.Sprintf("demo directory: name %q: %v", dn, err))
	}
	return parsed
}

// add puts an entry into the tree.
func (s *store) add(dn string, attrs map[string][]string) *object {
	o := &object{dn: dn, parsed: mustDN(dn), attrs: map[string][]string{}, operational: map[string][]string{}}
	for n, v := range attrs {
		if len(v) > 0 {
			o.attrs[n] = v
		}
	}
	classes := attrs["objectClass"]
	o.operational = map[string][]string{
		"entryUUID":             {s.uuid()},
		"entryDN":               {dn},
		"structuralObjectClass": {classes[len(classes)-1]},
		"creatorsName":          {"cn=admin," + systemDN},
		"modifiersName":         {"cn=admin," + systemDN},
		"createTimestamp":       {stamp(s.now)},
	}
	s.touch(o)
	s.objects = append(s.objects, o)
	return o
}

// touch moves an entry's change marks, as any modification does.
func (s *store) touch(o *object) {
	s.changes++
	o.operational["modifyTimestamp"] = []string{stamp(s.now)}
	o.operational["entryCSN"] = []string{fmt.Sprintf("%s.%06dZ#000000#000#000000", s.now.Format("20060102150405"), s.changes)}
}

// stamp is a time as LDAP writes it (RFC 4517 section 3.3.13).
func stamp(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// set replaces an attribute's values; none removes it.
func (s *store) set(o *object, name string, values ...string) {
	if len(values) == 0 {
		delete(o.attrs, name)
	} else {
		o.attrs[name] = values
	}
	s.touch(o)
}

// move gives an entry another name and follows it wherever it is referred to,
// as OpenLDAP's refint overlay does.
func (s *store) move(o *object, dn string) {
	old := o.dn
	o.dn, o.parsed = dn, mustDN(dn)
	o.operational["entryDN"] = []string{dn}
	s.touch(o)
	s.rewrite(old, dn)
}

// remove takes an entry out of the tree and out of every reference.
func (s *store) remove(o *object) {
	s.objects = slices.DeleteFunc(s.objects, func(x *object) bool { return x == o })
	s.rewrite(o.dn, "")
}

// rewrite replaces a name in the references, or removes it for "". A group that
// loses its last member keeps the one that stands for none.
func (s *store) rewrite(old, now string) {
	for _, o := range s.objects {
		for _, attr := range []string{"member", "manager"} {
			values := o.attrs[attr]
			if !slices.Contains(values, old) {
				continue
			}
			kept := make([]string, 0, len(values))
			for _, v := range values {
				switch {
				case v != old:
					kept = append(kept, v)
				case now != "":
					kept = append(kept, now)
				}
			}
			if len(kept) == 0 && attr == "member" {
				kept = []string{nobodyDN}
			}
			s.set(o, attr, kept...)
		}
	}
}

// people are the entries of people who may be changed by the turn of a day.
func (s *store) people() []*object {
	var out []*object
	for _, o := range s.objects {
		if o.isPerson() {
			out = append(out, o)
		}
	}
	return out
}

// groups are the entries of groups.
func (s *store) groups() []*object {
	var out []*object
	for _, o := range s.objects {
		if o.isGroup() {
			out = append(out, o)
		}
	}
	return out
}

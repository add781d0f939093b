package upload

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Value is the name under which an entry has a field's values.
func Value(field string) string { return strings.ToLower(field) }

// maxKey is the longest key, in bytes: that of an address (RFC 5321 section
// 4.5.3.1 with the @).
const maxKey = 320

// put enters a cell, cut into values where the field has several.
func put(values map[string][]string, field, cell string) {
	var parts []string
	switch field {
	case "":
		return
	case registry.AttrEmails:
		parts = strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == ',' || unicode.IsSpace(r) })
	case FieldGroups, FieldSupportGroups:
		parts = strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == ',' || r == '|' || r == '\n' || r == '\r' })
	default:
		parts = []string{cell}
	}
	name := Value(field)
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			values[name] = append(values[name], p)
		}
	}
}

// judge completes the entry of a row, or refuses the row.
func (s *Source) judge(row *Row, kinds map[string]registry.Kind) {
	e := &row.Entry
	for _, cell := range e.Values[Value(FieldRights)] {
		if !nobodysRight(cell) {
			row.refuse(CodeRights, registry.Say("the row would give the right %q; rights are given to one person at a time", registry.Printable(cell)))
			return
		}
	}
	delete(e.Values, Value(FieldRights))
	if said := e.Values[Value(FieldKind)]; len(said) > 0 {
		kind, ok := kinds[headKey(said[0])]
		if !ok {
			row.refuse(CodeBadKind, registry.Say("%q is no kind of person; write %s or %s", registry.Printable(said[0]), registry.EndUser, registry.SupportStaff))
			return
		}
		e.Values[Value(FieldKind)] = []string{string(kind)}
	}
	name, mails := Value(registry.AttrUserName), e.Values[Value(registry.AttrEmails)]
	if !s.Settings.has(registry.AttrUserName) && len(mails) > 0 {
		e.Values[name] = mails[:1]
	}
	key := e.Values[Value(s.Settings.Key)]
	if len(key) == 0 {
		row.refuse(CodeNoKey, registry.Say("the row has no %s, and so does not say who it is about", s.Settings.Key))
		return
	}
	if len(key[0]) > maxKey {
		row.refuse(CodeBadRow, registry.Say("the %s is longer than %d bytes", s.Settings.Key, maxKey))
		return
	}
	e.Anchor = anchorOf(s.Settings.Key, key[0])
	for _, g := range row.groups(&s.Settings) {
		e.MemberOf = append(e.MemberOf, g.Anchor)
	}
}

// anchorOf is the id of whoever has a key: the same in every upload.
func anchorOf(field, key string) string {
	if field != registry.AttrEmployeeNumber { // names and addresses are compared folded
		key = registry.Key(key)
	}
	return field + ":" + key
}

// ParseAnchor takes an id apart that people have at uploads: the field that is the
// key, and its value.
func ParseAnchor(anchor string) (field, value string, ok bool) {
	field, value, ok = strings.Cut(anchor, ":")
	known := slices.ContainsFunc(Keys(), func(k Key) bool { return k.Field == field })
	return field, value, ok && known && value != "" && len(value) <= maxKey
}

// Anchor is the id that people have at uploads who have a value in a key's field.
func Anchor(field, value string) string { return anchorOf(field, value) }

// groupPrefix begins the anchors of groups.
const groupPrefix = "group:"

// OfGroup reports whether an anchor is a group's.
func OfGroup(anchor string) bool { return strings.HasPrefix(anchor, groupPrefix) }

// groups are the entries of the groups that a row names, once each.
func (r *Row) groups(s *Settings) []source.Entry {
	var out []source.Entry
	for _, field := range []string{FieldSupportGroups, FieldGroups} {
		if !s.has(field) {
			continue
		}
		for _, name := range r.Entry.Values[Value(field)] {
			g := source.Entry{
				Kind: source.Group, Anchor: groupPrefix + registry.Key(name), Name: name,
				Values: map[string][]string{"cn": {name}},
			}
			if g.Keys = []string{g.Anchor}; field == FieldSupportGroups {
				g.Name = SupportGroup
			}
			if !slices.ContainsFunc(out, func(o source.Entry) bool { return o.Anchor == g.Anchor }) {
				out = append(out, g)
			}
		}
	}
	return out
}

// Sample gives up to n people.
func (s *Source) Sample(ctx context.Context, n int) ([]source.Entry, error) {
	var out []source.Entry
	err := s.Each(ctx, func(r Row) error {
		if r.Entry.Problem == "" {
			out = append(out, r.Entry)
		}
		if len(out) >= n {
			return errEnough
		}
		return nil
	})
	return out, enough(err)
}

// Fetch reads the people with these anchors.
func (s *Source) Fetch(ctx context.Context, anchors []string, emit func(source.Entry) error) error {
	wanted := make(map[string]bool, len(anchors))
	for _, a := range anchors {
		wanted[a] = true
	}
	return s.Each(ctx, func(r Row) error {
		if !wanted[r.Entry.Anchor] {
			return nil
		}
		return emit(r.Entry)
	})
}

// Find looks for the people whose anchor, userName, address or employee number
// somebody typed.
func (s *Source) Find(ctx context.Context, who string, limit int) ([]source.Entry, error) {
	var out []source.Entry
	key := registry.Key(strings.TrimSpace(who))
	err := s.Each(ctx, func(r Row) error {
		found := r.Entry.Anchor == who
		for _, k := range Keys() {
			found = found || slices.ContainsFunc(r.Entry.Values[Value(k.Field)], func(v string) bool { return registry.Key(v) == key })
		}
		if found && r.Entry.Problem == "" {
			out = append(out, r.Entry)
		}
		if len(out) >= limit {
			return errEnough
		}
		return nil
	})
	return out, enough(err)
}

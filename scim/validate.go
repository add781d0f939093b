package scim

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
)

// validator turns what a client wrote into canonical attributes, or says what
// is wrong with it.
type validator struct {
	t *ResourceType
	// profile rewrites values on the way, and if strict has unknown attributes
	// and values that are not canonical refused, which are otherwise dropped and
	// kept.
	profile dialect.Profile
	// partial lets complex values lack what they require, and keeps the nulls in
	// them: PATCH changes parts, and clears some.
	partial bool
}

// document checks a whole resource as POST and PUT send it.
func (v validator) document(doc map[string]any) (*Resource, error) {
	r := &Resource{Attributes: map[string]any{}}
	if err := v.schemas(doc); err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(doc) {
		if err := v.member(r.Attributes, name, doc[name]); err != nil {
			return nil, err
		}
	}
	if s, ok := r.Attributes["externalId"].(string); ok {
		r.ExternalID = s
		delete(r.Attributes, "externalId")
	}
	if err := v.complete(r.Attributes); err != nil {
		return nil, err
	}
	return r, nil
}

// schemas checks that the document names the core schema, and in strict
// validation no unknown one.
func (v validator) schemas(doc map[string]any) error {
	_, value := lookupFold(doc, "schemas")
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return Errorf(InvalidValue, "schemas must list %s", v.t.Schema.ID)
	}
	core := false
	for _, e := range list {
		uri, ok := e.(string)
		if !ok {
			return Errorf(InvalidValue, "schemas must be a list of URNs")
		}
		known := v.t.Attributes().IsCore(uri)
		core = core || known
		if v.profile.Strict && !known && v.t.Attributes().Extension(uri) == nil {
			return Errorf(v.undefined(InvalidValue), "schemas lists %q, which %s does not have", uri, v.t.Name)
		}
	}
	if !core {
		return Errorf(InvalidValue, "schemas must list %s", v.t.Schema.ID)
	}
	return nil
}

// member adds one name and value of a document to the canonical attributes.
func (v validator) member(to map[string]any, name string, value any) error {
	set := v.t.Attributes()
	if strings.EqualFold(name, "schemas") {
		return nil
	}
	if extension := set.Extension(name); extension != nil {
		return v.nested(to, extension.ID, value)
	}
	uri, short := splitURN(name)
	return v.attribute(to, uri, short, value)
}

// nested adds the attributes of an extension.
func (v validator) nested(to map[string]any, uri string, value any) error {
	if value == nil {
		return nil
	}
	o, ok := value.(map[string]any)
	if !ok {
		return Errorf(InvalidValue, "the value of a schema URN must be an object")
	}
	for _, name := range sortedKeys(o) {
		if err := v.attribute(to, uri, name, o[name]); err != nil {
			return err
		}
	}
	return nil
}

// attribute adds one attribute.
func (v validator) attribute(to map[string]any, uri, name string, value any) error {
	d, canonical := v.t.Attributes().Lookup(uri, name)
	if d == nil {
		if v.profile.Strict {
			return Errorf(InvalidSyntax, "%s has no attribute %q", v.t.Name, name)
		}
		return nil
	}
	if d.Mutability == attr.ReadOnly {
		return nil
	}
	checked, err := v.value(d, d.Name, value)
	if err != nil || checked == nil {
		return err
	}
	if canonical != "" {
		inner, ok := to[canonical].(map[string]any)
		if !ok {
			inner = map[string]any{}
			to[canonical] = inner
		}
		to = inner
	}
	if _, twice := to[d.Name]; twice {
		return Errorf(InvalidSyntax, "the attribute %s is there twice", d.Name)
	}
	to[d.Name] = checked
	return nil
}

// complete checks that what is required is there.
func (v validator) complete(a map[string]any) error {
	if err := requires(v.t.Schema.Attributes, a); err != nil {
		return err
	}
	for _, e := range v.t.Extensions {
		inner, ok := a[e.Schema.ID].(map[string]any)
		if !ok && e.Required {
			return Errorf(InvalidValue, "%s needs the extension %s", v.t.Name, e.Schema.ID)
		}
		if ok {
			if err := requires(e.Schema.Attributes, inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// requires checks that required attributes that clients may write have values.
func requires(defs []attr.Definition, a map[string]any) error {
	for _, d := range defs {
		if d.Required && d.Mutability != attr.ReadOnly && isUnassigned(a[d.Name]) {
			return Errorf(InvalidValue, "%s is required", d.Name)
		}
	}
	return nil
}

// isUnassigned reports whether a value counts as none (RFC 7643 section 2.5).
// A required name made of blanks is none either.
func isUnassigned(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// value checks an attribute's value and makes it canonical. nil means that the
// attribute is left unassigned.
func (v validator) value(d *attr.Definition, path string, value any) (any, error) {
	value = v.profile.Value(d, value)
	if value == nil {
		return nil, nil
	}
	if !d.MultiValued {
		return v.single(d, path, value)
	}
	list, ok := value.([]any)
	if !ok {
		return nil, Errorf(InvalidValue, "%s must be an array", path)
	}
	out := make([]any, 0, len(list))
	for _, e := range list {
		checked, err := v.single(d, path, e)
		if err == nil {
			err = identified(d, path, e, checked)
		}
		if err != nil {
			return nil, err
		}
		if checked != nil && (v.partial || !d.SaysNothing(checked)) {
			out = append(out, checked)
		}
	}
	if out = distinct(out); len(out) == 0 {
		return nil, nil
	}
	primaries := 0
	for _, e := range out {
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			primaries++
		}
	}
	if primaries > 1 {
		return nil, Errorf(InvalidValue, "%s has more than one primary value", path)
	}
	return out, nil
}

// identified refuses a value that does not say who it is: to pass over a member
// without value would answer that somebody was removed who was not. One who is
// said to be null is nobody.
func identified(d *attr.Definition, path string, sent, checked any) error {
	id := d.SubAttribute("value")
	if id == nil || id.Mutability != attr.Immutable || sent == nil {
		return nil
	}
	o, _ := checked.(map[string]any)
	if said, _ := sent.(map[string]any); isUnassigned(o[id.Name]) && !has(said, id.Name) {
		return Errorf(InvalidValue, "%s: each needs a %s, the id of what it refers to", path, id.Name)
	}
	return nil
}

// has reports whether an object has a member of a case-blind name.
func has(o map[string]any, name string) bool {
	key, _ := lookupFold(o, name)
	return key != ""
}

// distinct are values without those that are there before.
func distinct(list []any) []any {
	if len(list) < 2 {
		return list
	}
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(e any) bool {
		text, _ := json.Marshal(e) //nolint:errchkjson // it was read from JSON
		twice := seen[string(text)]
		seen[string(text)] = true
		return twice
	})
}

// single checks one value.
func (v validator) single(d *attr.Definition, path string, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if d.Type == attr.Complex {
		return v.complex(d, path, value)
	}
	if err := checkType(d, path, value); err != nil {
		return nil, err
	}
	s, ok := value.(string)
	if !ok || len(d.CanonicalValues) == 0 {
		return value, nil
	}
	for _, c := range d.CanonicalValues {
		if strings.EqualFold(c, s) {
			return c, nil
		}
	}
	if v.profile.Strict {
		return nil, Errorf(InvalidValue, "%s must be one of %s", path, strings.Join(d.CanonicalValues, ", "))
	}
	return value, nil
}

// complex checks a complex value.
func (v validator) complex(d *attr.Definition, path string, value any) (any, error) {
	o, ok := value.(map[string]any)
	if !ok {
		return nil, Errorf(InvalidValue, "%s must be an object", path)
	}
	out, ignored := map[string]any{}, ""
	for _, name := range sortedKeys(o) {
		sub := d.SubAttribute(name)
		if sub == nil {
			if v.profile.Strict {
				return nil, Errorf(InvalidSyntax, "%s has no sub-attribute %q", path, name)
			}
			continue
		}
		if sub.Mutability == attr.ReadOnly {
			ignored = sub.Name
			continue
		}
		checked, err := v.value(sub, path+"."+sub.Name, o[name])
		if err != nil {
			return nil, err
		}
		if _, twice := out[sub.Name]; twice {
			return nil, Errorf(InvalidSyntax, "%s.%s is there twice", path, sub.Name)
		}
		if checked != nil || v.partial {
			out[sub.Name] = checked
		}
	}
	if len(out) == 0 {
		if v.profile.Strict && ignored != "" {
			return nil, Errorf(InvalidValue, "a value of %s has nothing but %s, which is read-only", path, ignored)
		}
		return nil, nil
	}
	for _, sub := range d.Sub {
		if sub.Required && !v.partial && isUnassigned(out[sub.Name]) {
			return nil, Errorf(InvalidValue, "%s.%s is required", path, sub.Name)
		}
	}
	return out, nil
}

// simple is an attribute of the library for each type that JSON writes as a
// value of its own: the library knows which value is one.
var simple = map[attr.Type]schema.CoreAttribute{
	attr.Boolean:   schema.SimpleCoreAttribute(schema.SimpleBooleanParams(schema.BooleanParams{Name: "value"})),
	attr.Integer:   schema.SimpleCoreAttribute(schema.SimpleNumberParams(schema.NumberParams{Name: "value", Type: schema.AttributeTypeInteger()})),
	attr.Decimal:   schema.SimpleCoreAttribute(schema.SimpleNumberParams(schema.NumberParams{Name: "value", Type: schema.AttributeTypeDecimal()})),
	attr.Reference: schema.SimpleCoreAttribute(schema.SimpleReferenceParams(schema.ReferenceParams{Name: "value"})),
	attr.String:    schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "value"})),
}

// checkType checks a simple value against the attribute's type. The value stays
// as it came: a number keeps every digit.
func checkType(d *attr.Definition, path string, value any) error {
	a, ok := simple[d.Type]
	if !ok {
		a = simple[attr.String]
	}
	if _, wrong := a.ValidateSingular(value); wrong != nil {
		return Errorf(InvalidValue, "%s must be a valid %s", path, d.Type)
	}
	// No database takes the zero character in text.
	if s, text := value.(string); text && (strings.ContainsRune(s, 0) || !checkText(d.Type, s)) {
		return Errorf(InvalidValue, "%s must be a valid %s", path, d.Type)
	}
	return nil
}

// checkText checks the form of the types that JSON writes as strings. The library
// refuses base64 for URLs and without padding, which RFC 7643 section 2.3.6
// allows, and takes times that no filter could compare.
func checkText(t attr.Type, s string) bool {
	switch t {
	case attr.DateTime:
		_, ok := attr.ParseTime(s)
		return ok
	case attr.Binary:
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			if _, err := e.DecodeString(s); err == nil {
				return true
			}
		}
		return false
	}
	return true
}

// splitURN takes a name apart into schema URN and attribute; the URN is "" for
// a plain name.
func splitURN(name string) (uri, attribute string) {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// undefined is what is said of what no schema defines, where the RFC says kind.
func (v validator) undefined(kind Kind) Kind {
	if v.profile.Interop {
		return InvalidSyntax
	}
	return kind
}

// lookupFold finds a member of an object by a case-blind name.
func lookupFold(o map[string]any, name string) (key string, value any) {
	if v, ok := o[name]; ok {
		return name, v
	}
	for _, k := range sortedKeys(o) {
		if strings.EqualFold(k, name) {
			return k, o[k]
		}
	}
	return "", nil
}

package dialect

import (
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// naming is how clients of several makers name attributes.
func naming() []Rewrite {
	return []Rewrite{
		{
			Name: "bare-extension-attribute",
			Doc: "An attribute without URN that the core schema lacks and one extension has is the extension's: the" +
				" filter manager eq, the path department.",
			Document:  bareAttributes,
			Attribute: owned,
		},
		{
			Name: "dotted-urn",
			Doc: "A dot may part an attribute from the URN of its schema:" +
				" urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department.",
			Document:  dottedAttributes,
			Attribute: dotted,
		},
	}
}

// owner is the extension that alone has an attribute of that name, where the core
// has none; "" for none.
func owner(set *attr.Set, name string) string {
	if d, _ := set.Lookup("", name); d != nil {
		return ""
	}
	found := ""
	for _, e := range set.Extensions() {
		if d, _ := set.Lookup(e.ID, name); d == nil {
			continue
		}
		if found != "" {
			return ""
		}
		found = e.ID
	}
	return found
}

// owned names an attribute without URN by the extension that alone has it.
func owned(set *attr.Set, name Name) Name {
	if name.URI == "" {
		name.URI = owner(set, name.Name)
	}
	return name
}

// dotted reads a schema's URN that a dot parts from the attribute. It looks like the
// attribute User of a shorter URN.
func dotted(set *attr.Set, name Name) Name {
	uri := name.URI + ":" + name.Name
	if name.URI != "" && name.Sub != "" && (set.IsCore(uri) || set.Extension(uri) != nil) {
		return Name{URI: uri, Name: name.Sub}
	}
	return name
}

// dottedAttributes moves attributes whose URN a dot ends to where they belong.
func dottedAttributes(set *attr.Set, doc map[string]any) {
	for name, v := range doc {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			continue
		}
		into := doc
		if set.Extension(name[:dot]) != nil {
			into = extensionOf(doc, name[:dot])
		} else if !set.IsCore(name[:dot]) {
			continue
		}
		if into != nil && !has(into, name[dot+1:]) {
			into[name[dot+1:]] = v
		}
		delete(doc, name)
	}
}

// bareAttributes moves attributes of an extension that stand at a document's root
// to where they belong.
func bareAttributes(set *attr.Set, doc map[string]any) {
	for name, v := range doc {
		uri := ""
		if !strings.Contains(name, ":") {
			uri = owner(set, name)
		}
		if uri == "" {
			continue
		}
		into := extensionOf(doc, uri)
		if into == nil {
			continue // not an object: for scim to refuse
		}
		delete(doc, name)
		if !has(into, name) {
			into[name] = v
		}
	}
}

// extensionOf is the object of an extension in a document, made where there is
// none; nil where something else stands there.
func extensionOf(doc map[string]any, uri string) map[string]any {
	for name, v := range doc {
		if strings.EqualFold(name, uri) && v != nil {
			o, _ := v.(map[string]any)
			return o
		}
	}
	o := map[string]any{}
	doc[uri] = o
	return o
}

// has reports whether an object has a member, however it is spelt.
func has(o map[string]any, name string) bool {
	for n := range o {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

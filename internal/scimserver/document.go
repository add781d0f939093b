package scimserver

import (
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// enterprise is the URN of the enterprise extension (RFC 7643 section 4.3).
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// Where a document says who the manager is, and what the manager is called.
var (
	managerValue = []string{enterprise, "manager", "value"}
	managerName  = []string{enterprise, "manager", "displayName"}
)

// simple is the one table between SCIM attributes of one value and the
// registry's. The path is from the document's root; of two rows for one
// attribute the first that has a value counts.
var simple = []struct {
	path      []string
	attribute string
}{
	{[]string{"displayName"}, registry.AttrDisplayName},
	{[]string{"name", "givenName"}, registry.AttrGivenName},
	{[]string{"name", "middleName"}, registry.AttrMiddleName},
	{[]string{"name", "familyName"}, registry.AttrFamilyName},
	{[]string{"nickName"}, registry.AttrNickName},
	{[]string{"title"}, registry.AttrTitle},
	{[]string{"userType"}, registry.AttrUserType},
	{[]string{"preferredLanguage"}, registry.AttrLocale},
	{[]string{"locale"}, registry.AttrLocale},
	{[]string{"timezone"}, registry.AttrTimezone},
	{[]string{enterprise, "employeeNumber"}, registry.AttrEmployeeNumber},
	{[]string{enterprise, "costCenter"}, registry.AttrCostCenter},
	{[]string{enterprise, "organization"}, registry.AttrOrganization},
	{[]string{enterprise, "division"}, registry.AttrDivision},
	{[]string{enterprise, "department"}, registry.AttrDepartment},
	{managerValue, registry.AttrManager},
}

// phones are the kinds of telephone numbers that the registry has words for.
var phones = []struct{ kind, attribute string }{
	{"work", registry.AttrPhone},
	{"mobile", registry.AttrMobile},
}

// attributesOf reads the registry's attributes out of a resource document. What
// the registry has no word for stays in the document alone.
func attributesOf(userName string, doc map[string]any) registry.Attributes {
	a := registry.Attributes{}
	a.Set(registry.AttrUserName, userName)
	for _, row := range simple {
		if v := text(dig(doc, row.path)); v != "" && a.First(row.attribute) == "" {
			a.Set(row.attribute, v)
		}
	}
	a.Set(registry.AttrEmails, addresses(doc)...)
	for _, n := range elements(doc["phoneNumbers"]) {
		value := text(n["value"])
		for _, p := range phones {
			if strings.EqualFold(text(n["type"]), p.kind) && a.First(p.attribute) == "" {
				a.Set(p.attribute, value)
			}
		}
		if text(n["type"]) == "" && a.First(registry.AttrPhone) == "" {
			a.Set(registry.AttrPhone, value)
		}
	}
	return a
}

// addresses are the mail addresses, the primary one first, else the one for
// work, each once.
func addresses(doc map[string]any) []string {
	all := elements(doc["emails"])
	rank := func(e map[string]any) int {
		switch {
		case e["primary"] == true:
			return 0
		case strings.EqualFold(text(e["type"]), "work"):
			return 1
		}
		return 2
	}
	var out []string
	seen := map[string]bool{}
	for want := range 3 {
		for _, e := range all {
			address := text(e["value"])
			if rank(e) != want || address == "" || seen[registry.Key(address)] {
				continue
			}
			seen[registry.Key(address)] = true
			out = append(out, address)
		}
	}
	return out
}

// documentOf is a person as a resource document: what the connection said, or,
// for somebody of another door, what the registry knows.
func documentOf(u *registry.User) (map[string]any, error) {
	if len(u.Document) == 0 {
		return synthesise(u.Attributes), nil
	}
	doc, err := decode(u.Document)
	if err != nil {
		return nil, fmt.Errorf("decode document of user %d: %w", u.ID, err)
	}
	return doc, nil
}

// synthesise makes a document of the registry's attributes.
func synthesise(a registry.Attributes) map[string]any {
	doc := map[string]any{}
	for _, row := range simple {
		if v := a.First(row.attribute); v != "" {
			plant(doc, row.path, v)
		}
	}
	var emails []any
	for i, address := range a[registry.AttrEmails] {
		e := map[string]any{"value": address, "primary": i == 0}
		if i == 0 {
			e["type"] = "work"
		}
		emails = append(emails, e)
	}
	if emails != nil {
		doc["emails"] = emails
	}
	var numbers []any
	for _, p := range phones {
		if v := a.First(p.attribute); v != "" {
			numbers = append(numbers, map[string]any{"value": v, "type": p.kind})
		}
	}
	if numbers != nil {
		doc["phoneNumbers"] = numbers
	}
	return doc
}

// dig follows a path into nested objects; nil where it ends early.
func dig(doc map[string]any, path []string) any {
	var v any = doc
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// plant sets a value at a path, making the objects on the way.
func plant(doc map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := doc[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			doc[name] = inner
		}
		doc = inner
	}
	doc[path[len(path)-1]] = v
}

// elements are the objects of a multi-valued complex attribute.
func elements(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, x := range list {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

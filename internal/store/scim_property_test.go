package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// naive evaluates a filter over a document in the plainest way there is: what
// the SQL has to agree with.
type naive struct{ set *attr.Set }

func (n naive) match(e filter.Expr, doc map[string]any) bool {
	switch e := e.(type) {
	case filter.And:
		return n.match(e.Left, doc) && n.match(e.Right, doc)
	case filter.Or:
		return n.match(e.Left, doc) || n.match(e.Right, doc)
	case filter.Not:
		return !n.match(e.X, doc)
	case filter.Present:
		return slices.ContainsFunc(n.values(e.Attr, doc), thereIs)
	case filter.Compare:
		return n.compare(e, doc)
	case filter.ValuePath:
		d, _ := n.set.Lookup(e.Attr.URI, e.Attr.Name)
		return slices.ContainsFunc(n.values(e.Attr, doc), func(v any) bool {
			ok, err := filter.Match(e.Filter, d, elementOf(v), attr.Fold)
			if err != nil {
				panic(err)
			}
			return ok
		})
	}
	panic(fmt.Sprintf("%T", e))
}

func elementOf(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	return map[string]any{"value": v}
}

// values are the values of an attribute, nil for an element that lacks it.
func (n naive) values(a filter.Attr, doc map[string]any) []any {
	if a.URI != "" {
		doc, _ = doc[a.URI].(map[string]any)
	}
	values := listOf(doc[a.Name])
	if a.Sub == "" {
		return values
	}
	var out []any
	for _, v := range values {
		sub := listOf(elementOf(v)[a.Sub])
		if len(sub) == 0 {
			sub = []any{nil}
		}
		out = append(out, sub...)
	}
	return out
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return slices.DeleteFunc(slices.Clone(v), func(x any) bool { return x == nil })
	}
	return []any{v}
}

func (n naive) compare(e filter.Compare, doc map[string]any) bool {
	d, _ := n.set.Lookup(e.Attr.URI, e.Attr.Name)
	leaf := d
	if s := d.SubAttribute(e.Attr.Sub); e.Attr.Sub != "" && s != nil {
		leaf = s
	}
	values := n.values(e.Attr, doc)
	if e.Value == nil {
		return slices.ContainsFunc(values, thereIs) == (e.Op == filter.NotEqual)
	}
	one := attr.Definition{Name: "x", Type: attr.Complex, MultiValued: true, Sub: []attr.Definition{*leaf}}
	one.Sub[0].MultiValued = false
	if len(values) == 0 {
		values = []any{nil}
		if leaf.Name == "primary" { // of no element at all
			return e.Op == filter.NotEqual
		}
	}
	return slices.ContainsFunc(values, func(v any) bool {
		ok, err := filter.Match(filter.Compare{Attr: filter.Attr{Sub: leaf.Name}, Op: e.Op, Value: e.Value}, &one, map[string]any{leaf.Name: v}, attr.Fold)
		if err != nil {
			panic(err)
		}
		return ok
	})
}

// thereIs follows the definition of pr; a complex value is there when any of
// its parts is.
func thereIs(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return slices.ContainsFunc(v, thereIs)
	case map[string]any:
		for _, x := range v {
			if thereIs(x) {
				return true
			}
		}
		return false
	}
	return true
}

// resource is a person as a document, as clients read it.
func resource(t *testing.T, u registry.ScimUser) map[string]any {
	t.Helper()
	doc := synthetic(u.Attributes)
	if u.Document != nil {
		doc = object(t, u.Document)
	}
	doc["id"], doc["userName"], doc["active"] = u.PublicID, u.UserName(), u.Enabled
	if u.Anchor != "" && u.Anchor[0] != '~' {
		doc["externalId"] = u.Anchor
	}
	var groups []any
	for _, g := range u.Groups {
		groups = append(groups, map[string]any{"value": g.ID, "display": g.Display, "type": "direct", "$ref": base + "/Groups/" + g.ID})
	}
	if groups != nil {
		doc["groups"] = groups
	}
	doc["meta"] = map[string]any{
		"resourceType": "User", "version": fmt.Sprintf(`W/"%d"`, u.Version), "location": base + "/Users/" + u.PublicID,
		"created": u.CreatedAt.Format(time.RFC3339Nano), "lastModified": u.UpdatedAt.Truncate(time.Millisecond).Format(time.RFC3339Nano),
	}
	return doc
}

// synthetic is the document of somebody no connection pushed.
func synthetic(a registry.Attributes) map[string]any {
	doc, name, enterprise, manager := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for _, row := range []struct {
		into     map[string]any
		key, att string
	}{
		{doc, "displayName", registry.AttrDisplayName}, {doc, "nickName", registry.AttrNickName}, {doc, "title", registry.AttrTitle},
		{doc, "userType", registry.AttrUserType}, {doc, "locale", registry.AttrLocale}, {doc, "preferredLanguage", registry.AttrLocale},
		{doc, "timezone", registry.AttrTimezone}, {name, "givenName", registry.AttrGivenName}, {name, "familyName", registry.AttrFamilyName},
		{name, "middleName", registry.AttrMiddleName}, {enterprise, "department", registry.AttrDepartment}, {enterprise, "costCenter", registry.AttrCostCenter},
		{enterprise, "employeeNumber", registry.AttrEmployeeNumber}, {manager, "value", registry.AttrManager},
	} {
		if v := a.First(row.att); v != "" {
			row.into[row.key] = v
		}
	}
	enterprise["manager"], doc["name"], doc[enterpriseURN] = manager, name, enterprise
	var emails, phones []any
	for i, v := range a[registry.AttrEmails] {
		e := map[string]any{"value": v, "primary": i == 0}
		if i == 0 {
			e["type"] = "work"
		}
		emails = append(emails, e)
	}
	for kind, att := range map[string]string{"work": registry.AttrPhone, "mobile": registry.AttrMobile} {
		if v := a.First(att); v != "" {
			phones = append(phones, map[string]any{"type": kind, "value": v})
		}
	}
	doc["emails"], doc["phoneNumbers"] = emails, phones
	return doc
}

// TestScimFiltersAgree compares the SQL with the plain evaluation over random
// filters.
func TestScimFiltersAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		delete(w.ids, "frank") // whose document no validation would let in
		var ids []registry.UserID
		for _, id := range w.ids {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		users, err := w.tenant().ScimUserRecords(t.Context(), w.view(registry.VisibleCompany), ids, true)
		if err != nil {
			t.Fatal(err)
		}
		docs := make([]map[string]any, len(users))
		for i, u := range users {
			docs[i] = resource(t, u)
		}
		g := &generator{rand.New(rand.NewPCG(1, 2)), docs} // the same filters every time
		found := 0
		for range 1500 {
			text := g.filter(3)
			q := selection(t, w.users, text, "")
			var expected []string
			for i, u := range users {
				if (naive{w.users}).match(q.Filter, docs[i]) {
					expected = append(expected, u.UserName())
				}
			}
			got, _ := w.people(w.view(registry.VisibleCompany), q, everything100)
			got = slices.DeleteFunc(got, func(name string) bool { return !slices.Contains(namesOf(w.ids, ids), name) })
			if strings.Join(got, " ") != strings.Join(expected, " ") {
				t.Fatalf("%s\n\tfinds %v\n\t want %v", text, got, expected)
			}
			if len(got) > 0 && len(got) < len(users) {
				found++
			}
		}
		if found < 300 {
			t.Errorf("only %d filters told people apart", found)
		}
	})
}

// generator writes random filters about what is in documents.
type generator struct {
	*rand.Rand
	docs []map[string]any
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) filter(depth int) string {
	if depth == 0 {
		return g.term("")
	}
	switch g.IntN(6) {
	case 0:
		return g.filter(depth-1) + " and " + g.filter(depth-1)
	case 1:
		return "(" + g.filter(depth-1) + " or " + g.filter(depth-1) + ")"
	case 2:
		return "not (" + g.filter(depth-1) + ")"
	case 3:
		inner := func() string { return g.term(pick(g, "type", "value", "primary")) }
		return pick(g, "emails", "phoneNumbers") + "[" + pick(g, inner(), inner()+" and "+inner(), "not ("+inner()+" or "+inner()+")") + "]"
	case 4:
		inner := func() string { return g.term(pick(g, "plate", "seats", "colours")) }
		return extURN + ":cars[" + pick(g, inner(), inner()+" and "+inner(), "not ("+inner()+")") + "]"
	}
	return g.term("")
}

// operators of text, of numbers and times, and of booleans.
var (
	textOps    = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}
	orderOps   = []string{"eq", "ne", "gt", "ge", "lt", "le"}
	booleanOps = []string{"eq", "ne"}
)

func (g *generator) term(name string) string {
	if name == "" {
		name = pick(g, "userName", "externalId", "id", "displayName", "title", "nickName", "active", "name.givenName", "name.familyName", "locale",
			"emails", "emails.value", "emails.type", "emails.primary", "phoneNumbers.value", "addresses.locality", "roles", "groups", "groups.display", "groups.type",
			"meta.created", "meta.lastModified", "meta.version", "meta.location",
			enterpriseURN+":department", enterpriseURN+":manager", enterpriseURN+":employeeNumber",
			extURN+":level", extURN+":score", extURN+":since", extURN+":vip", extURN+":badge", extURN+":tags", extURN+":place.room", extURN+":place.keys",
			extURN+":cars.plate", extURN+":cars.seats", extURN+":cars.colours")
	}
	last := name[strings.LastIndexAny(name, ":.")+1:]
	switch {
	case g.IntN(8) == 0:
		return name + pick(g, " pr", " eq null", " ne null")
	case last == "active" || last == "primary" || last == "vip":
		return name + " " + pick(g, booleanOps...) + pick(g, " true", " false")
	case last == "level" || last == "seats":
		return name + " " + pick(g, orderOps...) + pick(g, " 5", " 4", " 2", " -1", " 9007199254740993", " 9007199254740992")
	case last == "score":
		return name + " " + pick(g, orderOps...) + pick(g, " 1.5", " -2", " 0.0", " 15e-1")
	case last == "since" || last == "created" || last == "lastModified":
		return name + " " + pick(g, orderOps...) + pick(g, ` "2026-01-31T11:00:00Z"`, ` "2026-01-31T12:00:00.500+01:00"`, ` "2026-03-01T13:00:00Z"`, ` "2027-01-01T00:00:00Z"`)
	}
	v, _ := json.Marshal(g.text(pick(g, g.docs...)))
	return name + " " + pick(g, textOps...) + " " + string(v)
}

// text is a piece of some text in a document, in another case perhaps.
func (g *generator) text(v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if len(keys) > 0 {
			return g.text(v[pick(g, keys...)])
		}
	case []any:
		if len(v) > 0 {
			return g.text(pick(g, v...))
		}
	case string:
		runes := []rune(v)
		from := pick(g, 0, 0, g.IntN(len(runes)+1))
		to := pick(g, len(runes), from+g.IntN(len(runes)-from+1))
		// Neither ß nor the sigmas: there Match and Key fold in ways of their own.
		if s := string(runes[from:to]); !strings.ContainsAny(s, "ßςσΣ") {
			return pick(g, s, strings.ToUpper(s), strings.ToLower(s))
		}
	}
	return "engineer"
}

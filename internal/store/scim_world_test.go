package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

const (
	extURN        = "urn:example:params:scim:schemas:extension:acme_1.0:User"
	enterpriseURN = scim.EnterpriseUserURN
	base          = "https://usher.example.com/scim/v2"
)

// extension has an attribute of every type.
func extension() attr.Schema {
	define := func(name string, t attr.Type, multi, exact bool, sub ...attr.Definition) attr.Definition {
		return attr.Definition{Name: name, Type: t, MultiValued: multi, CaseExact: exact, Mutability: attr.ReadWrite, Returned: attr.Default, Sub: sub}
	}
	return attr.Schema{ID: extURN, Name: "Acme", Attributes: []attr.Definition{
		define("level", attr.Integer, false, false),
		define("score", attr.Decimal, false, false),
		define("since", attr.DateTime, false, false),
		define("vip", attr.Boolean, false, false),
		define("badge", attr.String, false, true),
		define("tags", attr.String, true, false),
		define("place", attr.Complex, false, false, define("room", attr.String, false, false), define("keys", attr.String, true, true)),
		define("cars", attr.Complex, true, false, define("plate", attr.String, false, false), define("seats", attr.Integer, false, false), define("colours", attr.String, true, false)),
	}}
}

// scimWorld is a company with people and groups of a directory and of two SCIM
// connections, of which one looks.
type scimWorld struct {
	*world
	okta, other   registry.Origin
	users, groups *attr.Set
	ids           map[string]registry.UserID
	groupIDs      map[string]registry.GroupID
}

func newScimWorld(t *testing.T, s *store.Store) *scimWorld {
	t.Helper()
	w := &scimWorld{
		world: newWorld(t, s), ids: map[string]registry.UserID{}, groupIDs: map[string]registry.GroupID{},
		users: scim.UserType(scim.Extension{Schema: extension()}).Attributes(), groups: scim.GroupType().Attributes(),
	}
	w.okta, w.other = w.door(registry.OriginSCIM, "okta"), w.door(registry.OriginSCIM, "other")
	return w
}

// scimPerson is what a connection pushed.
type scimPerson struct {
	name, anchor string
	off          bool
	doc          string
	emails       []string
}

func (w *scimWorld) push(o registry.Origin, list ...scimPerson) {
	w.t.Helper()
	for _, p := range list {
		w.now = w.now.Add(time.Hour)
		a := registry.Attributes{registry.AttrUserName: {p.name}}
		a.Set(registry.AttrEmails, p.emails...)
		op := registry.PutUser{Anchor: p.anchor, Attributes: a, Enabled: !p.off, Document: []byte(p.doc), Kind: registry.EndUser,
			Fingerprint: registry.FingerprintOf(a, p.doc, fmt.Sprint(p.off))}
		res := w.putAs(o, op)
		if res[0].Refused != nil {
			w.t.Fatal(res[0].Refused)
		}
		w.ids[p.name] = res[0].User
	}
}

// settle makes the people and groups that the tests ask for.
func (w *scimWorld) settle() {
	w.t.Helper()
	w.push(w.okta,
		scimPerson{"Alice", "ext-A", false, `{"displayName":"Alice Ångström","name":{"givenName":"Alice","familyName":"Ångström"},"title":"Engineer",
			"emails":[{"value":"Alice@Example.com","type":"work","primary":true},{"value":"alice@home.example","type":"home"}],
			"phoneNumbers":[{"value":"+39 02 1","type":"work"}],"locale":"it-IT","preferredLanguage":"it",
			"` + enterpriseURN + `":{"department":"Sales","employeeNumber":"100","manager":{"value":"m-1"}},
			"` + extURN + `":{"level":5,"score":1.5,"since":"2026-01-31T12:00:00+01:00","vip":true,"badge":"AbC","tags":["Red","blue"],"place":{"room":"R1","keys":["k1","K2"]},
				"cars":[{"plate":"AA","seats":4,"colours":["red","Black"]},{"plate":"BB","seats":2}]}}`, []string{"Alice@Example.com", "alice@home.example"}},
		scimPerson{"bob", "ext-B", true, `{"displayName":"bob","title":"","emails":[{"value":"bob@example.com","type":"home"}],
			"` + extURN + `":{"level":9007199254740993,"score":-2,"since":"2026-01-31T11:00:00.5Z","vip":false,"badge":"abc","tags":[]}}`, []string{"bob@example.com"}},
		scimPerson{"carol_100%", "~carol", false, `{"displayName":"100% Carol_","nickName":"a\\b'c\"d","title":"engineer"}`, nil},
		scimPerson{"Dora", "ext-D", false, `{"displayName":"ΟΔΥΣΣΕΥΣ","title":"Straße","emails":[null,{"value":"dora@example.com","type":"work","primary":false}],
			"addresses":[{"type":"home","locality":"Roma","primary":true}],"roles":[{"value":"admin"}]}`, []string{"dora@example.com"}},
		scimPerson{"eve", "ext-E", false, `{}`, nil},
		scimPerson{"frank", "ext-F", false, `{"x509Certificates":[{"value":"QUJD"}],"ims":"odd","` + extURN + `":{"cars":["odd",7,{"seats":4}],"since":"no time","tags":"single"}}`, nil},
	)
	w.push(w.other, scimPerson{"gina", "ext-A2", false, `{"displayName":"Gina"}`, nil})
	w.ldap()
	w.link()
	w.makeGroups()
}

// ldap makes the people of the directory.
func (w *scimWorld) ldap() {
	w.t.Helper()
	give := func(op registry.PutUser, values ...string) registry.PutUser {
		return with(op, func(p *registry.PutUser) {
			for i := 0; i < len(values); i += 2 {
				p.Attributes.Set(values[i], values[i+1])
			}
		})
	}
	ids := w.create(
		give(address(person("l1", "hans"), "hans@example.com", "second@example.com"), registry.AttrDisplayName, "Hans Meier", registry.AttrGivenName, "Hans", registry.AttrFamilyName, "Meier",
			registry.AttrTitle, "Engineer", registry.AttrPhone, "+49 1", registry.AttrMobile, "+49 2", registry.AttrLocale, "de", registry.AttrDepartment, "sales",
			registry.AttrEmployeeNumber, "200", registry.AttrManager, "m-1", registry.AttrCostCenter, "C1", registry.AttrMiddleName, "Mid"),
		give(person("l2", "ivan"), registry.AttrNickName, "Vanya", registry.AttrMobile, "+7 1"),
		disabled(person("l3", "judy")),
		person("l4", "kim"), person("l5", "leo"),
	)
	for i, name := range []string{"hans", "ivan", "judy", "kim", "leo"} {
		w.ids[name] = ids[i]
	}
	w.put(registry.MissUser{Anchor: "l5", Reason: "missing", Deactivate: true})
	w.put(registry.DeleteUser{Anchor: "l5"})
	delete(w.ids, "leo")
}

// link ties a person of the directory to the connection, which does not own her.
func (w *scimWorld) link() {
	w.t.Helper()
	a := registry.Attributes{registry.AttrUserName: {"ivan"}}
	if res := w.putAs(w.okta, registry.PutUser{Anchor: "ext-I", Join: w.ids["ivan"], LinkOnly: true, Attributes: a, Enabled: true}); res[0].Refused != nil {
		w.t.Fatal(res[0].Refused)
	}
}

func (w *scimWorld) makeGroups() {
	w.t.Helper()
	for _, g := range []struct {
		origin       registry.Origin
		anchor, name string
		users        []string
	}{
		{w.okta, "g-1", "Sales", []string{"Alice", "bob"}},
		{w.okta, "~none", "Ärzte", []string{"Alice"}},
		{w.okta, "g-3", "empty", nil},
		{w.src.Origin, "cn=x", "Directory", []string{"hans", "Alice"}},
	} {
		res := w.putAs(g.origin, registry.PutGroup{Anchor: g.anchor, Name: g.name, DisplayName: g.name})
		if res[0].Refused != nil {
			w.t.Fatal(res[0].Refused)
		}
		w.groupIDs[g.name] = res[0].Group
		var add []registry.UserID
		for _, u := range g.users {
			add = append(add, w.ids[u])
		}
		w.putAs(g.origin, registry.PatchMembers{Group: res[0].Group, AddUsers: add})
	}
	// A nested group, and a member whom two origins assert.
	w.putAs(w.okta, registry.PatchMembers{Group: w.groupIDs["Sales"], AddGroups: []registry.GroupID{w.groupIDs["Ärzte"]}})
	w.putAs(w.door(registry.OriginAdmin, "console"), registry.PatchMembers{Group: w.groupIDs["Sales"], AddUsers: []registry.UserID{w.ids["Alice"], w.ids["hans"]}})
}

func (w *scimWorld) view(v registry.Visibility) registry.ScimView {
	return registry.ScimView{Origin: w.okta.ID, Visible: v, Base: base}
}

func (w *scimWorld) tenant() *store.Tenant { return w.s.For(w.src.Company) }

// selection reads a filter and an order.
func selection(t testing.TB, set *attr.Set, text, by string) filter.Selection {
	t.Helper()
	q := filter.Selection{Set: set}
	if text != "" {
		e, err := filter.Parse(text)
		if err == nil {
			e, err = filter.Resolve(e, set, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		q.Filter = e
	}
	if by != "" {
		p, err := filter.ParsePath(by)
		if err == nil {
			p, err = filter.ResolvePath(p, set, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", by, err)
		}
		q.SortBy = &p.Attr
	}
	return q
}

var everything100 = registry.ScimPage{Limit: 100}

// people are the names that a query finds, in its order.
func (w *scimWorld) people(v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]string, int) {
	w.t.Helper()
	ids, total, err := w.tenant().ScimUsers(w.t.Context(), v, q, p)
	if err != nil {
		w.t.Fatalf("%v: %v", q.Filter, err)
	}
	return namesOf(w.ids, ids), total
}

func (w *scimWorld) groupNames(v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]string, int) {
	w.t.Helper()
	ids, total, err := w.tenant().ScimGroups(w.t.Context(), v, q, p)
	if err != nil {
		w.t.Fatalf("%v: %v", q.Filter, err)
	}
	return namesOf(w.groupIDs, ids), total
}

func namesOf[ID comparable](known map[string]ID, ids []ID) []string {
	out := []string{}
	for _, id := range ids {
		name := fmt.Sprint(id)
		for n, k := range known {
			if k == id {
				name = n
			}
		}
		out = append(out, name)
	}
	return out
}

// object is JSON as the protocol reads it.
func object(t testing.TB, doc []byte) map[string]any {
	t.Helper()
	var out map[string]any
	d := json.NewDecoder(bytesReader(doc))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

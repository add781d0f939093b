package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// badges is a declared type whose core and extension hold an attribute of every
// type each.
func badges() (registry.ScimType, *attr.Set) {
	core := extension()
	core.ID, core.Name = "urn:example:badge", "Badge"
	core.Attributes = append(core.Attributes, attr.Definition{Name: "displayName", Type: attr.String, Returned: attr.Default})
	t := &scim.ResourceType{ID: "Badge", Name: "Badge", Endpoint: "/Badges", Schema: core, Extensions: []scim.Extension{{Schema: extension()}}}
	return registry.ScimType{Name: "Badge", Schema: core.ID, Endpoint: "/Badges"}, t.Attributes()
}

// resourceDocs are what connections said of badges: of the core, of the
// extension, of both and of nothing.
var resourceDocs = []string{
	`{"displayName":"Alice","level":5,"score":1.5,"since":"2026-01-31T12:00:00+01:00","vip":true,"badge":"AbC","tags":["Red","blue"],"place":{"room":"R1","keys":["k1","K2"]},
		"cars":[{"plate":"AA","seats":4,"colours":["red","Black"]},{"plate":"BB","seats":2}]}`,
	`{"level":9007199254740993,"score":-2,"vip":false,"badge":"abc","tags":[],"` + extURN + `":{"level":4,"tags":["a"],"cars":[{"plate":"aa"}],"since":"2026-03-01T13:00:00Z"}}`,
	`{"` + extURN + `":{"level":5,"vip":true,"place":{"room":"r1"},"cars":[{"seats":2,"colours":["blue"]},{"plate":"","seats":4}]}}`,
	`{"displayName":"alice","cars":[{"plate":"100%"}],"badge":"a_b"}`, `{}`,
}

// putBadges makes the badges as two connections, alternating.
func (w *scimWorld) putBadges() []registry.ResourceID {
	w.t.Helper()
	var ids []registry.ResourceID
	for i, doc := range resourceDocs {
		w.now = w.now.Add(time.Hour)
		o := []registry.Origin{w.okta, w.other}[i%2]
		res := w.putAs(o, registry.PutResource{Type: "Badge", ExternalID: []string{"e-A", "e-A", "E-a", "", "x"}[i], Document: []byte(doc)})
		if res[0].Refused != nil {
			w.t.Fatal(res[0].Refused)
		}
		ids = append(ids, res[0].Resource)
	}
	return ids
}

// TestScimResourceFiltersAgree compares the SQL with the plain evaluation over
// random filters on a declared type.
func TestScimResourceFiltersAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		ids := w.putBadges()
		kind, set := badges()
		v := w.view(registry.VisibleCompany)
		list, err := w.tenant().ScimResourceRecords(t.Context(), v, kind, ids)
		must(t, err)
		docs := make([]map[string]any, len(list))
		for i, r := range list {
			doc := object(t, r.Document)
			doc["id"] = r.PublicID
			if r.ExternalID != "" {
				doc["externalId"] = r.ExternalID
			}
			doc["meta"] = map[string]any{
				"resourceType": "Badge", "version": fmt.Sprintf(`W/"%d"`, r.Version), "location": base + "/Badges/" + r.PublicID,
				"created": r.CreatedAt.Format(time.RFC3339Nano), "lastModified": r.UpdatedAt.Truncate(time.Millisecond).Format(time.RFC3339Nano),
			}
			docs[i] = doc
		}
		agree(t, set, docs, badgeTerms, func(q filter.Selection) []int {
			got, total, err := w.tenant().ScimResources(t.Context(), v, kind, q, everything100)
			must(t, err)
			if total != len(got) {
				t.Errorf("%v: %d of %d", q.Filter, len(got), total)
			}
			return positions(ids, got)
		})
	})
}

// TestScimGroupExtensionFiltersAgree is the same for extensions of groups, which
// most groups have nothing of.
func TestScimGroupExtensionFiltersAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		set := scim.GroupType(scim.Extension{Schema: extension()}).Attributes()
		var ids []registry.GroupID
		docs := []map[string]any{}
		for i, doc := range append(resourceDocs[1:3:3], ``, `{}`) {
			var document []byte
			if doc != "" {
				document = []byte(doc)
			}
			res := w.putAs(w.okta, registry.PutGroup{Anchor: fmt.Sprint(i), DisplayName: fmt.Sprint("Group ", i), Document: document})
			ids = append(ids, res[0].Group)
			all := map[string]any{}
			if doc != "" {
				all = object(t, document)
			}
			docs = append(docs, map[string]any{"displayName": fmt.Sprint("Group ", i), "externalId": fmt.Sprint(i), "id": res[0].PublicID, extURN: all[extURN]})
		}
		agree(t, set, docs, groupTerms, func(q filter.Selection) []int {
			got, _, err := w.tenant().ScimGroups(t.Context(), w.view(registry.VisibleOwn), q, everything100)
			must(t, err)
			return positions(ids, got)
		})
	})
}

func positions[ID comparable](ids, got []ID) []int {
	var out []int
	for _, id := range got {
		out = append(out, slices.Index(ids, id))
	}
	return out
}

// agree holds the answers to random filters to those of the plain evaluation.
func agree(t *testing.T, set *attr.Set, docs []map[string]any, terms []string, find func(filter.Selection) []int) {
	t.Helper()
	g := &generator{rand.New(rand.NewPCG(3, 4)), docs}
	found := 0
	for range 1200 {
		text := g.filterOf(3, terms)
		q := selection(t, set, text, "")
		var expected []int
		for i := range docs {
			if (naive{set}).match(q.Filter, docs[i]) {
				expected = append(expected, i)
			}
		}
		got := find(q)
		if !slices.Equal(got, expected) {
			t.Fatalf("%s\n\tfinds %v\n\t want %v", text, got, expected)
		}
		if len(got) > 0 && len(got) < len(docs) {
			found++
		}
	}
	if found < 200 {
		t.Errorf("only %d filters told documents apart", found)
	}
}

var (
	extensionTerms = []string{"level", "score", "since", "vip", "badge", "tags", "place.room", "place.keys", "cars.plate", "cars.seats", "cars.colours"}
	groupTerms     = append(prefixed(extURN+":", extensionTerms), "displayName", "externalId", "id")
	badgeTerms     = slices.Concat(extensionTerms, groupTerms, []string{"meta.created", "meta.lastModified", "meta.version", "meta.location", "meta.resourceType"})
)

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

// filterOf is filter over attributes of one's choice.
func (g *generator) filterOf(depth int, terms []string) string {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return g.filterOf(depth-1, terms) + " and " + g.filterOf(depth-1, terms)
		case 1:
			return "(" + g.filterOf(depth-1, terms) + " or " + g.filterOf(depth-1, terms) + ")"
		case 2:
			return "not (" + g.filterOf(depth-1, terms) + ")"
		case 3:
			inner := func() string { return g.term(pick(g, "plate", "seats", "colours")) }
			return extURN + ":cars[" + pick(g, inner(), inner()+" and "+inner(), "not ("+inner()+")") + "]"
		}
	}
	return g.term(pick(g, terms...))
}

func TestResources(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		put := func(o registry.Origin, id registry.ResourceID, serial, external, doc string) registry.Result {
			t.Helper()
			return w.putAs(o, registry.PutResource{Resource: id, Type: "Badge", ExternalID: external, Document: []byte(doc),
				Unique: []registry.UniqueValue{{Attribute: "serial", Key: serial}}})[0]
		}
		code := func(r registry.Result) registry.Code { return codes([]registry.Result{r})[0] }
		a := put(w.okta, 0, "1", "x", `{"serial":"1"}`)
		b := put(w.other, 0, "2", "x", `{"serial":"2"}`) // another connection's x
		want(t, "made", []registry.Code{code(a), code(b)}, []registry.Code{"", ""})
		for what, r := range map[string]registry.Result{
			"the serial":             put(w.other, 0, "1", "", `{}`),
			"the externalId":         put(w.okta, 0, "3", "x", `{}`),
			"a change to the serial": put(w.okta, a.Resource, "2", "x", `{}`),
		} {
			want(t, what, code(r), registry.CodeValueTaken)
		}
		want(t, "another's", code(put(w.other, a.Resource, "1", "", `{}`)), registry.CodeForeignOwner)
		before := w.changes()
		if r := put(w.okta, a.Resource, "1", "x", `{ "serial": "1" }`); r.Change != nil || w.changes() != before {
			t.Errorf("nothing new is a change: %+v", r.Change)
		}
		r := put(w.okta, a.Resource, "9", "x", `{"serial":"9"}`)
		want(t, "what changed", r.Change.Payload.After, registry.Attributes{"document": {`{"serial":"9"}`}})
		want(t, "from what", object(t, []byte(r.Change.Payload.Before.First("document"))), map[string]any{"serial": "1"})
		want(t, "the old serial is free", code(put(w.okta, 0, "1", "", `{}`)), registry.Code(""))
		two := w.putAs(w.okta, registry.PutResource{Type: "Badge", Document: []byte(`{}`), Unique: []registry.UniqueValue{{Attribute: "serial", Key: "t"}}},
			registry.PutResource{Type: "Badge", Document: []byte(`{}`), Unique: []registry.UniqueValue{{Attribute: "serial", Key: "t"}}})
		want(t, "two of a batch", codes(two), []registry.Code{"", registry.CodeValueTaken})
		want(t, "stale", codes(w.putAs(w.okta, registry.DeleteResource{Resource: a.Resource, IfVersion: 1})), []registry.Code{registry.CodeStale})
		want(t, "ended", actions(w.putAs(w.okta, registry.DeleteResource{Resource: a.Resource, IfVersion: 2})), []registry.Action{registry.ActionDelete})
		want(t, "ended twice", codes(w.putAs(w.okta, registry.DeleteResource{Resource: a.Resource})), []registry.Code{registry.CodeNotFound})
		want(t, "its values are free", code(put(w.okta, 0, "9", "x", `{}`)), registry.Code(""))
		want(t, "history", w.texts(`SELECT action || ' ' || version FROM changes WHERE resource_id = %d ORDER BY id`, a.Resource), []string{"create 1", "update 2", "delete 3"})
	})
}

// TestScimResourceFence is TestScimFence for resources.
func TestScimResourceFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		made := c.put(registry.PutResource{Type: "Badge", ExternalID: "x", Document: []byte(`{"level":1}`), Unique: []registry.UniqueValue{{Attribute: "serial", Key: "1"}}})[0]
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		kind, set := badges()
		for _, visible := range []registry.Visibility{registry.VisibleOwn, registry.VisibleCompany} {
			v := registry.ScimView{Origin: c.src.Origin.ID, Visible: visible}
			for _, text := range []string{``, `level eq 1`, `externalId eq "x"`, `id eq "` + made.PublicID + `"`} {
				if ids, total, err := c.b.ScimResources(ctx, v, kind, selection(t, set, text, ""), everything100); len(ids)+total != 0 || err != nil {
					t.Errorf("%s: %v of %d, %v", text, ids, total, err)
				}
			}
			list, err := c.b.ScimResourceRecords(ctx, v, kind, []registry.ResourceID{made.Resource})
			must(t, err)
			_, byID := c.b.ScimResourceByID(ctx, v, kind, made.PublicID)
			if len(list) != 0 || !errors.Is(byID, registry.ErrNotFound) {
				t.Errorf("%s: %v, %v", visible, list, byID)
			}
		}
		res, err := c.r.Apply(ctx, registry.Batch{Company: c.beta.Company, Origin: c.beta.Origin, Ops: []registry.Op{
			registry.PutResource{Resource: made.Resource, Type: "Badge", Document: []byte(`{}`)}, registry.DeleteResource{Resource: made.Resource},
			registry.PutResource{Type: "Badge", ExternalID: "x", Document: []byte(`{}`), Unique: []registry.UniqueValue{{Attribute: "serial", Key: "1"}}},
		}})
		must(t, err)
		want(t, "writes", codes(res), []registry.Code{registry.CodeNotFound, registry.CodeNotFound, ""})
	})
}

// TestScimResourcePlans: what identity providers look for is found by an index.
func TestScimResourcePlans(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		kind, set := badges()
		var ops []registry.Op
		for i := range 2000 {
			doc, _ := json.Marshal(map[string]any{"level": i})
			ops = append(ops, registry.PutResource{Type: "Badge", ExternalID: fmt.Sprintf("e%d", i), Document: doc})
		}
		w.putAs(w.okta, ops...)
		if s.Postgres() {
			w.sql(`ANALYZE`)
		}
		for _, visible := range []registry.Visibility{registry.VisibleOwn, registry.VisibleCompany} {
			for _, text := range []string{`id eq "ID"`, `externalId eq "e7"`, `externalId eq "e7" and level eq 7`, `id eq "ID" or externalId eq "e7"`} {
				var statements []string
				ctx := store.RecordingArgs(t.Context(), func(q string, args []any) { statements = append(statements, inline(q, args)) })
				_, _, err := w.tenant().ScimResources(ctx, w.view(visible), kind, selection(t, set, text, ""), everything100)
				must(t, err)
				for _, q := range statements {
					plan := w.explainText(q)
					if strings.Contains(plan, "SCAN r") || strings.Contains(plan, "(company_id=? AND type=?)") || strings.Contains(plan, "(owner_id=? AND type=?)") || strings.Contains(plan, "Seq Scan on resources") {
						t.Errorf("%s, %s:\n%s\n%s", visible, text, q, plan)
					}
				}
			}
		}
	})
}

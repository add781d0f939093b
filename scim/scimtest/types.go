package scimtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
)

// The schemas of the suite beside the RFC's.
const (
	badgeURN      = "urn:example:params:scim:schemas:core_1.0:Badge"
	badgeExtraURN = "urn:example:params:scim:schemas:extension:badge:1.0:Extra"
	staffURN      = "urn:example:params:scim:schemas:extension:staff:1.0:User"
	teamURN       = "urn:example:params:scim:schemas:extension:team:1.0:Group"
)

// UserType is the User of the suite, with an extension of its own. Whoever is
// under test and wants to know the types beforehand makes them with this,
// GroupType and BadgeType.
func UserType() *scim.ResourceType {
	return scim.UserType(scim.Extension{Schema: scim.Complete(attr.Schema{ID: staffURN, Name: "Staff", Attributes: []attr.Definition{
		{Name: "badge", Type: attr.Reference, CaseExact: true, ReferenceTypes: []string{"Badge"}}, {Name: "level", Type: attr.Integer}, {Name: "since", Type: attr.DateTime},
		{Name: "pin", Mutability: attr.WriteOnly, Returned: attr.Never},
		{Name: "made", Mutability: attr.Immutable}, {Name: "shift", CanonicalValues: []string{"early", "late"}},
		{Name: "desks", MultiValued: true, Sub: []attr.Definition{{Name: "value"}, {Name: "floor", Type: attr.Integer}, {Name: "primary", Type: attr.Boolean}}},
	}})})
}

// GroupType is the Group of the suite.
func GroupType() *scim.ResourceType {
	return scim.GroupType(scim.Extension{Schema: scim.Complete(attr.Schema{ID: teamURN, Name: "Team", Attributes: []attr.Definition{
		{Name: "cost"}, {Name: "budget", Type: attr.Decimal}, {Name: "tags", MultiValued: true},
	}})})
}

// BadgeType is a resource type that no RFC knows.
func BadgeType() *scim.ResourceType {
	return &scim.ResourceType{
		ID: "Badge", Name: "Badge", Endpoint: "/Badges", Description: "Badge",
		Schema: scim.Complete(attr.Schema{ID: badgeURN, Name: "Badge", Attributes: []attr.Definition{
			{Name: "serial", Required: true, CaseExact: true, Uniqueness: attr.Server},
			{Name: "displayName"}, {Name: "level", Type: attr.Integer, Uniqueness: attr.Global}, {Name: "active", Type: attr.Boolean},
			{Name: "made", Type: attr.DateTime, Mutability: attr.Immutable}, {Name: "colour", CanonicalValues: []string{"red", "blue"}},
			{Name: "pin", Mutability: attr.WriteOnly, Returned: attr.Never}, {Name: "note", Returned: attr.Request},
			{Name: "owner", Sub: []attr.Definition{
				{Name: "value", CaseExact: true}, {Name: "$ref", Type: attr.Reference, CaseExact: true, ReferenceTypes: []string{"User"}},
			}},
			{Name: "lock", Sub: []attr.Definition{{Name: "code"}, {Name: "maker", Mutability: attr.Immutable}}},
			{Name: "doors", MultiValued: true, Sub: []attr.Definition{
				{Name: "value", Required: true}, {Name: "type", CanonicalValues: []string{"in", "out"}}, {Name: "primary", Type: attr.Boolean},
			}},
		}}),
		Extensions: []scim.Extension{{Schema: scim.Complete(attr.Schema{ID: badgeExtraURN, Name: "Extra", Attributes: []attr.Definition{
			{Name: "code", Uniqueness: attr.Server}, {Name: "next", Type: attr.Reference, CaseExact: true, ReferenceTypes: []string{"Badge"}},
		}})}},
	}
}

const badgeHead = `{"schemas":["` + badgeURN + `"],`

// badge makes a badge of more JSON members and gives back the id.
func (s *suite) badge(t *testing.T, serial string, more ...string) string {
	t.Helper()
	members := append([]string{fmt.Sprintf(`"serial":%q`, serial)}, more...)
	return s.Want(t, http.StatusCreated, "POST", "/Badges", badgeHead+strings.Join(members, ",")+"}")["id"].(string)
}

// serials lists the badges that a query finds.
func (s *suite) serials(t *testing.T, filter, more string) string {
	t.Helper()
	list := s.get(t, "/Badges?filter="+url.QueryEscape(filter)+more)["Resources"].([]any)
	names := make([]string, len(list))
	for i, r := range list {
		names[i], _ = r.(map[string]any)["serial"].(string)
	}
	if more == "" {
		slices.Sort(names)
	}
	return strings.Join(names, " ")
}

func testBadge(t *testing.T, s *suite) {
	anna := s.user(t, "anna")
	id := s.badge(t, "B-1", `"externalId":"x1","level":3,"colour":"RED","pin":"1234","note":"n","made":"2026-01-31T12:00:00Z","owner":{"value":"`+anna+`"}`,
		`"doors":[{"value":"North","type":"in","primary":true},{"value":"South"}],"`+badgeExtraURN+`":{"code":"C1"}`)
	m := s.get(t, "/Badges/"+id)
	meta, _ := m["meta"].(map[string]any)
	owner, _ := m["owner"].(map[string]any)
	switch {
	case m["serial"] != "B-1" || m["level"] != 3.0 || m["colour"] != "red" || m["externalId"] != "x1" || m["pin"] != nil || m["note"] != nil:
		t.Errorf("badge: %v", m)
	case meta["resourceType"] != "Badge" || meta["location"] != BaseURL+"/Badges/"+id || meta["version"] == nil:
		t.Errorf("meta: %v", meta)
	case owner["$ref"] != BaseURL+"/Users/"+anna || len(m["doors"].([]any)) != 2 || fmt.Sprint(m[badgeExtraURN]) != "map[code:C1]" || len(m["schemas"].([]any)) != 2:
		t.Errorf("references and values: %v", m)
	}
	for _, body := range []string{
		badgeHead + `"level":1}`, badgeHead + `"serial":""}`, badgeHead + `"serial":"B-2","level":"high"}`, badgeHead + `"serial":"B-2","doors":[{"type":"in"}]}`,
		badgeHead + `"serial":"B-2","doors":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, userHead + `"serial":"B-2"}`,
	} {
		s.Want(t, http.StatusBadRequest, "POST", "/Badges", body)
	}
	for _, path := range []string{"/Users/" + id, "/Groups/" + id, "/Badges/" + anna, "/Badges/no-such-id"} {
		s.Want(t, http.StatusNotFound, "GET", path, "")
	}
	if m := s.get(t, "/Badges/"+id+"?attributes=note,doors.type"); m["note"] != "n" || m["serial"] != nil || fmt.Sprint(m["doors"]) != "[map[type:in] map[]]" {
		t.Errorf("projected: %v", m)
	}
	s.Want(t, http.StatusNoContent, "DELETE", "/Badges/"+id, "")
	s.Want(t, http.StatusNotFound, "GET", "/Badges/"+id, "")
	s.Want(t, http.StatusNotFound, "DELETE", "/Badges/"+id, "")
	if again := s.badge(t, "B-1", `"externalId":"x1","`+badgeExtraURN+`":{"code":"c1"}`); again == id { // everything unique is free
		t.Error("a deleted badge came back")
	}
}

func testBadgeUniqueness(t *testing.T, s *suite) {
	first := s.badge(t, "B-1", `"level":1,"`+badgeExtraURN+`":{"code":"ß"}`)
	second := s.badge(t, "b-1", `"level":2`) // serial is caseExact
	for _, m := range []map[string]any{
		s.Want(t, http.StatusConflict, "POST", "/Badges", badgeHead+`"serial":"B-1"}`),
		s.Want(t, http.StatusConflict, "POST", "/Badges", badgeHead+`"serial":"B-3","level":1}`),
		s.Want(t, http.StatusConflict, "PUT", "/Badges/"+second, badgeHead+`"serial":"B-1"}`),
		s.patch(t, http.StatusConflict, "/Badges/"+second, `{"op":"replace","path":"level","value":1}`),
		s.patch(t, http.StatusConflict, "/Badges/"+second, `{"op":"add","path":"`+badgeExtraURN+`:code","value":"ß"}`),
	} {
		if m["scimType"] != "uniqueness" {
			t.Errorf("not for uniqueness: %v", m)
		}
	}
	s.patch(t, http.StatusNoContent, "/Badges/"+first, `{"op":"replace","path":"level","value":7}`)
	s.patch(t, http.StatusNoContent, "/Badges/"+second, `{"op":"replace","path":"level","value":1}`)
	s.badge(t, "B-"+strings.Repeat("long", 2000))
	s.Want(t, http.StatusConflict, "POST", "/Badges", badgeHead+`"serial":"B-`+strings.Repeat("long", 2000)+`"}`)
	made := make([]int, 8)
	together(len(made), func(i int) { made[i] = s.Do("POST", "/Badges", badgeHead+`"serial":"race"}`).Code })
	slices.Sort(made)
	if made[0] != http.StatusCreated || made[1] != http.StatusConflict || made[7] != http.StatusConflict {
		t.Errorf("of one serial: %v", made)
	}
}

func testBadgePatch(t *testing.T, s *suite) {
	anna := s.user(t, "anna")
	id := s.badge(t, "B-1", `"level":3,"made":"2026-01-31T12:00:00Z","doors":[{"value":"North","type":"in"}]`)
	path := "/Badges/" + id
	tag := func() string { return s.Do("GET", path, "").Header().Get("ETag") }
	first := tag()
	s.patch(t, http.StatusNoContent, path, `{"op":"replace","path":"level","value":3},{"op":"remove","path":"displayName"}`)
	s.Want(t, http.StatusOK, "PUT", path, badgeHead+`"serial":"B-1","level":3,"doors":[{"value":"North","type":"in"}]}`)
	if tag() != first {
		t.Error("what changes nothing moves the version")
	}
	s.patch(t, http.StatusBadRequest, path, `{"op":"replace","path":"made","value":"2027-01-31T12:00:00Z"}`)
	for _, op := range []string{
		`{"op":"remove","path":"serial"}`, `{"op":"remove","path":"doors[type eq \"in\"].value"}`, `{"op":"remove","path":"doors.value"}`,
		`{"op":"replace","path":"doors[type eq \"in\"]","value":{"value":null,"type":"out"}}`,
		`{"op":"add","path":"doors[type eq \"in\"]","value":{"value":null}}`,
	} {
		if m := s.patch(t, http.StatusBadRequest, path, op); m["scimType"] != "mutability" {
			t.Errorf("%s: %v", op, m)
		}
	}
	s.patch(t, http.StatusBadRequest, path, `{"op":"replace","path":"level","value":"x"}`)
	s.patch(t, http.StatusPreconditionFailed, path, `{"op":"replace","path":"level","value":9}`, `If-Match: W/"none"`)
	s.patch(t, http.StatusNoContent, path, strings.Join([]string{
		`{"op":"add","path":"doors","value":[{"value":"East"}]}`, `{"op":"replace","path":"doors[value eq \"North\"].type","value":"out"}`,
		`{"op":"add","path":"owner.value","value":"` + anna + `"}`, `{"op":"replace","path":"` + badgeURN + `:displayName","value":"D"}`,
		`{"op":"add","path":"` + badgeExtraURN + `:code","value":"c"}`, `{"op":"add","value":{"colour":"blue","externalId":"e1","` + badgeExtraURN + `:next":"../Badges/1"}}`,
	}, ","))
	m := s.get(t, path)
	for _, name := range []string{"id", "meta", "schemas"} {
		delete(m, name)
	}
	want := `map[colour:blue displayName:D doors:[map[type:out value:North] map[value:East]] externalId:e1 level:3 made:2026-01-31T12:00:00Z owner:map[$ref:` +
		BaseURL + `/Users/` + anna + ` value:` + anna + `] serial:B-1 ` + badgeExtraURN + `:map[code:c next:../Badges/1]]`
	if got := fmt.Sprint(m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.patch(t, http.StatusNoContent, path, `{"op":"remove","path":"doors[type eq \"out\"]"},{"op":"remove","path":"`+badgeExtraURN+`"},{"op":"remove","path":"owner"}`)
	if m := s.get(t, path); m["owner"] != nil || m[badgeExtraURN] != nil || fmt.Sprint(m["doors"]) != "[map[value:East]]" {
		t.Errorf("after removal: %v", m)
	}
	s.Want(t, http.StatusPreconditionFailed, "DELETE", path, "", "If-Match: "+first)
}

func testBadgeQueries(t *testing.T, s *suite) {
	anna := s.user(t, "anna", `"displayName":"Same","`+staffURN+`":{"level":7}`)
	one := s.badge(t, "A", `"externalId":"x","level":5,"active":true,"displayName":"same","doors":[{"value":"North","type":"in"},{"value":"South","type":"out"}],"owner":{"value":"`+anna+`"}`)
	s.badge(t, "b", `"externalId":"X","level":-2,"active":false,"doors":[{"value":"North","type":"out"}],"made":"2026-01-31T12:00:00+01:00"`)
	s.badge(t, "C", `"`+badgeExtraURN+`":{"code":"Red"}`)
	for filter, want := range map[string]string{
		`serial pr`: "A C b", `serial eq "B"`: "", `serial eq "b"`: "b", `externalId eq "x"`: "A", `id eq "` + one + `"`: "A", `level gt 0`: "A", `level le 5`: "A b",
		`level eq null`: "C", `not (active eq true)`: "C b", `doors[value eq "north" and type eq "out"]`: "b", `doors.type eq "out"`: "A b", `doors[type eq "in"].value sw "N"`: "A",
		`owner eq "` + anna + `"`: "A", `owner.value pr`: "A", badgeExtraURN + `:code eq "red"`: "C", badgeURN + `:level ge 5`: "A",
		`made eq "2026-01-31T11:00:00Z"`: "b", `meta.resourceType eq "Badge" and displayName eq "SAME"`: "A", `schemas eq "` + badgeExtraURN + `"`: "C",
		`meta.created gt "2001-01-01T00:00:00Z" and (serial eq "A" or serial eq "C")`: "A C",
	} {
		if got := s.serials(t, filter, ""); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	if got := s.serials(t, "serial pr", "&sortBy=level&sortOrder=descending"); got != "C A b" {
		t.Errorf("by level: %s", got)
	}
	if w := s.Do("GET", "/Badges?filter="+url.QueryEscape(`pin eq "x"`), ""); w.Code != http.StatusBadRequest {
		t.Errorf("a filter on what is never shown: %d", w.Code)
	}
	seen, cursor := 0, ""
	for range 5 {
		m := s.get(t, "/Badges?count=2&cursor="+cursor)
		seen += len(m["Resources"].([]any))
		next, more := m["nextCursor"].(string)
		if cursor = next; !more {
			break
		}
	}
	if seen != 3 {
		t.Errorf("cursor shows %d of 3", seen)
	}
	for body, want := range map[string]float64{
		`{"filter":"displayName eq \"same\""}`: 2, `{"filter":"level gt 4"}`: 1, `{"count":0}`: 4, `{"filter":"meta.resourceType eq \"Badge\""}`: 3,
		`{"filter":"not (serial pr)"}`: 1, `{"filter":"userName ne \"x\"","sortBy":"level"}`: 4, `{"filter":"doors[type eq \"in\"] or userName eq \"anna\""}`: 2,
		`{"filter":"active eq true","cursor":"","count":1}`: 1 + active(s, anna),
	} {
		if got := s.Want(t, http.StatusOK, "POST", "/.search", body)["totalResults"]; got != want {
			t.Errorf("over all types, %s: %v, want %v", body, got, want)
		}
	}
}

// active is 1 when a backend makes people active who did not say.
func active(s *suite, id string) float64 {
	if strings.Contains(s.Do("GET", "/Users/"+id, "").Body.String(), `"active":true`) {
		return 1
	}
	return 0
}

func testBadgeBulk(t *testing.T, s *suite) {
	m := s.Want(t, http.StatusOK, "POST", "/Bulk", `{"Operations":[
		{"method":"POST","path":"/Badges","bulkId":"b","data":`+badgeHead+`"serial":"1","owner":{"value":"bulkId:u"},"`+badgeExtraURN+`":{"next":"bulkId:c"}}},
		{"method":"POST","path":"/Badges","bulkId":"c","data":`+badgeHead+`"serial":"2","`+badgeExtraURN+`":{"next":"bulkId:b"}}},
		{"method":"POST","path":"/Users","bulkId":"u","data":`+userHead+`"userName":"anna","`+staffURN+`":{"badge":"bulkId:b"}}},
		{"method":"POST","path":"/Badges","bulkId":"d","data":`+badgeHead+`"serial":"1"}},
		{"method":"PATCH","path":"/Badges/bulkId:c","data":{"Operations":[{"op":"add","path":"level","value":4}]}}]}`)
	ids := map[string]string{}
	for i, r := range m["Operations"].([]any) {
		op := r.(map[string]any)
		location, _ := op["location"].(string)
		if id, ok := op["bulkId"].(string); ok {
			ids[id] = location[strings.LastIndexByte(location, '/')+1:]
		}
		if want := map[bool]string{true: "409", false: "20"}[i == 3]; !strings.HasPrefix(op["status"].(string), want) {
			t.Errorf("operation %d: %v", i, op)
		}
	}
	first, second, user := s.get(t, "/Badges/"+ids["b"]), s.get(t, "/Badges/"+ids["c"]), s.get(t, "/Users/"+ids["u"])
	if first["owner"].(map[string]any)["value"] != ids["u"] || first[badgeExtraURN].(map[string]any)["next"] != ids["c"] ||
		second[badgeExtraURN].(map[string]any)["next"] != ids["b"] || second["level"] != 4.0 || user[staffURN].(map[string]any)["badge"] != ids["b"] {
		t.Errorf("references: %v\n%v\n%v", first, second, user)
	}
}

func testGroupExtension(t *testing.T, s *suite) {
	anna := s.user(t, "anna")
	body := groupHead + `"displayName":"Sales","members":` + memberList([]string{anna}) + `,"` + teamURN + `":{"cost":"C1","budget":1.5,"tags":["a","b"]}}`
	id := s.Want(t, http.StatusCreated, "POST", "/Groups", body)["id"].(string)
	plain := s.group(t, "Plain")
	path := "/Groups/" + id
	tag := func() string { return s.Do("GET", path+"?excludedAttributes=members", "").Header().Get("ETag") }
	if m := s.get(t, path); fmt.Sprint(m[teamURN]) != "map[budget:1.5 cost:C1 tags:[a b]]" || len(m["schemas"].([]any)) != 2 {
		t.Errorf("extension: %v", m)
	}
	first := tag()
	s.patch(t, http.StatusNoContent, path, `{"op":"replace","path":"`+teamURN+`:cost","value":"C1"}`)
	s.Want(t, http.StatusOK, "PUT", path, body)
	if tag() != first {
		t.Error("what changes nothing moves the version")
	}
	for filter, want := range map[string]string{
		teamURN + `:cost eq "c1"`: "[Sales]", teamURN + `:budget lt 2`: "[Sales]", teamURN + `:tags eq "B"`: "[Sales]", `not (` + teamURN + `:tags pr)`: "[Plain]",
		`schemas eq "` + teamURN + `"`: "[Sales]", `displayName eq "sales" and ` + teamURN + `:budget eq 1.5 and members eq "` + anna + `"`: "[Sales]",
	} {
		if got := fmt.Sprint(s.find(t, "/Groups", filter, "")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	if m := s.get(t, path+"?attributes="+url.QueryEscape(teamURN+":cost")); fmt.Sprint(m[teamURN]) != "map[cost:C1]" || m["members"] != nil || m["displayName"] != nil {
		t.Errorf("projected: %v", m)
	}
	s.patch(t, http.StatusNoContent, path, `{"op":"add","path":"`+teamURN+`:tags","value":["c"]},{"op":"remove","path":"`+teamURN+`:budget"},{"op":"replace","path":"displayName","value":"S2"}`)
	if m := s.get(t, path); fmt.Sprint(m[teamURN]) != "map[cost:C1 tags:[a b c]]" || m["displayName"] != "S2" {
		t.Errorf("after PATCH: %v", m)
	}
	s.wantMembers(t, id, anna)
	s.patch(t, http.StatusNoContent, path, `{"op":"remove","path":"`+teamURN+`"}`)
	if m := s.get(t, path); m[teamURN] != nil || len(m["schemas"].([]any)) != 1 {
		t.Errorf("without extension: %v", m)
	}
	s.patch(t, http.StatusNoContent, "/Groups/"+plain, `{"op":"add","value":{"`+teamURN+`":{"cost":"C2"}}}`)
	s.Want(t, http.StatusOK, "PUT", "/Groups/"+plain, groupHead+`"displayName":"Plain"}`)
	if m := s.get(t, "/Groups/"+plain); m[teamURN] != nil {
		t.Errorf("what a PUT leaves out stays: %v", m)
	}
}

func testUserExtension(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"`+staffURN+`":{"badge":"Ab","level":3,"since":"2026-01-31T12:00:00Z","pin":"1234","made":"m","shift":"EARLY","desks":[{"value":"D1","floor":2}]}`)
	s.user(t, "berta")
	s.Want(t, http.StatusBadRequest, "POST", "/Users", userHead+`"userName":"carla","`+staffURN+`":{"level":"x"}}`)
	for filter, want := range map[string]string{
		staffURN + `:badge eq "Ab"`: "[anna]", staffURN + `:badge eq "ab"`: "[]", staffURN + `:level ge 3`: "[anna]", strings.ToUpper(staffURN) + `:LEVEL eq 3`: "[anna]",
		staffURN + `:since lt "2027-01-01T00:00:00Z" and userName eq "anna"`: "[anna]", staffURN + `:desks[floor eq 2 and value sw "d"]`: "[anna]", `not (` + staffURN + `:level pr)`: "[berta]",
	} {
		if got := fmt.Sprint(s.find(t, "/Users", filter, "")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	s.patch(t, http.StatusBadRequest, "/Users/"+id, `{"op":"replace","path":"`+staffURN+`:made","value":"n"}`)
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","path":"`+staffURN+`:desks[value eq \"D1\"].floor","value":4},{"op":"replace","value":{"`+staffURN+`":{"badge":"Cd"}}}`)
	m := s.get(t, "/Users/"+id+"?attributes="+url.QueryEscape(staffURN))
	if got := fmt.Sprint(m[staffURN]); got != "map[badge:Cd desks:[map[floor:4 value:D1]] level:3 made:m shift:early since:2026-01-31T12:00:00Z]" || m["userName"] != nil {
		t.Errorf("after PATCH: %v", m)
	}
}

// testDiscovery looks for the declared types and schemas where clients look.
func testDiscovery(t *testing.T, s *suite) {
	for path, want := range map[string]string{
		"/ResourceTypes/Badge": `"schemaExtensions":[{"required":false,"schema":"` + badgeExtraURN + `"}]`,
		"/ResourceTypes/User":  staffURN, "/ResourceTypes/Group": teamURN, "/ResourceTypes": `"endpoint":"/Badges"`,
		"/Schemas/" + badgeURN:      `"name":"serial","type":"string","multiValued":false,"description":"","required":true,"caseExact":true,"mutability":"readWrite","returned":"default","uniqueness":"server"`,
		"/Schemas/" + badgeExtraURN: `"referenceTypes":["Badge"]`, "/Schemas": teamURN,
	} {
		if w := s.Do("GET", path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, lacks %s: %s", path, w.Code, want, w.Body)
		}
	}
}

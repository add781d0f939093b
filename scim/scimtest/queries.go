package scimtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func testFilters(t *testing.T, s *suite) {
	s.user(t, "Anna", `"externalId":"E1","active":true,"title":"Dr","displayName":"Anna R","emails":[{"type":"work","value":"anna@x.example"},{"type":"home","value":"a@y.example"}]`)
	s.user(t, "berta", `"externalId":"e1","active":false,"emails":[{"type":"work","value":"a@y.example"}]`)
	s.user(t, "carla", `"externalId":"E3","active":true,"displayName":"anna r"`) // without a word on active, a backend decides
	for filter, want := range map[string]string{
		`userName eq "ANNA"`:                                       "[Anna]",
		`userName eq "ann"`:                                        "[]",
		`userName sw "BER"`:                                        "[berta]",
		`userName co "R"`:                                          "[berta carla]",
		`userName ew "a" and not (userName eq "anna")`:             "[berta carla]",
		`userName gt "anna" and userName le "berta"`:               "[berta]",
		`externalId eq "E1"`:                                       "[Anna]",
		`externalId eq "e1"`:                                       "[berta]",
		`displayName eq "ANNA R"`:                                  "[Anna carla]",
		`active eq true`:                                           "[Anna carla]",
		`active eq "False"`:                                        "[berta]",
		`title pr`:                                                 "[Anna]",
		`title ne "Dr"`:                                            "[berta carla]",
		`title eq null`:                                            "[berta carla]",
		`not (title pr)`:                                           "[berta carla]",
		`emails pr`:                                                "[Anna berta]",
		`emails.value eq "A@Y.example"`:                            "[Anna berta]",
		`emails eq "a@y.example"`:                                  "[Anna berta]",
		`emails[type eq "work"].value eq "a@y.example"`:            "[berta]",
		`emails[type eq "work" and value co "x."]`:                 "[Anna]",
		`emails[not (type eq "work")]`:                             "[Anna]",
		`emails[type eq "work" or type eq "home"]`:                 "[Anna berta]",
		`userName eq "anna" or userName eq "berta" and title pr`:   "[Anna]",
		`(userName eq "anna" or userName eq "berta") and title pr`: "[Anna]",
		`meta.resourceType eq "User"`:                              "[Anna berta carla]",
		`meta.created gt "2001-01-01T00:00:00Z"`:                   "[Anna berta carla]",
		`meta.lastModified lt "2001-01-01T00:00:00+02:00"`:         "[]",
		`name.familyName pr`:                                       "[]",
		`phoneNumbers[type eq "work"]`:                             "[]",
		`userName eq "f1c2b0c4-6f7c-4d3c-8b1d-0c7f0a6b1e55"`:       "[]",
	} {
		if got := fmt.Sprint(s.find(t, "/Users", filter, "&sortBy=userName")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	id := s.get(t, "/Users?filter="+url.QueryEscape(`userName eq "carla"`))["Resources"].([]any)[0].(map[string]any)["id"].(string)
	if got := fmt.Sprint(s.find(t, "/Users", `id eq "`+id+`"`, "")); got != "[carla]" {
		t.Errorf("by id: %s", got)
	}
}

// testText looks for what query languages and encodings could take amiss.
func testText(t *testing.T, s *suite) {
	for _, name := range []string{`100%`, `a_b`, `aXb`, `it's`, `say "x"`, `back\slash`, "Zoë", "ÉMILE", "日本", "👩‍🚀", `*?[x]`} {
		s.user(t, name)
		if got := s.find(t, "/Users", fmt.Sprintf(`userName eq %s`, quoted(name)), ""); fmt.Sprint(got) != fmt.Sprint([]string{name}) {
			t.Errorf("eq %q: %q", name, got)
		}
		part := string([]rune(name)[:1])
		if got := s.find(t, "/Users", fmt.Sprintf(`userName sw %s`, quoted(part)), ""); !slices.Contains(got, name) {
			t.Errorf("sw %q: %q", part, got)
		}
	}
	for filter, want := range map[string]string{
		`userName co "%"`: "[100%]", `userName co "_"`: "[a_b]", `userName co "\\"`: `[back\slash]`,
		`userName eq "émile"`: "[ÉMILE]", `userName sw "É"`: "[ÉMILE]", `userName co "*"`: "[*?[x]]", `userName co "'"`: "[it's]",
	} {
		if got := fmt.Sprint(s.find(t, "/Users", filter, "")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
}

// quoted writes a string as filters do.
func quoted(s string) string { return fmt.Sprintf("%q", s) }

func testOrder(t *testing.T, s *suite) {
	for _, name := range []string{"Dora", "anna", "berta", "Carla"} {
		more := []string{}
		if name != "berta" {
			more = append(more, fmt.Sprintf(`"title":"T-%s"`, name))
		}
		s.user(t, name, more...)
	}
	for query, want := range map[string]string{
		"&sortBy=userName":                                   "[anna berta Carla Dora]",
		"&sortBy=userName&sortOrder=descending":              "[Dora Carla berta anna]",
		"&sortBy=userName&startIndex=2&count=2":              "[berta Carla]",
		"&sortBy=title":                                      "[anna Carla Dora berta]",
		"&sortBy=title&sortOrder=descending":                 "[berta Dora Carla anna]",
		"&sortBy=name.familyName&count=0":                    "[]",
		"&sortBy=meta.lastModified&startIndex=99":            "[]",
		"&sortBy=" + enterprise + ":department&startIndex=5": "[]",
	} {
		if got := fmt.Sprint(s.find(t, "/Users", "userName pr", query)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	seen := map[string]bool{}
	for i := 1; i <= 4; i++ { // a stable order of its own
		m := s.get(t, fmt.Sprintf("/Users?startIndex=%d&count=1", i))
		seen[m["Resources"].([]any)[0].(map[string]any)["id"].(string)] = true
		if m["totalResults"] != 4.0 {
			t.Errorf("total: %v", m["totalResults"])
		}
	}
	if len(seen) != 4 {
		t.Errorf("paging shows %d of 4", len(seen))
	}
	if m := s.get(t, "/?count=0"); m["totalResults"] != 4.0 {
		t.Errorf("over all types: %v", m)
	}
}

// testCursor pages through everything while something is added and taken away.
func testCursor(t *testing.T, s *suite) {
	want := map[string]bool{}
	for i := range 7 {
		want[s.user(t, fmt.Sprintf("u%d", i))] = true
	}
	for _, order := range []string{"", "&sortBy=userName", "&sortBy=userName&sortOrder=descending", "&sortBy=title", "&filter=" + url.QueryEscape(`userName sw "u"`)} {
		seen := map[string]int{}
		cursor := ""
		for range 20 {
			m := s.get(t, "/Users?count=2&cursor="+cursor+order)
			for _, r := range m["Resources"].([]any) {
				seen[r.(map[string]any)["id"].(string)]++
			}
			next, ok := m["nextCursor"].(string)
			if !ok {
				break
			}
			cursor = next
		}
		if len(seen) != len(want) {
			t.Errorf("%q: %d of %d seen", order, len(seen), len(want))
		}
		for id, n := range seen {
			if n != 1 || !want[id] {
				t.Errorf("%q: %s seen %d times", order, id, n)
			}
		}
	}
	empty := s.get(t, "/Groups?cursor")
	if empty["nextCursor"] != nil || empty["totalResults"] != 0.0 {
		t.Errorf("a cursor over nothing: %v", empty)
	}
}

func testMembers(t *testing.T, s *suite) {
	a, b, c := s.user(t, "a"), s.user(t, "b"), s.user(t, "c")
	g := s.group(t, "Sales", a)
	path := "/Groups/" + g
	for _, step := range []struct {
		operations string
		want       []string
	}{
		{`{"op":"add","path":"members","value":[{"value":"` + b + `"},{"value":"` + a + `"}]}`, []string{a, b}},
		{`{"op":"add","path":"members","value":[{"value":"no-such-user"},{"value":"` + c + `"}]}`, []string{a, b, c}},
		{`{"op":"remove","path":"members[value eq \"` + a + `\"]"}`, []string{b, c}},
		{`{"op":"remove","path":"members[value eq \"` + a + `\"]"}`, []string{b, c}},
		{`{"op":"remove","path":"members","value":[{"value":"` + b + `"}]}`, []string{c}},
		{`{"op":"remove","path":"members","value":[]}`, []string{c}},
		{`{"op":"replace","path":"members","value":[{"value":"` + a + `"},{"value":"` + b + `"}]}`, []string{a, b}},
		{`{"op":"replace","value":{"displayName":"Sales 2"}}`, []string{a, b}},
		{`{"op":"remove","path":"members[value eq \"` + a + `\"]"},{"op":"add","path":"members","value":[{"value":"` + c + `"}]}`, []string{b, c}},
		{`{"op":"replace","path":"members","value":[]}`, nil},
		{`{"op":"add","value":{"members":[{"value":"` + a + `"}]}}`, []string{a}},
		{`{"op":"remove","path":"members"}`, nil},
	} {
		s.patch(t, http.StatusNoContent, path, step.operations)
		s.wantMembers(t, g, step.want...)
	}
	s.Want(t, http.StatusOK, "PUT", path, groupHead+`"displayName":"Sales","members":`+memberList([]string{a, c})+`}`)
	s.wantMembers(t, g, a, c)
	for filter, want := range map[string]string{
		`members eq "` + a + `"`: "[Sales]", `members[value eq "` + b + `"]`: "[]",
		`id eq "` + g + `" and members.value eq "` + c + `"`: "[Sales]", `displayName eq "sales"`: "[Sales]",
	} {
		if got := fmt.Sprint(s.find(t, "/Groups", filter, "&excludedAttributes=members")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	groups, _ := s.get(t, "/Users/"+a)["groups"].([]any)
	if len(groups) != 1 || groups[0].(map[string]any)["value"] != g {
		t.Errorf("groups of a member: %v", groups)
	}
	if m := s.get(t, path+"?excludedAttributes=members"); m["members"] != nil {
		t.Errorf("excluded members: %v", m)
	}
}

// testMemberRace lets several clients add a member each: none may be lost.
func testMemberRace(t *testing.T, s *suite) {
	g := s.group(t, "Sales")
	ids := make([]string, 10)
	for i := range ids {
		ids[i] = s.user(t, fmt.Sprintf("u%d", i))
	}
	together(len(ids), func(i int) {
		s.Do("PATCH", "/Groups/"+g, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ids[i]+`"}]}]}`)
	})
	s.wantMembers(t, g, ids...)
}

// testNesting puts a group into a group.
func testNesting(t *testing.T, s *suite) {
	inner := s.group(t, "Inner", s.user(t, "anna"))
	outer := s.group(t, "Outer", inner)
	m := s.get(t, "/Groups/"+outer)["members"].([]any)[0].(map[string]any)
	if m["type"] != "Group" || m["$ref"] != BaseURL+"/Groups/"+inner {
		t.Errorf("member: %v", m)
	}
}

// testRoot asks all types at once for what only one of them has.
func testRoot(t *testing.T, s *suite) {
	anna := s.user(t, "anna", `"displayName":"A"`)
	s.group(t, "Sales", anna)
	for filter, want := range map[string]string{
		`userName eq "anna"`:                            "[anna]",
		`userName ne "anna"`:                            "[Sales]",
		`not (userName pr)`:                             "[Sales]",
		`userName eq null`:                              "[Sales]",
		`emails.value eq "x"`:                           "[]",
		`members.value eq "` + anna + `"`:               "[Sales]",
		`members[value eq "` + anna + `"] or emails pr`: "[Sales]",
		`displayName sw "a" or displayName sw "s"`:      "[Sales anna]",
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "x"`:         "[Sales anna]",
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr or id pr`: "[Sales anna]",
		`userName pr and members pr`: "[]",
	} {
		for _, more := range []string{"", "&sortBy=userName", "&sortBy=members", "&cursor"} {
			found := s.find(t, "/", filter, more)
			slices.Sort(found)
			if got := fmt.Sprint(found); got != want {
				t.Errorf("%s%s: %s, want %s", filter, more, got, want)
			}
		}
	}
}

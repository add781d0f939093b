package scimtest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

func testCreate(t *testing.T, s *suite) {
	id := s.user(t, "Anna.Rossi", `"externalId":"X-1","displayName":"Anna","active":true,"password":"secret",
		"name":{"givenName":"Anna","familyName":"Rossi"},"emails":[{"value":"anna@x.example","type":"work","primary":true}]`)
	m := s.get(t, "/Users/"+id)
	want := `map[active:true displayName:Anna emails:[map[primary:true type:work value:anna@x.example]] externalId:X-1 name:map[familyName:Rossi givenName:Anna] userName:Anna.Rossi]`
	meta, _ := m["meta"].(map[string]any)
	for _, name := range []string{"id", "schemas", "meta"} {
		delete(m, name)
	}
	if got := fmt.Sprint(m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if meta["created"] == nil || meta["lastModified"] == nil || meta["version"] == nil {
		t.Errorf("meta lacks something: %v", meta)
	}
	s.Want(t, http.StatusNotFound, "GET", "/Groups/"+id, "")
	s.Want(t, http.StatusNotFound, "GET", "/Users/no-such-id", "")
}

func testUniqueness(t *testing.T, s *suite) {
	first := s.user(t, "Straße", `"externalId":"1"`)
	second := s.user(t, "berta", `"externalId":"2"`)
	same := userHead + `"userName":"STRASSE","externalId":"3"}`
	for _, m := range []map[string]any{
		s.Want(t, http.StatusConflict, "POST", "/Users", userHead+`"userName":"BERTA"}`),
		s.patch(t, http.StatusConflict, "/Users/"+first, `{"op":"replace","path":"userName","value":"Berta"}`),
		s.Want(t, http.StatusConflict, "PUT", "/Users/"+first, userHead+`"userName":"berta"}`),
	} {
		if m["scimType"] != "uniqueness" {
			t.Errorf("not for uniqueness: %v", m)
		}
	}
	if w := s.Do("POST", "/Users", same); w.Code != http.StatusCreated && w.Code != http.StatusConflict {
		t.Errorf("names that fold alike: %d %s", w.Code, w.Body)
	}
	s.patch(t, http.StatusOK, "/Users/"+second, `{"op":"replace","path":"userName","value":"BERTA"}`)
	if m := s.get(t, "/Users/"+second); m["userName"] != "BERTA" {
		t.Errorf("one's own name in other case: %v", m["userName"])
	}
}

func testReplace(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"externalId":"1","title":"Dr","emails":[{"value":"a@x.example"}]`)
	s.Want(t, http.StatusOK, "PUT", "/Users/"+id, userHead+`"userName":"anna","externalId":"1","nickName":"A"}`)
	m := s.get(t, "/Users/"+id)
	if m["title"] != nil || m["emails"] != nil || m["nickName"] != "A" || m["externalId"] != "1" {
		t.Errorf("what a PUT leaves out stays, or what it says is lost: %v", m)
	}
	s.Want(t, http.StatusNotFound, "PUT", "/Users/no-such-id", userHead+`"userName":"x"}`)
}

func testPatch(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"active":true,"title":"Dr"`)
	s.user(t, "berta")
	s.patch(t, http.StatusConflict, "/Users/"+id, `{"op":"replace","path":"title","value":"Prof"},{"op":"replace","path":"userName","value":"berta"}`)
	if m := s.get(t, "/Users/"+id); m["title"] != "Dr" {
		t.Errorf("half of a PATCH was done: %v", m)
	}
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","value":{"active":false,"emails[type eq \"work\"].value":"a@x.example","externalId":"e"}},{"op":"remove","path":"title"}`)
	m := s.get(t, "/Users/"+id)
	if m["active"] != false || m["title"] != nil || m["externalId"] != "e" || fmt.Sprint(m["emails"]) != "[map[type:work value:a@x.example]]" {
		t.Errorf("after PATCH: %v", m)
	}
	s.patch(t, http.StatusNotFound, "/Users/no-such-id", `{"op":"replace","path":"title","value":"x"}`)
}

func testDelete(t *testing.T, s *suite) {
	id, other := s.user(t, "anna"), s.user(t, "berta")
	group := s.group(t, "Sales", id, other)
	s.Want(t, http.StatusNoContent, "DELETE", "/Users/"+id, "")
	s.Want(t, http.StatusNotFound, "GET", "/Users/"+id, "")
	s.Want(t, http.StatusNotFound, "DELETE", "/Users/"+id, "")
	s.patch(t, http.StatusNotFound, "/Users/"+id, `{"op":"replace","path":"title","value":"x"}`)
	s.wantMembers(t, group, other)
	if got := s.find(t, "/Users", `userName eq "anna"`, ""); len(got) > 0 {
		t.Errorf("still found: %v", got)
	}
	s.user(t, "anna") // the name is free
	s.Want(t, http.StatusNoContent, "DELETE", "/Groups/"+group, "")
	s.Want(t, http.StatusNotFound, "GET", "/Groups/"+group, "")
	s.get(t, "/Users/"+other)
}

func testReactivation(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"externalId":"1","active":true`)
	s.Want(t, http.StatusConflict, "POST", "/Users", userHead+`"userName":"anna","externalId":"1","active":true}`)
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","path":"active","value":false}`)
	if m := s.get(t, "/Users/"+id); m["active"] != false {
		t.Errorf("an inactive person is not readable as such: %v", m)
	}
	if got := s.find(t, "/Users", `active eq false`, ""); fmt.Sprint(got) != "[anna]" {
		t.Errorf("inactive: %v", got)
	}
	m := s.Want(t, http.StatusCreated, "POST", "/Users", userHead+`"userName":"anna","externalId":"1","active":true}`)
	if m["id"] != id || m["active"] != true {
		t.Errorf("the same external id is not the same person: %v", m)
	}
}

func testVersions(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"title":"Dr"`)
	tag := func() string { return s.Do("GET", "/Users/"+id, "").Header().Get("ETag") }
	first := tag()
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","path":"title","value":"Dr"},{"op":"remove","path":"nickName"}`)
	if tag() != first {
		t.Error("a PATCH that changes nothing moves the version")
	}
	s.patch(t, http.StatusPreconditionFailed, "/Users/"+id, `{"op":"replace","path":"title","value":"x"}`, `If-Match: W/"no-such-version"`)
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","path":"title","value":"Prof"}`, "If-Match: "+first)
	second := tag()
	if second == first {
		t.Error("a change does not move the version")
	}
	s.Want(t, http.StatusPreconditionFailed, "PUT", "/Users/"+id, userHead+`"userName":"anna"}`, "If-Match: "+first)
	s.Want(t, http.StatusPreconditionFailed, "DELETE", "/Users/"+id, "", "If-Match: "+first)
	s.Want(t, http.StatusNoContent, "DELETE", "/Users/"+id, "", "If-Match: "+second)
}

// testRace lets several clients change one version: one of them may.
func testRace(t *testing.T, s *suite) {
	id := s.user(t, "anna")
	tag := s.Do("GET", "/Users/"+id, "").Header().Get("ETag")
	var done, refused atomic.Int32
	together(8, func(i int) {
		body := fmt.Sprintf(`{"Operations":[{"op":"replace","path":"title","value":"%d"}]}`, i)
		switch s.Do("PATCH", "/Users/"+id, body, "If-Match: "+tag).Code {
		case http.StatusOK:
			done.Add(1)
		case http.StatusPreconditionFailed:
			refused.Add(1)
		}
	})
	if done.Load() != 1 || refused.Load() != 7 {
		t.Errorf("%d changed the same version, %d were refused", done.Load(), refused.Load())
	}
	var made atomic.Int32
	together(8, func(int) {
		if s.Do("POST", "/Users", userHead+`"userName":"carla"}`).Code == http.StatusCreated {
			made.Add(1)
		}
	})
	if made.Load() != 1 {
		t.Errorf("%d people of one name", made.Load())
	}
}

func testExtension(t *testing.T, s *suite) {
	id := s.user(t, "anna", `"`+enterprise+`":{"department":"Sales","employeeNumber":"7"}`)
	s.user(t, "berta")
	for filter, want := range map[string]string{
		enterprise + `:department eq "sales"`:                         "[anna]",
		enterprise + `:department pr`:                                 "[anna]",
		`not (` + enterprise + `:department pr)`:                      "[berta]",
		`userName sw "b" or ` + enterprise + `:employeeNumber eq "7"`: "[anna berta]",
	} {
		if got := fmt.Sprint(s.find(t, "/Users", filter, "&sortBy=userName")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"replace","path":"`+enterprise+`:department","value":"IT"},{"op":"remove","path":"`+enterprise+`:employeeNumber"}`)
	if got := fmt.Sprint(s.get(t, "/Users/"+id)[enterprise]); got != "map[department:IT]" {
		t.Errorf("extension: %s", got)
	}
}

func testManager(t *testing.T, s *suite) {
	boss, id := s.user(t, "boss"), s.user(t, "anna")
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"add","path":"`+enterprise+`:manager","value":"`+boss+`"}`)
	manager, _ := s.get(t, "/Users/"+id)[enterprise].(map[string]any)["manager"].(map[string]any)
	if manager["value"] != boss || manager["$ref"] != BaseURL+"/Users/"+boss {
		t.Errorf("manager: %v", manager)
	}
	for _, filter := range []string{`id eq "` + id + `" and ` + enterprise + `:manager eq "` + boss + `"`, enterprise + `:manager.value eq "` + boss + `"`} {
		if got := fmt.Sprint(s.find(t, "/Users", filter, "")); got != "[anna]" {
			t.Errorf("%s: %s", filter, got)
		}
	}
	s.patch(t, http.StatusOK, "/Users/"+id, `{"op":"remove","path":"`+enterprise+`:manager"}`)
	if e := s.get(t, "/Users/"+id)[enterprise]; e != nil {
		t.Errorf("extension without values: %v", e)
	}
}

func testBulk(t *testing.T, s *suite) {
	m := s.Want(t, http.StatusOK, "POST", "/Bulk", `{"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"a","data":`+groupHead+`"displayName":"A","members":[{"value":"bulkId:b"},{"value":"bulkId:u"}]}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":`+groupHead+`"displayName":"B","members":[{"value":"bulkId:a"}]}},
		{"method":"POST","path":"/Users","bulkId":"u","data":`+userHead+`"userName":"anna"}}]}`)
	for _, o := range m["Operations"].([]any) {
		status := o.(map[string]any)["status"]
		// Groups within each other may be refused, but must not fail otherwise.
		if status != "201" && status != "409" && status != "400" {
			t.Errorf("operation: %v", o)
		}
	}
	if got := fmt.Sprint(s.find(t, "/Users", `userName eq "anna"`, "")); got != "[anna]" {
		t.Errorf("user of the Bulk: %s", got)
	}
}

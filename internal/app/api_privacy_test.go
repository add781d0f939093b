package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/usherd/usher/internal/testkit/dirgen"
)

// accounts are made with all that can be chosen, also of a contact, and one is tied
// to an entry.
func (s *story) accounts() {
	t, ctx := s.t, s.t.Context()
	must(t, s.acme.CreateDepartment(ctx, "Field service", "test"))
	must(t, s.acme.CreateContract(ctx, "C-1", "Gold", "test"))
	if _, got := s.do("createGroup", "", `{"name":"Night desk","role":"support","default":true}`); got["role"] != "support" || got["default"] != true {
		t.Errorf("group: %v", got)
	}
	chosen := `"kind":"support_staff","department":"field service","contract":"c-1","groups":["Night desk"],"mail":"hold"`
	if _, got := s.do("createPerson", "", `{"user_name":"nora","email":"nora@myorg.org",`+chosen+`}`); got["kind"] != "support_staff" {
		t.Errorf("person: %v", got)
	}
	if _, got := s.do("listMails", "?state=held", ""); !strings.Contains(fmt.Sprint(got), "nora@myorg.org") {
		t.Errorf("no mail is held: %v", got)
	}
	_, contact := s.do("recognise", "", `{"email":"claire.johnson@myorg.org"}`)
	s.values["person"] = contact["id"].(string)
	if _, got := s.do("promoteContact", "", `{"user_name":"claire","given_name":"Claire",`+chosen+`}`); got["id"] != contact["id"] || got["association"] != "strong" || got["user_name"] != "claire" {
		t.Errorf("promoted: %v", got)
	}
	promote := s.path(s.routes["promoteContact"].Pattern)
	for body, want := range map[string]string{
		`{"user_name":"claire"}`:                               "409 foreign_owner",
		`{"user_name":"x","department":"Nowhere","groups":[]}`: "409 foreign_owner",
	} {
		if res, got := s.send(s.token, http.MethodPost, promote, body, nil); want != fmt.Sprint(res.StatusCode, " ", codeOf(got)) {
			t.Errorf("promoted again with %s: %d %s", body, res.StatusCode, got)
		}
	}
	for body, want := range map[string]string{
		`{"user_name":"x1","department":"Nowhere"}`: "422 invalid_value", `{"user_name":"x2","groups":["Nowhere"]}`: "422 invalid_value",
		`{"user_name":"x3","contract":"C-9"}`: "409 unknown_contract", `{"user_name":"nora"}`: "409 user_name_taken",
	} {
		if res, got := s.send(s.token, http.MethodPost, "/people", body, nil); want != fmt.Sprint(res.StatusCode, " ", codeOf(got)) {
			t.Errorf("made with %s: %d %s", body, res.StatusCode, got)
		}
	}
	must(t, s.dir.AddPerson("tied", nil))
	_, sample := s.do("testSource", "", `{"number":50}`)
	anchor := ""
	for _, p := range sample["people"].([]any) {
		if p := p.(map[string]any); strings.HasPrefix(p["entry"].(string), "uid=tied,") {
			anchor = p["anchor"].(string)
		}
	}
	if _, got := s.do("tiePerson", "", fmt.Sprintf(`{"anchor":%q,"person":%q}`, anchor, contact["id"])); got["owner"].(map[string]any)["kind"] != "ldap" {
		t.Errorf("tied: %v", got)
	}
	if res, got := s.send(s.token, http.MethodPost, "/sources/corp/link", fmt.Sprintf(`{"anchor":"none","person":%q}`, contact["id"]), nil); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("tied to nothing: %d %s", res.StatusCode, got)
	}
}

func listOf(x any) []any {
	list, _ := x.([]any)
	return list
}

// codeOf is the code of a problem.
func codeOf(problem []byte) string {
	_, rest, _ := bytes.Cut(problem, []byte(`"code":"`))
	code, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(code)
}

// merges are previewed, made once, listed, undone, and said.
func (s *story) merges() {
	t := s.t
	ids := make([]string, 2)
	for i, name := range []string{"ann", "bob"} {
		_, got := s.do("createPerson", "", fmt.Sprintf(`{"user_name":%q,"email":"%s@home.example","mail":"hold"}`, name, name))
		ids[i] = got["id"].(string)
	}
	s.values["person"] = ids[0]
	if _, got := s.do("previewMerge", "?with="+ids[1], ""); got["survivor"] != "ann" || got["loser"] != "bob" || len(got["values"].([]any)) == 0 || got["refused"] != nil {
		t.Errorf("preview: %v", got)
	}
	if _, got := s.do("previewMerge", "?with="+ids[0], ""); got["code"] != "invalid_value" {
		t.Errorf("preview of a merge with oneself: %v", got)
	}
	key := map[string]string{"Idempotency-Key": "once"}
	body := fmt.Sprintf(`{"with":%q,"reason":"same badge"}`, ids[1])
	path := s.path(s.routes["mergePeople"].Pattern)
	if res, got := s.send(s.token, http.MethodPost, path, body, map[string]string{"If-Match": `"99"`}); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("merge of somebody who changed: %d %s", res.StatusCode, got)
	}
	first, one := s.send(s.token, http.MethodPost, path, body, key)
	again, two := s.send(s.token, http.MethodPost, path, body, key)
	if first.StatusCode != http.StatusOK || again.StatusCode != http.StatusOK || !bytes.Equal(one, two) {
		t.Fatalf("merge: %d %s\n%d %s", first.StatusCode, one, again.StatusCode, two)
	}
	s.told["mergePeople"] = true
	_, list := s.do("listMerges", "?person="+ids[1], "")
	if len(items(list)) != 1 {
		t.Fatalf("merges: %v", list)
	}
	m := items(list)[0].(map[string]any)
	if m["survivor_id"] != ids[0] || m["loser_id"] != ids[1] || m["reason"] != "same badge" || m["undo_until"] == nil {
		t.Errorf("merge: %v", m)
	}
	s.values["person"] = ids[1]
	if _, got := s.do("showPerson", "", ""); got["merged_into"] != ids[0] || got["state"] != "deleted" {
		t.Errorf("the old id leads to %v", got)
	}
	s.values["merge"] = m["id"].(string)
	if _, got := s.do("undoMerge", "", ""); got["undone_at"] == nil || got["undo_until"] != nil || got["stayed"] != nil {
		t.Errorf("undone: %v", got)
	}
	if res, got := s.send(s.token, http.MethodPost, s.path(s.routes["undoMerge"].Pattern), "", nil); res.StatusCode != http.StatusConflict || codeOf(got) != "merge_over" {
		t.Errorf("undone twice: %d %s", res.StatusCode, got)
	}
	for action, least := range map[string]int{"person.merge": 2, "person.unmerge": 2} { // one refused each
		if _, got := s.do("listDeeds", "?action="+action, ""); len(items(got)) != least || !strings.Contains(fmt.Sprint(got), m["id"].(string)) {
			t.Errorf("%s in the audit: %v", action, got)
		}
	}
}

// privacy: everything is given out, erased, kept away and let in again.
func (s *story) privacy() {
	t := s.t
	_, list := s.do("listPeople", "?user_name="+url.QueryEscape(dirgen.UID(2)), "")
	person := items(list)[0].(map[string]any)
	id, mail := person["id"].(string), person["email"].(string)
	s.values["person"] = id
	if _, got := s.do("exportPerson", "", ""); !strings.Contains(fmt.Sprint(got["person"]), mail) || len(listOf(got["changes"])) == 0 || len(listOf(got["links"])) == 0 {
		t.Errorf("export: %v", got)
	}
	erase := s.path(s.routes["erasePerson"].Pattern)
	if res, got := s.send(s.token, http.MethodPost, erase, `{"user_name":"somebody"}`, nil); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("erased by a wrong name: %d %s", res.StatusCode, got)
	}
	if _, got := s.do("erasePerson", "", fmt.Sprintf(`{"user_name":%q}`, strings.ToUpper(dirgen.UID(2)))); got["state"] != "deleted" || strings.Contains(fmt.Sprint(got), mail) {
		t.Errorf("erased: %v", got)
	}
	if _, got := s.do("exportPerson", "", ""); strings.Contains(fmt.Sprint(got), mail) || strings.Contains(fmt.Sprint(got), dirgen.UID(2)) {
		t.Errorf("what is left: %v", got)
	}
	run := s.run("startRun", `{"full":true}`)
	if run["counts"].(map[string]any)["created"] != 0.0 {
		t.Errorf("the directory brings them back: %v", run)
	}
	if _, got := s.do("listRows", "?code=erased", ""); len(items(got)) != 1 {
		t.Errorf("rows that say why: %v", got)
	}
	s.do("liftErasure", "", "")
	if run := s.run("startRun", `{"full":true}`); run["counts"].(map[string]any)["created"] != 1.0 {
		t.Errorf("after it was lifted: %v", run)
	}
	if _, got := s.do("listDeeds", "?action=person.", ""); !strings.Contains(fmt.Sprint(got), "person.export") || !strings.Contains(fmt.Sprint(got), "person.lift_erasure") {
		t.Errorf("the audit: %v", got)
	}
	_, list = s.do("listPeople", "?user_name="+url.QueryEscape(dirgen.UID(2)), "")
	if got := items(list); len(got) != 1 || got[0].(map[string]any)["id"] == id {
		t.Errorf("the person is somebody new: %v", got)
	}
}

package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/usherd/usher/scim"
)

// bulk sends operations and gives back what became of each, by bulkId or path.
func (s *service) bulk(t *testing.T, extra string, operations ...string) (results map[string]map[string]any, order []string) {
	t.Helper()
	m := s.want(t, http.StatusOK, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]`+extra+`,"Operations":[`+strings.Join(operations, ",")+`]}`)
	results = map[string]map[string]any{}
	for i, r := range m["Operations"].([]any) {
		o := r.(map[string]any)
		key, ok := o["bulkId"].(string)
		if !ok {
			key = fmt.Sprint(i)
		}
		results[key] = o
		order = append(order, key)
	}
	return results, order
}

func postUser(bulkID, name string) string {
	return `{"method":"POST","path":"/Users","bulkId":"` + bulkID + `","data":{` + userSchema + `,"userName":"` + name + `"}}`
}

func postGroup(bulkID string, members ...string) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = `{"value":"` + m + `"}`
	}
	return `{"method":"POST","path":"/Groups","bulkId":"` + bulkID + `","data":{` + groupSchema + `,"displayName":"` + bulkID + `","members":[` + strings.Join(list, ",") + `]}}`
}

// membersOf lists the members of the group at a location.
func (s *service) membersOf(t *testing.T, result map[string]any) string {
	t.Helper()
	path := strings.TrimPrefix(result["location"].(string), "https://people.example.com/scim/v2")
	var ids []string
	list, _ := s.want(t, http.StatusOK, "GET", path, "")["members"].([]any)
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["value"].(string))
	}
	return strings.Join(ids, " ")
}

func id(result map[string]any) string {
	location := result["location"].(string)
	return location[strings.LastIndexByte(location, '/')+1:]
}

func TestBulkForwardReferences(t *testing.T) {
	s := newService(t, "")
	got, order := s.bulk(t, "", postGroup("g", "bulkId:u", "bulkId:u2"), postUser("u", "anna"), postUser("u2", "berta"),
		`{"method":"PATCH","path":"/Users/bulkId:u","data":[{"op":"add","path":"title","value":"Dr"}]}`,
		`{"method":"put","path":"/Users/bulkId:u2","data":{`+userSchema+`,"userName":"Berta"}}`,
		`{"method":"DELETE","path":"/Users/unknown"}`)
	if fmt.Sprint(order) != "[g u u2 3 4 5]" {
		t.Errorf("order %v", order)
	}
	for key, status := range map[string]string{"g": "201", "u": "201", "u2": "201", "3": "200", "4": "200", "5": "404"} {
		if got[key]["status"] != status {
			t.Errorf("%s: %v, want %s", key, got[key], status)
		}
	}
	if m := s.membersOf(t, got["g"]); m != id(got["u"])+" "+id(got["u2"]) {
		t.Errorf("members %q of %v", m, got)
	}
	if got["g"]["version"] == nil || got["3"]["location"] != got["u"]["location"] {
		t.Errorf("results: %v", got)
	}
	if r := got["5"]["response"].(map[string]any); r["status"] != "404" {
		t.Errorf("failure: %v", r)
	}
}

func TestBulkCircle(t *testing.T) {
	s := newService(t, "")
	got, _ := s.bulk(t, "", postGroup("a", "bulkId:b"), postGroup("b", "bulkId:c"), postGroup("c", "bulkId:a", "bulkId:c"))
	for group, member := range map[string]string{"a": id(got["b"]), "b": id(got["c"]), "c": id(got["a"]) + " " + id(got["c"])} {
		if m := s.membersOf(t, got[group]); m != member {
			t.Errorf("%s has %q, want %q", group, m, member)
		}
	}
}

func TestBulkCircleThroughManagers(t *testing.T) {
	s := newService(t, "")
	user := func(bulkID, manager string) string {
		return `{"method":"POST","path":"/Users","bulkId":"` + bulkID + `","data":{` + userSchema + `,"userName":"` + bulkID + `","` + enterprise + `":{"department":"D","manager":{"value":"bulkId:` + manager + `"}}}}`
	}
	got, _ := s.bulk(t, "", user("a", "b"), user("b", "a"))
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
		m := s.want(t, http.StatusOK, "GET", "/Users/"+id(got[pair[0]]), "")
		if v := m[enterprise].(map[string]any)["manager"].(map[string]any)["value"]; v != id(got[pair[1]]) {
			t.Errorf("manager of %s is %v", pair[0], v)
		}
	}
}

// patchOf is an operation on a resource, of the operations of a PATCH.
func patchOf(path, operations string) string {
	return `{"method":"PATCH","path":"` + path + `","data":{` + patchSchema + `,"Operations":[` + operations + `]}}`
}

func TestBulkReferencesInPaths(t *testing.T) {
	s := newService(t, "")
	got, _ := s.bulk(t, "", postGroup("g", "bulkId:x", "bulkId:y", "bulkId:z"), postUser("x", "anna"), postUser("y", "berta"), postUser("z", "clara"),
		patchOf("/Groups/bulkId:g", `{"op":"remove","path":"members[value eq \"bulkId:x\"]"}`),
		patchOf("/Groups/bulkId:g", `{"op":"remove","path":" members[type eq \"User\" and (value eq \"bulkId:y\")]"}`),
		patchOf("/Groups/bulkId:g", `{"op":"remove","path":"members[value eq \"bulkId:nobody\"]"}`),
		patchOf("/Users/bulkId:x", `{"op":"add","path":"`+enterprise+`:manager.value","value":"bulkId:y"}`),
		patchOf("/Users/bulkId:y", `{"op":"add","path":"`+enterprise+`:manager","value":"bulkId:z"}`),
		patchOf("/Users/bulkId:z", `{"op":"add","value":{"`+enterprise+`":{"manager":"bulkId:x"}}}`),
		patchOf("/Users/bulkId:z", `{"op":"add","value":{"emails[value eq \"bulkId:nobody\"].type":"work"}}`))
	for key, status := range map[string]string{"4": "204", "5": "204", "6": "400", "7": "200", "8": "200", "9": "200", "10": "400"} {
		if got[key]["status"] != status {
			t.Errorf("%s: %v, want %s", key, got[key], status)
		}
	}
	if r, _ := got["6"]["response"].(map[string]any); r["detail"] != `no operation has the bulkId "nobody"` {
		t.Errorf("failure: %v", r)
	}
	if m := s.membersOf(t, got["g"]); m != id(got["z"]) {
		t.Errorf("members %q of %v", m, got)
	}
	for user, manager := range map[string]string{"x": "y", "y": "z", "z": "x"} {
		m := s.want(t, http.StatusOK, "GET", "/Users/"+id(got[user]), "")
		if v := m[enterprise].(map[string]any)["manager"].(map[string]any)["value"]; v != id(got[manager]) {
			t.Errorf("manager of %s is %v", user, v)
		}
	}
}

func TestBulkLeavesTextAlone(t *testing.T) {
	s := newService(t, "")
	got, _ := s.bulk(t, "", `{"method":"POST","path":"/Users","bulkId":"u","data":{`+userSchema+`,"userName":"anna","nickName":"bulkId: none",
			"name":{"familyName":"bulkId:u"},"emails":[{"value":"a@x.example","display":"bulkId:u"}],"`+enterprise+`":{"division":"bulkId:x"}}}`,
		patchOf("/Users/bulkId:u", `{"op":"add","path":"title","value":"bulkId:x"},{"op":"add","value":{"displayName":[{"value":"bulkId:u"}]}},
			{"op":"remove","path":"emails[display eq \"bulkId:x\"]"}`))
	if got["u"]["status"] != "201" || got["1"]["status"] != "200" {
		t.Fatalf("%v", got)
	}
	m := s.want(t, http.StatusOK, "GET", "/Users/"+id(got["u"]), "")
	texts := []any{m["nickName"], m["title"], m["displayName"], m["name"].(map[string]any)["familyName"],
		m["emails"].([]any)[0].(map[string]any)["display"], m[enterprise].(map[string]any)["division"]}
	if fmt.Sprint(texts) != "[bulkId: none bulkId:x bulkId:u bulkId:u bulkId:u bulkId:x]" {
		t.Errorf("%v", texts)
	}
}

func TestBulkFailures(t *testing.T) {
	s := newService(t, "")
	taken := s.user(t, "anna")
	got, _ := s.bulk(t, "", postUser("u", "anna"), postGroup("g", "bulkId:u"), postGroup("h", "bulkId:nobody"),
		`{"method":"POST","path":"/Users","data":{"userName":"x"}}`,
		`{"method":"GET","path":"/Users/`+taken+`"}`,
		`{"method":"POST","path":"/Bulk","bulkId":"b","data":{}}`,
		`{"method":"POST","path":"https://evil.example/Users","bulkId":"e","data":{}}`,
		`{"method":"PUT","path":"/Users/`+taken+`"}`,
		`{"method":"PATCH","path":"/Users/`+taken+`","version":"W/\"other\"","data":{"Operations":[{"op":"add","path":"title","value":"x"}]}}`)
	for key, status := range map[string]string{"u": "409", "g": "409", "h": "400", "3": "400", "4": "400", "b": "400", "e": "400", "7": "400", "8": "412"} {
		if got[key]["status"] != status {
			t.Errorf("%s: %v, want %s", key, got[key], status)
		}
	}
	if _, there := got["u"]["location"]; there {
		t.Error("a failed POST has no location")
	}
}

func TestBulkCircleWithAFailureLeavesNothing(t *testing.T) {
	s := newService(t, "")
	s.user(t, "anna")
	got, _ := s.bulk(t, "", `{"method":"POST","path":"/Users","bulkId":"u","data":{`+userSchema+`,"userName":"anna","`+enterprise+`":{"manager":{"value":"bulkId:g"}}}}`, postGroup("g", "bulkId:u"))
	if got["u"]["status"] != "409" || got["g"]["status"] != "409" {
		t.Errorf("%v", got)
	}
	if m := s.want(t, http.StatusOK, "GET", "/Groups", ""); m["totalResults"] != 0.0 {
		t.Errorf("a group is left: %v", m)
	}
}

func TestBulkStopsAfterErrors(t *testing.T) {
	s := newService(t, "")
	bad := `{"method":"DELETE","path":"/Users/nobody"}`
	_, order := s.bulk(t, `,"failOnErrors":2`, bad, postUser("a", "a"), bad, postUser("b", "b"))
	if fmt.Sprint(order) != "[0 a 2]" {
		t.Errorf("tried %v", order)
	}
}

func TestBulkLimits(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) { c.Limits.BulkOperations, c.Limits.BulkBody = 2, 1000 })
	head := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`
	for name, body := range map[string]string{
		"operations": head + postUser("a", "a") + "," + postUser("b", "b") + "," + postUser("c", "c") + "]}",
		"bytes":      head + postUser("a", strings.Repeat("a", 1000)) + "]}",
	} {
		if w := s.do(t, "POST", "/Bulk", body); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, body := range map[string]string{
		"no operations": `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]}`,
		"same bulkId":   head + postUser("a", "a") + "," + postUser("a", "b") + "]}",
		"failOnErrors":  `{"failOnErrors":"x","Operations":[]}`,
		"schema":        `{` + userSchema + `,"Operations":[]}`,
		"operation":     head + `1]}`,
		"data":          head + `{"method":"POST","path":"/Users","bulkId":"a","data":"x"}]}`,
	} {
		if w := s.do(t, "POST", "/Bulk", body); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

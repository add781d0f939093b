package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

func TestEntityTags(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	w := s.do(t, "GET", "/Users/"+id, "")
	first := w.Header().Get("ETag")
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if v := m["meta"].(map[string]any)["version"]; first == "" || v != first {
		t.Errorf("ETag %q, meta.version %q", first, v)
	}
	body := `{` + userSchema + `,"userName":"anna","title":"T"}`
	patch := `{` + patchSchema + `,"Operations":[{"op":"add","path":"nickName","value":"N"}]}`
	for _, step := range []struct {
		method, body, header string
		status               int
	}{
		{"GET", "", "If-None-Match: " + first, http.StatusNotModified},
		{"GET", "", "If-None-Match: W/\"other\", " + first, http.StatusNotModified},
		{"GET", "", "If-None-Match: \"other\"", http.StatusOK},
		{"GET", "", "If-Match: \"other\"", http.StatusPreconditionFailed},
		{"PUT", body, "If-Match: \"other\"", http.StatusPreconditionFailed},
		{"PUT", body, "If-None-Match: *", http.StatusPreconditionFailed},
		{"PATCH", patch, "If-Match: \"other\"", http.StatusPreconditionFailed},
		{"DELETE", "", "If-Match: \"other\"", http.StatusPreconditionFailed},
		{"PUT", body, "If-Match: " + first, http.StatusOK},
		{"PATCH", patch, "If-Match: " + first, http.StatusPreconditionFailed}, // moved by the PUT
		{"PATCH", patch, "If-Match: *", http.StatusOK},
		{"DELETE", "", "If-Match: *", http.StatusNoContent},
		{"DELETE", "", "If-Match: *", http.StatusNotFound},
	} {
		w := s.do(t, step.method, "/Users/"+id, step.body, step.header)
		if w.Code != step.status {
			t.Fatalf("%s %s: %d, want %d: %s", step.method, step.header, w.Code, step.status, w.Body)
		}
		if w.Code == http.StatusNotModified && (w.Body.Len() > 0 || w.Header().Get("ETag") != first) {
			t.Errorf("304 with body %q and ETag %q", w.Body, w.Header().Get("ETag"))
		}
	}
}

func TestNoOpMovesNothing(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	before := s.want(t, http.StatusOK, "GET", "/Users/"+id, "")["meta"]
	s.clock.t = s.clock.t.Add(time.Hour)
	after := s.want(t, http.StatusOK, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"active","value":true},{"op":"remove","path":"title"}]}`)["meta"]
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%v became %v", before, after)
	}
}

func TestLocations(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) {
		c.BaseURL, _ = url.Parse("https://people.example.com/under/scim/v2/")
	})
	w := s.do(t, "POST", "/Users", `{`+userSchema+`,"userName":"anna"}`, "Host: evil.example")
	want := "https://people.example.com/under/scim/v2/Users/user-1"
	if got := w.Header().Get("Location"); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
}

// TestOddIDs looks resources up by ids that paths could break.
func TestOddIDs(t *testing.T) {
	f := &flood{}
	s := newService(t, "", func(c *scim.Config) { c.Backend = f })
	for path, id := range map[string]string{
		"/Groups/a%2Fb": "a/b", "/Groups/100%25": "100%", "/Groups/%2525": "%25", "/Groups/a%20b": "a b",
		"/Groups/%C3%A9": "é", "/Groups/..%2F..": "../..", "/Groups/a+b": "a+b", "/Groups/a%3Fb%23": "a?b#",
	} {
		m := s.want(t, http.StatusOK, "GET", path, "")
		if m["id"] != id {
			t.Errorf("%s: id %q, want %q", path, m["id"], id)
		}
		u, err := url.Parse(m["meta"].(map[string]any)["location"].(string))
		if err != nil {
			t.Fatal(err)
		}
		again := s.want(t, http.StatusOK, "GET", "/Groups/"+u.EscapedPath()[len("/scim/v2/Groups/"):], "")
		if again["id"] != id {
			t.Errorf("location %s leads to %q", u, again["id"])
		}
	}
}

func TestMe(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	s.memory.SetMe(id)
	w := s.do(t, "GET", "/Me", "")
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if m["id"] != id || m["meta"].(map[string]any)["location"] != "https://people.example.com/scim/v2/Users/"+id {
		t.Errorf("/Me: %v", m)
	}
	s.want(t, http.StatusOK, "PATCH", "/Me", `{`+patchSchema+`,"Operations":[{"op":"add","path":"nickName","value":"N"}]}`)
	s.want(t, http.StatusMethodNotAllowed, "POST", "/Me", `{}`)
	s.want(t, http.StatusNoContent, "DELETE", "/Me", "")
}

func TestReactivation(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	s.want(t, http.StatusConflict, "POST", "/Users", `{`+userSchema+`,"userName":"anna","externalId":"x-anna"}`)
	s.want(t, http.StatusOK, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","value":{"active":false}}]}`)
	if m := s.want(t, http.StatusCreated, "POST", "/Users", `{`+userSchema+`,"userName":"anna","externalId":"x-anna","active":true}`); m["id"] != id {
		t.Errorf("another person was made: %v", m)
	}
}

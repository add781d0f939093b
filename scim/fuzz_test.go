package scim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// neverOurs fails when a request came to an error of ours, or to something that
// is no answer of the protocol.
func neverOurs(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if w.Body.Len() > 0 && !utf8.Valid(w.Body.Bytes()) {
		t.Fatalf("an answer that is not UTF-8: %q", w.Body)
	}
}

// seed gives a fuzz target the bodies of all transcripts that contain a word.
func seed(f *testing.F, word string) {
	f.Helper()
	files, err := filepath.Glob("testdata/idp/*/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, body := range regexp.MustCompile(`(?ms)^(\{.*?)^<`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(body[1], word) {
				f.Add(body[1])
			}
		}
	}
}

func FuzzPatch(f *testing.F) {
	seed(f, "Operations")
	f.Add(`{"Operations":[{"op":"add","path":"emails[type eq \"work\" and not (primary eq true)].value","value":null}]}`)
	s := newService(f, "")
	user := s.user(f, "anna")
	s.want(f, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"Sales","members":["`+user+`"]}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/Users/" + user, "/Groups/group-2"} {
			neverOurs(t, s.do(t, "PATCH", path, body))
		}
		s.want(t, http.StatusOK, "GET", "/Users/"+user, "")
	})
}

func FuzzBulk(f *testing.F) {
	f.Add(`{"Operations":[` + postGroup("a", "bulkId:b") + "," + postGroup("b", "bulkId:a", "bulkId:u") + "," + postUser("u", "u") + `]}`)
	f.Add(`{"failOnErrors":1,"Operations":[{"method":"PATCH","path":"/Users/bulkId:x","data":[{"op":"remove"}]}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		neverOurs(t, newService(t, "").do(t, "POST", "/Bulk", body))
	})
}

func FuzzCursor(f *testing.F) {
	s := newService(f, "")
	for _, n := range []string{"a", "b", "c"} {
		s.user(f, n)
	}
	m := s.want(f, http.StatusOK, "GET", "/Users?cursor&count=1", "")
	good := m["nextCursor"].(string)
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		w := s.do(t, "GET", "/Users?count=1&cursor="+url.QueryEscape(cursor), "")
		neverOurs(t, w)
		if w.Code == http.StatusOK && cursor != "" && cursor != good {
			t.Errorf("%q was taken for a cursor", cursor)
		}
	})
}

func FuzzRequest(f *testing.F) {
	seed(f, "userName")
	f.Add(`{"schemas":["urn:scim:schemas:core:1.0"],"userName":"x","urn:ietf:params:scim:schemas:core:2.0:User":{"title":"y"}}`)
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}
	for i, path := range []string{
		"/Users?filter=userName eq \"x\"&count=1", "/Users/x", "/.search", "/?sortBy=meta.created&cursor", "/Schemas/urn:x", "/Me",
		"/Users?attributes=name.x,urn:y:z&excludedAttributes=emails", "/Groups/%2F%25",
	} {
		f.Add(methods[i%len(methods)] + " " + path + "\nAccept: */*\n\n{}")
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newService(t, "")
		s.user(t, "anna")
		neverOurs(t, s.do(t, "POST", "/Users", text))
		neverOurs(t, s.do(t, "PUT", "/Users/user-1", text))
		neverOurs(t, s.do(t, "POST", "/.search", text))
		head, body, _ := strings.Cut(text, "\n\n")
		line, header, _ := strings.Cut(head, "\n")
		method, target, _ := strings.Cut(line, " ")
		u, err := url.Parse(target)
		if err != nil || method == "" || strings.ContainsAny(method, " \t\r\n/") {
			return
		}
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		neverOurs(t, w)
	})
}

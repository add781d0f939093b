package scimtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPlayNoticesDifferences plays transcripts to a service that answers every
// request the same way.
func TestPlayNoticesDifferences(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", "e")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, `{"id":"7","n":1,"list":[{"a":1,"b":2},{"a":3}],"o":{"x":null},"path":"`+r.URL.Path+`"}`)
	})
	for text, want := range map[string]string{
		"> GET /a\n< 200":                                   "",
		"> GET /a\n< 404":                                   "status 200, want 404",
		"> GET /a\n< 200\n< ETag: *":                        "",
		"> GET /a\n< 200\n< ETag: f":                        `header Etag is "e"`,
		"> GET /a\n< 200\n< ETag: -":                        `header Etag is "e"`,
		"> GET /a\n< 200\n< Location: *":                    "header Location",
		"> GET /a\n< 200\n{\"id\":\"{{any}}\"}":             "",
		"> GET /a\n< 200\n{\"id\":\"8\"}":                   ".id is 7, want 8",
		"> GET /a\n< 200\n{\"n\":1.0}":                      ".n is 1, want 1.0",
		"> GET /a\n< 200\n{\"m\":1}":                        ".m is missing",
		"> GET /a\n< 200\n{\"n\":\"{{absent}}\"}":           ".n is there",
		"> GET /a\n< 200\n{\"o\":{\"x\":null}}":             "",
		"> GET /a\n< 200\n{\"o\":[]}":                       "want 0 elements",
		"> GET /a\n< 200\n{\"list\":[{\"a\":3},{\"b\":2}]}": "",
		"> GET /a\n< 200\n{\"list\":[{\"a\":3}]}":           "want 1 elements",
		"> GET /a\n< 200\n{\"list\":[{\"a\":3},{\"a\":3}]}": "nothing like element 1",
		"> GET /a\n< 200\n{\"id\":\"{{x}}\"}\n---\n> GET /{{x}}\n< 200\n{\"id\":\"{{x}}\",\"path\":\"/7\"}": "",
		"> GET /a\n< 200\n{\"id\":\"{{x}}\"}\n---\n> GET /{{x}}\n< 200\n{\"path\":\"{{x}}\"}":               ".path is /7, want 7",
		"> GET /a":    "needs a request line and a status line",
		"# a comment": "",
	} {
		err := play(text, h)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

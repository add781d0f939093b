package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/auth"
)

// FuzzQuery: whatever stands in an address is answered or refused, never with 500,
// and always as the document says.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "limit=5", "limit=-1", "cursor=AAAA", "state=active&sort=-created_at", "format=csv", "%zz", "a=b;c", "cursor=&cursor=", "since=2026-01-31T12:00:00Z", "user_name=%ff"} {
		f.Add(q)
	}
	w := newWorld(f)
	w.desk.people = crowd(60)
	w.rate = auth.Rate{Burst: 1 << 30, Every: 1}
	w.start()
	f.Fuzz(func(t *testing.T, query string) {
		w.t = t
		u := url.URL{Path: "/people", RawQuery: query}
		if _, err := url.ParseRequestURI("http://x" + u.String()); err != nil {
			t.Skip()
		}
		for _, r := range u.String() {
			if r <= ' ' || r > '~' {
				t.Skip() // no client can send it
			}
		}
		if res, body := w.do(http.MethodGet, u.String(), "", nil); res.StatusCode >= 500 {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
}

// FuzzBody: the same for what is sent.
func FuzzBody(f *testing.F) {
	for _, b := range []string{"{}", `{"note":"x"}`, `{"note":null}`, `[]`, `null`, `{"a":{}}`, `{"note":"x"} 5`, "\xff"} {
		f.Add(b)
	}
	w := newWorld(f)
	w.desk.pause = func(api.PauseInput) (api.Source, error) { return api.Source{State: "paused"}, nil }
	w.rate = auth.Rate{Burst: 1 << 30, Every: 1}
	w.start()
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		if res, got := w.do(http.MethodPost, "/sources/corp/pause", body, nil); res.StatusCode >= 500 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	})
}

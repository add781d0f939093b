package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestZone asks by whose clock times are shown.
func TestZone(t *testing.T) {
	for name, c := range map[string]struct{ cookie, person, want string }{
		"nobody said":            {"", "", "UTC"},
		"the person's own":       {"", "Europe/Rome", "Europe/Rome"},
		"chosen on a page":       {"Asia/Tokyo", "Europe/Rome", "Asia/Tokyo"},
		"no zone":                {"Mars/Olympus", "Europe/Rome", "Europe/Rome"},
		"the server's is nobody": {"Local", "Local", "UTC"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/acme/", nil)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: clockCookie, Value: c.cookie})
		}
		if got := Zone(r, c.person).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestClockIsKept chooses a zone on a page with filters, which stay.
func TestClockIsKept(t *testing.T) {
	s, err := New(testConfig(), onePage(`{{define "content"}}{{end}}`))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(address string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.preferences(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		return w
	}
	w := ask("/admin/acme/runs?source=corp&clock=Asia%2FTokyo")
	if to := w.Header().Get("Location"); to != "/admin/acme/runs?source=corp" {
		t.Errorf("leads to %q", to)
	}
	if cookies := w.Result().Cookies(); len(cookies) != 1 || cookies[0].Name != clockCookie || cookies[0].Value != "Asia/Tokyo" {
		t.Errorf("remembers %v", w.Result().Cookies())
	}
	if w = ask("/admin/acme/runs?clock=Local"); len(w.Result().Cookies()) != 0 {
		t.Error("the server's zone can be chosen")
	}
}

// TestClocksAreThere loads every zone that is offered.
func TestClocksAreThere(t *testing.T) {
	for _, name := range clocks {
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/acme/?state=held&done=x", nil)
	if c := clockOf(r, "Europe/Vatican"); c.Kept.Get("state") != "held" || c.Kept.Has("done") || len(c.Zones) != len(clocks)+1 {
		t.Errorf("%+v", c)
	}
	r.Method = http.MethodPost
	if clockOf(r, "UTC") != nil {
		t.Error("a refused form's page is offered to be asked for again")
	}
}

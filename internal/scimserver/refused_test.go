package scimserver_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// TestRefusedAreCounted: who knocks on and on at a limit leaves a few rows, of
// which the last says how many more there were; what came in stays one by one.
func TestRefusedAreCounted(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 20})
	other := w.connect("acme", "entra", registry.ConnectionSettings{Rate: 1})
	came, refused := 0, 0
	for range 400 {
		switch status, _ := c.do("GET", "/Users?count=x", ""); status {
		case 400:
			came++
		case 429:
			refused++
		}
	}
	for range 5 {
		other.do("GET", "/Users?count=0", "")
	}
	rows, kept, told := c.logged(), 0, ""
	for _, r := range rows {
		if r.Status == 429 {
			kept, told = kept+1, r.Detail
		}
	}
	if kept != 10 || len(rows) != came+10 || came < 40 || refused < 100 {
		t.Errorf("%d rows, %d of them refused, for %d that came in and %d refused", len(rows), kept, came, refused)
	}
	if want := fmt.Sprintf("Retry-After; %d more like it until 2026-11-21T12:00:", refused-10); !strings.Contains(told, want) {
		t.Errorf("the last row says %q, want %q", told, want)
	}
	if got := other.logged(); len(got) != 5 || strings.Contains(got[4].Detail, "more like it") {
		t.Errorf("another connection's rows: %+v", got)
	}
	w.later(time.Minute) // the next flush counts anew
	c.want(400, "GET", "/Users?count=x", "")
	if got := len(c.logged()); got != len(rows)+1 {
		t.Errorf("%d rows after one more request than %d", got, len(rows))
	}
}

// TestRefusedTokensAreCounted: so are those who guess at a client's secret.
func TestRefusedTokensAreCounted(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	o := w.connect("acme", "okta", registry.ConnectionSettings{}).oauth(nil)
	refused := 0
	for range 18 {
		if a := o.post(url.Values{"client_secret": {"wrong"}}); a.status == 401 {
			refused++
		}
	}
	rows := o.logged()
	if len(rows) != 10 || !strings.Contains(rows[9].Detail, fmt.Sprintf("the secret is wrong; %d more like it until 2026", refused-10)) {
		t.Errorf("%d rows for %d refusals: %+v", len(rows), refused, rows)
	}
}

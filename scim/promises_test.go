package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

// TestServiceProviderConfigIsKept tries each number that ServiceProviderConfig
// names, and one beyond it.
func TestServiceProviderConfigIsKept(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) {
		c.Limits = scim.Limits{BulkOperations: 3, BulkBody: 5000, DefaultPage: 2, MaxPage: 4, CursorTimeout: time.Minute}
	})
	for i := range 6 {
		s.user(t, fmt.Sprint("u", i))
	}
	config := s.want(t, http.StatusOK, "GET", "/ServiceProviderConfig", "")
	number := func(part, name string) int { return int(config[part].(map[string]any)[name].(float64)) }
	page := func(query string) (int, string) {
		m := s.want(t, http.StatusOK, "GET", "/Users?"+query, "")
		cursor, _ := m["nextCursor"].(string)
		return len(m["Resources"].([]any)), cursor
	}
	most := number("pagination", "maxPageSize")
	if n, _ := page("count=1000"); n != most || n != number("filter", "maxResults") {
		t.Errorf("%d on a page of at most %d", n, most)
	}
	if n, _ := page(""); n != number("pagination", "defaultPageSize") {
		t.Errorf("%d on a page without a count", n)
	}
	n, cursor := page(fmt.Sprintf("cursor&count=%d", most))
	if w := s.do(t, "GET", fmt.Sprintf("/Users?cursor&count=%d", most+1), ""); n != most || !strings.Contains(w.Body.String(), "invalidCount") {
		t.Errorf("by a cursor: %d, and one more: %s", n, w.Body)
	}
	for after, want := range map[int]int{-1: http.StatusOK, 0: http.StatusBadRequest} {
		s.clock.t = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(number("pagination", "cursorTimeout")+after) * time.Second)
		if w := s.do(t, "GET", "/Users?cursor="+cursor, ""); w.Code != want {
			t.Errorf("a cursor %d seconds after its time: %d %s", after, w.Code, w.Body)
		}
	}
	remove := `{"method":"DELETE","path":"/Users/nobody"}`
	for more, want := range map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge} {
		list := strings.TrimSuffix(strings.Repeat(remove+",", number("bulk", "maxOperations")+more), ",")
		if w := s.do(t, "POST", "/Bulk", `{"Operations":[`+list+`]}`); w.Code != want {
			t.Errorf("%d operations too many: %d %s", more, w.Code, w.Body)
		}
		body := `{"Operations":[` + remove + `]}`
		body += strings.Repeat(" ", number("bulk", "maxPayloadSize")+more-len(body))
		if w := s.do(t, "POST", "/Bulk", body); w.Code != want {
			t.Errorf("%d bytes too many: %d %s", more, w.Code, w.Body)
		}
	}
}

package scimtest

import (
	"fmt"
	"net/http"
	"testing"
)

// testOrderOfAll sorts people and groups together, and pages through the order:
// what each page shows is the whole list in pieces.
func testOrderOfAll(t *testing.T, s *suite) {
	s.user(t, "golf", `"displayName":"golf","active":false`)
	s.group(t, "echo")
	s.user(t, "alpha", `"displayName":"alpha","active":true`)
	s.group(t, "bravo")
	s.user(t, "x1", `"active":true`)
	s.user(t, "delta", `"displayName":"delta","active":true`)
	s.user(t, "x2", `"active":true`)
	for _, list := range []struct{ path, order, want string }{
		{"/", "&sortBy=displayName", "[alpha bravo delta echo golf x1 x2]"},
		{"/", "&sortBy=displayName&sortOrder=descending", "[x1 x2 golf echo delta bravo alpha]"},
		{"/", "&sortBy=userName", "[alpha delta golf x1 x2 echo bravo]"},
		{"/", "&sortBy=userName&sortOrder=descending", "[echo bravo x2 x1 golf delta alpha]"},
		{"/", "&sortBy=active", "[golf alpha x1 delta x2 echo bravo]"},
		{"/", "&sortBy=meta.created", "[golf echo alpha bravo x1 delta x2]"},
		{"/", "&sortBy=" + enterprise + ":costCenter", ""},
		{"/", "", ""},
		{"/Users", "&sortBy=displayName", "[alpha delta golf x1 x2]"},
		{"/Users", "&sortBy=active&sortOrder=descending", "[alpha x1 delta x2 golf]"},
		{"/Groups", "&sortBy=displayName&sortOrder=descending", "[echo bravo]"},
	} {
		whole := s.find(t, list.path, "meta.resourceType pr", list.order)
		if got := fmt.Sprint(whole); list.want != "" && got != list.want {
			t.Errorf("%s %s: %s, want %s", list.path, list.order, got, list.want)
		}
		for count := 1; count <= 4; count++ {
			var paged []string
			for len(paged) < len(whole) {
				page := s.find(t, list.path, "meta.resourceType pr", fmt.Sprintf("%s&count=%d&startIndex=%d", list.order, count, len(paged)+1))
				if len(page) == 0 {
					break
				}
				paged = append(paged, page...)
			}
			if fmt.Sprint(paged) != fmt.Sprint(whole) {
				t.Errorf("%s %s by %d: %v, want %v", list.path, list.order, count, paged, whole)
			}
			if paged = s.byCursor(t, list.path, list.order, count); fmt.Sprint(paged) != fmt.Sprint(whole) {
				t.Errorf("%s %s by a cursor, %d each: %v, want %v", list.path, list.order, count, paged, whole)
			}
		}
	}
	if m := s.Want(t, http.StatusOK, "POST", "/.search", `{"sortBy":"displayName","startIndex":2,"count":1}`); m["totalResults"] != 7.0 || m["Resources"].([]any)[0].(map[string]any)["displayName"] != "bravo" {
		t.Errorf("searched: %v", m)
	}
}

// byCursor pages through a list by cursors, and gives the names.
func (s *suite) byCursor(t *testing.T, path, order string, count int) []string {
	t.Helper()
	var names []string
	for cursor := ""; ; {
		m := s.get(t, fmt.Sprintf("%s?count=%d&cursor=%s%s", path, count, cursor, order))
		for _, r := range m["Resources"].([]any) {
			o := r.(map[string]any)
			name, ok := o["userName"].(string)
			if !ok {
				name, _ = o["displayName"].(string)
			}
			names = append(names, name)
		}
		next, ok := m["nextCursor"].(string)
		if ok && m["itemsPerPage"] == 0.0 {
			t.Errorf("%s%s: nothing on a page that is not the last", path, order)
		}
		if cursor != "" && m["itemsPerPage"] == 0.0 {
			t.Errorf("%s%s: a cursor leads to nothing", path, order)
		}
		if !ok || len(names) > 100 {
			return names
		}
		cursor = next
	}
}

package scimserver_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// TestLargePages lists people whose documents are as large as can be: a page ends
// before it is too large, and its successors show the rest.
func TestLargePages(t *testing.T) {
	const people = 60
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 1_000_000})
	for i := range people {
		c.want(201, "POST", "/Users", user(fmt.Sprintf(`"userName":"u%02d","photos":[{"value":"%s"}]`, i, strings.Repeat("x", 250<<10))))
	}
	names := func(m map[string]any) (list []string) {
		for _, r := range m["Resources"].([]any) {
			list = append(list, r.(map[string]any)["userName"].(string))
		}
		if n := m["itemsPerPage"].(float64); int(n) != len(list) || m["totalResults"] != float64(people) || len(list) > 20 {
			t.Fatalf("a page of %v, which are %d, of %v", n, len(list), m["totalResults"])
		}
		return list
	}
	for _, path := range []string{"/Users?count=500", "/?count=500", "/Users?count=500&sortBy=userName", "/?count=500&sortBy=userName"} {
		var byIndex, byCursor []string
		for len(byIndex) < people {
			byIndex = append(byIndex, names(c.want(200, "GET", fmt.Sprintf("%s&startIndex=%d", path, len(byIndex)+1), ""))...)
		}
		for cursor, more := "", true; more; {
			m := c.want(200, "GET", path+"&cursor="+url.QueryEscape(cursor), "")
			byCursor = append(byCursor, names(m)...)
			cursor, more = m["nextCursor"].(string)
		}
		for _, list := range [][]string{byIndex, byCursor} {
			slices.Sort(list)
			if list = slices.Compact(list); len(list) != people {
				t.Errorf("%s: %d people seen", path, len(list))
			}
		}
	}
	before, peak := watchHeap(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { c.want(200, "GET", "/Users?count=500&attributes=userName,photos", "") })
	}
	all.Wait()
	if grew := (peak() - before) >> 20; grew > 700 {
		t.Errorf("20 such lists took %d MB", grew)
	} else {
		t.Logf("20 such lists took %d MB", grew)
	}
}

// TestSortedCursorOutlivesChanges changes a list between its pages: whoever did
// not move is seen once.
func TestSortedCursorOutlivesChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
		ids := map[string]string{}
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			ids[name] = c.user(name, name)
		}
		c.want(201, "POST", "/Groups", `{`+groupSchema+`,"displayName":"G"}`)
		var seen []string
		cursor, more := "", true
		for step := 0; more; step++ {
			m := c.want(200, "GET", "/?sortBy=userName&count=2&cursor="+url.QueryEscape(cursor), "")
			for _, r := range m["Resources"].([]any) {
				o := r.(map[string]any)
				name, ok := o["userName"].(string)
				if !ok {
					name = o["displayName"].(string)
				}
				seen = append(seen, name)
			}
			cursor, more = m["nextCursor"].(string)
			if step == 0 { // the last one shown goes, and one shown moves behind all that follow
				c.want(204, "DELETE", "/Users/"+ids["b"], "")
				c.want(200, "PATCH", "/Users/"+ids["a"], ops(`{"op":"replace","path":"userName","value":"z"}`))
			}
		}
		if got := fmt.Sprint(seen); got != "[a b c d e f z G]" {
			t.Errorf("seen: %s", got)
		}
	})
}

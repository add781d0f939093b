package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

// TestBulkTakesItsTime sends what would keep the service busy for many seconds:
// what has no time left is refused whole, by itself, and can be sent again.
func TestBulkTakesItsTime(t *testing.T) {
	const budget, most = 300 * time.Millisecond, 200
	s := newService(t, "", func(c *scim.Config) { c.Limits.BulkTime, c.Now = budget, time.Now })
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf(`{"type":"work","streetAddress":"%d"}`, i)
	}
	m := s.want(t, http.StatusCreated, "POST", "/Users", `{`+userSchema+`,"userName":"anna","title":"none","addresses":[`+strings.Join(many, ",")+`]}`)
	path := "/Users/" + m["id"].(string)
	heavy := `addresses[` + strings.TrimSuffix(strings.Repeat("type pr or ", 300), " or ") + `].country`
	var list []string
	for i := range most {
		list = append(list, fmt.Sprintf(`{"method":"PATCH","path":"%s","data":[{"op":"replace","path":"%s","value":"DE"},{"op":"replace","path":"title","value":"t%d"}]}`, path, heavy, i))
	}
	began := time.Now()
	got, order := s.bulk(t, "", list...)
	if took := time.Since(began); took > budget+5*time.Second {
		t.Errorf("it took %v", took)
	}
	done, refused := 0, 0
	for _, key := range order {
		switch got[key]["status"] {
		case "200":
			done++
			if refused > 0 {
				t.Errorf("operation %s was done after one was refused", key)
			}
		case "503":
			refused++
		default:
			t.Errorf("operation %s: %v", key, got[key])
		}
	}
	title := s.want(t, http.StatusOK, "GET", path, "")["title"]
	if done == 0 || refused == 0 || done+refused != most || title != fmt.Sprintf("t%d", done-1) {
		t.Errorf("%d done, %d refused, the last done is %v", done, refused, title)
	}
}

// TestBulkWithoutTimeLeavesNoCircleOpen lets the time end in the middle of
// operations that refer to each other: all or none of them is there.
func TestBulkWithoutTimeLeavesNoCircleOpen(t *testing.T) {
	for budget := range 20 {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s := newService(t, "", func(c *scim.Config) {
			c.Limits.BulkTime = time.Duration(budget+1) * time.Second
			c.Now = func() time.Time { now = now.Add(time.Second); return now }
		})
		got, order := s.bulk(t, "", postGroup("a", "bulkId:b"), postGroup("b", "bulkId:c"), postGroup("c", "bulkId:a"))
		made := 0
		for _, key := range order {
			switch got[key]["status"] {
			case "201":
				made++
			case "503", "409":
			default:
				t.Errorf("%v", got[key])
			}
		}
		left := s.want(t, http.StatusOK, "GET", "/Groups", "")["totalResults"]
		if left != float64(made) || made != 0 && made != 3 {
			t.Errorf("time for %d looks at the clock: %d made, %v there: %v", budget, made, left, got)
		}
	}
}

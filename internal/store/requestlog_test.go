package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestRequestLogIsSearched: words are found however the path was written, time has
// its edges, and what has a meaning in patterns has none in words.
func TestRequestLogIsSearched(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		conn, err := c.a.SaveConnection(ctx, "okta", registry.DefaultConnection())
		must(t, err)
		origin := conn.Origin.ID
		at := func(minute int) time.Time { return c.now.Add(time.Duration(minute) * time.Minute) }
		row := func(minute int, id, path, resource, scimType, detail string) registry.ScimRequest {
			return registry.ScimRequest{
				Origin: origin, At: at(minute), RequestID: id, Method: "GET", Path: "/scim/v2" + path, Status: 400, Resource: resource, ScimType: scimType, Detail: detail,
			}
		}
		must(t, c.a.LogScimRequests(ctx, []registry.ScimRequest{
			row(1, "r1", "/Users?filter=userName+eq+%22Ada%40example.com%22", "", "invalidFilter", ""),
			row(2, "r2", "/Users?filter=userName%20eq%20%22ada@example.com%22", "", "", ""),
			row(3, "r3", "/Users/4f1c", "4f1c", "uniqueness", "userName is Taken by 100% of a_b"),
			row(4, "r3", "/Groups", "", "", "a!b"),
		}))
		for _, test := range []struct {
			about string
			q     registry.ScimRequestQuery
			want  string
		}{
			{"everything", registry.ScimRequestQuery{}, "4 3 2 1"},
			{"a filter as people read it", registry.ScimRequestQuery{Text: `userName eq "ada@example.com"`}, "2 1"},
			{"another case", registry.ScimRequestQuery{Text: "ADA"}, "2 1"},
			{"the record", registry.ScimRequestQuery{Text: "4f1c"}, "3"},
			{"the error", registry.ScimRequestQuery{Text: "taken by"}, "3"},
			{"the error's name", registry.ScimRequestQuery{Text: "InvalidFilter"}, "1"},
			{"a sign of patterns", registry.ScimRequestQuery{Text: "0% of a_b"}, "3"},
			{"which stands for itself", registry.ScimRequestQuery{Text: "userName_"}, ""},
			{"the sign before such signs", registry.ScimRequestQuery{Text: "a!b"}, "4"},
			{"a request's id, whole", registry.ScimRequestQuery{Text: "r3"}, "4 3"},
			{"part of one", registry.ScimRequestQuery{Text: "3r"}, ""},
			{"by id", registry.ScimRequestQuery{ID: "r3"}, "4 3"},
			{"no text at all", registry.ScimRequestQuery{Text: "\x00"}, ""},
			{"from a moment on", registry.ScimRequestQuery{Since: at(3)}, "4 3"},
			{"before a moment", registry.ScimRequestQuery{Until: at(3)}, "2 1"},
			{"behind a row", registry.ScimRequestQuery{Text: "ada", BeforeAt: at(2), BeforeID: 1 << 40}, "2 1"},
		} {
			test.q.Origin, test.q.Limit = origin, 10
			list, err := c.a.ScimRequestPage(ctx, test.q)
			must(t, err)
			var got []string
			for _, r := range list {
				got = append(got, fmt.Sprint(int(r.At.Sub(c.now).Minutes())))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %q, want %q", test.about, got, test.want)
			}
		}
		if list, err := c.b.ScimRequestPage(store.OnlyCompany(ctx, int64(c.beta.Company)), registry.ScimRequestQuery{Origin: origin, Text: "ada", Limit: 10}); err != nil || len(list) != 0 {
			t.Errorf("B's: %v, %v", list, err)
		}
	})
}

// inTime is a plan that goes to a stretch of time of one log.
var inTime = regexp.MustCompile(`scimrequest_origin_id_at \(origin_id=\? AND at>\? AND at<\?\)|Index Cond: \(\(origin_id = \d+\) AND \(at >= '?\d+'?(::bigint)?\) AND \(at < '?\d+`)

// TestRequestLogPlans asks both databases how they find a stretch of a long log.
func TestRequestLogPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		tenant := w.tenant()
		conn, err := tenant.SaveConnection(t.Context(), "busy", registry.DefaultConnection())
		must(t, err)
		now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		const rows = 20_000
		list := make([]registry.ScimRequest, rows)
		for i := range list {
			list[i] = registry.ScimRequest{Origin: conn.Origin.ID, At: now.Add(time.Duration(i) * time.Minute), RequestID: "r", Method: "GET", Path: "/Users", Status: 200}
		}
		must(t, tenant.LogScimRequests(t.Context(), list))
		w.sql(`ANALYZE scim_requests`)
		for about, q := range map[string]registry.ScimRequestQuery{"words": {Text: "ada"}, "an id": {ID: "r"}, "nothing more": {}, "failures": {Failed: true, Method: "POST"}} {
			q.Origin, q.Since, q.Until, q.Limit = conn.Origin.ID, now.Add(rows/2*time.Minute), now.Add(rows/2*time.Minute+time.Hour), 51
			var statement string
			_, err := tenant.ScimRequestPage(store.RecordingArgs(t.Context(), func(text string, args []any) { statement = inline(text, args) }), q)
			must(t, err)
			if plan := w.explainText(statement); !inTime.MatchString(plan) {
				t.Errorf("%s:\n%s\n%s", about, statement, plan)
			}
		}
	})
}

package graphfake_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// reason is why an object of a delta is removed, "" when it is there.
func reason(o any) string {
	removed, _ := o.(object)["@removed"].(object)
	r, _ := removed["reason"].(string)
	return r
}

// only is the one object that a round told.
func (w *world) only(got []any) object {
	w.t.Helper()
	if len(got) != 1 {
		w.t.Fatalf("%d objects: %v", len(got), got)
	}
	return got[0].(object)
}

// TestDeltaLife follows a user through its life, one round a step.
func TestDeltaLife(t *testing.T) {
	w := open(t, graphfake.Population{People: 5}, graphfake.Options{})
	all, link := w.round("/v1.0/users/delta")
	if len(all) != 5 {
		t.Fatalf("%d users at first", len(all))
	}
	var id string
	steps := []struct {
		name   string
		do     func() error
		reason string
		told   int
	}{
		{"nothing", func() error { return nil }, "", 0},
		{"create", func() (err error) {
			id, err = w.tenant.CreateUser(graphfake.User{UserPrincipalName: "new@contoso.example"})
			return err
		}, "", 1},
		{"a property not selected", func() error { return w.tenant.UpdateUser(id, func(u *graphfake.User) { u.City = "Roma" }) }, "", 0},
		{"update", func() error { return w.tenant.UpdateUser(id, func(u *graphfake.User) { u.JobTitle = "Cook" }) }, "", 1},
		{"to and fro", func() error {
			w.must(w.tenant.UpdateUser(id, func(u *graphfake.User) { u.JobTitle = "Clerk" }))
			return w.tenant.UpdateUser(id, func(u *graphfake.User) { u.JobTitle = "Cook" })
		}, "", 0},
		{"soft delete", func() error { return w.tenant.DeleteUser(id) }, "changed", 1},
		{"restore", func() error { return w.tenant.RestoreUser(id) }, "", 1},
		{"delete and restore", func() error { w.must(w.tenant.DeleteUser(id)); return w.tenant.RestoreUser(id) }, "", 1},
		{"delete again", func() error { return w.tenant.DeleteUser(id) }, "changed", 1},
		{"purge", func() error { return w.tenant.PurgeUser(id) }, "deleted", 1},
		{"still gone", func() error { return nil }, "", 0},
		{"purge at once", func() error { id = w.tenant.UserID(4); return w.tenant.PurgeUser(id) }, "deleted", 1},
	}
	for _, s := range steps {
		w.must(s.do())
		var got []any
		got, link = w.round(link)
		if len(got) != s.told {
			t.Errorf("%s: told %v", s.name, got)
			continue
		}
		if s.told == 1 && (got[0].(object)["id"] != id || reason(got[0]) != s.reason) {
			t.Errorf("%s: told %v, want %s with reason %q", s.name, got, id, s.reason)
		}
	}
	if all, _ = w.round("/v1.0/users/delta"); len(all) != 4 {
		t.Errorf("a new first round tells %d users, want the 4 that are there", len(all))
	}
}

// TestDeltaSnapshot: a round shows the tenant as it was when it began, and the
// next one what happened meanwhile.
func TestDeltaSnapshot(t *testing.T) {
	w := open(t, graphfake.Population{People: 10}, graphfake.Options{DeltaPage: 3})
	page := w.get(http.StatusOK, "/v1.0/users/delta?$select=displayName")
	w.must(w.tenant.DeleteUser(w.tenant.UserID(9)))
	w.must(w.tenant.UpdateUser(w.tenant.UserID(8), func(u *graphfake.User) { u.DisplayName = "Later" }))
	rest, link := w.round(page["@odata.nextLink"].(string))
	if n := len(page["value"].([]any)) + len(rest); n != 10 {
		t.Errorf("%d users in the first round", n)
	}
	if got := rest[5].(object)["displayName"]; got == "Later" {
		t.Error("the first round tells what came after it began")
	}
	if got, _ := w.round(link); len(got) != 2 {
		t.Errorf("the next round tells %v", got)
	}
}

// TestLag: what was just done is told by a later round, once.
func TestLag(t *testing.T) {
	w := open(t, graphfake.Population{People: 4}, graphfake.Options{})
	w.Lag(2)
	told := 0
	_, link := w.round("/v1.0/users/delta?$select=city")
	for n := range 4 {
		w.must(w.tenant.UpdateUser(w.tenant.UserID(n), func(u *graphfake.User) { u.City = "Napoli" }))
		var got []any
		if got, link = w.round(link); len(got) != min(1, n/2) {
			t.Errorf("after %d changes: %v", n+1, got)
		}
		told += len(got)
	}
	w.Lag(0)
	if got, _ := w.round(link); told+len(got) != 4 {
		t.Errorf("%d told late, then %v", told, got)
	}
}

// TestDeltaQuery: what the address may ask for.
func TestDeltaQuery(t *testing.T) {
	w := open(t, graphfake.Population{People: 20, Groups: 3, Members: 4}, graphfake.Options{})
	two := fmt.Sprintf("id eq '%s' or id eq '%s'", w.tenant.UserID(3), strings.ToUpper(w.tenant.UserID(7)))
	for path, want := range map[string]int{
		"/v1.0/users/delta()":                                    20, // as the SDK writes it
		"/v1.0/users/microsoft.graph.delta":                      20,
		"/v1.0/users/delta/?$filter= " + two:                     2,  // as api/user-delta.md writes it
		"/v1.0/users/delta?$top=2&$expand=manager":               20, // both without effect
		"/v1.0/users/delta?$deltaToken=latest":                   0,
		"/v1.0/users/delta?$deltatoken=":                         20, // what 410 leads to
		"/v1.0/users/delta?$select=extension_" + app + "_colour": 20,
	} {
		if got, _ := w.round(path); len(got) != want {
			t.Errorf("%s: %d objects, want %d", path, len(got), want)
		}
	}
	// The filter and the select live on in the links.
	_, filtered := w.round("/v1.0/users/delta?$select=city&$filter=" + two)
	_, latest := w.round("/v1.0/users/delta?$deltatoken=latest&$select=city")
	w.must(w.tenant.UpdateUser(w.tenant.UserID(3), func(u *graphfake.User) { u.City = "Napoli" }))
	w.must(w.tenant.UpdateUser(w.tenant.UserID(4), func(u *graphfake.User) { u.City = "Napoli" }))
	got, _ := w.round(filtered)
	same(t, got, `[{"id":"`+w.tenant.UserID(3)+`","city":"Napoli"}]`)
	if got, _ = w.round(latest); len(got) != 2 {
		t.Errorf("since latest: %v", got)
	}
	if page := w.get(http.StatusOK, "/v1.0/users/delta", "Prefer", "odata.maxpagesize=7"); len(page["value"].([]any)) != 7 {
		t.Error("odata.maxpagesize is without effect")
	}
	if page := w.get(http.StatusBadRequest, filtered[:strings.Index(filtered, "?")]+"?$select=city&$skiptoken=x"); errorCode(page) == "" {
		t.Error("$select beside $skiptoken is taken")
	}
}

const app = "b7d8e6484ee9464e9b2a5a2f1d1b3b54"

// TestDeltaManager: manager is tracked when selected, and only its changes are
// told (concepts/delta-query-overview.md).
func TestDeltaManager(t *testing.T) {
	w := open(t, graphfake.Population{People: 30}, graphfake.Options{})
	_, link := w.round("/v1.0/users/delta?$select=displayName,manager")
	_, deaf := w.round("/v1.0/users/delta?$select=displayName")
	w.must(w.tenant.SetManager(w.tenant.UserID(15), w.tenant.UserID(2)))
	got, link := w.round(link)
	want := `[{"@odata.type":"#microsoft.graph.user","id":"` + w.tenant.UserID(1) + `","@removed":{"reason":"deleted"}},
	          {"@odata.type":"#microsoft.graph.user","id":"` + w.tenant.UserID(2) + `"}]`
	same(t, w.only(got)["manager@delta"], want)
	if got, _ := w.round(deaf); len(got) != 0 {
		t.Errorf("told without being selected: %v", got)
	}
	// A manager who is deleted leaves the reports without one, and comes back.
	w.must(w.tenant.DeleteUser(w.tenant.UserID(2)))
	got, link = w.round(link)
	reports := 0
	for _, o := range got {
		if _, ok := o.(object)["manager@delta"]; ok {
			reports++
		}
	}
	if len(got) != 11 || reports != 10 { // 21 to 29, 15 since the step above, and the manager
		t.Errorf("%d reports told of %d objects", reports, len(got))
	}
	w.must(w.tenant.RestoreUser(w.tenant.UserID(2)))
	w.round(link)
	if u, _ := w.tenant.User(w.tenant.UserID(15)); u.Manager != w.tenant.UserID(2) {
		t.Errorf("the manager is %q after the return", u.Manager)
	}
}

// TestDeltaMembers: a large group comes again with the rest of its members, a
// deleted member leaves its groups, a nested group is a member by its type, and
// hidden members need their permission.
func TestDeltaMembers(t *testing.T) {
	w := open(t, graphfake.Population{People: 50, Groups: 3, Members: 40, Nested: 1}, graphfake.Options{MemberPage: 15})
	all, link := w.round("/v1.0/groups/delta")
	members := map[any]map[any]bool{}
	for _, o := range all {
		g := o.(object)
		if members[g["id"]] == nil {
			members[g["id"]] = map[any]bool{}
		}
		for _, m := range g["members@delta"].([]any) {
			members[g["id"]][m.(object)["id"]] = true
		}
	}
	if len(all) <= 3*2 || len(members[w.tenant.GroupID(0)]) != 41 || !members[w.tenant.GroupID(0)][w.tenant.GroupID(1)] {
		t.Errorf("%d objects for 3 groups; the first has %d members", len(all), len(members[w.tenant.GroupID(0)]))
	}

	leaver := w.tenant.Members(w.tenant.GroupID(2))[0]
	w.must(w.tenant.DeleteUser(leaver))
	got, link := w.round(link)
	for _, o := range got {
		m := w.only(o.(object)["members@delta"].([]any))
		if m["id"] != leaver || reason(m) != "deleted" {
			t.Errorf("told %v of the leaver %s", m, leaver)
		}
	}
	left := len(got)
	w.must(w.tenant.RestoreUser(leaver))
	if got, link = w.round(link); len(got) != left {
		t.Errorf("back in %d groups, was in %d", len(got), left)
	}
	// Security groups are gone at once, Microsoft 365 groups can come back.
	w.must(w.tenant.DeleteGroup(w.tenant.GroupID(1)))
	w.must(w.tenant.DeleteGroup(w.tenant.GroupID(2)))
	reasons := map[any]string{}
	got, link = w.round(link)
	for _, o := range got {
		reasons[o.(object)["id"]] = reason(o)
	}
	if reasons[w.tenant.GroupID(1)] != "changed" || reasons[w.tenant.GroupID(2)] != "deleted" || reasons[w.tenant.GroupID(0)] != "" || len(got) != 3 {
		t.Errorf("reasons %v", reasons)
	}
	w.must(w.tenant.RestoreGroup(w.tenant.GroupID(1)))
	got, _ = w.round(link)
	n := 0
	for _, o := range got {
		if o.(object)["id"] == w.tenant.GroupID(1) {
			n += len(o.(object)["members@delta"].([]any))
		}
	}
	if n != 40 {
		t.Errorf("the restored group tells %d members", n)
	}
}

// TestHiddenMembers: without Member.Read.Hidden there are none to see.
func TestHiddenMembers(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 5, Groups: 1, Members: 3}, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "reader", Secrets: []string{"s"}, Roles: []string{"Group.Read.All", "User.Read.All"}}},
	})
	id := w.tenant.GroupID(0)
	w.must(w.tenant.UpdateGroup(id, func(g *graphfake.Group) { g.Visibility = "HiddenMembership" }))
	for _, want := range []int{0, 3} {
		token := w.signIn("reader", "s")
		page := w.get(http.StatusOK, "/v1.0/groups/"+id+"/members", "Authorization", token)
		got, _ := w.round("/v1.0/groups/delta", "Authorization", token)
		told, _ := w.only(got)["members@delta"].([]any)
		if len(page["value"].([]any)) != want || len(told) != want {
			t.Errorf("%v and %v, want %d", page["value"], told, want)
		}
		w.Grant("reader", "Group.Read.All", "User.Read.All", "Member.Read.Hidden")
	}
}

// TestExpiry: a token is good for seven days, and 410 leads to the beginning
// with the same query (concepts/delta-query-overview.md).
func TestExpiry(t *testing.T) {
	w := open(t, graphfake.Population{People: 3}, graphfake.Options{})
	ways := map[string]func(){
		"by age":     func() { w.clock.at = w.clock.at.Add(7*24*time.Hour + time.Second) },
		"by the way": w.ExpireTokens,
	}
	for name, expire := range ways {
		_, link := w.round("/v1.0/users/delta?$select=city,country")
		w.clock.at = w.clock.at.Add(6 * 24 * time.Hour)
		w.round(link)
		expire()
		resp := w.do(http.MethodGet, link, nil)
		location := resp.Header.Get("Location")
		if got := errorCode(w.decode(resp, http.StatusGone)); got != "syncStateNotFound" {
			t.Errorf("%s: %q", name, got)
		}
		got, _ := w.round(location)
		if o := got[0].(object); len(got) != 3 || len(o) != 3 || o["city"] == nil {
			t.Errorf("%s: %s leads to %v", name, location, got)
		}
	}
	// A link of another process's tenant is no link of this one.
	_, link := w.round("/v1.0/users/delta")
	other := open(t, graphfake.Population{People: 3, Seed: 1}, graphfake.Options{})
	other.get(http.StatusGone, link)
}

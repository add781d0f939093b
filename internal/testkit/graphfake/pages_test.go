package graphfake_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// TestDeltaUsersPage pins concepts/delta-query-users.md, "Initial response" and
// "deltaLink response": the select in the context, properties never set left
// out, deleted users by id and reason alone.
func TestDeltaUsersPage(t *testing.T) {
	w := open(t, graphfake.Population{}, graphfake.Options{DeltaPage: 4, RemovedAtFirst: true})
	for _, u := range []graphfake.User{
		{ID: "ffff7b1a-13b6-477b-8c0c-380905cd99f7", DisplayName: "Cameron White", GivenName: "Cameron", Surname: "White"},
		{ID: "605d1257-ffff-40b6-8e6f-528a53f5dc55", DisplayName: "Delia Dennis", GivenName: "Delia", Surname: "Dennis"},
		{ID: "86462606-fde0-4fc4-9e0c-a20eb73e54c6"},
		{ID: "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", DisplayName: "Conf Room Adams"},
		{ID: "25dcffff-959e-4ece-9973-e5d9b800e8cc", DisplayName: "Lidia Holloway", GivenName: "Lidia", Surname: "Holloway"},
	} {
		u.UserPrincipalName = u.ID
		_, err := w.tenant.CreateUser(u)
		w.must(err)
	}
	w.must(w.tenant.PurgeUser("86462606-fde0-4fc4-9e0c-a20eb73e54c6"))

	page := w.get(http.StatusOK, "/v1.0/users/delta?$select=displayName,givenName,surname")
	next, _ := page["@odata.nextLink"].(string)
	if !strings.HasPrefix(next, host+"/v1.0/users/delta?$skiptoken=") {
		t.Errorf("nextLink %q", next)
	}
	delete(page, "@odata.nextLink")
	same(t, page, `{
  "@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users(displayName,givenName,surname)",
  "value": [
    {"displayName":"Cameron White","givenName":"Cameron","surname":"White","id":"ffff7b1a-13b6-477b-8c0c-380905cd99f7"},
    {"displayName":"Delia Dennis","givenName":"Delia","surname":"Dennis","id":"605d1257-ffff-40b6-8e6f-528a53f5dc55"},
    {"id":"86462606-fde0-4fc4-9e0c-a20eb73e54c6","@removed":{"reason":"deleted"}},
    {"displayName":"Conf Room Adams","id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"}
  ]}`)

	page = w.get(http.StatusOK, next)
	delta, _ := page["@odata.deltaLink"].(string)
	if !strings.HasPrefix(delta, host+"/v1.0/users/delta?$deltatoken=") {
		t.Errorf("deltaLink %q", delta)
	}
	delete(page, "@odata.deltaLink")
	same(t, page, `{
  "@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users",
  "value": [{"displayName":"Lidia Holloway","givenName":"Lidia","surname":"Holloway","id":"25dcffff-959e-4ece-9973-e5d9b800e8cc"}]}`)

	page = w.get(http.StatusOK, delta)
	delete(page, "@odata.deltaLink")
	same(t, page, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[]}`)
}

// TestDeltaUserRepresentations pins examples 2 and 3 of api/user-delta.md: by
// default unchanged values come again and cleared ones are null; with
// return=minimal only what changed comes.
func TestDeltaUserRepresentations(t *testing.T) {
	w := open(t, graphfake.Population{}, graphfake.Options{})
	id, err := w.tenant.CreateUser(graphfake.User{UserPrincipalName: "a@contoso.example", DisplayName: "old", JobTitle: "jobTitle-value", MobilePhone: "1"})
	w.must(err)
	_, link := w.round("/v1.0/users/delta?$select=displayName,jobTitle,mobilePhone")
	w.must(w.tenant.UpdateUser(id, func(u *graphfake.User) { u.DisplayName, u.MobilePhone = "displayName-value", "" }))
	got, second := w.round(link)
	same(t, got, `[{"id":"`+id+`","displayName":"displayName-value","jobTitle":"jobTitle-value","mobilePhone":null}]`)

	w.must(w.tenant.UpdateUser(id, func(u *graphfake.User) { u.DisplayName, u.JobTitle = "again", "" }))
	got, _ = w.round(second, "Prefer", "return=minimal")
	same(t, got, `[{"id":"`+id+`","displayName":"again","jobTitle":null}]`)
	got, _ = w.round(second) // a link may be asked again, and still remembers what was cleared
	same(t, got, `[{"id":"`+id+`","displayName":"again","jobTitle":null,"mobilePhone":null}]`)
}

// TestDeltaGroupsPage pins concepts/delta-query-groups.md: the initial response
// and the response with changes.
func TestDeltaGroupsPage(t *testing.T) {
	w := open(t, graphfake.Population{}, graphfake.Options{})
	users := []string{"693acd06-2877-4339-8ade-b704261fe7a0", "49320844-be99-4164-8167-87ff5d047ace", "37de1ae3-408f-4702-8636-20824abda004"}
	for _, id := range users {
		_, err := w.tenant.CreateUser(graphfake.User{ID: id, UserPrincipalName: id})
		w.must(err)
	}
	const one, two = "c2f798fd-f95d-4623-8824-63aec21fffff", "ec22655c-8eb2-432a-b4ea-8b8a254bffff"
	_, err := w.tenant.CreateGroup(graphfake.Group{ID: one, DisplayName: "TestGroup1", Description: "Employees in test group 1"}, users[:2]...)
	w.must(err)
	_, err = w.tenant.CreateGroup(graphfake.Group{ID: two, DisplayName: "TestGroup2", Description: "Employees in test group 2"})
	w.must(err)

	got, link := w.round("/v1.0/groups/delta?$select=displayName,description&$expand=members")
	same(t, got, `[
    {"displayName":"TestGroup1","description":"Employees in test group 1","id":"c2f798fd-f95d-4623-8824-63aec21fffff",
     "members@delta":[
       {"@odata.type":"#microsoft.graph.user","id":"693acd06-2877-4339-8ade-b704261fe7a0"},
       {"@odata.type":"#microsoft.graph.user","id":"49320844-be99-4164-8167-87ff5d047ace"}]},
    {"displayName":"TestGroup2","description":"Employees in test group 2","id":"ec22655c-8eb2-432a-b4ea-8b8a254bffff"}]`)

	w.must(w.tenant.UpdateGroup(one, func(g *graphfake.Group) { g.Description = "A test group for change tracking" }))
	w.must(w.tenant.RemoveMember(one, users[0]))
	w.must(w.tenant.AddMember(one, users[2]))
	got, _ = w.round(link)
	same(t, got, `[{"displayName":"TestGroup1","description":"A test group for change tracking","id":"c2f798fd-f95d-4623-8824-63aec21fffff",
     "members@delta":[
       {"@odata.type":"#microsoft.graph.user","id":"693acd06-2877-4339-8ade-b704261fe7a0","@removed":{"reason":"deleted"}},
       {"@odata.type":"#microsoft.graph.user","id":"37de1ae3-408f-4702-8636-20824abda004"}]}]`)
}

// TestListUsersPage pins example 1 of api/user-list.md: the default properties,
// null where not set.
func TestListUsersPage(t *testing.T) {
	w := open(t, graphfake.Population{}, graphfake.Options{})
	_, err := w.tenant.CreateUser(graphfake.User{ID: "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", DisplayName: "Conf Room Adams", Mail: "Adams@contoso.com", UserPrincipalName: "Adams@contoso.com"})
	w.must(err)
	_, err = w.tenant.CreateUser(graphfake.User{ID: "4562bcc8-c436-4f95-b7c0-4f8ce89dca5e", DisplayName: "MOD Administrator", GivenName: "MOD", Surname: "Administrator",
		BusinessPhones: []string{"425-555-0100"}, MobilePhone: "425-555-0101", PreferredLanguage: "en-US", UserPrincipalName: "admin@contoso.com"})
	w.must(err)
	same(t, w.get(http.StatusOK, "/v1.0/users"), `{
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
    "value": [
        {"businessPhones":[],"displayName":"Conf Room Adams","givenName":null,"jobTitle":null,"mail":"Adams@contoso.com","mobilePhone":null,
         "officeLocation":null,"preferredLanguage":null,"surname":null,"userPrincipalName":"Adams@contoso.com","id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"},
        {"businessPhones":["425-555-0100"],"displayName":"MOD Administrator","givenName":"MOD","jobTitle":null,"mail":null,"mobilePhone":"425-555-0101",
         "officeLocation":null,"preferredLanguage":"en-US","surname":"Administrator","userPrincipalName":"admin@contoso.com","id":"4562bcc8-c436-4f95-b7c0-4f8ce89dca5e"}]}`)
}

// TestErrorPages pins the errors: their form (concepts/errors.md), the missing
// permission (concepts/json-batching.md, response 3), the property outside the
// directory (concepts/delta-query-overview.md), and what the trackers report.
func TestErrorPages(t *testing.T) {
	w := open(t, graphfake.Population{People: 3, Groups: 1}, graphfake.Options{})
	e := w.get(http.StatusNotFound, "/v1.0/users/8c14a998-3c8d-4c52-ad09-c9032671ea31", "client-request-id", "mine")["error"].(object)
	inner := e["innerError"].(object)
	if inner["client-request-id"] != "mine" || inner["request-id"] == "" {
		t.Errorf("innerError %v", inner)
	}
	delete(inner, "request-id")
	same(t, e, `{"code":"Request_ResourceNotFound",
	  "message":"Resource '8c14a998-3c8d-4c52-ad09-c9032671ea31' does not exist or one of its queried reference-property objects are not present.",
	  "innerError":{"date":"2026-03-02T09:00:00","client-request-id":"mine"}}`)

	many := "id eq '" + strings.Repeat(w.tenant.UserID(0)+"' or id eq '", 50) + w.tenant.UserID(0) + "'"
	for _, tt := range []struct {
		path   string
		status int
		code   string
	}{
		{"/v1.0/users?$select=skills", 501, "NotImplemented"},
		{"/v1.0/users/delta?$select=nothing", 400, "BadRequest"},
		{"/v1.0/users/delta?$filter=endswith(mail,'a')", 400, "Request_UnsupportedQuery"},
		{"/v1.0/users/delta?$filter=mail eq 'a'", 400, "Request_UnsupportedQuery"},
		{"/v1.0/users/delta?$filter=" + many, 400, "Request_UnsupportedQuery"},
		{"/v1.0/users/delta?$orderby=mail", 400, "Request_UnsupportedQuery"},
		{"/v1.0/users/delta?$deltatoken=nonsense", 400, "Request_BadRequest"},
		{"/v1.0/users?$top=1000", 400, "Request_UnsupportedQuery"},
		{"/v1.0/users?$filter=nothing eq 'a'", 400, "Request_BadRequest"},
		{"/v1.0/users?$filter=mail eq 'a", 400, "BadRequest"},
		{"/v1.0/users/" + w.tenant.UserID(0) + "/manager", 404, "Request_ResourceNotFound"},
		{"/v1.0/groups/" + w.tenant.GroupID(0) + "/members/microsoft.graph.user", 400, "Request_UnsupportedQuery"},
		{"/v1.0/nothing", 400, "BadRequest"},
		{"/v1.0//users", 400, "BadRequest"},
	} {
		if got := errorCode(w.get(tt.status, tt.path)); got != tt.code {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.code)
		}
	}
}

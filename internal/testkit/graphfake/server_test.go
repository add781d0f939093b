package graphfake_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

// TestSingle: one person by each of its names, with the manager.
func TestSingle(t *testing.T) {
	w := open(t, graphfake.Population{People: 30, Groups: 2, Members: 30, Synced: 100}, graphfake.Options{})
	u, _ := w.tenant.User(w.tenant.UserID(17))
	w.must(w.tenant.UpdateUser(w.tenant.UserID(18), func(x *graphfake.User) {
		x.UserPrincipalName, x.Extensions = "o'neil@contoso.example", map[string]any{"extension_" + app + "_badge": 7}
	}))
	for _, path := range []string{
		"/v1.0/users/" + u.ID, "/v1.0/users/" + u.UserPrincipalName, "/v1.0/users/" + strings.ToUpper(u.UserPrincipalName),
		"/v1.0/users?$filter=id eq '" + u.ID + "'", "/v1.0/users?$filter=userPrincipalName eq '" + u.UserPrincipalName + "'",
		"/v1.0/users?$filter=mail eq '" + u.Mail + "' and", "/v1.0/users?$filter=(mail eq '" + u.Mail + "')",
		"/v1.0/users?$filter=id in ('" + u.ID + "')", "/v1.0/users?$filter=onPremisesImmutableId eq '" + url.QueryEscape(u.OnPremisesImmutableID) + "'",
	} {
		if strings.HasSuffix(path, " and") {
			w.get(http.StatusBadRequest, path)
			continue
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		v := w.get(http.StatusOK, path+sep+"$select=id,onPremisesExtensionAttributes,assignedLicenses,accountEnabled&$expand=manager")
		if all, ok := v["value"].([]any); ok {
			v = w.only(all)
		}
		manager, _ := v["manager"].(object)
		if v["id"] != u.ID || manager["id"] != u.Manager || manager["@odata.type"] != "#microsoft.graph.user" || v["accountEnabled"] != true {
			t.Errorf("%s: %v", path, v)
		}
		if ext := v["onPremisesExtensionAttributes"].(object); len(ext) != 15 || ext["extensionAttribute1"] == nil || ext["extensionAttribute15"] != nil {
			t.Errorf("%s: %v", path, ext)
		}
	}
	v := w.get(http.StatusOK, "/v1.0/users/o'neil@contoso.example?$select=extension_"+app+"_badge")
	if v["extension_"+app+"_badge"] != 7.0 {
		t.Errorf("%v", v)
	}
	v = w.get(http.StatusOK, "/v1.0/users/"+u.ID+"/manager?$select=displayName")
	if v["id"] != u.Manager || v["@odata.context"] == nil {
		t.Errorf("%v", v)
	}
	v = w.get(http.StatusOK, "/v1.0/groups/"+w.tenant.GroupID(0)+"?$expand=members($select=id)")
	if len(v["members"].([]any)) != 20 {
		t.Errorf("$expand brings %d members, the pages say 20", len(v["members"].([]any)))
	}
	v = w.get(http.StatusOK, "/v1.0/users?$count=true&$top=1", "ConsistencyLevel", "eventual")
	if v["@odata.count"] != 30.0 {
		t.Errorf("%v", v["@odata.count"])
	}
	w.must(w.tenant.DeleteUser(w.tenant.UserID(0)))
	_, err := w.tenant.CreateUser(graphfake.User{UserPrincipalName: "U0000000@contoso.example"}) // the name is free again
	w.must(err)
	if err := w.tenant.RestoreUser(w.tenant.UserID(0)); !errors.Is(err, graphfake.ErrConflict) {
		t.Errorf("restored beside another of its name: %v", err)
	}
	w.must(w.tenant.PurgeUser(w.tenant.UserID(1)))
	resp := w.do(http.MethodGet, "/v1.0/users/$count", nil, "ConsistencyLevel", "eventual")
	if n, err := io.ReadAll(resp.Body); err != nil || string(n) != "29" || resp.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%s users counted, %v", n, err)
	}
}

// TestDeletedItems: what is there, and the way back.
func TestDeletedItems(t *testing.T) {
	w := open(t, graphfake.Population{People: 5, Groups: 2}, graphfake.Options{})
	id, group := w.tenant.UserID(2), w.tenant.GroupID(1)
	w.must(w.tenant.DeleteUser(id))
	w.must(w.tenant.DeleteGroup(group))
	w.get(http.StatusNotFound, "/v1.0/users/"+id)
	v := w.only(w.get(http.StatusOK, "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime")["value"].([]any))
	if v["id"] != id || v["deletedDateTime"] != "2026-03-02T09:00:00Z" {
		t.Errorf("%v", v)
	}
	w.only(w.get(http.StatusOK, "/v1.0/directory/deletedItems/microsoft.graph.group")["value"].([]any))
	for _, id := range []string{id, group} {
		resp := w.do(http.MethodPost, "/v1.0/directory/deletedItems/"+id+"/restore", nil)
		if v := w.decode(resp, http.StatusOK); v["id"] != id {
			t.Errorf("%v", v)
		}
		w.decode(w.do(http.MethodPost, "/v1.0/directory/deletedItems/"+id+"/restore", nil), http.StatusNotFound)
	}
	w.get(http.StatusOK, "/v1.0/users/"+id)
	v = w.only(w.get(http.StatusOK, "/v1.0/organization")["value"].([]any))
	if v["id"] != w.tenant.ID() || v["displayName"] != "Contoso" {
		t.Errorf("%v", v)
	}
}

// TestBatch: each request with its own status (concepts/json-batching.md).
func TestBatch(t *testing.T) {
	w := open(t, graphfake.Population{People: 3}, graphfake.Options{})
	w.Fault(graphfake.Match{Path: "/v1.0/organization"}, graphfake.Throttle(3*time.Second))
	send := func(want int, body string) object {
		return w.decode(w.do(http.MethodPost, "/v1.0/$batch", strings.NewReader(body), "Content-Type", "application/json"), want)
	}
	v := send(http.StatusOK, `{"requests":[
	  {"id":"1","method":"GET","url":"/users?$select=id"},
	  {"id":"2","method":"GET","url":"users/nobody@contoso.example"},
	  {"id":"3","method":"GET","url":"/organization"},
	  {"id":"4","method":"GET","url":"/users","dependsOn":["2"]},
	  {"id":"5","method":"GET","url":"/users?$filter=id eq '`+w.tenant.UserID(1)+`'","dependsOn":["1"]}]}`)
	want := map[any]float64{"1": 200, "2": 404, "3": 429, "4": 424, "5": 200}
	for _, one := range v["responses"].([]any) {
		one := one.(object)
		if one["status"] != want[one["id"]] {
			t.Errorf("%v", one)
		}
		if one["id"] == "3" && one["headers"].(object)["Retry-After"] != "3" {
			t.Errorf("%v", one["headers"])
		}
	}
	send(http.StatusBadRequest, `{"requests":[{"id":"1","method":"GET","url":"/users"},{"id":"1","method":"GET","url":"/users"}]}`)
	send(http.StatusBadRequest, `{"requests":[`+strings.Repeat(`{"id":"1","method":"GET","url":"/users"},`, 20)+`{"id":"2","method":"GET","url":"/users"}]}`)
	send(http.StatusBadRequest, `nonsense`)
}

// TestQuota pins the costs and headers of concepts/throttling-limits.md.
func TestQuota(t *testing.T) {
	w := open(t, graphfake.Population{People: 3, Groups: 1, Members: 1}, graphfake.Options{Units: 10})
	group := "/v1.0/groups/" + w.tenant.GroupID(0)
	for i, tt := range []struct{ path, cost, share string }{
		{"/v1.0/users", "2", ""},
		{"/v1.0/users?$select=id", "1", ""},
		{group + "/transitiveMembers", "5", ""},
		{"/v1.0/users/delta", "1", "0.90"},
		{"/v1.0/organization", "1", "1.00"},
	} {
		resp := w.do(http.MethodGet, tt.path, nil)
		if resp.StatusCode != 200 || resp.Header.Get("x-ms-resource-unit") != tt.cost || resp.Header.Get("x-ms-throttle-limit-percentage") != tt.share {
			t.Errorf("%d: %s: %d %v", i, tt.path, resp.StatusCode, resp.Header)
		}
	}
	w.clock.at = w.clock.at.Add(4500 * time.Millisecond)
	resp := w.do(http.MethodGet, group+"/members", nil)
	if resp.Header.Get("Retry-After") != "6" || resp.Header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" {
		t.Errorf("%v", resp.Header)
	}
	if code := errorCode(w.decode(resp, http.StatusTooManyRequests)); code != "TooManyRequests" {
		t.Error(code)
	}
	w.clock.at = w.clock.at.Add(6 * time.Second)
	w.get(http.StatusOK, group+"/members")
}

// TestFaults: each effect as a client sees it, over a real connection.
func TestFaults(t *testing.T) {
	var slept time.Duration
	tenant := graphfake.NewTenant(graphfake.Population{People: 12}, nil)
	r := graphfaketest.Start(t, tenant, graphfake.Options{Anonymous: true, DeltaPage: 5, Sleep: func(_ context.Context, d time.Duration) { slept += d }})
	client := r.Client()
	ask := func() (status int, header http.Header, body []byte, err error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/v1.0/users/delta?$select=id", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, nil, nil, err
		}
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header, body, err
	}
	type page struct {
		Next  string           `json:"@odata.nextLink"`
		Value []map[string]any `json:"value"`
	}
	for _, tt := range []struct {
		name   string
		effect graphfake.Effect
		check  func(status int, header http.Header, p page, err, jsonErr error) bool
	}{
		{"cut", graphfake.Cut(0.5), func(_ int, _ http.Header, _ page, err, _ error) bool { return err != nil }},
		{"malformed", graphfake.Malformed(), func(s int, _ http.Header, _ page, err, jsonErr error) bool {
			return s == 200 && err == nil && jsonErr != nil
		}},
		{"502", graphfake.Status(502), func(s int, _ http.Header, _ page, _, _ error) bool { return s == 502 }},
		{"503", graphfake.All(graphfake.Status(503), graphfake.RetryAfter(1500*time.Millisecond)), func(s int, h http.Header, _ page, _, _ error) bool {
			return s == 503 && h.Get("Retry-After") == "2"
		}},
		{"throttle", graphfake.Throttle(10 * time.Second), func(s int, h http.Header, _ page, _, _ error) bool { return s == 429 && h.Get("Retry-After") == "10" }},
		{"gone", graphfake.Gone(), func(s int, h http.Header, _ page, _, _ error) bool {
			return s == 410 && strings.HasSuffix(h.Get("Location"), "/v1.0/users/delta?$deltatoken=")
		}},
		{"near the limit", graphfake.NearLimit(0.9), func(s int, h http.Header, p page, _, _ error) bool {
			return s == 200 && h.Get("x-ms-throttle-limit-percentage") == "0.90" && len(p.Value) == 5
		}},
		{"empty", graphfake.EmptyPage(), func(_ int, _ http.Header, p page, _, _ error) bool { return len(p.Value) == 0 && p.Next != "" }},
		{"duplicate", graphfake.Duplicate(), func(_ int, _ http.Header, p page, _, _ error) bool { return len(p.Value) > 5 }},
		{"other host", graphfake.OtherHost("evil.example"), func(_ int, _ http.Header, p page, _, _ error) bool {
			return strings.HasPrefix(p.Next, "https://evil.example/v1.0/users/delta?$skiptoken=")
		}},
		{"delay", graphfake.Delay(time.Minute), func(s int, _ http.Header, _ page, _, _ error) bool { return s == 200 && slept == time.Minute }},
	} {
		r.Fault(graphfake.Match{Method: http.MethodGet, Path: "/v1.0/users/delta", Query: "$select", Nth: 2}, tt.effect)
		for n := range 3 {
			status, header, body, err := ask()
			var p page
			jsonErr := json.Unmarshal(body, &p)
			if n == 1 && !tt.check(status, header, p, err, jsonErr) || n != 1 && (status != 200 || err != nil || jsonErr != nil || len(p.Value) != 5) {
				t.Errorf("%s, request %d: %d %v %s %v", tt.name, n+1, status, header, body, err)
			}
		}
		r.Heal()
	}
	log := r.Requests()
	faults := 0
	for _, q := range log {
		faults += q.Faults
		if q.Path != "/v1.0/users/delta" || q.Method != http.MethodGet || q.Header.Get("Authorization") != "" {
			t.Errorf("%+v", q)
		}
	}
	if len(log) != 33 || faults != 11 {
		t.Errorf("%d requests and %d faults in the log", len(log), faults)
	}
	if r.Forget(); len(r.Requests()) != 0 {
		t.Error("the log was not emptied")
	}
}

// TestMatch: how often a fault befalls.
func TestMatch(t *testing.T) {
	w := open(t, graphfake.Population{People: 1}, graphfake.Options{Seed: 4})
	for _, tt := range []struct {
		match    graphfake.Match
		from, to int
	}{
		{graphfake.Match{}, 200, 200},
		{graphfake.Match{Times: 3}, 3, 3},
		{graphfake.Match{Nth: 3}, 1, 1},
		{graphfake.Match{Rate: 0.1}, 8, 40},
		{graphfake.Match{Path: "/v1.0/groups"}, 0, 0},
		{graphfake.Match{Method: http.MethodPost}, 0, 0},
		{graphfake.Match{Query: "$top=1"}, 200, 200},
	} {
		w.Fault(tt.match, graphfake.Status(500))
		failed := 0
		for range 200 {
			if w.do(http.MethodGet, "/v1.0/users?%24top=1", nil).StatusCode == 500 {
				failed++
			}
		}
		if failed < tt.from || failed > tt.to {
			t.Errorf("%+v: %d of 200", tt.match, failed)
		}
		w.Heal()
	}
}

// TestServes: sign-in and reading over TLS, by a client that trusts its
// authority, while the tenant changes.
func TestServes(t *testing.T) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 500, Groups: 5, Members: 20}, time.Now)
	r := graphfaketest.Start(t, tenant, graphfake.Options{Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"s"}, Roles: []string{"User.Read.All"}}}})
	client := r.Client()
	if r.CAFile == "" || !strings.HasPrefix(r.URL, "https://127.0.0.1:") || r.IdentityEndpoint() != r.URL+"/msi/token" {
		t.Errorf("%s %s", r.URL, r.CAFile)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"s"}, "scope": {r.URL + "/.default"}}
	resp, err := client.PostForm(r.URL+"/"+tenant.Domain()+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	var token struct {
		Word string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for n := range 200 {
			if err := tenant.DeleteUser(tenant.UserID(n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	seen := 0
	for address := r.URL + "/v1.0/users/delta?$select=id,manager"; address != ""; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Word)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Next  string `json:"@odata.nextLink"`
			Value []any  `json:"value"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		seen, address = seen+len(p.Value), p.Next
		if address != "" && !strings.HasPrefix(address, r.URL+"/v1.0/") {
			t.Fatal(address)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if seen < 300 || seen > 500 {
		t.Errorf("%d users in one round", seen)
	}
}

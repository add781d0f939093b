package graphfake_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// FuzzQuery: whatever the options and tokens are, the answer is JSON of 200, or
// an error in Graph's form.
func FuzzQuery(f *testing.F) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 5, Groups: 2, Members: 3}, nil)
	s, err := graphfake.New(tenant, graphfake.Options{Anonymous: true, DeltaPage: 2, MemberPage: 2})
	if err != nil {
		f.Fatal(err)
	}
	for _, query := range []string{
		"$select=id,displayName,manager&$filter=id eq 'a' or id eq 'b''c'", "$filter=(((id in ('a','b'))))", "$filter=accountEnabled eq true",
		"$deltatoken=eyJvIjoidXNlcnMvZGVsdGEiLCJmIjotMX0", "$skiptoken=eyJvIjoidXNlcnMvZGVsdGEiLCJhIjo5OTk5OTk5OTk5OX0", "$deltatoken=latest&$top=1&$count=true",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/v1.0/users", "/v1.0/users/delta", "/v1.0/groups/delta"} {
			u := &url.URL{Path: path, RawQuery: query}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL = u
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, r)
			if !json.Valid(rec.Body.Bytes()) || rec.Code != 200 && !bytes.Contains(rec.Body.Bytes(), []byte(`"innerError"`)) {
				t.Fatalf("%s?%q: %d %s", path, query, rec.Code, rec.Body)
			}
		}
	})
}

// FuzzAssertion: no assertion that nobody signed gets a token.
func FuzzAssertion(f *testing.F) {
	tenant := graphfake.NewTenant(graphfake.Population{}, nil)
	s, err := graphfake.New(tenant, graphfake.Options{Apps: []graphfake.App{{ClientID: "app"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJhcHAiLCJzdWIiOiJhcHAiLCJhdWQiOlsieCJdLCJleHAiOjk5OTk5OTk5OTl9.")
	f.Fuzz(func(t *testing.T, assertion string) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "scope": {graphScope},
			"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
		r := httptest.NewRequest(http.MethodPost, "/"+tenant.ID()+"/oauth2/v2.0/token", bytes.NewReader([]byte(form.Encode())))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		if rec.Code == http.StatusOK || !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	})
}

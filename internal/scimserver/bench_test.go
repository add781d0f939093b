package scimserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// BenchmarkRequests answers the requests that internal/bench counts, one after the
// other and without the network: what to read is the memory an answer takes.
func BenchmarkRequests(b *testing.B) {
	for name, address := range map[string]func(*testing.B) string{
		"sqlite":   func(b *testing.B) string { return migrated.SQLite(b) },
		"postgres": func(b *testing.B) string { return migrated.Postgres(b) },
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, address(b))
			c := w.connect("acme", "idp", registry.ConnectionSettings{Rate: 1e9})
			ask := func(b *testing.B, want int, method, path, body string) string {
				r := httptest.NewRequest(method, path, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+c.secret)
				if body != "" {
					r.Header.Set("Content-Type", "application/scim+json")
				}
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, r)
				if rec.Code != want {
					b.Fatalf("%s %s answered %d: %s", method, path, rec.Code, rec.Body)
				}
				return strings.TrimPrefix(rec.Header().Get("Location"), "https://people.example.com/scim/v2")
			}
			n := 0
			post := func(b *testing.B) string {
				n++
				return ask(b, http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e-%d",
					"userName":"person.%d@example.com","name":{"givenName":"Some","familyName":"Person %d"},"displayName":"Some Person %d","active":true,"title":"Engineer",
					"emails":[{"value":"person.%d@example.com","type":"work","primary":true}],"phoneNumbers":[{"value":"+39 02 %d","type":"work"}]}`, n, n, n, n, n, n))
			}
			user := post(b)
			group := ask(b, http.StatusCreated, http.MethodPost, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"All"}`)
			id := strings.TrimPrefix(user, "/Users/")
			for _, kind := range []struct {
				name string
				ask  func(b *testing.B)
			}{
				{"get", func(b *testing.B) { ask(b, http.StatusOK, http.MethodGet, user, "") }},
				{"find", func(b *testing.B) {
					r := httptest.NewRequest(http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "person.1@example.com"`), http.NoBody)
					r.Header.Set("Authorization", "Bearer "+c.secret)
					rec := httptest.NewRecorder()
					if w.handler.ServeHTTP(rec, r); rec.Code != http.StatusOK {
						b.Fatalf("answered %d: %s", rec.Code, rec.Body)
					}
				}},
				{"group", func(b *testing.B) { ask(b, http.StatusOK, http.MethodGet, group+"?excludedAttributes=members", "") }},
				{"patch", func(b *testing.B) {
					op := `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`
					if n++; n%2 == 1 {
						op = `{"op":"remove","path":"members[value eq \"` + id + `\"]"}`
					}
					ask(b, http.StatusNoContent, http.MethodPatch, group, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`)
				}},
				{"post", func(b *testing.B) { post(b) }},
			} {
				b.Run(kind.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						kind.ask(b)
					}
				})
			}
		})
	}
}

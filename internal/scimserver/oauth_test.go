package scimserver_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// oauthClient is a client of a connection with what it proves itself by.
type oauthClient struct {
	*client
	name, secret string
	mux          *http.ServeMux
}

// oauth gives a connection an OAuth client.
func (c *client) oauth(change func(*registry.OAuthClient)) *oauthClient {
	c.w.t.Helper()
	name, secret, hash, err := scimserver.NewClient(rand.Reader)
	if err != nil {
		c.w.t.Fatal(err)
	}
	k := registry.OAuthClient{Origin: c.origin.ID, Name: name, SecretHash: hash}
	if change != nil {
		change(&k)
	}
	if _, err := c.tenant.CreateOAuthClient(context.Background(), k); err != nil {
		c.w.t.Fatal(err)
	}
	o := &oauthClient{client: c, name: name, secret: secret, mux: http.NewServeMux()}
	c.w.server.MountOAuth(o.mux)
	return o
}

// tokenAnswer is what came of a request for a token.
type tokenAnswer struct {
	status int
	header http.Header
	Token  string `json:"access_token"`
	Type   string `json:"token_type"`
	Life   int    `json:"expires_in"`
	Scope  string
	Error  string
}

// request asks for a token.
func (o *oauthClient) request(body string, change func(*http.Request)) tokenAnswer {
	o.w.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/oauth/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	o.mux.ServeHTTP(rec, r)
	a := tokenAnswer{status: rec.Code, header: rec.Header()}
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		o.w.t.Fatalf("%v: %s", err, rec.Body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		o.w.t.Errorf("headers: %v", a.header)
	}
	if strings.Contains(rec.Body.String(), o.secret) {
		o.w.t.Errorf("the answer holds the secret: %s", rec.Body)
	}
	return a
}

// post asks with the secret in the form, and what is changed of it.
func (o *oauthClient) post(changes url.Values) tokenAnswer {
	o.w.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.name}, "client_secret": {o.secret}}
	maps.Copy(form, changes)
	maps.DeleteFunc(form, func(_ string, v []string) bool { return v == nil })
	return o.request(form.Encode(), nil)
}

// opens tells what SCIM answers to a token.
func (o *oauthClient) opens(token string) int {
	o.w.t.Helper()
	status, _ := (&client{w: o.w, secret: token}).do("GET", "/Users?count=0", "")
	return status
}

func basicAuth(name, secret string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+secret)))
	}
}

func TestTokenIsGiven(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn}).oauth(nil)
		const grant = "grant_type=client_credentials"
		for what, a := range map[string]tokenAnswer{
			"in the form":                            c.post(nil),
			"with a scope":                           c.post(url.Values{"scope": {"scim"}}),
			"with more in the form":                  c.post(url.Values{"resource": {"x"}}),
			"in the header":                          c.request(grant, basicAuth(c.name, c.secret)),
			"in the header, with the id in the form": c.request(grant+"&client_id="+c.name, basicAuth(c.name, c.secret)),
			"encoded twice":                          c.request(grant, basicAuth(strings.ReplaceAll(c.name, "_", "%5F"), c.secret)),
			"with a charset": c.request(grant, func(r *http.Request) {
				basicAuth(c.name, c.secret)(r)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
			}),
			"with a query beside it": c.request(grant, func(r *http.Request) { basicAuth(c.name, c.secret)(r); r.URL.RawQuery = "grant_type=password" }),
		} {
			if a.status != 200 || a.Type != "Bearer" || a.Life != 3600 || a.Scope != "scim" || !strings.HasPrefix(a.Token, "ush_") {
				t.Errorf("%s: %+v", what, a)
				continue
			}
			if status := c.opens(a.Token); status != 200 {
				t.Errorf("%s: the token gets %d", what, status)
			}
		}
		list, err := c.tenant.Tokens(t.Context(), c.origin.ID)
		if err != nil || len(list) != 1 {
			t.Errorf("%d tokens are listed beside the one made by hand: %v", len(list)-1, err)
		}
		clients, err := c.tenant.OAuthClients(t.Context(), c.origin.ID)
		if err != nil || len(clients) != 1 || clients[0].Tokens != 8 || clients[0].LastUsedAt.IsZero() {
			t.Errorf("clients: %+v, %v", clients, err)
		}
	})
}

func TestTokenIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn}).oauth(nil)
		const grant = "grant_type=client_credentials"
		proof := "&client_id=" + c.name + "&client_secret=" + c.secret
		header := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		for _, k := range []struct {
			what   string
			answer tokenAnswer
			status int
			code   string
		}{
			{"another method", c.request("", func(r *http.Request) { r.Method = http.MethodGet }), 405, "invalid_request"},
			{"JSON", c.request(`{}`, header("Content-Type", "application/json")), 400, "invalid_request"},
			{"no type", c.request(grant+proof, header("Content-Type", "")), 400, "invalid_request"},
			{"no grant", c.request(proof[1:], nil), 400, "invalid_request"},
			{"another grant", c.request("grant_type=password"+proof, nil), 400, "unsupported_grant_type"},
			{"the grant of assertions", c.request("grant_type="+url.QueryEscape("urn:ietf:params:oauth:grant-type:jwt-bearer")+"&assertion=x"+proof, nil), 400, "unsupported_grant_type"},
			{"twice the same", c.request(grant+"&"+grant+proof, nil), 400, "invalid_request"},
			{"a broken form", c.request(grant+proof+"&x=%zz", nil), 400, "invalid_request"},
			{"too much", c.request(grant+proof+"&x="+strings.Repeat("x", 100_000), nil), 413, "invalid_request"},
			{"a long name", c.request(grant+"&client_secret=x&client_id="+strings.Repeat("x", 1000), nil), 400, "invalid_request"},
			{"another scope", c.post(url.Values{"scope": {"scim admin"}}), 400, "invalid_scope"},
			{"nobody", c.request(grant, nil), 401, "invalid_client"},
			{"no secret", c.post(url.Values{"client_secret": nil}), 401, "invalid_client"},
			{"an empty secret", c.post(url.Values{"client_secret": {""}}), 401, "invalid_client"},
			{"a wrong secret", c.post(url.Values{"client_secret": {"ushs_x"}}), 401, "invalid_client"},
			{"an unknown client", c.post(url.Values{"client_id": {"ushc_x"}}), 401, "invalid_client"},
			{"a name that is no text", c.post(url.Values{"client_id": {"\xff\x00"}}), 401, "invalid_client"},
			{"the secret in the address", c.request(grant, func(r *http.Request) { r.URL.RawQuery = proof[1:] }), 401, "invalid_client"},
			{"a wrong secret in the header", c.request(grant, basicAuth(c.name, "x")), 401, "invalid_client"},
			{"another scheme", c.request(grant, header("Authorization", "Bearer "+c.client.secret)), 401, "invalid_client"},
			{"a broken header", c.request(grant, header("Authorization", "Basic !")), 401, "invalid_client"},
			{"two ways", c.request(grant+proof, basicAuth(c.name, c.secret)), 400, "invalid_request"},
			{"two names", c.request(grant+"&client_id=ushc_other", basicAuth(c.name, c.secret)), 400, "invalid_request"},
			{"an assertion and a secret", c.post(url.Values{"client_assertion_type": {assertionType}, "client_assertion": {"x"}}), 400, "invalid_request"},
			{"an assertion of another type", c.post(url.Values{"client_secret": nil, "client_assertion_type": {"saml"}, "client_assertion": {"x"}}), 400, "invalid_request"},
			{"an assertion of no type", c.post(url.Values{"client_secret": nil, "client_assertion": {"x"}}), 400, "invalid_request"},
			{"an assertion from one with a secret", c.post(url.Values{"client_secret": nil, "client_assertion_type": {assertionType}, "client_assertion": {"x"}}), 401, "invalid_client"},
		} {
			if k.answer.status != k.status || k.answer.Error != k.code || k.answer.Token != "" {
				t.Errorf("%s: %+v, want %d %s", k.what, k.answer, k.status, k.code)
			}
			if challenge := k.answer.header.Get("WWW-Authenticate"); (k.status == 401) != strings.HasPrefix(challenge, "Basic ") {
				t.Errorf("%s: WWW-Authenticate %q", k.what, challenge)
			}
		}
		if allow := c.request("", func(r *http.Request) { r.Method = http.MethodGet }).header.Get("Allow"); allow != "POST" {
			t.Errorf("Allow: %q", allow)
		}
	})
}

// TestNobodyLearnsWhichClientsExist: one with a wrong secret is answered as one
// that does not exist, to the byte.
func TestNobodyLearnsWhichClientsExist(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, Paused: true, AllowFrom: []string{"203.0.113.0/24"}}).oauth(nil)
		body := func(name string) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token", strings.NewReader("grant_type=client_credentials&client_secret=x&client_id="+name))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			c.mux.ServeHTTP(rec, r)
			return fmt.Sprint(rec.Code, rec.Header(), rec.Body)
		}
		if known, unknown := body(c.name), body("ushc_nobody"); known != unknown {
			t.Errorf("known:   %s\nunknown: %s", known, unknown)
		}
	})
}

// TestConnectionHoldsItsClients: what holds for SCIM holds for asking.
func TestConnectionHoldsItsClients(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		settings := registry.ConnectionSettings{Visible: registry.VisibleOwn, TokenSeconds: 2 * 3600}
		c := w.connect("acme", "okta", settings).oauth(nil)
		set := func(change func(*registry.ConnectionSettings)) {
			t.Helper()
			s := settings
			change(&s)
			if _, err := c.tenant.SaveConnection(t.Context(), "okta", s); err != nil {
				t.Fatal(err)
			}
		}
		token := c.post(nil)
		if token.Life != 7200 || c.opens(token.Token) != 200 {
			t.Errorf("a connection with its own life: %+v", token)
		}
		set(func(s *registry.ConnectionSettings) { s.Paused = true })
		if a := c.post(nil); a.status != 400 || a.Error != "unauthorized_client" || c.opens(token.Token) != 403 {
			t.Errorf("paused: %+v", a)
		}
		set(func(s *registry.ConnectionSettings) { s.AllowFrom = []string{"203.0.113.0/24"} })
		if a := c.post(nil); a.status != 400 || a.Error != "unauthorized_client" {
			t.Errorf("from elsewhere: %+v", a)
		}
		set(func(s *registry.ConnectionSettings) { s.Rate = 1 })
		limited := false
		for range 5 {
			a := c.post(nil)
			limited = limited || a.status == 429 && a.header.Get("Retry-After") != ""
		}
		if !limited {
			t.Error("five tokens at once passed a limit of one a second")
		}
		set(func(*registry.ConnectionSettings) {})
		if c.opens(token.Token) != 200 {
			t.Error("the token did not outlive the pause")
		}
		if err := c.tenant.DeleteConnection(t.Context(), c.origin.ID); err != nil {
			t.Fatal(err)
		}
		if a := c.post(nil); a.status != 401 || c.opens(token.Token) != 401 {
			t.Errorf("deleted: %+v", a)
		}
		set(func(*registry.ConnectionSettings) {})
		if a := c.post(nil); a.status != 401 || c.opens(token.Token) != 401 {
			t.Errorf("a connection that came back brought its credentials: %+v", a)
		}
	})
}

func TestClientEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		conn := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		revoked := conn.oauth(nil)
		token := revoked.post(nil)
		if done, err := conn.tenant.RevokeOAuthClient(t.Context(), revoked.name); !done || err != nil {
			t.Fatal(done, err)
		}
		if a := revoked.post(nil); a.status != 401 || revoked.opens(token.Token) != 401 {
			t.Errorf("revoked: %+v", a)
		}
		if conn.do("GET", "/Users?count=0", ""); revoked.opens(conn.secret) != 200 {
			t.Error("a token made by hand ended with a client")
		}

		// The overlap of a rotation holds, and ends.
		rotated := conn.oauth(nil)
		if done, err := conn.tenant.ExpireOAuthClient(t.Context(), rotated.name, w.config.Now().Add(30*time.Minute)); !done || err != nil {
			t.Fatal(done, err)
		}
		token = rotated.post(nil)
		if token.status != 200 || token.Life > 1800 || rotated.opens(token.Token) != 200 {
			t.Errorf("within the overlap: %+v", token)
		}
		w.later(31 * time.Minute)
		if a := rotated.post(nil); a.status != 401 || rotated.opens(token.Token) != 401 {
			t.Errorf("after the overlap: %+v", a)
		}

		// What has expired is swept, what was made by hand stays.
		old := conn.oauth(nil)
		old.post(nil)
		w.later(2 * time.Hour)
		count := func() int {
			t.Helper()
			n := 0
			if err := w.store.WriteDB().QueryRowContext(t.Context(), `SELECT count(*) FROM tokens`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := count()
		if err := w.store.Sweep(t.Context(), w.config.Now(), func(string) time.Duration { return 0 }); err != nil {
			t.Fatal(err)
		}
		if after := count(); before != 4 || after != 1 {
			t.Errorf("the sweep left %d of %d tokens, want the one made by hand", after, before)
		}
	})
}

// TestChallenge: a 401 says what the token lacks, to one who sent one.
func TestChallenge(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for header, want := range map[string]string{
			"": `Bearer realm="SCIM"`, "Basic eDp5": `Bearer realm="SCIM"`,
			"Bearer ush_nothing": `Bearer realm="SCIM", error="invalid_token", error_description="the token is unknown, expired or revoked"`,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/Users", nil)
			if header != "" {
				r.Header.Set("Authorization", header)
			}
			rec := httptest.NewRecorder()
			w.server.ServeHTTP(rec, r)
			if got := rec.Header().Get("WWW-Authenticate"); rec.Code != 401 || got != want {
				t.Errorf("%q: %d %q", header, rec.Code, got)
			}
		}
	})
}

// TestFailuresAreSlowed: by where they come from and by whom they are aimed at.
// Who knows the secret gets in all the same.
func TestFailuresAreSlowed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		conn := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		victim, other := conn.oauth(nil), conn.oauth(nil)
		from := func(o *oauthClient, address, secret string) tokenAnswer {
			return o.request("grant_type=client_credentials&client_id="+o.name+"&client_secret="+secret, func(r *http.Request) { r.RemoteAddr = address + ":1" })
		}
		until429 := func(o *oauthClient, address func(int) string) int {
			for n := range 200 {
				if a := from(o, address(n), "wrong"); a.status == 429 && a.header.Get("Retry-After") != "" {
					return n
				}
			}
			return -1
		}
		if n := until429(victim, func(n int) string { return fmt.Sprintf("198.%d.0.1", n) }); n != 20 {
			t.Errorf("one client was tried %d times from everywhere", n)
		}
		for _, o := range []*oauthClient{victim, other} {
			if a := from(o, "198.51.100.1", o.secret); a.status != 200 {
				t.Errorf("the secret meanwhile: %+v", a)
			}
		}
		n := until429(&oauthClient{client: conn, name: "ushc_" + rand.Text(), secret: "-", mux: other.mux}, func(int) string { return "203.0.113.7" })
		if n != 20 {
			t.Errorf("a client that does not exist was tried %d times", n)
		}
		for range 100 { // other names from that place
			(&oauthClient{client: conn, name: "ushc_" + rand.Text(), secret: "-", mux: other.mux}).fail(t, from)
		}
		if a := from(other, "203.0.113.99", "wrong"); a.status != 429 {
			t.Errorf("another client's first failure from the network of the flood: %+v", a)
		}
		if a := from(other, "203.0.113.99", other.secret); a.status != 200 {
			t.Errorf("the secret from the network of the flood: %+v", a)
		}
		w.later(10 * time.Minute)
		if a := from(victim, "203.0.113.7", victim.secret); a.status != 200 {
			t.Errorf("after a while: %+v", a)
		}
		for range 100 { // success spends nothing
			if a := from(victim, "203.0.113.7", victim.secret); a.status != 200 {
				t.Fatalf("a busy client: %+v", a)
			}
		}
	})
}

// fail asks with a wrong secret.
func (o *oauthClient) fail(t *testing.T, from func(*oauthClient, string, string) tokenAnswer) {
	t.Helper()
	if a := from(o, "203.0.113.7", "x"); a.status != 401 && a.status != 429 {
		t.Errorf("%+v", a)
	}
}

func FuzzTokenRequest(f *testing.F) {
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b", "")
	f.Add("grant_type=client_credentials", "Basic YTpi")
	f.Add("grant_type=client_credentials&client_assertion_type="+url.QueryEscape(assertionType)+"&client_assertion=e30.e30.AA", "")
	f.Add("grant_type=%63lient_credentials&a;b&%zz", "Basic JTo=")
	f.Fuzz(func(t *testing.T, body, authorization string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		name, secret, assertion, err := scimserver.ReadTokenRequest(httptest.NewRecorder(), r)
		if err == nil && secret != "" && assertion != "" {
			t.Errorf("%q proves itself in two ways", name)
		}
	})
}

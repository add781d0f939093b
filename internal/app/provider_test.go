package app_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/oidcprovider"
)

// providers are two doors to one provider: one for people there are, and one that
// makes them.
const providers = `oidc:
  acme:
    providers:
      corp:
        name: Acme SSO
        issuer: %[1]s
        client_id: usher
        client_secret: provider-secret
        scopes: [openid, profile, email, groups]
        match: [subject, email_verified]
        roles: {claim: groups, auditor: [auditors], approver: [approvers]}
        second_factor: {acr: [mfa]}
      open:
        issuer: %[1]s
        client_id: usher
        client_secret: provider-secret
        people: create
  beta:
    password: off
    providers:
      corp: {issuer: %[1]s, client_id: usher, client_secret: provider-secret}
`

// newProviders starts a provider and a server that knows it.
func newProviders(t *testing.T) (*entry, *oidcprovider.Server) {
	t.Helper()
	listen := free(t)
	_, port, _ := strings.Cut(listen, ":")
	var back []string
	for _, at := range []string{"acme/sso/corp", "acme/sso/open", "beta/sso/corp"} {
		back = append(back, "http://localhost:"+port+"/c/"+at+"/callback")
	}
	idp := oidcprovider.Start(t, oidcprovider.Client{ID: "usher", Secret: "provider-secret", RedirectURIs: back})
	return newEntryAt(t, listen, fmt.Sprintf(providers, idp.Issuer), app.Options{}), idp
}

func claims(mail string, verified bool, more ...string) map[string]any {
	return map[string]any{"email": mail, "email_verified": verified, "groups": more, "name": "Given " + mail}
}

// TestSignInWithProvider goes through a real provider, as everybody that may
// come from one.
func TestSignInWithProvider(t *testing.T) {
	t.Parallel()
	e, idp := newProviders(t)
	ann := e.person("acme", "ann", false)
	e.person("acme", "bob", true)
	boss := e.person("acme", "boss", false)
	e.rights(boss, true, false, false)
	sso := func(g *guestOf, door string, a oidcprovider.Account) page {
		t.Helper()
		idp.Next(a)
		return g.get("/c/acme/sso/" + door)
	}
	t.Run("by a verified address, then by the subject", func(t *testing.T) {
		g := e.guest()
		if p := sso(g, "corp", oidcprovider.Account{Subject: "s-ann", Claims: claims("Ann@example.com", true)}); p.url.Path != "/me" || !p.has("ann") {
			t.Fatalf("at %s: %s", p.url, p.body)
		}
		if u := e.look("acme", "ann"); u.Credential != registry.CredentialSSO || u.ID != ann.ID {
			t.Errorf("ann is %+v", u)
		}
		if d := e.deeds("acme", registry.DeedSignIn)[0]; d.Detail["method"] != "sso corp" {
			t.Errorf("the audit says %+v", d)
		}
		later := e.guest()
		if p := sso(later, "corp", oidcprovider.Account{Subject: "s-ann", Claims: claims("elsewhere@example.org", false)}); p.url.Path != "/me" {
			t.Errorf("another address: at %s", p.url)
		}
	})
	for name, c := range map[string]struct {
		door    string
		account oidcprovider.Account
		says    string
	}{
		"an address nobody verified": {"corp", oidcprovider.Account{Subject: "x1", Claims: claims("bob@example.com", false)}, "no account for you here"},
		"somebody with a password":   {"corp", oidcprovider.Account{Subject: "x2", Claims: claims("bob@example.com", true)}, "cannot be connected by itself"},
		"an admin":                   {"corp", oidcprovider.Account{Subject: "x3", Claims: claims("boss@example.com", true)}, "cannot be connected by itself"},
		"another subject of ann's":   {"corp", oidcprovider.Account{Subject: "x4", Claims: claims("ann@example.com", true)}, "cannot be connected by itself"},
		"a name that is taken":       {"open", oidcprovider.Account{Subject: "x5", Claims: map[string]any{"preferred_username": "bob"}}, "has your user name already"},
	} {
		t.Run(name, func(t *testing.T) {
			g := e.guest()
			if p := sso(g, c.door, c.account); p.status != http.StatusForbidden || !p.has(c.says) || g.in() != "" {
				t.Errorf("%d at %s: %s", p.status, p.url, p.body)
			}
		})
	}
	t.Run("somebody new", func(t *testing.T) {
		g := e.guest()
		a := oidcprovider.Account{Subject: "s-new", Claims: map[string]any{"preferred_username": "nina", "name": "Nina New", "email": "nina@example.com", "email_verified": true}}
		if p := sso(g, "open", a); p.url.Path != "/me" || !p.has("Nina New") {
			t.Fatalf("at %s: %s", p.url, p.body)
		}
		if u := e.look("acme", "nina"); u.Credential != registry.CredentialSSO || u.Email() != "nina@example.com" || u.Privileged() {
			t.Errorf("nina is %+v", u)
		}
	})
	t.Run("rights by a claim", func(t *testing.T) {
		g := e.guest()
		a := oidcprovider.Account{Subject: "s-ann", Claims: claims("ann@example.com", true, "auditors"), ACR: "mfa"}
		if p := sso(g, "corp", a); p.url.Path != "/me" {
			t.Errorf("with a second factor there: at %s", p.url)
		}
		if u := e.look("acme", "ann"); u.Rights != registry.RightsAuditor || u.CompanyAdmin {
			t.Errorf("ann's rights: %s", u.Rights)
		}
		a.ACR = ""
		if p := sso(e.guest(), "corp", a); p.url.Path != "/me/factors" {
			t.Errorf("an auditor without any second factor: at %s", p.url)
		}
		a.Claims = claims("ann@example.com", true)
		if p := sso(e.guest(), "corp", a); p.url.Path != "/me" || e.look("acme", "ann").Privileged() {
			t.Errorf("without the group: at %s with %s", p.url, e.look("acme", "ann").Rights)
		}
	})
	t.Run("disabled", func(t *testing.T) {
		origin, err := e.s.Store.For(ann.Company).EnsureOrigin(t.Context(), registry.OriginAdmin, "admin")
		must(t, err)
		e.apply(origin, registry.SetBlocks{User: ann.ID, Set: registry.BlockAdmin})
		if p := sso(e.guest(), "corp", oidcprovider.Account{Subject: "s-ann"}); p.status != http.StatusForbidden || !p.has("switched off") {
			t.Errorf("%d: %s", p.status, p.body)
		}
		if d := e.deeds("acme", registry.DeedSignIn)[0]; d.Outcome != registry.OutcomeNotOpen {
			t.Errorf("the audit says %+v", d)
		}
	})
}

// TestTieToProvider: whoever has a password ties the accounts, and nobody else
// does it for them.
func TestTieToProvider(t *testing.T) {
	t.Parallel()
	e, idp := newProviders(t)
	boss := e.person("acme", "boss", true)
	e.rights(boss, true, false, false)
	bob := e.person("acme", "bob", true)
	g, other := e.guest(), e.guest()
	g.given(boss, e.s.Now())
	other.given(bob, e.s.Now())
	account := oidcprovider.Account{Subject: "s-boss", Claims: claims("b@elsewhere.example", false), ACR: "mfa"}
	idp.Next(account)
	begin := func(g *guestOf) string {
		t.Helper()
		p := g.do("POST", "/me/tie/corp", url.Values{})
		_, rest, _ := strings.Cut(p.body, `<a class="button" href="`)
		at, _, ok := strings.Cut(rest, `"`)
		if !ok {
			t.Fatalf("no way on: %d %s", p.status, p.body)
		}
		return html.UnescapeString(at)
	}
	if p := g.get(begin(g)); p.url.String() != e.url+"/me?done=tied" || !p.has("is connected") {
		t.Fatalf("at %s: %s", p.url, p.body)
	}
	if u := e.look("acme", "boss"); u.Credential != registry.CredentialSet {
		t.Errorf("the password is gone: %s", u.Credential)
	}
	if p := other.get(begin(other)); p.status != http.StatusConflict {
		t.Errorf("tied to two people: %d", p.status)
	}
	if p := e.guest().get("/c/acme/sso/corp"); p.url.Path != "/me" || !p.has("boss") {
		t.Errorf("the admin comes by the provider to %s", p.url)
	}
	// What one began another cannot end.
	stranger := e.guest()
	jar := e.guest()
	if p := jar.get(begin(g)); p.status != http.StatusBadRequest || jar.in() != "" {
		t.Errorf("somebody else's beginning: %d", p.status)
	}
	if p := stranger.do("GET", "/c/acme/sso/corp/callback?code=x&state=y", nil); p.status != http.StatusBadRequest {
		t.Errorf("an answer without a beginning: %d", p.status)
	}
}

// TestProviderFails: whatever a provider does, there is a plain page, and the
// password where there is one.
func TestProviderFails(t *testing.T) {
	t.Parallel()
	e, idp := newProviders(t)
	e.person("acme", "ann", true)
	idp.Deny()
	g := e.guest()
	if p := g.get("/c/acme/sso/corp"); p.status != http.StatusForbidden || !p.has("did not confirm") {
		t.Errorf("refused there: %d %s", p.status, p.body)
	}
	// An answer is good once: the question is gone with it.
	idp.Next(oidcprovider.Account{Subject: "s-1", Claims: map[string]any{"preferred_username": "once"}})
	p := g.do("GET", "/c/acme/sso/open", nil)
	for !strings.Contains(p.location, "/callback?") {
		next, err := p.url.Parse(p.location)
		must(t, err)
		p = g.do("GET", next.String(), nil)
	}
	back := p.location
	if p := e.guest().do("GET", back, nil); p.status != http.StatusBadRequest {
		t.Errorf("the answer in another browser: %d", p.status)
	}
	if p := g.get(back); p.url.Path != "/me" {
		t.Errorf("the answer: at %s", p.url)
	}
	if p := g.get(back); p.status != http.StatusBadRequest {
		t.Errorf("the answer again: %d", p.status)
	}
	if p := e.guest().get("/c/acme/sso/nowhere"); p.status != http.StatusNotFound {
		t.Errorf("a provider that is not there: %d", p.status)
	}
	// Without passwords there is no form, and none is heard.
	e.person("beta", "zoe", true)
	if p := e.guest().get("/c/beta/login"); p.has(`name="password"`) || !p.has("/c/beta/sso/corp") {
		t.Errorf("a company without passwords: %s", p.body)
	}
	if p := e.guest().signIn("beta", "zoe", phrase); p.status != http.StatusNotFound {
		t.Errorf("a password there: %d", p.status)
	}
	idp.Stop()
	fresh := newEntryAt(t, free(t), fmt.Sprintf(providers, idp.Issuer), app.Options{})
	fresh.person("acme", "ann", true)
	if p := fresh.guest().get("/c/acme/sso/corp"); p.status != http.StatusBadGateway || !p.has("cannot be reached") || !p.has("/c/acme/login") {
		t.Errorf("a provider that is down: %d %s", p.status, p.body)
	}
	if p := fresh.guest().signIn("acme", "ann", phrase); p.url.Path != "/me" {
		t.Errorf("the password meanwhile: at %s", p.url)
	}
}

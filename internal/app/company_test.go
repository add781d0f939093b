package app_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestCompanyChangedInTheConsole: the admin of a company that is not of the file
// changes its language and not its name, an operator changes both, and what the file
// says of a company is changed by nobody.
func TestCompanyChangedInTheConsole(t *testing.T) {
	t.Parallel()
	e := newEntry(t, "", app.Options{})
	must(t, e.s.Store.Settle(t.Context(), store.Settled{ // the file does not have it
		Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "en"}, {Key: "gamma", Name: "Gamma", Locale: "en"}},
		Sources:   []store.SettledSource{{Key: "corp", CompanyKey: "acme", Kind: registry.OriginLDAP}},
	}))
	e.company("operators")
	sit := func(company, name string) *guestOf {
		e.person(company, name, true)
		if company != registry.OperatorsKey {
			e.rights(e.look(company, name), true, false, false)
		}
		g := e.guest()
		g.given(e.look(company, name), e.s.Now())
		return g
	}
	gina, olga, ann := sit("gamma", "gina"), sit("operators", "olga"), sit("acme", "ann")
	typed := url.Values{"name": {"Mega"}, "locale": {"ru"}}
	for _, x := range []struct {
		who       *guestOf
		path      string
		form      url.Values
		status    int
		key, name string
		locale    string
	}{
		{gina, "/admin/gamma/settings", typed, http.StatusSeeOther, "gamma", "Gamma", "ru"},
		{olga, "/admin/gamma/settings", url.Values{"name": {" Gamma & Co "}, "locale": {"ru"}}, http.StatusSeeOther, "gamma", "Gamma & Co", "ru"},
		{olga, "/admin/gamma/settings", url.Values{"name": {" "}, "locale": {"ru"}}, http.StatusOK, "gamma", "Gamma & Co", "ru"},
		{gina, "/admin/gamma/settings", url.Values{"locale": {"tlh"}}, http.StatusOK, "gamma", "Gamma & Co", "ru"},
		{gina, "/admin/gamma/settings", url.Values{"locale": {"ru"}}, http.StatusSeeOther, "gamma", "Gamma & Co", "ru"},
		{ann, "/admin/acme/settings", typed, http.StatusOK, "acme", "Acme", "en"},
		{olga, "/admin/acme/settings", typed, http.StatusOK, "acme", "Acme", "en"},
	} {
		p := x.who.do(http.MethodPost, x.path, x.form)
		if c := e.company(x.key); p.status != x.status || c.Name != x.name || c.Locale != x.locale {
			t.Errorf("POST %s %v: %d, now %+v", x.path, x.form, p.status, c)
		}
	}
	deeds := e.deeds("gamma", "company.change")
	var done []registry.Deed
	for _, d := range deeds {
		if d.Outcome == "" {
			done = append(done, d)
		}
	}
	if len(done) != 2 || done[0].Detail["was_name"] != "Gamma" || done[0].Detail["name"] != "Gamma & Co" || done[1].Detail["locale"] != "ru" {
		t.Errorf("written down: %+v", deeds)
	}
	if p := ann.get("/admin/acme/settings"); p.status != http.StatusOK || !p.has("companies.acme.locale") || p.has(`action="/admin/acme/settings"`) {
		t.Errorf("a company of the file: %d", p.status)
	}
}

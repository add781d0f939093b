package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// TestPeopleDeeds posts every form of the pages about people, once done and once
// refused: done leads on, refused is said on the page and in the audit.
func TestPeopleDeeds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		pattern, target string
		form            url.Values
		to              string
	}{
		{"POST /people/new", "/people/new", url.Values{"user_name": {"ann"}, "email": {"a@b"}, "kind": {"support_staff"}, "groups": {" A \n\nB"}}, "/people/active?done=created"},
		{"POST /people/new", "/people/new", url.Values{"user_name": {"ann"}, "email": {"a@b"}, "mail": {"hold"}}, "/people/active?done=created.held"},
		{"POST /people/new", "/people/new", url.Values{"user_name": {"ann"}}, "/people/active?done=created.mute"},
		{"POST /people/{id}/invite", "/people/new/invite", nil, "/people/new?done=invited"},
		{"POST /people/{id}/block", "/people/active/block", nil, "/people/active?done=blocked"},
		{"POST /people/{id}/unblock", "/people/blocked/unblock", nil, "/people/blocked?done=unblocked"},
		{"POST /people/{id}/activate", "/people/awaiting/activate", nil, "/people/awaiting?done=unblocked"},
		{"POST /people/{id}/protect", "/people/active/protect", nil, "/people/active?done=protected"},
		{"POST /people/{id}/unprotect", "/people/active/unprotect", nil, "/people/active?done=unprotected"},
		{"POST /people/{id}/link", "/people/active/link", url.Values{"source": {"corp"}, "anchor": {"1"}, "end_password": {"1"}}, "/people/active?done=linked"},
		{"POST /people/{id}/join", "/people/active/join", url.Values{"group": {"Desk"}}, "/people/active?done=joined"},
		{"POST /people/{id}/leave", "/people/active/leave", url.Values{"group": {"g"}}, "/people/active?done=left"},
		{"POST /people/{id}/signout", "/people/active/signout", nil, "/people/active?done=signedout"},
		{"POST /people/{id}/factors", "/people/active/factors", nil, "/people/active?done=factorless"},
		{"POST /people/{id}/remove", "/people/active/remove", url.Values{"sure": {"1"}}, "/people/active?done=removed"},
		{"POST /groups", "/groups", url.Values{"name": {"Desk"}, "default": {"1"}}, "/groups/g?done=grouped"},
		{"POST /groups/{id}/add", "/groups/g/add", url.Values{"who": {"active@example.com"}}, "/groups/g?done=joined"},
		{"POST /groups/{id}/remove", "/groups/g/remove", url.Values{"id": {"active"}}, "/groups/g?done=left"},
		{"POST /groups/{id}/default", "/groups/g/default", nil, "/groups/g?done=default"},
		{"POST /places/departments", "/places/departments", url.Values{"name": {"Field"}}, "/places?done=departed"},
		{"POST /places/contracts", "/places/contracts", url.Values{"number": {"A-3"}, "title": {"x"}}, "/places?done=contracted"},
		{"POST /places/contracts/end", "/places/contracts/end", url.Values{"number": {"A-1"}}, "/places?done=ended"},
		{"POST /places/domains", "/places/domains", url.Values{"name": {"c.example.com"}}, "/places?done=domained"},
		{"POST /places/domains/check", "/places/domains/check", url.Values{"name": {"b.example.com"}}, "/places?done=proven"},
		{"POST /places/vouch", "/places/vouch", nil, "/places?done=vouched"},
		{"POST /applicants/{id}/activate", "/applicants/awaiting/activate", nil, "/applicants/awaiting?done=letin"},
		{"POST /applicants/{id}/refuse", "/applicants/awaiting/refuse", url.Values{"note": {"no"}}, "/applicants/awaiting?done=refused"},
		{"POST /team", "/team", url.Values{"who": {"invited"}, "auditor": {"1"}}, "/team?done=rights"},
		{"POST ", "", url.Values{"user_name": {"o"}, "email": {"o@example.com"}}, "?done=operator"},
		{"POST /remove", "/remove", url.Values{"id": {"invited"}}, "?done=unoperator"},
		{"POST /activate", "/activate", url.Values{"id": {"awaiting"}}, "?done=letin"},
		{"POST /refuse", "/refuse", url.Values{"id": {"awaiting"}, "note": {"no"}}, "?done=refused"},
	} {
		d := &peopleDesk{admins: 2}
		h := peoplePages(t, d)
		r := peopleRoute(t, x.pattern)
		w, v := ask(h, d, r, operatorOlga, "en", x.target, x.form)
		if want := root + "/acme" + x.to; w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || v.outcome != "" || len(d.done) != 1 {
			t.Errorf("%s: %d to %q, outcome %q, did %q; want %s", x.target, w.Code, w.Header().Get("Location"), v.outcome, d.done, want)
		}
		if r.deed == "" {
			t.Errorf("%s has no name in the audit", x.pattern)
		}
		d.refusal = &Refusal{registry.CodeStale, "somebody was faster"}
		w, v = ask(h, d, r, operatorOlga, "en", x.target, x.form)
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "somebody was faster") || v.outcome != registry.CodeStale || v.written {
			t.Errorf("%s refused: %d, outcome %q\n%s", x.target, w.Code, v.outcome, body)
		} else if len(x.form) > 0 && !keeps(body, x.form) {
			t.Errorf("%s refused lost what was typed: %v", x.target, x.form)
		}
		d.refusal = errPeople
		if w, v = ask(h, d, r, operatorOlga, "en", x.target, x.form); w.Code != http.StatusInternalServerError || v.outcome != registry.CodeInternal {
			t.Errorf("%s broken: %d, outcome %q", x.target, w.Code, v.outcome)
		}
	}
}

// keeps reports whether a page still has what was typed into it.
func keeps(body string, form url.Values) bool {
	for _, name := range []string{"user_name", "email", "anchor", "group", "who", "title", "note"} {
		if value := form.Get(name); value != "" && value != "g" && !strings.Contains(body, `value="`+value+`"`) && !strings.Contains(body, ">"+value) {
			return false
		}
	}
	return true
}

// TestPeopleRefusals: what is missing or nobody may do is said, and nothing is done.
func TestPeopleRefusals(t *testing.T) {
	t.Parallel()
	self := &auth.Principal{Company: 1, User: 1, Actor: "admin active", Roles: []auth.Role{auth.RoleAdmin}}
	for name, x := range map[string]struct {
		pattern, target string
		who             *auth.Principal
		form            url.Values
		code            registry.Code
		says            string
	}{
		"nameless":                 {"POST /people/new", "/people/new", adminClaire, url.Values{"email": {"a@b"}}, registry.CodeUserNameMissing, "user name"},
		"unknown group":            {"POST /people/{id}/join", "/people/active/join", adminClaire, url.Values{"group": {"x"}}, registry.CodeInvalidValue, "no group"},
		"unsure removal":           {"POST /people/{id}/remove", "/people/active/remove", adminClaire, nil, registry.CodeInvalidValue, "confirm"},
		"nameless group":           {"POST /groups", "/groups", adminClaire, url.Values{"name": {" "}}, registry.CodeGroupNameMissing, "name"},
		"unknown member":           {"POST /groups/{id}/add", "/groups/g/add", adminClaire, url.Values{"who": {"ghost"}}, registry.CodeNotFound, "ghost"},
		"an id taken as a name":    {"POST /groups/{id}/remove", "/groups/g/remove", adminClaire, url.Values{"id": {"twin"}}, registry.CodeNotFound, "twin"},
		"rights by a false id":     {"POST /team", "/team", adminClaire, url.Values{"id": {"twin"}, "admin": {"1"}}, registry.CodeNotFound, "twin"},
		"rights of nobody":         {"POST /team", "/team", adminClaire, url.Values{"who": {"ghost"}, "admin": {"1"}}, registry.CodeNotFound, "ghost"},
		"raising oneself":          {"POST /team", "/team", self, url.Values{"id": {"active"}, "admin": {"1"}, "approver": {"1"}, "auditor": {"1"}, "sure": {"1"}}, registry.CodeForbidden, "nobody gives themselves"},
		"lowering oneself":         {"POST /team", "/team", self, url.Values{"id": {"active"}}, registry.CodeInvalidValue, "your own administration"},
		"the last admin":           {"POST /team", "/team", operatorOlga, url.Values{"id": {"active"}}, registry.CodeLastAdmin, "last admin"},
		"a record not there":       {"POST /places/domains/check", "/places/domains/check", adminClaire, url.Values{"name": {"a.example.com"}}, registry.CodeNotFound, "not there"},
		"nobody at a source":       {"POST /people/look", "/people/look", adminClaire, url.Values{"source": {"corp"}}, registry.CodeInvalidValue, "whom"},
		"an operator's address":    {"POST ", "", operatorOlga, url.Values{"user_name": {"o"}}, registry.CodeInvalidValue, "address"},
		"an operator's own end":    {"POST /remove", "/remove", &auth.Principal{Company: 3, User: 2, Roles: []auth.Role{auth.RoleOperator}}, url.Values{"id": {"invited"}}, registry.CodeForbidden, "themselves"},
		"an owner there is not":    {"GET /people", "/people?owner=ldap:none", adminClaire, nil, registry.CodeNotFound, ""},
		"a person there is not":    {"POST /people/{id}/block", "/people/ghost/block", adminClaire, nil, registry.CodeNotFound, ""},
		"an applicant not there":   {"POST /applicants/{id}/activate", "/applicants/ghost/activate", adminClaire, nil, registry.CodeNotFound, ""},
		"a group there is not":     {"POST /groups/{id}/default", "/groups/ghost/default", adminClaire, nil, registry.CodeNotFound, ""},
		"a group's list not there": {"GET /people", "/people?group=ghost", adminClaire, nil, registry.CodeNotFound, ""},
	} {
		d := &peopleDesk{admins: 1}
		w, v := ask(peoplePages(t, d), d, peopleRoute(t, x.pattern), x.who, "en", x.target, x.form)
		want := http.StatusOK
		if x.says == "" {
			want = http.StatusNotFound
		}
		if w.Code != want || v.outcome != x.code || !strings.Contains(w.Body.String(), x.says) || len(d.done) > 0 && x.code != registry.CodeNotFound {
			t.Errorf("%s: %d, outcome %q, did %q\n%s", name, w.Code, v.outcome, d.done, w.Body)
		}
	}
}

// TestPeopleSaidTwice: what was confirmed is done.
func TestPeopleSaidTwice(t *testing.T) {
	t.Parallel()
	d := &peopleDesk{admins: 1}
	w, _ := ask(peoplePages(t, d), d, peopleRoute(t, "POST /team"), operatorOlga, "en", "/team", url.Values{"who": {"active"}, "sure": {"1"}})
	if w.Code != http.StatusSeeOther || len(d.done) != 1 || !strings.Contains(d.done[0], `"ByOperator":true`) {
		t.Errorf("%d, did %q", w.Code, d.done)
	}
}

// TestPeopleAtASource shows the five steps of a preview and of what was done.
func TestPeopleAtASource(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en", "it", "ru"} {
		for target, form := range map[string]url.Values{"/people/look": {"who": {"ghost"}, "source": {"corp"}}, "/people/deleted/sync": {"source": {"corp"}}} {
			for _, apply := range []string{"", "1"} {
				d := &peopleDesk{}
				form.Set("apply", apply)
				pattern := "POST /people/look"
				if strings.HasSuffix(target, "sync") {
					pattern = "POST /people/{id}/sync"
				}
				w, _ := ask(peoplePages(t, d), d, peopleRoute(t, pattern), adminClaire, lang, target, form)
				if w.Code != http.StatusOK || strings.Count(w.Body.String(), map[string]string{"en": "no", "it": "no", "ru": "нет"}[lang]+": the scope") != 5 || strings.Contains(w.Body.String(), "/runs/7") != (apply != "") {
					t.Errorf("%s %s: %d\n%s", lang, target, w.Code, w.Body)
				}
			}
		}
	}
}

// TestPeopleLists: a list is given whole with exactly the filters of its page.
func TestPeopleLists(t *testing.T) {
	t.Parallel()
	d := &peopleDesk{}
	h := peoplePages(t, d)
	for _, x := range [][2]string{
		{"GET /people/report", "/people/report?q=an&state=active&kind=end_user&owner=ldap:corp&group=g&sort=-created_at&format=csv"},
		{"GET /people/report", "/people/report?q=a@b&format=json"}, {"GET /people/{id}/report", "/people/active/report?format=csv"},
		{"GET /groups/report", "/groups/report?role=support&format=csv"}, {"GET /groups/{id}/report", "/groups/g/report?format=csv"},
		{"GET /places/departments/report", "/places/departments/report?format=csv"}, {"GET /places/contracts/report", "/places/contracts/report?format=csv"},
	} {
		ask(h, d, peopleRoute(t, x[0]), auditorAnn, "en", x[1], nil)
	}
	if d := cmp.Diff([]Export{
		{Operation: "listPeople", As: "csv", Query: url.Values{"user_name": {"an"}, "state": {"active"}, "kind": {"end_user"}, "origin": {"corp"}, "origin_kind": {"ldap"}, "group": {"g"}, "sort": {"-created_at"}}},
		{Operation: "listPeople", As: "json", Query: url.Values{"email": {"a@b"}}},
		{Operation: "listPersonChanges", As: "csv", Path: map[string]string{"person": "active"}},
		{Operation: "listGroups", As: "csv", Query: url.Values{"role": {"support"}}},
		{Operation: "listMembers", As: "csv", Path: map[string]string{"group": "g"}},
		{Operation: "listDepartments", As: "csv"}, {Operation: "listContracts", As: "csv"},
	}, d.exports); d != "" {
		t.Error(d)
	}
	if got := (report{"/x", url.Values{"q": {"a b"}}}).As("csv"); got != "/x?format=csv&q=a+b" {
		t.Errorf("address %s", got)
	}
}

// TestPeopleInstallation: the address in the mail to admins names no company, and
// nobody is let into the operators' pages by it.
func TestPeopleInstallation(t *testing.T) {
	t.Parallel()
	h := peoplePages(t, &peopleDesk{})
	mux := http.NewServeMux()
	h.Mount(mux) // patterns that meet would panic
	for _, target := range []string{"/admin/applicants/mine", "/admin/operators"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login?next=") {
			t.Errorf("a stranger at %s: %d to %q", target, w.Code, w.Header().Get("Location"))
		}
	}
	for _, x := range []struct {
		who  *auth.Principal
		id   string
		code int
		to   string
	}{
		{adminClaire, "mine", http.StatusSeeOther, "/admin/acme/applicants/mine"}, {adminClaire, "other", http.StatusNotFound, ""},
		{adminClaire, "founder", http.StatusNotFound, ""}, {adminClaire, "ghost", http.StatusNotFound, ""}, {adminClaire, "broken", http.StatusInternalServerError, ""},
		{operatorOlga, "other", http.StatusSeeOther, "/admin/beta/applicants/other"}, {operatorOlga, "founder", http.StatusSeeOther, "/admin/operators#founders"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/admin/applicants/"+x.id, nil)
		h.leadToApplicant(w, r, x.who, x.id)
		if w.Code != x.code || w.Header().Get("Location") != x.to {
			t.Errorf("%s to %s: %d %q", x.who.Actor, x.id, w.Code, w.Header().Get("Location"))
		}
	}
}

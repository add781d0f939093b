package admin_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

func (d *doorsDesk) RetiredSources(context.Context) ([]admin.Retired, error) {
	old, older := admin.Retired{People: 5}, admin.Retired{People: 1, Last: &registry.Run{Number: 9, State: registry.RunHeld, StartedAt: d.now}}
	for key, r := range map[string]*admin.Retired{"old": &old, "older": &older} {
		r.Key, r.Origin.Key, r.Origin.Kind, r.RetiredAt = key, key, registry.OriginLDAP, d.now.AddDate(0, 0, -3)
	}
	return []admin.Retired{old, older}, nil
}

func (d *doorsDesk) ForgetSource(_ context.Context, key, how, heir, mode, actor string) (int64, error) {
	return 12, d.ask("%s forget %s %s %q by %s", mode, key, how, heir, actor)
}

// approver may approve runs and nothing else.
var approver = auth.Account{Rights: registry.RightsApprover}

// TestForget: a source that was taken out of the file is listed and shown with the
// three ways to part from it; who may approve looks at one, or begins it; and a form
// that is not filled in says so and does nothing.
func TestForget(t *testing.T) {
	for _, lang := range []string{"en", "it", "ru"} {
		d := newDoors(t, lang, approver)
		list := d.page("sources")
		for _, part := range []string{"/admin/acme/sources/old\"", "/admin/acme/runs/9", "2035-11-18"} {
			if !strings.Contains(list, part) {
				t.Errorf("%s: the list has no %s", lang, part)
			}
		}
		for _, d.desk.empty = range []bool{false, true} {
			page := d.page("sources/older")
			for _, part := range []string{`value="release" checked`, `value="deactivate"`, "owner=ldap:older", "/runs/9"} {
				if !strings.Contains(page, part) {
					t.Errorf("%s: the page has no %s", lang, part)
				}
			}
			if got := strings.Contains(page, `value="to"`); got == d.desk.empty {
				t.Errorf("%s: handing over is offered: %t", lang, got)
			}
		}
	}
	d := newDoors(t, "en", approver)
	for _, c := range []struct{ form, want string }{
		{"how=release&preview=1", "/admin/acme/runs/12?done=previewed"}, {"how=deactivate", "/admin/acme/runs/12?done=parting"}, {"how=to&heir=corp", "/admin/acme/runs/12?done=parting"},
		{"", "Say what becomes"}, {"how=burn", "Say what becomes"}, {"how=to", "which source takes over"},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		w := d.do("POST", "sources/old/forget", form)
		if w.Header().Get("Location") != c.want && !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d leads to %q", c.form, w.Code, w.Header().Get("Location"))
		}
	}
	want := []string{`preview forget old release "" by approver ann`, `run forget old deactivate "" by approver ann`, `run forget old to "corp" by approver ann`}
	if !slices.Equal(d.desk.asked, want) {
		t.Errorf("asked %q", d.desk.asked)
	}
	if n := len(d.desk.deeds); n != 6 || d.desk.deeds[0].Action != "source.forget" || d.desk.deeds[5].Outcome != string(registry.CodeInvalidValue) {
		t.Errorf("written down: %+v", d.desk.deeds)
	}
	d.desk.refuse = &admin.Refusal{Code: registry.CodeAlreadyRunning, Reason: "it is at work"}
	if w := d.do("POST", "sources/old/forget", url.Values{"how": {"deactivate"}}); !strings.Contains(w.Body.String(), "it is at work") || !strings.Contains(w.Body.String(), `value="deactivate" checked`) {
		t.Errorf("a refusal: %d", w.Code)
	}
	for path, status := range map[string]int{"sources/oldest/forget": http.StatusNotFound, "sources/corp/forget": http.StatusNotFound} {
		if w := d.do("POST", path, url.Values{"how": {"release"}}); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, role := range []string{"auditor", "admin"} {
		d := newDoors(t, "en", roles[role])
		if w := d.do("POST", "sources/old/forget", url.Values{"how": {"release"}}); w.Code != http.StatusForbidden || len(d.desk.asked) != 0 {
			t.Errorf("%s may: %d", role, w.Code)
		}
		if strings.Contains(d.page("sources/old"), `action="/admin/acme/sources/old/forget"`) {
			t.Errorf("%s is offered the form", role)
		}
	}
}

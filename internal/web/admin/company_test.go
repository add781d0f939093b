package admin_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

func (d *doorsDesk) ByHand() bool { return !d.empty }

func (d *doorsDesk) ChangeCompany(_ context.Context, name, locale string, _ registry.Deed) error {
	return d.ask("company %s %s", name, locale)
}

// TestCompanySettings: a company that is not of the file has its language changed by
// its admins, and its name by operators only; one of the file has no form.
func TestCompanySettings(t *testing.T) {
	const form = `action="/admin/acme/settings"`
	for role, asked := range map[string]string{"admin": "company Acme ru", "operator": "company Mega ru", "auditor": ""} {
		for _, lang := range []string{"en", "it", "ru"} {
			d := newDoors(t, lang, roles[role])
			page := d.page("settings")
			if got := strings.Contains(page, form); got != (role != "auditor") || strings.Contains(page, `name="name"`) != (role == "operator") {
				t.Errorf("%s in %s is offered the form: %t", role, lang, got)
			}
			if d.desk.empty = true; strings.Contains(d.page("settings"), form) {
				t.Errorf("%s is offered to change what the file says", role)
			}
		}
		d := newDoors(t, "en", roles[role])
		typed := url.Values{"name": {"Mega"}, "locale": {"ru"}}
		w := d.do("POST", "settings", typed)
		if asked == "" {
			if w.Code != http.StatusForbidden || len(d.desk.asked) != 0 {
				t.Errorf("%s may: %d", role, w.Code)
			}
			continue
		}
		if w.Header().Get("Location") != "/admin/acme/settings?done=changed" || !slices.Equal(d.desk.asked, []string{asked}) || len(d.desk.deeds) != 0 {
			t.Errorf("%s: %d, asked %q, written twice %+v", role, w.Code, d.desk.asked, d.desk.deeds)
		}
		d.desk.refuse = &admin.Refusal{Code: registry.CodeInvalidValue, Reason: "that is how it is"}
		if w = d.do("POST", "settings", typed); !strings.Contains(w.Body.String(), "that is how it is") || !strings.Contains(w.Body.String(), `value="ru" lang="ru" selected`) {
			t.Errorf("%s refused: %d", role, w.Code)
		}
	}
}

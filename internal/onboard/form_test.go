package onboard

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

func TestCheckForm(t *testing.T) {
	good := map[string]string{"login": "ada", "given": "Ada", "family": "Lovelace", "mail": "ada@example.com", "contract": "C-1", "company": "Acme"}
	for _, c := range []struct {
		kind  registry.Kind
		field string
		value string
		want  registry.FormFault
	}{
		{registry.EndUser, "login", "", "missing"}, {registry.EndUser, "login", "   ", "missing"}, {registry.EndUser, "contract", "", "missing"},
		{registry.SupportStaff, "contract", "", ""}, {registry.SupportStaff, "company", "", "missing"}, {registry.EndUser, "company", "", ""},
		{registry.EndUser, "phone", "", ""}, {registry.SupportStaff, "department", "", ""}, {registry.SupportStaff, "group", "", ""},
		{registry.EndUser, "login", "ad", "login"}, {registry.EndUser, "login", "ada@example.com", "login"}, {registry.EndUser, "login", "ada l", "login"},
		{registry.EndUser, "login", ".ada", "login"}, {registry.EndUser, "login", "ada-", "login"}, {registry.EndUser, "login", "a.d_a-1", ""},
		{registry.EndUser, "login", "Ольга", ""}, {registry.EndUser, "login", "оlga", "login"}, {registry.EndUser, "login", strings.Repeat("a", 65), "long"},
		{registry.EndUser, "login", "ada\u200b", "text"}, {registry.EndUser, "login", "<b>", "login"}, {registry.EndUser, "login", "a/../b", "login"},
		{registry.EndUser, "mail", "ada", "mail"}, {registry.EndUser, "mail", "ada@localhost", "mail"}, {registry.EndUser, "mail", "Ada <ada@example.com>", "mail"},
		{registry.EndUser, "mail", "a@b@example.com", "mail"}, {registry.EndUser, "mail", "ada@exa mple.com", "mail"}, {registry.EndUser, "mail", "ada@пример.рф", ""},
		{registry.EndUser, "mail", "ada@example.com\r\nBcc: x@example.com", "text"}, {registry.EndUser, "mail", "ada@example.com,x@example.com", "mail"},
		{registry.EndUser, "given", "A\x00", "text"}, {registry.EndUser, "given", "\xff", "text"}, {registry.EndUser, "family", strings.Repeat("ж", 101), "long"},
		{registry.EndUser, "phone", "+39 (06) 12-34", ""}, {registry.EndUser, "phone", "call me", "phone"}, {registry.EndUser, "phone", "12", "phone"},
		{registry.SupportStaff, "group", "a\u202eb", "text"},
	} {
		typed := map[string]string{}
		for k, v := range good {
			typed[k] = v
		}
		typed[c.field] = c.value
		err := checkForm(&registry.Application{Kind: c.kind, Typed: typed})
		var faults *registry.FormError
		got := registry.FormFault("")
		if errors.As(err, &faults) {
			got = faults.Fields[c.field]
		}
		if got != c.want || (err != nil) != (c.want != "") {
			t.Errorf("%s %s %q: %q (%v), want %q", c.kind, c.field, c.value, got, err, c.want)
		}
	}
	a := registry.Application{Kind: registry.EndUser, Typed: map[string]string{
		"login": " ada ", "given": "Zoe\u0308", "family": "L", "mail": "ada@example.com", "contract": "1", "company": "dropped", "admin": "true",
	}}
	if err := checkForm(&a); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"login": "ada", "given": "Zo\u00eb", "family": "L", "mail": "ada@example.com", "contract": "1"}, a.Typed); d != "" {
		t.Error(d)
	}
}

func FuzzCheckForm(f *testing.F) {
	f.Add("ada", "ada@example.com", "+39 06")
	f.Add("a\u0301\u0301b", "\"a b\"@example.com", "x")
	f.Fuzz(func(t *testing.T, login, mail, phone string) {
		a := registry.Application{Kind: registry.EndUser, Typed: map[string]string{
			"login": login, "given": login, "family": mail, "mail": mail, "phone": phone, "contract": phone,
		}}
		if checkForm(&a) != nil {
			return
		}
		if strings.ContainsAny(a.Typed["login"], "@/\\<> \r\n") || strings.ContainsAny(a.Typed["mail"], "\r\n\x00") || registry.Key(a.Typed["login"]) == "" {
			t.Errorf("taken: %q", a.Typed)
		}
	})
}

func TestResembles(t *testing.T) {
	known := []registry.CompanyInfo{
		{Company: registry.Company{ID: 1, Key: "acme", Name: "Acme GmbH"}, Managed: true},
		{Company: registry.Company{ID: 2, Key: "zed-x", Name: "Zed Öl & Gas"}},
		{Company: registry.Company{ID: 3, Key: "zed-y", Name: "zed öl & gas"}},
		{Company: registry.Company{ID: 4, Key: "operators", Name: "Operators"}, Managed: true},
	}
	for name, want := range map[string]string{
		"ACME Ltd.": "Acme GmbH", "Асме": "Acme GmbH", "Acme": "Acme GmbH", "A.C.M.E. S.p.A.": "Acme GmbH", "Acne": "", "Zed Oel Gas": "", "Zed Ol Gaz": "",
		"Zed-Öl-Gaz": "Zed Öl & Gas", "GmbH": "", "": "", "Something else": "",
	} {
		if got := resembles(name, known); got != want {
			t.Errorf("%q resembles %q, want %q (%q)", name, got, want, essence(name))
		}
	}
	for name, want := range map[string]registry.CompanyID{
		"acme": 1, " Acme   GmbH ": 1, "ACME GMBH": 1, "Acme Ltd": 0, "ZED ÖL & GAS": 2, "operators": 0, "zed-y": 3, "": 0,
	} {
		if got, ok := sameCompany(name, known); got.ID != want || ok != (want != 0) {
			t.Errorf("%q is company %d, want %d", name, got.ID, want)
		}
	}
	for name, want := range map[string]string{
		"Acme GmbH": "acme-gmbh-abc", "Öl & Gas": "l-gas-abc", "Рога и копыта": "company-abc", "3M": "m-abc", strings.Repeat("x", 99): strings.Repeat("x", 24) + "-abc",
	} {
		if got := companyKey(name, "ABC"); got != want {
			t.Errorf("the key of %q is %s, want %s", name, got, want)
		}
	}
}

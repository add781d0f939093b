package mapping

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// compile makes a Mapper or ends the test.
func compile(tb testing.TB, spec Spec) *Mapper {
	tb.Helper()
	m, err := Compile(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

type values = map[string][]string

// asEnglish compares sentences by what they say.
var asEnglish = cmp.Comparer(func(a, b registry.Said) bool { return a.String() == b.String() })

func TestMap(t *testing.T) {
	m := compile(t, Spec{
		Source: "corp",
		Attributes: map[string]string{
			"USERNAME": "UID", "emails": "mail", "displayName": `cn ?? (givenName + " " + sn)`,
			"familyName": "sn", "title": `trim(title ?? "")`, "employeeNumber": `attr("x-Number")`,
			"organization": `let City = l ?? "?"; City + "!"`,
		},
		Scope:      `title != "Contractor"`,
		KindOfUser: `"cn=staff,dc=x" in all("memberOf") ? "support_staff" : "end_user"`,
		Department: "ou", Contract: `"C-" + (c ?? "0")`,
	})
	for _, tc := range []struct {
		name     string
		in       values
		disabled bool
		want     Person
	}{
		{
			name: "plain",
			in:   values{"uid": {"ada"}, "mail": {"ada@example.com", "a@example.com"}, "cn": {"Ada L"}, "sn": {"L"}, "x-number": {"7"}},
			want: Person{Enabled: true, InScope: true, Kind: registry.EndUser, Contract: "C-0", Attributes: registry.Attributes{
				"userName": {"ada"}, "emails": {"ada@example.com", "a@example.com"}, "displayName": {"Ada L"}, "familyName": {"L"},
				"employeeNumber": {"7"}, "organization": {"?!"},
			}},
		},
		{
			name: "no cn, staff, disabled, trimmed and composed",
			in: values{"uid": {" bo\t"}, "givenname": {"Jose\u0301"}, "sn": {"Núñez"}, "memberof": {"cn=x", "cn=staff,dc=x"},
				"ou": {"Sales"}, "title": {"  Boss "}, "l": {"Roma"}},
			disabled: true,
			want: Person{InScope: true, Kind: registry.SupportStaff, Department: "Sales", Contract: "C-0", Attributes: registry.Attributes{
				"userName": {"bo"}, "displayName": {"José Núñez"}, "familyName": {"Núñez"}, "title": {"Boss"}, "organization": {"Roma!"},
			}},
		},
		{
			name: "out of scope",
			in:   values{"uid": {"x"}, "title": {"Contractor"}},
			want: Person{Enabled: true},
		},
		{
			name: "no user name",
			in:   values{"cn": {"x"}, "sn": {"x"}},
			want: Person{Enabled: true, InScope: true, Kind: registry.EndUser, Contract: "C-0",
				Attributes: registry.Attributes{"displayName": {"x"}, "familyName": {"x"}, "organization": {"?!"}},
				Problems:   []Problem{{CodeUserNameMissing, "userName", "the entry gives no userName: UID is empty or absent"}}},
		},
		{
			name: "bad values cost themselves",
			in: values{"uid": {"x"}, "cn": {"x\x00y"}, "sn": {"\xff\xfe"}, "title": {strings.Repeat("x", 600)},
				"mail": {"x@example.com", "nonsense", "X@Example.com", "X <x2@example.com>", "y@example.com"}},
			want: Person{Enabled: true, InScope: true, Kind: registry.EndUser, Contract: "C-0",
				Attributes: registry.Attributes{"userName": {"x"}, "emails": {"x@example.com", "y@example.com"}, "organization": {"?!"}},
				Warnings: []Problem{
					{CodeControlCharacter, "displayName", `the value holds a control character: "x\x00y"`},
					{CodeInvalidUTF8, "familyName", `the value is not valid UTF-8: "\xff\xfe"`},
					{CodeBadEmail, "emails", `"nonsense" is no e-mail address and was left out`},
					{CodeDuplicateEmail, "emails", `"X@Example.com" is there twice and was left out once`},
					{CodeBadEmail, "emails", `"X <x2@example.com>" is no e-mail address and was left out`},
					{CodeTooLong, "title", "the value is 600 bytes long, at most 512 are accepted"},
				}},
		},
		{
			name: "an absent attribute in a sum",
			in:   values{"uid": {"x"}, "sn": {"y"}},
			want: Person{Enabled: true, InScope: true, Kind: registry.EndUser, Contract: "C-0",
				Attributes: registry.Attributes{"userName": {"x"}, "familyName": {"y"}, "organization": {"?!"}},
				Warnings: []Problem{{CodeExpression, "displayName",
					`column 18: invalid operation: nothing + string; the entry has no cn, givenname (write cn ?? "" to allow that)`}}},
		},
		{
			name: "a huge user name refuses",
			in:   values{"uid": {strings.Repeat("x", 5<<20)}, "cn": {"x"}},
			want: Person{Enabled: true, InScope: true, Kind: registry.EndUser, Contract: "C-0",
				Attributes: registry.Attributes{"displayName": {"x"}, "organization": {"?!"}},
				Problems:   []Problem{{CodeTooLong, "userName", "the value is 5242880 bytes long, at most 256 are accepted"}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, m.Map(tc.in, tc.disabled), asEnglish); d != "" {
				t.Errorf("person (-want +got):\n%s", d)
			}
		})
	}
	want := []string{"c", "cn", "givenname", "l", "mail", "memberof", "ou", "sn", "title", "uid", "x-number"}
	if d := cmp.Diff(want, m.Wants()); d != "" {
		t.Errorf("wants (-want +got):\n%s", d)
	}
}

func TestMapWhatDecidesRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec Spec
		code Code
		attr string
	}{
		{"scope not boolean", Spec{Scope: `cn`}, CodeBadResult, "scope"},
		{"scope fails", Spec{Scope: `cn > 3`}, CodeExpression, "scope"},
		{"unknown kind", Spec{KindOfUser: `cn`}, CodeBadResult, "kind_of_user"},
		{"department of two values", Spec{Department: `all("two")`}, CodeSeveralValues, "department"},
		{"contract not text", Spec{Contract: `sn ?? {"a": cn}.a.b`}, CodeExpression, "contract"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.spec.Attributes = map[string]string{"userName": "uid"}
			p := compile(t, tc.spec).Map(values{"uid": {"x"}, "cn": {"y"}, "two": {"a", "b"}}, false)
			if len(p.Problems) != 1 || p.Problems[0].Code != tc.code || p.Problems[0].Attribute != tc.attr {
				t.Errorf("problems = %+v, want one %s of %s", p.Problems, tc.code, tc.attr)
			}
		})
	}
}

func TestMapGroup(t *testing.T) {
	plain := compile(t, Spec{Attributes: map[string]string{"userName": "uid"}})
	named := compile(t, Spec{Attributes: map[string]string{"userName": "uid"}, Groups: map[string]string{"DisplayName": `"g " + cn`}})
	if g := plain.MapGroup(values{"cn": {" Sales "}}, "cn=x"); g.DisplayName != "Sales" || g.Problems != nil {
		t.Errorf("group = %+v", g)
	}
	if g := named.MapGroup(values{"cn": {"Sales"}}, "cn=x"); g.DisplayName != "g Sales" {
		t.Errorf("group = %+v", g)
	}
	if g := plain.MapGroup(values{}, "cn=x"); len(g.Problems) != 1 || g.Problems[0].Code != CodeGroupNameMissing {
		t.Errorf("group without a name = %+v", g)
	}
	if g := plain.MapGroup(values{"cn": {"\xff"}}, "cn=x"); len(g.Problems) != 1 || g.Problems[0].Code != CodeInvalidUTF8 {
		t.Errorf("group with a broken name = %+v", g)
	}
	if d := cmp.Diff([]string{"cn"}, named.GroupWants()); d != "" {
		t.Error(d)
	}
}

// TestCompileFaults compares every fault's text with testdata/faults.golden;
// UPDATE_GOLDEN=1 rewrites it.
func TestCompileFaults(t *testing.T) {
	specs := []Spec{
		{Attributes: map[string]string{"userName": "uid", "displayName": `cn ?? + "x"`}},
		{Attributes: map[string]string{"userName": "uid", "displayName": "cn ??\n (sn + )"}},
		{Attributes: map[string]string{"usrName": "uid", "Emails": "mail", "emails": "mail", "shoeSize": "x"}},
		{Attributes: map[string]string{"userName": `lowr(uid)`, "title": `now()`, "locale": `$env["l"]`}},
		{Attributes: map[string]string{"userName": `uid == "x"`, "title": `[cn, sn]`, "nickName": " ", "division": `{"a": cn}`}},
		{Attributes: map[string]string{"userName": `all(mail)`, "title": `attr()`, "nickName": `all("mail", {# == "x"})`}},
		{Attributes: map[string]string{"userName": "uid"}, Scope: `trim(cn)`, KindOfUser: "suport_staff", Groups: map[string]string{"description": "d"}},
		{Attributes: map[string]string{"userName": strings.Repeat("(", 5000)}},
		{Attributes: map[string]string{"userName": "uid"}, Department: `len(5)`, Contract: `ou +`},
	}
	var out strings.Builder
	for i, spec := range specs {
		spec.Source = "corp"
		_, err := Compile(spec)
		if err == nil {
			t.Errorf("spec %d compiles", i)
			continue
		}
		var f *Fault
		if !errors.As(err, &f) {
			t.Errorf("spec %d: no *Fault in %v", i, err)
		}
		fmt.Fprintf(&out, "--- %d\n%v\n", i, err)
	}
	golden := filepath.Join("testdata", "faults.golden")
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("faults (-want +got):\n%s", d)
	}
}

func TestMapIsSafeForSeveralGoroutines(t *testing.T) {
	m := compile(t, Spec{Attributes: map[string]string{"userName": `lower(uid)`}})
	done := make(chan string)
	for i := range 8 {
		go func() {
			name, bad := fmt.Sprintf("U%d", i), ""
			for range 500 {
				if got := m.Map(values{"uid": {name}}, false).Attributes.First("userName"); got != strings.ToLower(name) {
					bad = got
				}
			}
			done <- bad
		}()
	}
	for range 8 {
		if bad := <-done; bad != "" {
			t.Errorf("a goroutine got %q, another's value", bad)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	entry := values{
		"uid": {"u0000001"}, "mail": {"u0000001@example.com"}, "givenname": {"Niccolò"}, "sn": {"D'Amico"},
		"displayname": {"Niccolò D'Amico"}, "title": {"Engineer"},
	}
	attributes := map[string]string{"userName": "uid", "emails": "mail", "givenName": "givenName", "familyName": "sn",
		"displayName": "displayName", "title": "title"}
	run := func(b *testing.B, spec Spec) {
		m := compile(b, spec)
		b.ReportAllocs()
		for b.Loop() {
			if p := m.Map(entry, false); len(p.Problems)+len(p.Warnings) > 0 {
				b.Fatal(p)
			}
		}
	}
	b.Run("names", func(b *testing.B) { run(b, Spec{Attributes: attributes}) })
	b.Run("expressions", func(b *testing.B) {
		attributes["displayName"] = `cn ?? (givenName + " " + sn)`
		attributes["userName"] = `lower(uid)`
		run(b, Spec{Attributes: attributes, Scope: `title != "Contractor"`})
	})
}

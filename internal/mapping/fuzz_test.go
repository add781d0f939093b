package mapping

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
)

// FuzzExpression compiles anything and runs what compiles: no panic, faults
// carry their path, and every value that comes out keeps the catalogue's rules.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`uid`, `cn ?? (givenName + " " + sn)`, `all("mail")`, `attr("x")`, `let X = cn; X + x`, `split(cn, " ")[0]`,
		`title != "Contractor"`, `map(all("mail"), lower(#))`, `cn?.x`, `if cn == nil { "a" } else { "b" }`, `$env`, `"\xff"`, "`a`", `1/0`,
		`mail | trim() | lower()`, `all`, `now()`, `repeat(cn, 99999999)`, `cn[1:99]`, `all("\xc8")`, `fromJSON(cn)`, `int(cn)`, `-cn`, `cn matches "("`,
	} {
		f.Add(s, "Ada", "x\xffy")
	}
	f.Fuzz(func(t *testing.T, text, a, b string) {
		if strings.Contains(text, "..") || len(text) > 300 {
			return // ranges of ranges run for hours, which is an admin's own affair
		}
		m, err := Compile(Spec{Source: "s", Attributes: map[string]string{"userName": text, "emails": text}})
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || !strings.HasPrefix(fault.Path, "sources.s.users.attributes.") {
				t.Errorf("fault without a path: %v", err)
			}
			return
		}
		in := values{}
		for i, w := range m.Wants() {
			in[w] = [][]string{{a}, {a, b}, {b}, nil}[i%4]
		}
		checkPerson(t, m.Map(in, false))
		checkPerson(t, m.Map(values{}, true))
	})
}

// FuzzValues maps anything a directory may hold.
func FuzzValues(f *testing.F) {
	f.Add("ada", "ada@example.com", "Ada\x00")
	f.Add("", "\"a b\"@x", "e\u0301")
	f.Add(strings.Repeat("é", 300), "a@b, c@d", "\xf0\x28")
	m := compile(f, Spec{Attributes: map[string]string{"userName": "uid", "emails": "mail", "displayName": `cn ?? uid`, "title": `upper(cn)`}})
	f.Fuzz(func(t *testing.T, uid, mail, cn string) {
		checkPerson(t, m.Map(values{"uid": {uid}, "mail": {mail, cn, mail}, "cn": {cn}}, false))
	})
}

// checkPerson checks what holds for every person.
func checkPerson(t *testing.T, p Person) {
	t.Helper()
	for name, list := range p.Attributes {
		def, ok := registry.LookupAttribute(name)
		if !ok || def.Name != name || len(list) == 0 || (!def.Multi && len(list) > 1) {
			t.Errorf("%s = %q", name, list)
		}
		for _, v := range list {
			if v == "" || !utf8.ValidString(v) || len(v) > def.MaxLength || strings.TrimSpace(v) != v {
				t.Errorf("%s holds %q", name, v)
			}
		}
	}
	if p.Attributes.First("userName") == "" && len(p.Problems) == 0 {
		t.Error("a person without userName and without a problem")
	}
	for _, list := range [][]Problem{p.Problems, p.Warnings} {
		for _, problem := range list {
			if problem.Code == "" || problem.Attribute == "" || problem.Message == "" ||
				!utf8.ValidString(problem.Message.String()) || strings.ContainsAny(problem.Message.String(), "\x00\n") {
				t.Errorf("problem %+q", problem)
			}
		}
	}
}

package ldap

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

func TestDNKey(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "uid=ada,ou=people,dc=example,dc=com", "dn:uid=ada,ou=people,dc=example,dc=com"},
		{"case", "UID=Ada,OU=People,DC=Example,DC=com", "dn:uid=ada,ou=people,dc=example,dc=com"},
		{"spaces", "uid = ada , ou=people,  dc=example", "dn:uid=ada,ou=people,dc=example"},
		{"inner spaces", "cn=Ada   Lovelace,dc=x", "dn:cn=ada lovelace,dc=x"},
		{"escaped comma", `cn=Lovelace\, Ada,dc=x`, `dn:cn=lovelace\, ada,dc=x`},
		{"hex comma", `cn=Lovelace\2c Ada,dc=x`, `dn:cn=lovelace\, ada,dc=x`},
		{"escaped letters", `cn=\41da,dc=x`, "dn:cn=ada,dc=x"},
		{"utf-8 by bytes", `cn=Ren\C3\A9e,dc=x`, "dn:cn=renée,dc=x"},
		{"decomposed", "cn=Rene\u0301e,dc=x", "dn:cn=renée,dc=x"},
		{"sharp s", "cn=STRASSE,dc=x", "dn:cn=strasse,dc=x"},
		{"sharp s folded", "cn=Straße,dc=x", "dn:cn=strasse,dc=x"},
		{"two attributes", "sn=B+cn=A,dc=x", "dn:cn=a+sn=b,dc=x"},
		{"semicolon", "cn=a;dc=x", "dn:cn=a,dc=x"},
		{"no-break space", "cn=a\u00a0b,dc=x", "dn:cn=a b,dc=x"},
		{"soft hyphen", "cn=a\u00adb,dc=x", "dn:cn=ab,dc=x"},
		{"not a DN", `Foo\`, `dn:foo\`},
		{"not text", "cn=\xff\xfeA,dc=x", "dn:cn=\xff\xfea,dc=x"},
		{"empty", "", ""},
		{"only spaces", "  ", ""},
	} {
		if got := dnKey(tc.in); got != tc.want {
			t.Errorf("%s: dnKey(%q) = %q, want %q", tc.name, tc.in, got, tc.want)
		}
	}
}

// FuzzDN holds the canonical form against go-ldap: what its EqualFold calls
// equal has one key; the fast way gives what the slow one gives; a canonical
// form is its own.
func FuzzDN(f *testing.F) {
	for _, pair := range [][2]string{
		{"cn=a,dc=x", "CN=A, DC=X"}, {`cn=a\2cb`, `cn=a\,b`}, {"cn=\u212a", "cn=k"}, {"a=1+b=2", "b=2+a=1"},
		{"cn=α\u0345\u0301", "cn=αι\u0301"}, {"cn=#0403414243", "cn=ABC"}, {`cn=\20a\20`, "cn=a"}, {"cn=a=b", "cn=A=B"}, {"=", "#"}, {"=0=", "a==b"}, {",", ";"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, dn := range []string{a, b} {
			got := string(appendDN(nil, dn))
			if want := canonicalDN(dn); got != want {
				t.Errorf("fast form of %q is %q, the slow one %q", dn, got, want)
			}
			if again := string(appendDN(nil, got)); utf8.ValidString(dn) && again != got {
				t.Errorf("canonical form of %q is %q, whose own is %q", dn, got, again)
			}
		}
		x, errX := ldap.ParseDN(a)
		y, errY := ldap.ParseDN(b)
		if errX != nil || errY != nil || !x.EqualFold(y) || !utf8.ValidString(a+b) || !decodesToText(x) || !decodesToText(y) {
			return
		}
		if string(appendDN(nil, a)) != string(appendDN(nil, b)) {
			t.Errorf("%q and %q name one entry but have keys %q and %q", a, b, dnKey(a), dnKey(b))
		}
	})
}

// decodesToText leaves out what EqualFold takes for the replacement character.
func decodesToText(dn *ldap.DN) bool {
	for _, r := range dn.RDNs {
		for _, a := range r.Attributes {
			if !utf8.ValidString(a.Value) || !utf8.ValidString(a.Type) {
				return false
			}
		}
	}
	return true
}

func BenchmarkDNKey(b *testing.B) {
	for name, dn := range map[string]string{
		"plain":   "uid=u0012345,ou=people,dc=example,dc=com",
		"escaped": `CN=Lovelace\, Ada,OU=People,DC=example,DC=com`,
		"letters": "CN=Renée Núñez,OU=People,DC=example,DC=com",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 200)
			for b.Loop() {
				dst = appendDN(dst[:0], dn)
			}
		})
	}
}

func TestFilterFault(t *testing.T) {
	for _, tc := range []struct{ filter, want string }{
		{"objectClass=person", "column 1: a filter starts with an opening parenthesis"},
		{"(&(a=b)(c=d)", "column 1: this parenthesis is never closed"},
		{"(&(a=b)(c=d)))", "column 14: this parenthesis closes nothing"},
		{"(a=b)(c=d)", "column 6: the filter has already ended here"},
		{"(a=b) ", "column 6: the filter has already ended here"},
		{"(&(a=b)(cd))", `column 8: "cd" compares nothing`},
		{"(&(a=b)())", "column 8: nothing between the parentheses"},
		{`(cn=a\2)`, `column 6: a backslash wants two hexadecimal digits after it, e.g. \28`},
		{"(a~b=c)", "column"},
	} {
		_, err := New(Config{Name: "corp", URLs: []string{"ldap://x"}, Users: Search{Base: "dc=x", Filter: tc.filter}})
		if err == nil {
			if tc.want != "column" {
				t.Errorf("%q is accepted", tc.filter)
			}
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "sources.corp.users.filter: "+tc.want) {
			t.Errorf("%q: %s\nwant %s", tc.filter, got, tc.want)
		}
	}
}

package address_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/address"
)

func TestParse(t *testing.T) {
	for typed, want := range map[string][]string{
		"claire@acme.example":                  {"claire@acme.example"},
		"Claire.Johnson+x@ACME.example":        {"Claire.Johnson+x@acme.example"},
		"claire@acme.example.":                 {"claire@acme.example"},
		"élodie@münchen.example":               {"élodie@xn--mnchen-3ya.example", "élodie@münchen.example"},
		"claire@XN--MNCHEN-3YA.example":        {"claire@xn--mnchen-3ya.example", "claire@münchen.example"},
		"o'brien@acme.example":                 {"o'brien@acme.example"},
		"claire@faß.example":                   {"claire@xn--fa-hia.example", "claire@faß.example"},
		"claire@[192.0.2.1]":                   nil,
		"claire@192.0.2.1":                     nil,
		"claire@localhost":                     nil,
		"claire@":                              nil,
		"@acme.example":                        nil,
		"claire":                               nil,
		"":                                     nil,
		`"claire j"@acme.example`:              nil,
		"claire j@acme.example":                nil,
		"claire@evil@acme.example":             nil,
		"claire,x@acme.example":                nil,
		"claire@ac_me.example":                 nil,
		"claire@-acme.example":                 nil,
		"claire@acme..example":                 nil,
		"claire@acme.example\r\nBcc: x":        nil,
		"cla\u202eire@acme.example":            nil,
		"cla\x00ire@acme.example":              nil,
		strings.Repeat("x", 65) + "@a.b":       nil,
		"x@" + strings.Repeat("a.", 130) + "b": nil,
		"claire@acme\u200b.example":            {"claire@acme.example"},
	} {
		a, err := address.Parse(typed)
		if want == nil {
			if !errors.Is(err, address.ErrInvalid) {
				t.Errorf("%q is %+v, %v", typed, a, err)
			}
			continue
		}
		if err != nil || !slices.Equal(a.Forms(), want) || a.Typed != typed {
			t.Errorf("%q is %q, %v; want %q", typed, a.Forms(), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("claire@münchen.example")
	f.Fuzz(func(t *testing.T, typed string) {
		a, err := address.Parse(typed)
		if err != nil {
			return
		}
		again, err := address.Parse(a.String())
		if err != nil || again.String() != a.String() || again.Key() != a.Key() {
			t.Errorf("%q is %q, which is %q, %v", typed, a, again, err)
		}
		if strings.Count(a.String(), "@") != 1 || strings.ContainsAny(a.String(), "\r\n <>\"") {
			t.Errorf("%q is %q", typed, a)
		}
	})
}

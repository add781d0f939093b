package auth

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckPassword(t *testing.T) {
	about := []string{"Ada", "Ada Lovelace", "alovelace", "ada.lovelace@example.com", "Acme Helpdesk", "Мария Кузнецова"}
	for _, c := range []struct {
		password string
		want     Weakness
	}{
		{"fourteen chars", WeakShort},
		{"ﬁfteen letters", ""}, // the ligature counts as the two letters it stands for
		{"purple teapot sails", ""},
		{"три зелёных чемодана", ""},
		{"vuole 3 gatti neri", ""},
		{"x7Kq-92mz-PPw1-rr", ""},
		{"ada likes long walks in rain", ""},
		{"漢字仮名交じり文の長い合言葉です", ""},
		{strings.Repeat("long pass phrase ", 3) + "x and then it ends in another way", ""},
		{strings.Repeat("ab?cde.fgh ", 200), WeakLong},
		{"aaaaaaaaaaaaaaaaaaaa", WeakRepeated},
		{"abababababababab", WeakRepeated},
		{"teapot!teapot!teapot!", WeakRepeated},
		{"passwordpassword", WeakRepeated},
		{"Password12345678", WeakCommon},
		{"P@ssw0rdP@ssw0rd1", WeakCommon},
		{"administrator2025", WeakCommon},
		{"Benvenuto2025!!!", WeakCommon},
		{"привет-привет-2025", WeakCommon},
		{"correct horse battery staple", WeakCommon},
		{"iloveyou-dragon-monkey-walks", ""},
		{"ada.lovelace2025", WeakPersonal},
		{"AcmeHelpdesk-2025", WeakPersonal},
		{"мария_кузнецова_1", WeakPersonal},
		{"qwertyuiopasdfghjkl", WeakCommon},
		{"edcrfvtgbyhnujmik", ""},
		{"abcdefghijklmnopq", WeakRuns},
		{"98765432109876543", WeakRuns},
		{"poiuytrewqlkjhgf", WeakRuns},
	} {
		err := CheckPassword(c.password, about)
		var pe *PasswordError
		var got Weakness
		if errors.As(err, &pe) {
			got = pe.Weakness
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.password, got, c.want)
		}
	}
}

func TestNormalizePassword(t *testing.T) {
	if NormalizePassword("Cafe\u0301 ①") != "Café 1" {
		t.Error("not NFKC")
	}
	if NormalizePassword(strings.Repeat("x", MaxPasswordBytes)) == "" {
		t.Error("the longest password is refused")
	}
	// A short input may grow under NFKC (U+FDFA becomes 18 characters).
	for _, long := range []string{strings.Repeat("x", MaxPasswordBytes+1), strings.Repeat("\ufdfa", 100), strings.Repeat("x", 1<<20)} {
		if NormalizePassword(long) != "" {
			t.Errorf("%d bytes were accepted", len(long))
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("purple teapot sails", "Ada")
	f.Add("\xff\xfe", "\x00")
	f.Add(strings.Repeat("\ufdfa", 60), "")
	f.Fuzz(func(t *testing.T, password, about string) {
		err := CheckPassword(password, []string{about})
		n := NormalizePassword(password)
		if err == nil && (utf8.RuneCountInString(n) < MinPassword || len(n) > MaxPasswordBytes) {
			t.Errorf("accepted %q", password)
		}
	})
}

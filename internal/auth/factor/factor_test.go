package factor_test

import (
	"bytes"
	"crypto/rand"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth/factor"
)

// The secret and codes of RFC 6238 appendix B, in six digits.
var rfcSecret = factor.Secret("12345678901234567890")

func TestStep(t *testing.T) {
	for _, c := range []struct {
		at   int64
		code string
	}{{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}} {
		step, ok := rfcSecret.Step(c.code, time.Unix(c.at, 0), 0)
		if !ok || step != c.at/30 {
			t.Errorf("%s at %d: %d, %v", c.code, c.at, step, ok)
		}
		if _, ok := rfcSecret.Step(" "+c.code[:3]+" "+c.code[3:], time.Unix(c.at, 0), 0); !ok {
			t.Errorf("%s with spaces is not taken", c.code)
		}
		for name, off := range map[string]int64{"a minute early": -61, "a minute late": 61} {
			if _, ok := rfcSecret.Step(c.code, time.Unix(c.at+off, 0), 0); ok && c.at+off > 0 {
				t.Errorf("%s is taken %s", c.code, name)
			}
		}
		if _, ok := rfcSecret.Step(c.code, time.Unix(c.at, 0), step); ok {
			t.Errorf("%s is taken twice", c.code)
		}
	}
	if _, ok := rfcSecret.Step("", time.Unix(59, 0), 0); ok {
		t.Error("nothing is a code")
	}
}

func TestSecret(t *testing.T) {
	s, err := factor.NewSecret(rand.Reader)
	if err != nil || len(s) != 20 || strings.ReplaceAll(s.Text(), " ", "") == "" {
		t.Fatalf("%v: %q", err, s.Text())
	}
	address, err := s.URL("usher: people", "ada:x (Acme)")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "otpauth" || strings.Count(u.Path, ":") != 1 || u.Query().Get("secret") != strings.ReplaceAll(s.Text(), " ", "") {
		t.Errorf("%v: %s", err, address)
	}
	picture, err := factor.Picture(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
	if _, err := factor.NewSecret(strings.NewReader("short")); err == nil {
		t.Error("a secret of too little chance")
	}
}

func TestRecovery(t *testing.T) {
	codes, err := factor.NewRecoveryCodes(rand.Reader)
	if err != nil || len(codes) != factor.RecoveryCodes {
		t.Fatalf("%v: %v", err, codes)
	}
	seen := map[string]bool{}
	for _, code := range codes {
		key := factor.RecoveryKey(code)
		if key == "" || seen[key] || factor.RecoveryKey(" "+strings.ToUpper(code)+" ") != key {
			t.Errorf("%s is %q", code, key)
		}
		seen[key] = true
	}
	for typed, want := range map[string]string{"oOiIl-00000": "0011100000", "00000-0000": "", "00000-00000-0": "", "0000u-00000": "", "": ""} {
		if got := factor.RecoveryKey(typed); got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}

// FuzzRecoveryKey: whatever is typed is a key of our own form or none.
func FuzzRecoveryKey(f *testing.F) {
	f.Add("abcde-fghjk")
	f.Fuzz(func(t *testing.T, typed string) {
		key := factor.RecoveryKey(typed)
		if key != "" && (len(key) != 10 || factor.RecoveryKey(key) != key) {
			t.Errorf("%q is %q", typed, key)
		}
	})
}

// FuzzStep: whatever is typed is no code of an unknown secret's other day, and
// nothing breaks.
func FuzzStep(f *testing.F) {
	f.Add("287082", int64(59))
	f.Fuzz(func(t *testing.T, typed string, last int64) {
		if step, ok := rfcSecret.Step(typed, time.Unix(59, 0), last); ok && (step <= last || step > 2) {
			t.Errorf("%q gives step %d after %d", typed, step, last)
		}
	})
}

func TestPasskeysWhereThereAreNone(t *testing.T) {
	for address, want := range map[string]bool{
		"https://people.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:8080": false, "https://[::1]": false, "http://people.example.com": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		p, err := factor.NewPasskeys(u, "usher")
		if err != nil || (p != nil) != want {
			t.Errorf("%s: %v, %v", address, p != nil, err)
		}
	}
}

// FuzzPasskeyAnswers: what a browser sends is refused, and nothing breaks.
func FuzzPasskeyAnswers(f *testing.F) {
	p, err := factor.NewPasskeys(&url.URL{Scheme: "https", Host: "people.example.com"}, "usher")
	if err != nil {
		f.Fatal(err)
	}
	h := factor.Holder{Handle: "0190", Name: "ada", DisplayName: "Ada"}
	add, err := p.BeginAdd(h)
	if err != nil {
		f.Fatal(err)
	}
	in, err := p.BeginSignIn()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := p.FinishAdd(h, add.State, answer); err == nil {
			t.Errorf("added by %q", answer)
		}
		find := func([]byte) (factor.Holder, error) { return h, nil }
		if _, err := p.FinishSignIn(in.State, answer, find); err == nil {
			t.Errorf("signed in by %q", answer)
		}
	})
}

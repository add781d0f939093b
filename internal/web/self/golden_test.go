package self_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// volatile is what may differ from run to run: hashes of static files and the
// tag of a link.
var volatile = regexp.MustCompile(`\.[0-9a-f]{16}\.`)

// TestGolden keeps the main pages as they are, in the three languages.
func TestGolden(t *testing.T) {
	for _, lang := range []string{"en", "it", "ru"} {
		s := newSite(t, "")
		u := s.ada(registry.CredentialInvited)
		v := s.visitor(lang)
		pages := map[string]answer{
			"home":    v.get("/"),
			"company": v.get("/login?company=nope"),
			"login":   v.get("/c/acme/login"),
			"failed":  v.do("POST", "/c/acme/login", url.Values{"name": {"x"}, "password": {"y"}}),
			"forgot":  v.get("/c/acme/forgot"),
			"asked":   v.get("/c/acme/forgot?done=sent"),
			"404":     v.get("/nope"),
			"away":    v.get("/c/acme/sso/corp"),
			"passkey": v.get("/c/acme/passkey"),
			"405":     v.do("DELETE", "/login", nil),
			"500":     v.get("/c/broken/login"),
			"lost":    v.get("/setup"),
			"unknown": v.get("/setup/x"),
		}
		link := s.link(u, auth.PurposeSetup)
		pages["setup"] = v.get(link)
		tag := pages["setup"].tag(t)
		pages["weak"] = v.do("POST", "/setup", setupForm(tag, "short", "short"))
		s.sleep(time.Hour)
		pages["expired"] = v.get(link)
		pages["sent"] = v.get("/setup/sent")
		link = s.link(u, auth.PurposeSetup)
		v.get(link)
		v.do("POST", "/setup", setupForm(s.visitor(lang).get(link).tag(t), phrase, phrase)).wantRedirect(t, "/me?done=setup")
		pages["me"] = v.get("/me?done=setup")
		pages["password"] = v.get("/me/password")
		pages["factors"] = v.get("/me/factors?done=removed")
		pages["totp"] = v.get("/me/factors/totp")
		pages["addpasskey"] = v.get("/me/factors/passkey")
		pages["used"] = s.visitor(lang).get(link)
		for name, a := range pages {
			golden(t, name+"."+lang+".html", a)
		}
	}
}

func golden(t *testing.T, name string, a answer) {
	t.Helper()
	if !strings.Contains(a.body, "</html>") {
		t.Errorf("%s is no page: %d %q", name, a.StatusCode, a.body)
	}
	got := volatile.ReplaceAllString(a.body, ".HASH.")
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", name, d)
	}
}

package self

import (
	"encoding/json"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// words reads one language of the frame's and these pages' catalogues.
func words(t *testing.T, lang string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, p := range []web.Pages{web.Files(), Files(), EntryFiles()} {
		raw, err := fs.ReadFile(p.Locales, lang+".json")
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		maps.Copy(out, m)
	}
	return out
}

var placeholder = regexp.MustCompile(`\{\{\.\w+\}\}`)

// shape is what translations of one message share: its placeholders.
func shape(v any) string {
	if forms, ok := v.(map[string]any); ok {
		v = forms["other"]
	}
	found := placeholder.FindAllString(v.(string), -1)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

func TestTranslationsMatch(t *testing.T) {
	en := words(t, "en")
	for _, lang := range []string{"it", "ru"} {
		other := words(t, lang)
		if d := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(other))); d != "" {
			t.Errorf("keys of en and %s differ:\n%s", lang, d)
			continue
		}
		for k := range en {
			if shape(en[k]) != shape(other[k]) {
				t.Errorf("%s in %s has placeholders %q, in en %q", k, lang, shape(other[k]), shape(en[k]))
			}
		}
	}
}

var (
	literalKey = regexp.MustCompile(`\bt "([^"]+)"`)
	builtKey   = regexp.MustCompile(`printf "([a-z.]+)\.%s"`)
)

// TestEveryKeyIsUsedAndKnown ties the catalogue to the templates and handlers.
func TestEveryKeyIsUsedAndKnown(t *testing.T) {
	known := words(t, "en")
	used := map[string]bool{"date": true}
	built := map[string]bool{"month": true, "failure": true}
	for _, p := range []web.Pages{web.Files(), Files(), EntryFiles()} {
		names, err := fs.Glob(p.Templates, "*.html")
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(p.Templates, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range literalKey.FindAllStringSubmatch(string(raw), -1) {
				used[m[1]] = true
			}
			for _, m := range builtKey.FindAllStringSubmatch(string(raw), -1) {
				built[m[1]] = true
			}
		}
	}
	for _, k := range handlerKeys() {
		used[k] = true
	}
	for k := range used {
		if known[k] == nil {
			t.Errorf("no words for %s", k)
		}
	}
	for k := range known {
		if !used[k] && !slices.ContainsFunc(slices.Collect(maps.Keys(built)), func(b string) bool { return strings.HasPrefix(k, b+".") }) {
			t.Errorf("nothing says %s", k)
		}
	}
}

// handlerKeys are the keys that handlers make, written out or from the tables
// of the rooms below.
func handlerKeys() []string {
	out := []string{
		"home.title", "company.title", "company.label", "company.hint", "company.unknown",
		"login.title", "login.name", "login.name.hint", "login.password", "login.failed", "login.slow", "login.ownname",
		"forgot.title", "setup.password", "setup.repeat", "setup.rules", "setup.username", "setup.other",
		"password.title", "password.present", "password.wrong", "me.title", "weak.repeat",
		"link.lost.title", "link.lost.text", "link.sent.title", "link.sent.text",
		"browser.on", "browser.only", "browser.unknown", "origin.unknown", "kind.admin",
		"forbidden.title", "forbidden.text", "provider.title", "tie.title", "passkey.title", "passkey.failed", "proof.title", "proof.code", "proof.hint",
		"proof.hint.recovery", "proof.wrong", "factors.title", "factors.named", "factors.name", "factors.name.hint", "totp.title", "totp.code",
		"totp.code.hint", "totp.wrong", "addpasskey.title", "recovery.title",
	}
	for _, k := range notices {
		out = append(out, k)
	}
	for s := range deadStatus {
		out = append(out, "link."+string(s)+".title", "link."+string(s)+".text")
	}
	for reason := range providerStatus {
		out = append(out, "provider."+string(reason))
	}
	for _, p := range []auth.LinkPurpose{auth.PurposeSetup, auth.PurposeReset} {
		out = append(out, "setup.title."+string(p))
	}
	for _, w := range []auth.Weakness{
		auth.WeakShort, auth.WeakLong, auth.WeakPersonal, auth.WeakCommon, auth.WeakRepeated, auth.WeakRuns, auth.WeakSame,
	} {
		out = append(out, "weak."+string(w))
	}
	for _, o := range registry.OriginKinds() {
		out = append(out, "origin."+string(o))
	}
	for _, d := range registry.AttributeDefs() {
		out = append(out, "attr."+d.Name)
	}
	for _, k := range []registry.Kind{registry.EndUser, registry.SupportStaff} {
		out = append(out, "kind."+string(k))
	}
	return out
}

func TestBrowser(t *testing.T) {
	for agent, want := range map[string]*web.Message{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0": web.Say("browser.on", "Browser", "Edge", "System", "Windows"),
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1":       web.Say("browser.on", "Browser", "Safari", "System", "iPhone"),
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36":                                      web.Say("browser.on", "Browser", "Chrome", "System", "Android"),
		"Firefox/1": web.Say("browser.only", "Name", "Firefox"),
		"curl/8.0":  web.Say("browser.unknown"),
		"":          web.Say("browser.unknown"),
	} {
		if d := cmp.Diff(want, browser(agent)); d != "" {
			t.Errorf("%s:\n%s", agent, d)
		}
	}
}

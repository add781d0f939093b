package self_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
)

var shots = flag.String("shots", "", "folder to write screenshots of every page to")

// step is something a visitor does.
type step = chromedp.Action[chromedp.Void]

// run performs actions in a tab.
func run(t *testing.T, tab context.Context, actions ...step) {
	t.Helper()
	if err := chromedp.Do(tab, actions...); err != nil {
		t.Fatalf("at %s: %v", where(tab), err)
	}
}

// where is the tab's address.
func where(tab context.Context) string {
	// A tab that timed out still answers where it is.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tab), 5*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return at
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("at %s: %v", where(tab), err)
	}
	return v
}

// see waits for a heading or notice that holds the text.
func see(text string) step {
	return chromedp.WaitReady(fmt.Sprintf(`//*[self::h1 or @role="status" or @role="alert"][contains(., %q)]`, text))
}

// press clicks the button with this label.
func press(label string) step {
	return chromedp.Click(fmt.Sprintf(`//button[contains(., %q)]`, label))
}

// TestInChromium follows a person through a real browser, once as usual and
// once with JavaScript switched off.
func TestInChromium(t *testing.T) {
	b := browser.Start(t)
	for name, look := range map[string]browser.Look{
		"with script":           {},
		"without script, phone": {NoScript: true, Width: 360, Height: 740},
	} {
		t.Run(name, func(t *testing.T) { throughTheDoor(t, b, look) })
	}
}

func throughTheDoor(t *testing.T, b *browser.Browser, look browser.Look) {
	s := newSite(t, "")
	link := s.link(s.ada(registry.CredentialInvited), auth.PurposeSetup)
	tab := b.Tab(t, look)
	run(t, tab, chromedp.Navigate(s.url+link), see("Set your password"))
	if at := where(tab); at != s.url+"/setup" {
		t.Errorf("the address is %s", at)
	}
	run(t, tab,
		// The keyboard's way: the cursor waits in the password field.
		chromedp.SendKeys(`:focus`, "short\tshort\r"), see("Set your password"),
		chromedp.WaitReady(`#password-error`),
		chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase), press("Save and sign in"),
		see("Ada Lovelace"), see("Your password is set"),
		press("Sign out"), see("You are signed out."), see("Sign in"),
		chromedp.SendKeys(`#name`, "AdA@example.com"), chromedp.SendKeys(`#password`, phrase+"\r"), see("Ada Lovelace"),
		press("Sign out"), see("Sign in"),
		chromedp.Click(`//a[contains(., "Forgotten")]`), see("Forgotten password"),
		chromedp.SendKeys(`#name`, "alovelace\r"), see("If this name belongs"),
	)
	links := s.work()
	if len(links) != 1 {
		t.Fatalf("mailed links: %v", links)
	}
	run(t, tab,
		chromedp.Navigate(s.url+links[0]), see("Set a new password"),
		chromedp.SendKeys(`#password`, renewed), chromedp.SendKeys(`#repeat`, renewed+"\r"), see("Ada Lovelace"),
		chromedp.Click(`//a[contains(., "Change password")]`), see("Change password"),
		chromedp.SendKeys(`#present`, renewed), chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"),
		see("Your password is changed."),
		chromedp.Click(`//footer//a[contains(., "Русский")]`), see("Ada Lovelace"), chromedp.WaitReady(`html[lang="ru"]`),
		chromedp.Navigate(s.url+links[0]), see("Ссылка уже использована"),
	)
}

// TestLayout looks at every page at phone and desktop widths: nothing may hang
// over the edge, and whatever is pressed is at least 24 px in both directions
// (WCAG 2.2, 2.5.8) unless it is a link within a sentence.
func TestLayout(t *testing.T) {
	b := browser.Start(t)
	for i, lang := range []string{"en", "it", "ru"} {
		for j, size := range [][2]int64{{320, 700}, {1280, 900}} {
			look := browser.Look{Width: size[0], Height: size[1], Language: lang, Dark: (i+j)%2 == 0}
			t.Run(fmt.Sprint(lang, look.Width), func(t *testing.T) { lookAtEveryPage(t, b, look) })
		}
	}
}

const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

const smallTargets = `[...document.querySelectorAll('a, button, input:not([type=hidden])')]
	.filter(e => !e.closest('p') && !e.matches('.skip'))
	.map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width < 24 || r.height < 24)
	.map(([e, r]) => e.outerHTML + ' ' + r.width + 'x' + r.height)`

func lookAtEveryPage(t *testing.T, b *browser.Browser, look browser.Look) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialInvited)
	tab := b.Tab(t, look)
	shot := func(name string, actions ...step) {
		t.Helper()
		run(t, tab, append(actions, chromedp.WaitReady("h1"))...)
		if over := ask[int](t, tab, overflow); over > 0 {
			t.Errorf("%s hangs %d px over the edge", name, over)
		}
		if small := ask[[]string](t, tab, smallTargets); len(small) > 0 {
			t.Errorf("%s: too small to press: %s", name, strings.Join(small, "\n"))
		}
		if *shots == "" {
			return
		}
		picture, err := chromedp.Run(tab, chromedp.FullScreenshot(90))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(*shots, fmt.Sprintf("%s-%s-%d.jpg", name, look.Language, look.Width))
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	at := func(path string) step { return chromedp.Navigate(s.url + path) }
	link := s.link(u, auth.PurposeSetup)
	shot("home", at("/"))
	shot("company", at("/login?company=nowhere"))
	shot("login", at("/c/acme/login"))
	shot("failed", chromedp.SendKeys("#name", "ada"), chromedp.SendKeys("#password", "x\r"), chromedp.WaitReady(`[role=alert]`))
	shot("forgot", at("/c/acme/forgot"))
	shot("asked", at("/c/acme/forgot?done=sent"))
	shot("missing", at("/nope"))
	shot("fault", at("/c/broken/login"))
	shot("lost", at("/setup"))
	shot("setup", at(link))
	shot("weak", chromedp.SendKeys("#password", "short"), chromedp.SendKeys("#repeat", "short\r"), chromedp.WaitReady("#password-error"))
	s.sleep(2 * time.Hour)
	shot("expired", at("/setup"))
	shot("sent", at("/setup/sent"))
	shot("me", at(s.link(u, auth.PurposeSetup)), chromedp.SendKeys("#password", phrase), chromedp.SendKeys("#repeat", phrase+"\r"), chromedp.WaitReady("#known"))
	shot("password", at("/me/password"))
}

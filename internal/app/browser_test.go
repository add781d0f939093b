package app_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
	"github.com/usherd/usher/internal/testkit/slapd"
)

var shots = flag.String("shots", "", "folder to write screenshots to")

const phrase = "violet tractor hums at dawn"

// words are the page texts the tests look for, by language; the pages' own file
// says them, so that rewording a page breaks nothing here.
func words(t *testing.T, lang string) map[string]string {
	t.Helper()
	plain := map[string]string{}
	var files []string
	for _, folder := range []string{"locales", "*/locales", "*/entrylocales"} {
		for _, name := range []string{lang + ".json", "*." + lang + ".json"} {
			found, err := filepath.Glob(filepath.Join("..", "web", folder, name))
			must(t, err)
			files = append(files, found...)
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		var out map[string]any
		must(t, json.Unmarshal(text, &out))
		for key, v := range out {
			if s, ok := v.(string); ok { // others are plurals
				plain[key] = s
			}
		}
	}
	return plain
}

// visitor is somebody at a browser.
type visitor struct {
	t     *testing.T
	tab   context.Context
	words map[string]string
}

func visit(t *testing.T, b *browser.Browser, look browser.Look) *visitor {
	t.Helper()
	return &visitor{t: t, tab: b.Tab(t, look), words: words(t, look.Language)}
}

func (v *visitor) do(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.tab, time.Minute) // within the tab's own limit, so that where can tell
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		at, text := v.where()
		v.t.Fatalf("at %s: %v\n%s", at, err, text)
	}
}

func (v *visitor) where() (at, text string) {
	ctx, cancel := context.WithTimeout(v.tab, 5*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return err.Error(), ""
	}
	text, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return at, err.Error()
	}
	return at, text
}

// see waits for a text anywhere on the page.
func see(text string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitReady(fmt.Sprintf(`//body//*[contains(normalize-space(.), %q)]`, text))
}

// read waits for a text of the pages' own.
func (v *visitor) read(key string) chromedp.Action[chromedp.Void] {
	v.t.Helper()
	if v.words[key] == "" {
		v.t.Fatalf("there is no text %s", key)
	}
	return see(v.words[key])
}

func press(label string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(fmt.Sprintf(`//button[contains(., %q)]`, label))
}

// shot keeps a picture of the page where somebody asked for it.
func (v *visitor) shot(name string) {
	v.t.Helper()
	if *shots == "" {
		return
	}
	picture, err := chromedp.Run(v.tab, chromedp.FullScreenshot(100))
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), picture, 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// guest is one of the people of the test.
type guest struct {
	uid, name, lang string
}

// TestFromDirectoryToAccount follows people from a real directory through a real
// mail and a real browser to their account, and out again.
func TestFromDirectoryToAccount(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	dir, box := directory(t, 0, 0), mailbox(t, "127.0.0.1:0")
	guests := []guest{
		{"ada", "Ada Lovelace", "en"},
		{"nicolo", "Nicolò Ricci", "it"},
		{"olga", "Ольга Фёдорова", "ru"},
	}
	for _, g := range guests {
		must(t, dir.AddPerson(g.uid, map[string][]string{"cn": {g.name}, "title": {"Engineer"}, "preferredLanguage": {g.lang}}))
	}
	must(t, dir.AddPerson("stays", nil)) // an empty directory would be held
	must(t, dir.AddGroup("staff", "uid=ada,"+slapd.PeopleDN, "uid=olga,"+slapd.PeopleDN))
	listen, clock := free(t), newClock()
	s, _ := start(t, configure(t, settings{
		Listen: listen, PublicURL: "http://" + listen, LDAP: dir.URL, SMTP: box.Addr(),
	}), app.Options{Now: clock.now})
	syncNow(t, s.Core, registry.RunDone)
	for _, g := range guests {
		t.Run(g.lang, func(t *testing.T) {
			w := &walk{visitor: visit(t, b, browser.Look{Language: g.lang}), s: s, dir: dir, box: box, guest: g}
			w.in()
			w.out()
		})
	}
	t.Run("links that no longer work", func(t *testing.T) { deadLinks(t, b, s, dir, box, clock) })
}

// walk is one person's way in and out.
type walk struct {
	*visitor
	s   *app.Server
	dir *slapd.Server
	box *mailcatcher.Catcher
	guest
}

// in is the way from the mail to the account, a sign-out, and a sign-in.
func (w *walk) in() {
	t := w.t
	t.Helper()
	link := linkTo(t, w.s, w.box, w.uid+"@example.com", 1)
	scan(t, link, 50)
	w.do(chromedp.Navigate(link), w.read("setup.title.setup"), chromedp.WaitReady(`html[lang="`+w.lang+`"]`))
	if at, _ := w.where(); !strings.HasSuffix(at, "/setup") {
		t.Errorf("the address still holds the token: %s", at)
	}
	w.shot("setup-" + w.lang)
	w.do(chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), chromedp.WaitReady(`#known`), see(w.name))
	_, text := w.where()
	for _, want := range []string{w.uid, w.uid + "@example.com", "Engineer", "corp"} {
		if !strings.Contains(text, want) {
			t.Errorf("/me does not show %q:\n%s", want, text)
		}
	}
	w.shot("me-" + w.lang)
	w.do(chromedp.Navigate(link), w.read("link.used.title"))
	w.shot("used-" + w.lang)
	w.do(chromedp.Navigate(w.s.Config.PublicURL+"/me"), press(w.words["nav.signout"]), w.read("login.signedout"))
	w.signIn()
	w.do(chromedp.WaitReady(`#known`), see(w.name))
}

func (w *walk) signIn() {
	w.t.Helper()
	w.do(chromedp.Navigate(w.s.Config.PublicURL+"/c/acme/login"), chromedp.SendKeys(`#name`, w.uid), chromedp.SendKeys(`#password`, phrase+"\r"))
}

// out is what happens to somebody who leaves the company.
func (w *walk) out() {
	t := w.t
	t.Helper()
	must(t, w.dir.Delete("uid="+w.uid+","+slapd.PeopleDN))
	syncNow(t, w.s.Core, registry.RunDone)
	w.do(chromedp.Navigate(w.s.Config.PublicURL+"/me"), w.read("company.title"))
	w.signIn()
	w.do(w.read("login.failed"))
	w.shot("refused-" + w.lang)
}

// deadLinks looks at a link that was replaced and at one that is too old.
func deadLinks(t *testing.T, b *browser.Browser, s *app.Server, dir *slapd.Server, box *mailcatcher.Catcher, clock *clock) {
	must(t, dir.AddPerson("late", map[string][]string{"cn": {"Late Lisa"}, "preferredLanguage": {"en"}}))
	syncNow(t, s.Core, registry.RunDone)
	first := linkTo(t, s, box, "late@example.com", 1)
	c, err := s.Company(t.Context(), "acme")
	must(t, err)
	u, err := s.Store.For(c.ID).FindUser(t.Context(), "late")
	must(t, err)
	must(t, s.InviteUser(t.Context(), c.ID, "test", u.ID))
	second := linkTo(t, s, box, "late@example.com", 2)
	v := visit(t, b, browser.Look{Language: "en", Width: 360, Height: 740})
	v.do(chromedp.Navigate(first), v.read("link.superseded.title"))
	v.shot("superseded")
	clock.add(8 * 24 * time.Hour)
	v.do(chromedp.Navigate(second), v.read("link.expired.title"))
	v.shot("expired")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// syncNow runs the source, which must end as wanted.
func syncNow(t *testing.T, core *app.Core, want registry.RunState) *registry.Run {
	t.Helper()
	run, err := core.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"})
	must(t, err)
	if run.State != want {
		t.Fatalf("the run is %s: %s", run.State, run.Message)
	}
	return run
}

// linkTo waits for somebody's n-th mail and gives the link in it.
func linkTo(t *testing.T, s *app.Server, box *mailcatcher.Catcher, to string, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var mine []mailcatcher.Message
	_, err := box.Wait(ctx, func(all []mailcatcher.Message) bool {
		mine = nil
		for _, m := range all {
			if m.To[0] == to {
				mine = append(mine, m)
			}
		}
		return len(mine) >= n
	})
	must(t, err)
	pattern := regexp.MustCompile(regexp.QuoteMeta(s.Config.PublicURL) + `/setup/\S+`)
	link := pattern.FindString(mine[n-1].Text)
	if link == "" || !strings.Contains(mine[n-1].HTML, link) {
		t.Fatalf("the mail to %s has no link in both bodies:\n%s", to, mine[n-1].Text)
	}
	return link
}

// scan fetches a link as mail scanners do.
func scan(t *testing.T, link string, times int) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it keeps no cookies
	}
	for i := range times {
		method := http.MethodGet
		if i%2 == 1 {
			method = http.MethodHead
		}
		req, err := http.NewRequestWithContext(t.Context(), method, link, nil)
		must(t, err)
		res, err := client.Do(req)
		must(t, err)
		must(t, res.Body.Close())
		if res.StatusCode >= http.StatusBadRequest {
			t.Fatalf("a scanner's %s gets %s", method, res.Status)
		}
	}
}

// TestDemoDays presses the buttons of the demo and decides with the commands it
// shows.
func TestDemoDays(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	d, err := app.NewDemo(t.Context(), t.TempDir(), "usher", slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, d.Stop(context.Background())) })
	first, err := d.Start(t.Context())
	must(t, err)
	if c := first.Counts; c.Created < 300 || c.Failed != 0 || c.Mailed < 300 {
		t.Errorf("the first sync: %+v", c)
	}
	v := visit(t, b, browser.Look{Language: "en"})
	v.do(chromedp.Navigate(d.Mailbox), see("usher demo"))
	until(t, "the mails arrive", func() bool {
		_, page := get(t, d.Mailbox)
		return strings.Contains(page, fmt.Sprintf("%d mails", first.Counts.Mailed+1))
	})
	v.shot("mailbox")
	v.do(press("Next day"), see("What happened"), see("was hired for"), see("Run 3 of entra is done"), see("Run 4 of demo is done"))
	v.shot("nextday")
	v.do(press("Bad day"), see("The guard holds it"), see("sync approve 6"))
	v.shot("badday")
	until(t, "the admin hears of it", func() bool {
		_, page := get(t, d.Mailbox)
		return strings.Contains(page, "waits for your decision")
	})
	cfg, err := config.Load(d.ConfigFile, func(string) (string, bool) { return "", false })
	must(t, err)
	beside, err := app.Open(t.Context(), cfg, app.Options{Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	c, err := beside.Company(t.Context(), "")
	must(t, err)
	held, err := beside.FindRun(t.Context(), c.ID, 6)
	must(t, err)
	done, err := beside.Approve(t.Context(), held, app.Decision{By: "test", Note: "they all left"}, nil)
	must(t, err)
	must(t, beside.Close())
	if n := done.Counts.Deactivated; done.State != registry.RunDone || n < 200 {
		t.Errorf("approved: %s, %d deactivated", done.State, n)
	}
	v.do(press("Recover"), see("The access rule was mended"), see("Run 9 of demo is done"))
	if n := lastRun(t, d.Core).Counts.Restored; n != done.Counts.Deactivated {
		t.Errorf("%d back of %d", n, done.Counts.Deactivated)
	}
	v.do(press("Run now"), see("Run 11 of demo is done: 3"), see("unchanged"))
	adminSignsIn(t, v, d)
}

// adminSignsIn goes the way the demo's page tells.
func adminSignsIn(t *testing.T, v *visitor, d *app.Demo) {
	t.Helper()
	// The bad day was told to the admin, too.
	v.do(chromedp.Click(`//a[contains(., "The admin")]`), see("2 mails found"), see("waits for your decision"))
	v.shot("found")
	v.do(chromedp.Click(`//*[contains(@class, "mails")]//a[contains(., "Set up your")]`), chromedp.WaitReady(`iframe`))
	v.shot("mail")
	if *shots != "" {
		at, _ := v.where()
		v.do(chromedp.Navigate(at+"/html"), chromedp.WaitReady(`body`))
		v.shot("mail-html")
		v.do(chromedp.Navigate(at), chromedp.WaitReady(`iframe`))
	}
	link, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.querySelector('pre.text a').href`))
	must(t, err)
	v.do(chromedp.Navigate(link), chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), see("Ada Admin"))
	v.shot("me-admin")
}

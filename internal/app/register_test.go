package app_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
)

// lobby is a server with a company that has an admin, a contract, a department and
// a support group.
type lobby struct {
	s    *app.Server
	box  *mailcatcher.Catcher
	b    *browser.Browser
	acme registry.Company
	url  string
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	box, listen := mailbox(t, "127.0.0.1:0"), free(t)
	s, _ := start(t, configure(t, settings{Listen: listen, PublicURL: "http://" + listen, SMTP: box.Addr(), More: "second_factor: optional\n"}), app.Options{})
	l := &lobby{s: s, box: box, b: browser.Start(t), url: "http://" + listen}
	var err error
	l.acme, err = s.Company(t.Context(), "acme")
	must(t, err)
	acme := s.Store.For(l.acme.ID)
	must(t, acme.CreateContract(t.Context(), "C-1001", "Gold", "test"))
	must(t, acme.CreateDepartment(t.Context(), "Field service", "test"))
	_, err = s.CreateSupportGroup(t.Context(), l.acme.ID, "test", "Printers", false)
	must(t, err)
	_, err = s.CreateUser(t.Context(), l.acme.ID, "test", app.NewUser{UserName: "boss", Email: "boss@example.com", Admin: true})
	must(t, err)
	return l
}

// fill types into the form and sends it.
func (l *lobby) fill(v *visitor, kind, login string, more ...string) {
	v.t.Helper()
	v.do(chromedp.Navigate(l.url+"/"), chromedp.Click(`//a[contains(., "`+v.words["home.create"]+`")]`), v.read("register.who"))
	v.shot("register-" + v.speaks())
	typed := append([]string{
		registry.FieldLogin, login, registry.FieldGiven, "Zoë", registry.FieldFamily, "Weiß", registry.FieldMail, login + "@example.com",
		registry.FieldPhone, "+39 06 123",
	}, more...)
	v.do(chromedp.Click(`a[href="/register/`+kind+`"]`), chromedp.WaitReady(`#login`))
	for i := 0; i < len(typed); i += 2 {
		v.do(chromedp.SendKeys("#"+typed[i], typed[i+1]))
	}
	v.shot("register-" + kind + "-" + v.speaks())
	v.do(press(v.words["register.go"]), v.read("register.sent.title"))
}

func (v *visitor) speaks() string {
	lang, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.documentElement.lang`))
	if err != nil {
		v.t.Fatal(err)
	}
	return lang
}

// come follows the n-th mail's link, which scanners saw first, and sets the
// password.
func (l *lobby) come(v *visitor, login string, n int) {
	v.t.Helper()
	link := linkTo(v.t, l.s, l.box, login+"@example.com", n)
	scan(v.t, link, 20)
	v.do(chromedp.Navigate(link), v.read("setup.title.setup"), chromedp.WaitReady(`html[lang="`+v.speaks()+`"]`),
		chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), chromedp.WaitReady(`#known`), see("Zoë Weiß"))
}

// mails are what somebody got, the oldest first.
func (l *lobby) mails(to string) (out []mailcatcher.Message) {
	for _, m := range l.box.Messages() {
		if m.To[0] == to {
			out = append(out, m)
		}
	}
	return out
}

// silentOn fails where a mail says what an applicant typed.
func silentOn(t *testing.T, m mailcatcher.Message, typed ...string) {
	t.Helper()
	for _, word := range append(typed, "Zoë", "Weiß") {
		if strings.Contains(m.Subject+m.Text+m.HTML, word) {
			t.Errorf("the first mail to %s says %q:\n%s", m.To[0], word, m.Text)
		}
	}
}

// TestRegistration goes each way in, in each language, in a real browser.
func TestRegistration(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for _, lang := range []string{"en", "it", "ru"} {
		ways := []struct {
			name string
			walk func(*testing.T)
		}{
			{"staff of a known group", func(t *testing.T) {
				l.asStaff(t, lang, "right"+lang, "Printers", registry.FieldCompany, "ACME", registry.FieldDepartment, "field service", registry.FieldGroup, "printers")
			}},
			{"staff of an unknown group", func(t *testing.T) {
				l.asStaff(t, lang, "wrong"+lang, "Support", registry.FieldCompany, "Acme", registry.FieldDepartment, "Nowhere")
			}},
			{"founder", func(t *testing.T) { l.asFounder(t, lang) }},
			{"contact", func(t *testing.T) { l.asContact(t, lang) }},
		}
		t.Run("user "+lang, func(t *testing.T) { l.asUser(t, lang) })
		for _, way := range ways {
			t.Run(way.name+" "+lang, way.walk)
		}
	}
	t.Run("without script", l.withoutScript)
	t.Run("nothing is told", l.nothingIsTold)
}

func (l *lobby) asUser(t *testing.T, lang string) {
	t.Parallel()
	v, login := visit(t, l.b, browser.Look{Language: lang}), "user"+lang
	l.fill(v, "user", login, registry.FieldContract, "c-1001")
	l.come(v, login, 1)
	m := l.mails(login + "@example.com")[0]
	silentOn(t, m, "user"+lang+" ")
	if _, text := v.where(); !strings.Contains(text, login) {
		t.Errorf("/me does not say the login name:\n%s", text)
	}
	v.do(press(v.words["nav.signout"]), v.read("login.signedout"), chromedp.Navigate(l.url+"/"),
		chromedp.Click(`//a[contains(., "`+v.words["login.own.go"]+`")]`), chromedp.WaitReady(`#own`),
		chromedp.SendKeys(`#name`, strings.ToUpper(login)), chromedp.SendKeys(`#password`, "wrong\r"), v.read("login.failed"))
	if _, text := v.where(); strings.Contains(text, "Acme") {
		t.Errorf("a failed sign-in by name tells the company:\n%s", text)
	}
	v.do(chromedp.SendKeys(`#password`, phrase+"\r"), chromedp.WaitReady(`#known`))
}

func (l *lobby) asStaff(t *testing.T, lang, login, group string, more ...string) {
	t.Parallel()
	v := visit(t, l.b, browser.Look{Language: lang})
	l.fill(v, "staff", login, more...)
	until(t, "the applicant hears that it waits", func() bool { return len(l.mails(login+"@example.com")) == 1 })
	m := l.mails(login + "@example.com")[0]
	silentOn(t, m)
	if strings.Contains(m.Text, "/setup/") {
		t.Errorf("a link before activation:\n%s", m.Text)
	}
	find := func() (registry.Application, bool) {
		waiting, err := l.s.Applicants(t.Context(), l.acme.ID, registry.ApplicationAwaiting, 100)
		must(t, err)
		i := slices.IndexFunc(waiting, func(a registry.Application) bool { return a.Typed[registry.FieldLogin] == login })
		if i < 0 {
			return registry.Application{}, false
		}
		return waiting[i], true
	}
	a, ok := find()
	if !ok || a.Resolved[registry.FactGroup] != group {
		t.Fatalf("the applicant: %+v", a)
	}
	until(t, "the admin hears who waits", func() bool {
		return slices.ContainsFunc(l.mails("boss@example.com"), func(m mailcatcher.Message) bool {
			return strings.Contains(m.Text, l.url+"/admin/applicants/"+a.PublicID) && strings.Contains(m.Text, login+"@example.com")
		})
	})
	must(t, l.s.ActivateApplicant(t.Context(), l.acme.ID, a.PublicID, app.DecideByCommand("admin boss")))
	l.come(v, login, 2)
	if _, text := v.where(); !strings.Contains(text, group) {
		t.Errorf("/me does not say the group:\n%s", text)
	}
}

func (l *lobby) asFounder(t *testing.T, lang string) {
	t.Parallel()
	v, login, company := visit(t, l.b, browser.Look{Language: lang, Width: 360, Height: 740}), "founder"+lang, "Neues Haus "+strings.ToUpper(lang)
	l.fill(v, "staff", login, registry.FieldCompany, company, registry.FieldDepartment, "All of it")
	l.come(v, login, 1)
	silentOn(t, l.mails(login + "@example.com")[0], company)
	v.do(see(company), v.read("kind.admin"))
	all, err := l.s.Store.CompanyInfos(t.Context())
	must(t, err)
	if i := slices.IndexFunc(all, func(c registry.CompanyInfo) bool { return c.Name == company }); i < 0 || all[i].Vouched() {
		t.Errorf("the company: %+v", all)
	}
}

// asContact registers with the address of a contact, who becomes the account when
// the link is followed, and not before.
func (l *lobby) asContact(t *testing.T, lang string) {
	t.Parallel()
	v, login, acme := visit(t, l.b, browser.Look{Language: lang}), "known"+lang, l.s.Store.For(l.acme.ID)
	met, err := l.s.Recognise(t.Context(), l.acme.ID, registry.OriginAdmin, registry.Encounter{Email: login + "@example.com", Reason: "ticket 7"})
	must(t, err)
	l.fill(v, "user", login, registry.FieldContract, "C-1001")
	until(t, "the link is mailed", func() bool { return len(l.mails(login+"@example.com")) == 1 })
	silentOn(t, l.mails(login + "@example.com")[0])
	if u, err := acme.UserByPublicID(t.Context(), met.User.PublicID); err != nil || u.State() != registry.StateContact || u.UserName() == login {
		t.Errorf("before the link is followed: %+v, %v", u, err)
	}
	l.come(v, login, 1)
	if u, err := acme.FindUser(t.Context(), login); err != nil || u.PublicID != met.User.PublicID || u.State() != registry.StateActive || u.DisplayName() != "Zoë Weiß" {
		t.Errorf("the account: %+v, %v", u, err)
	}
}

// withoutScript is the slow way in, at a phone's width, with a change of language
// on the way.
func (l *lobby) withoutScript(t *testing.T) {
	t.Parallel()
	v := visit(t, l.b, browser.Look{Language: "en", NoScript: true, Width: 320, Height: 700})
	v.do(chromedp.Navigate(l.url+"/register/user"), v.read("register.noscript"), chromedp.SendKeys("#login", "slow"), chromedp.SendKeys("#given", "Zoë"),
		chromedp.Click(`//footer//button[contains(., "Русский")]`), chromedp.WaitReady(`html[lang="ru"]`))
	for id, want := range map[string]string{"login": "slow", "given": "Zoë", "locale": "ru"} {
		if got, err := chromedp.Run(v.tab, chromedp.Value("#"+id)); err != nil || got != want {
			t.Errorf("%s is %q after the change of language, want %q: %v", id, got, want, err)
		}
	}
	v.words = words(t, "ru")
	// The keyboard's way, with a mistake on it.
	v.do(chromedp.SendKeys("#family", "Weiß\tslow@example\t\t\tC-1001\r"), chromedp.WaitReady("#mail-error"))
	v.shot("register-fault")
	if focused, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.activeElement.id`)); err != nil || focused != "mail" {
		t.Errorf("the cursor waits at %q: %v", focused, err)
	}
	v.do(chromedp.SetValue("#mail", "slow@example.com"), chromedp.SendKeys("#mail", "\r"), v.read("register.sent.title"))
	var a registry.Application
	until(t, "it waits for a person", func() bool {
		waiting, err := l.s.Applicants(t.Context(), l.acme.ID, registry.ApplicationAwaiting, 100)
		must(t, err)
		i := slices.IndexFunc(waiting, func(a registry.Application) bool { return a.Typed[registry.FieldLogin] == "slow" })
		if i >= 0 {
			a = waiting[i]
		}
		return i >= 0
	})
	until(t, "the mail that says so", func() bool { return len(l.mails("slow@example.com")) == 1 })
	must(t, l.s.ActivateApplicant(t.Context(), l.acme.ID, a.PublicID, app.DecideByCommand("admin boss")))
	linkTo(t, l.s, l.box, "slow@example.com", 2)
}

var secretOfForm = regexp.MustCompile(`name="challenge" value="([^"]+)"`)

// nothingIsTold sends forms that come to different ends: the answers and the time
// they take are the same. Forms without proof are told apart by nothing that the
// measurement needs, and limits are far off.
func (l *lobby) nothingIsTold(t *testing.T) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	_, err := l.s.CreateUser(t.Context(), l.acme.ID, "test", app.NewUser{UserName: "taken", Email: "taken@example.com"})
	must(t, err)
	send := func(i int, login, contract string) (string, time.Duration) {
		_, page := get(t, l.url+"/register/user")
		form := url.Values{
			"challenge": {secretOfForm.FindStringSubmatch(page)[1]}, "login": {login}, "given": {"A"}, "family": {"B"},
			"mail": {fmt.Sprintf("guess%d@example.com", i)}, "contract": {contract},
		}
		form.Set("nonce", solve(form.Get("challenge")))
		begin := time.Now()
		res, err := client.PostForm(l.url+"/register/user", form)
		must(t, err)
		took := time.Since(begin)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		must(t, res.Body.Close())
		return fmt.Sprint(res.StatusCode, res.Header.Get("Location"), res.Header.Get("Cache-Control"), len(body)), took
	}
	cases := []struct{ name, login, contract string }{
		{"all good", "fresh%d", "C-1001"}, {"name taken", "taken", "C-1001"}, {"contract unknown", "other%d", "X-%d"}, {"both", "taken", "Y-%d"},
	}
	answers, times := map[string]bool{}, map[string][]time.Duration{}
	for i := range 6 {
		for j, c := range cases {
			number := func(s string) string { return strings.ReplaceAll(s, "%d", fmt.Sprint(i)) }
			answer, took := send(i*10+j, number(c.login), number(c.contract))
			answers[answer] = true
			times[c.name] = append(times[c.name], took)
		}
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
	var middle []time.Duration
	for _, c := range cases {
		slices.Sort(times[c.name])
		m := times[c.name][len(times[c.name])/2]
		middle = append(middle, m)
		t.Logf("%-16s %s", c.name, m)
	}
	if least, most := slices.Min(middle), slices.Max(middle); most > 3*least+20*time.Millisecond {
		t.Errorf("from %s to %s: time tells who exists", least, most)
	}
}

// solve does the work of a challenge.
func solve(challenge string) string {
	for i := 0; ; i++ {
		if n := fmt.Sprint(i); leadingZeros(challenge+":"+n) >= 17 {
			return n
		}
	}
}

func leadingZeros(text string) int {
	sum := sha256.Sum256([]byte(text))
	return bits.LeadingZeros32(binary.BigEndian.Uint32(sum[:]))
}

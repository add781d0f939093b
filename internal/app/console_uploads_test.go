package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
)

// consoleWords are the console's texts for uploads and contacts, by language.
func consoleWords(t *testing.T, lang string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"", "uploads."} {
		text, err := os.ReadFile(filepath.Join("..", "web", "admin", "locales", name+lang+".json"))
		must(t, err)
		var all map[string]any
		must(t, json.Unmarshal(text, &all))
		for key, v := range all {
			if s, ok := v.(string); ok {
				out[key] = s
			}
		}
	}
	return out
}

// consoleAt is an admin of acme who is signed in at a browser.
func consoleAt(t *testing.T, s *app.Server, box *mailcatcher.Catcher, url, lang string) *visitor {
	t.Helper()
	acme, err := s.Company(t.Context(), "acme")
	must(t, err)
	name := "boss" + lang
	_, err = s.CreateUser(t.Context(), acme.ID, "test", app.NewUser{UserName: name, Email: name + "@example.com", Admin: true, Locale: lang})
	must(t, err)
	v := visit(t, browser.Start(t), browser.Look{Language: lang})
	for key, text := range consoleWords(t, lang) {
		v.words[key] = text
	}
	v.do(chromedp.Navigate(linkTo(t, s, box, name+"@example.com", 1)), v.read("setup.title.setup"),
		chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), chromedp.WaitReady(`#known`))
	return v
}

// consoleWorld is a server with a mailbox, where admins need no second factor.
func consoleWorld(t *testing.T) (s *app.Server, box *mailcatcher.Catcher, url string) {
	t.Helper()
	box, listen := mailbox(t, "127.0.0.1:0"), free(t)
	s, _ = start(t, configure(t, settings{Listen: listen, PublicURL: "http://" + listen, SMTP: box.Addr(), More: "second_factor: optional\n"}), app.Options{})
	return s, box, "http://" + listen
}

// TestUploadInTheConsole: a file with a bad row is uploaded, looked at, mapped by
// hand, previewed, confirmed and reported; its failed row is downloaded, mended
// and uploaded again. Nobody is mailed before the confirmation, everybody once
// after it.
func TestUploadInTheConsole(t *testing.T) {
	t.Parallel()
	s, box, url := consoleWorld(t)
	for _, lang := range []string{"en", "it", "ru"} {
		t.Run(lang, func(t *testing.T) {
			v := consoleAt(t, s, box, url, lang)
			file := filepath.Join(t.TempDir(), "people.csv")
			who := func(n string) string { return n + lang + "@example.com" }
			must(t, os.WriteFile(file, []byte("Handle;Nachname;Post\nann"+lang+";Bee;"+who("ann")+"\n;Nobody;"+who("nobody")+"\nbob"+lang+";Cee;"+who("bob")+"\n"), 0o600))
			send := func(file string) {
				v.do(chromedp.Navigate(url+"/admin/acme/uploads"), chromedp.SetUploadFiles(`#file`, []string{file}), press(v.words["admin.uploads.go"]), v.read("admin.upload.reading"))
			}
			send(file)
			v.do(v.read("admin.upload.nokey")) // no column is called as we call it
			v.do(chromedp.SetValue(`[name=column0]`, "userName"), chromedp.SetValue(`[name=column1]`, "familyName"), chromedp.SetValue(`[name=column2]`, "emails"))
			v.shot("upload-read-" + lang)
			v.do(press(v.words["admin.upload.preview"]), v.read("admin.upload.nothing"), see("key_missing"))
			v.shot("upload-preview-" + lang)
			if n := mailed(box, "ann"+lang) + mailed(box, "bob"+lang); n != 0 {
				t.Errorf("%d mails before anything was confirmed", n)
			}
			v.do(chromedp.Click(`form[action$="/confirm"] button`), v.read("admin.upload.did.title"))
			v.shot("upload-report-" + lang)
			for _, n := range []string{"ann", "bob"} {
				linkTo(t, s, box, who(n), 1)
			}
			v.do(chromedp.Click(`a[href*="outcome=failed"]`), see("key_missing"))
			if _, text := v.where(); strings.Contains(text, "ann"+lang) {
				t.Errorf("the filter left others:\n%s", text)
			}
			mended := filepath.Join(t.TempDir(), "mended.csv")
			must(t, os.WriteFile(mended, []byte(strings.Replace(v.fetch(url, `a[href$="/failed"]`), "\n;Nobody", "\ncy"+lang+";Nobody", 1)), 0o600))
			send(mended)
			v.do(chromedp.SetValue(`[name=column0]`, "userName"), chromedp.SetValue(`[name=column1]`, "familyName"), chromedp.SetValue(`[name=column2]`, "emails"),
				press(v.words["admin.upload.preview"]), v.read("admin.upload.nothing"), chromedp.Click(`form[action$="/confirm"] button`), v.read("admin.upload.did.title"))
			linkTo(t, s, box, who("nobody"), 1)
			acme, err := s.Company(t.Context(), "acme")
			must(t, err)
			list, err := s.Store.For(acme.ID).Uploads(t.Context(), 2)
			must(t, err)
			for i, want := range []registry.UploadCounts{{Rows: 1, Created: 1}, {Rows: 3, Created: 2, Failed: 1}} {
				if list[i].State != registry.UploadApplied || list[i].Counts != want {
					t.Errorf("%s is %s with %+v", list[i].FileName, list[i].State, list[i].Counts)
				}
			}
		})
	}
}

// mailed counts the mails to people whose names begin so.
func mailed(box *mailcatcher.Catcher, prefix string) (n int) {
	for _, m := range box.Messages() {
		if strings.HasPrefix(m.To[0], prefix) {
			n++
		}
	}
	return n
}

// fetch gets what a link of the page leads to, as the visitor.
func (v *visitor) fetch(url, link string) string {
	v.t.Helper()
	to, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.querySelector('`+link+`').getAttribute("href")`))
	must(v.t, err)
	var jar []*network.Cookie
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		res, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{})
		if err == nil {
			jar = res.Cookies
		}
		return err
	}))
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, url+to, nil)
	must(v.t, err)
	for _, c := range jar {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	must(v.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(v.t, err)
	if res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d %s", to, res.StatusCode, text)
	}
	return string(text)
}

// TestContactInTheConsole: somebody named by hand is a contact, found again by a
// second try, made an account by the admin with the same id and history, mailed
// once, and comes in by the link.
func TestContactInTheConsole(t *testing.T) {
	t.Parallel()
	s, box, url := consoleWorld(t)
	for _, lang := range []string{"en", "it", "ru"} {
		t.Run(lang, func(t *testing.T) {
			v := consoleAt(t, s, box, url, lang)
			address := "claire.johnson." + lang + "@elsewhere.example"
			for _, done := range []string{"made", "known"} {
				v.do(chromedp.Navigate(url + "/admin/acme/contacts"))
				_, err := chromedp.Run(v.tab, chromedp.Evaluate[bool](`document.querySelector("main details").open = true`))
				must(t, err)
				v.do(chromedp.SendKeys(`#email`, address), press(v.words["admin.contacts.go"]), v.read("admin.contacts.done."+done))
			}
			v.shot("contact-" + lang)
			was := contacts(t, s)[address]
			v.do(chromedp.SetValue(`#username`, "claire"+lang), chromedp.SetValue(`#given`, "Zoë"), chromedp.SetValue(`#family`, "Weiß"),
				press(v.words["admin.contact.promote.go"]), v.read("admin.done.invited"), see("Zoë Weiß"))
			acme, err := s.Company(t.Context(), "acme")
			must(t, err)
			u, err := s.Store.For(acme.ID).FindUser(t.Context(), "claire"+lang)
			must(t, err)
			if u.PublicID != was.ID || u.Association != registry.Strong || u.State() != registry.StateInvited || u.Email() != address {
				t.Errorf("the account is %+v; the contact was %s", u, was.ID)
			}
			v.do(chromedp.Navigate(url+"/admin/acme/contacts/"+was.ID), see("claire"+lang))
			if at, _ := v.where(); !strings.HasSuffix(at, "/admin/acme/people/"+was.ID) {
				t.Errorf("the account is still among the contacts: %s", at)
			}
			guest := visit(t, browser.Start(t), browser.Look{Language: lang})
			guest.do(chromedp.Navigate(linkTo(t, s, box, address, 1)), chromedp.WaitReady(`#password`),
				chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), chromedp.WaitReady(`#known`), see("Zoë Weiß"))
			if n := mailed(box, address); n != 1 {
				t.Errorf("%d mails to the new account", n)
			}
		})
	}
}

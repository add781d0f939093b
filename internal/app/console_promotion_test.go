package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
)

// TestConsolePromotion follows a contact whom a directory brings, in the browser:
// met by a verified message, still without an account in a preview, an account
// after the run, with the same id, the directory as owner and one set-up link,
// which leads in.
func TestConsolePromotion(t *testing.T) {
	t.Parallel()
	d := newDeskWith(t, 3, "    join: [email]")
	address := uid(1) + "@example.com"
	met, err := d.s.Recognise(t.Context(), d.company("acme").ID, registry.OriginMail, registry.Encounter{Email: address, Claim: "C. Johnson", Verified: true})
	must(t, err)
	person := "/people/" + met.User.PublicID
	v := d.sit(t, d.official("acme", "ann", true, false, false), browser.Look{})
	v.do(d.open("/contacts"), see(address), d.open(person), v.read("admin.people.contact"))

	v.do(d.open("/sources/corp"), submit("/sources/corp/preview"), v.read("admin.mode.preview"))
	until(t, "the preview has ended", func() bool {
		return count(t, d.s.Core, `SELECT count(*) FROM runs WHERE state = 'done' AND mode = 'preview'`) == 1
	})
	v.do(d.open(person), v.read("admin.people.contact"))

	v.do(d.open("/sources/corp"), submit("/sources/corp/run"), chromedp.WaitReady(`main h1`))
	run := d.ended(t, registry.RunDone)
	v.do(d.open(fmt.Sprintf("/runs/%d?action=join", run.Number)), chromedp.WaitReady(fmt.Sprintf(`.rows a[href$="%s"]`, person)))
	v.shot("console-promotion-run")
	v.do(d.open(person), see(uid(1)), v.read("admin.people.owns"))
	v.shot("console-promotion")
	if _, text := v.where(); strings.Contains(text, v.words["admin.people.contact"]) {
		t.Errorf("an account is still called a contact:\n%s", text)
	}
	u := d.look("acme", uid(1))
	if u.PublicID != met.User.PublicID || u.Association != registry.Strong || u.State() != registry.StateInvited {
		t.Errorf("the account is %+v; the contact was %s", u, met.User.PublicID)
	}
	v.do(d.open("/contacts/"+met.User.PublicID), see(uid(1)))
	guest := visit(t, d.b, browser.Look{Language: "en"})
	guest.do(chromedp.Navigate(linkTo(t, d.s, d.box, address, 1)), chromedp.WaitReady(`#password`),
		chromedp.SendKeys(`#password`, phrase), chromedp.SendKeys(`#repeat`, phrase+"\r"), chromedp.WaitReady(`#known`))
	if n := mailed(d.box, address); n != 1 {
		t.Errorf("%d mails to the new account, want one", n)
	}
}

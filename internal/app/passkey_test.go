package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
)

// authenticator plugs a virtual one into a tab, which knows its owner.
func authenticator() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return err
	})
}

// TestFactorsInChromium sets up a passkey and an authenticator app in a real
// browser and signs in with each.
func TestFactorsInChromium(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	clock := newClock()
	e := newEntry(t, "", app.Options{Now: clock.now})
	e.rights(e.person("acme", "claire", true), true, false, true)
	v := visit(t, b, browser.Look{Language: "en"})
	v.do(authenticator())
	signIn := func() {
		t.Helper()
		v.do(chromedp.Navigate(e.url+"/c/acme/login"), chromedp.SendKeys(`#name`, "claire"), chromedp.SendKeys(`#password`, phrase+"\r"))
	}
	signOut := func() {
		t.Helper()
		v.do(press(v.words["nav.signout"]), v.read("login.signedout"))
	}
	signIn()
	v.do(v.read("factors.enrol"))
	v.shot("factors-enrol")
	v.do(chromedp.Click(`a[href="/me/factors/passkey"]`), chromedp.WaitVisible(`form[data-passkey]`), chromedp.SendKeys(`#name`, "laptop"))
	v.shot("passkey-add")
	v.do(press(v.words["addpasskey.go"]), v.read("recovery.how"), chromedp.WaitReady(`#codes`))
	v.shot("recovery")
	v.do(chromedp.Click(`//a[contains(., "kept them")]`), chromedp.WaitReady(`#known`))
	signOut()
	// As second factor, after the password.
	signIn()
	v.do(v.read("proof.title"), chromedp.WaitVisible(`form[data-passkey]`))
	v.shot("proof")
	v.do(press(v.words["proof.passkey"]), chromedp.WaitReady(`#known`))
	// And an authenticator app beside it.
	v.do(chromedp.Navigate(e.url+"/me/factors"), see("laptop"), chromedp.Click(`a[href="/me/factors/totp"]`), chromedp.WaitVisible(`#secret`))
	v.shot("totp")
	if width := inPage[int](t, v, `document.querySelector("img.qr").naturalWidth`); width < 100 {
		t.Errorf("the picture is %d pixels wide", width)
	}
	secret := inPage[string](t, v, `document.querySelector("#secret").innerText`)
	code := func() string { return codeAt(t, page{body: `id="secret">` + secret + `<`}, clock.now()) }
	v.do(chromedp.SendKeys(`#code`, code()+"\r"), v.read("entry.done.factor"))
	v.shot("factors")
	signOut()
	signIn()
	clock.add(time.Minute)
	v.do(v.read("proof.title"), chromedp.SendKeys(`#code`, code()+"\r"), chromedp.WaitReady(`#known`))
	v.shot("me")
	signOut()
	// The passkey alone is two proofs.
	v.do(chromedp.Navigate(e.url+"/c/acme/passkey"), chromedp.WaitVisible(`form[data-passkey]`))
	v.shot("passkey")
	v.do(press(v.words["passkey.go"]), chromedp.WaitReady(`#known`), see("claire"))
	if d := e.deeds("acme", registry.DeedSignIn)[0]; d.Detail["method"] != "passkey" || d.Detail["factor"] != "shown" {
		t.Errorf("the audit says %+v", d)
	}
	signOut()
	// A passkey of somebody who may not come in opens nothing.
	u := e.look("acme", "claire")
	origin, err := e.s.Store.For(u.Company).EnsureOrigin(t.Context(), registry.OriginAdmin, "admin")
	must(t, err)
	e.apply(origin, registry.SetBlocks{User: u.ID, Set: registry.BlockAdmin})
	v.do(chromedp.Navigate(e.url+"/c/acme/passkey"), chromedp.WaitVisible(`form[data-passkey]`), press(v.words["passkey.go"]), chromedp.WaitReady(`.alert[role=alert]:not([hidden])`))
	if at, text := v.where(); at != e.url+"/c/acme/passkey" {
		t.Errorf("a blocked person is at %s:\n%s", at, text)
	}
}

// TestFactorsWithoutScript: everything but passkeys works without JavaScript.
func TestFactorsWithoutScript(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	clock := newClock()
	e := newEntry(t, "", app.Options{Now: clock.now})
	e.rights(e.person("acme", "claire", true), true, false, true)
	v := visit(t, b, browser.Look{Language: "en", NoScript: true, Width: 360, Height: 740})
	v.do(
		chromedp.Navigate(e.url+"/c/acme/login"), chromedp.SendKeys(`#name`, "claire"), chromedp.SendKeys(`#password`, phrase+"\r"),
		chromedp.Click(`a[href="/me/factors/passkey"]`), v.read("passkey.noscript"),
	)
	v.shot("passkey-add-noscript")
	v.do(chromedp.Navigate(e.url+"/me/factors/totp"), chromedp.WaitVisible(`#secret`))
	v.shot("totp-phone")
	secret := inPage[string](t, v, `document.querySelector("#secret").innerText`)
	v.do(chromedp.SendKeys(`#code`, codeAt(t, page{body: `id="secret">` + secret + `<`}, clock.now())+"\r"), chromedp.WaitReady(`#codes`))
	v.shot("recovery-phone")
}

// inPage evaluates an expression in a visitor's page.
func inPage[T any](t *testing.T, v *visitor, expression string) T {
	t.Helper()
	out, err := chromedp.Run(v.tab, chromedp.Evaluate[T](expression))
	must(t, err)
	return out
}

package onboard_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/onboard/onboardtest"
	"github.com/usherd/usher/internal/registry"
)

const (
	phrase = "purple teapot sails"
	second = "seven quiet lanterns"
)

// house is a service over a memory store with one company.
type house struct {
	t *testing.T
	*onboard.Service
	store   *onboardtest.Memory
	minter  *onboard.Minter
	hasher  *auth.Hasher
	company registry.Company
	now     time.Time
	uids    int
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: onboardtest.NewMemory(), now: onboardtest.Now()}
	var err error
	if h.hasher, err = auth.NewHasher(auth.Params{Memory: 64, Time: 1, Threads: 1}, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if h.minter, err = onboard.NewMinter([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
	h.company = h.store.AddCompany(t, registry.Company{Key: "acme", Name: "Acme Helpdesk", Locale: "en"})
	h.Service = onboard.New(onboard.Deps{
		Store: h.store, Minter: h.minter, Hasher: h.hasher, Now: func() time.Time { return h.now },
		NewUID: func() string { h.uids++; return fmt.Sprint("uid-", h.uids) },
		Log:    slog.New(slog.DiscardHandler),
	}, onboard.Config{})
	return h
}

// person adds someone; a set credential comes with the phrase as password, and
// the address is one of their own unless another is given.
func (h *house) person(name string, c registry.Credential, mailbox ...string) registry.User {
	hash := ""
	if c == registry.CredentialSet {
		var err error
		if hash, err = h.hasher.Hash(h.t.Context(), phrase); err != nil {
			h.t.Fatal(err)
		}
	}
	u := onboardtest.Person(h.company.ID, name, c)
	if len(mailbox) > 0 {
		u.Attributes.Set(registry.AttrEmails, mailbox...)
	}
	return h.store.AddUser(h.t, u, hash, true)
}

// link adds a link for the person and returns its token.
func (h *house) link(u registry.User, p auth.LinkPurpose, life time.Duration) string {
	h.uids++
	uid := fmt.Sprint("given-", h.uids)
	h.store.AddLink(h.t, onboard.Link{
		UID: uid, Company: u.Company, User: u.ID, Purpose: p, TokenHash: h.minter.LinkHash(uid, string(p)),
		Address: u.Email(), CredentialVersion: u.CredentialVersion, CreatedAt: h.now, ExpiresAt: h.now.Add(life),
	})
	return h.minter.Token(uid, string(p))
}

// work lets the background answer everything asked so far.
func (h *house) work() {
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	h.Run(ctx)
}

// client is somebody at the given address.
func client(a string) auth.Client { return auth.Client{Address: netip.MustParseAddr(a)} }

func (h *house) wantState(token string, want auth.LinkState) {
	h.t.Helper()
	v, err := h.Open(h.t.Context(), token)
	if err != nil || v.State != want {
		h.t.Errorf("link is %s (%v), want %s", v.State, err, want)
	}
}

func (h *house) wantMails(want ...onboard.MailKind) {
	h.t.Helper()
	h.work()
	var got []onboard.MailKind
	for _, m := range h.store.Mails(h.t) {
		got = append(got, m.Kind)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("mails %v, want %v", got, want)
	}
}

func TestSetupLink(t *testing.T) {
	h := newHouse(t)
	u := h.person("ada", registry.CredentialInvited)
	token := h.link(u, auth.PurposeSetup, time.Hour)
	for range 50 { // a scanner
		h.wantState(token, auth.LinkLive)
	}
	v, _ := h.Open(t.Context(), token)
	if v.UserName != "ada" || v.DisplayName != "Display ada" || v.Company.Key != "acme" || v.Locale != "it" || v.Tag == "" {
		t.Errorf("view = %+v", v)
	}
	var pe *auth.PasswordError
	if _, err := h.Complete(t.Context(), token, "short"); !errors.As(err, &pe) || pe.Weakness != auth.WeakShort {
		t.Errorf("short password: %v", err)
	}
	if _, err := h.Complete(t.Context(), token, "Display-ada-2025!"); !errors.As(err, &pe) || pe.Weakness != auth.WeakPersonal {
		t.Errorf("own name: %v", err)
	}
	h.wantState(token, auth.LinkLive)
	id, err := h.Complete(t.Context(), token, phrase)
	if err != nil || id.User != u.ID || id.CredentialVersion != 2 {
		t.Fatalf("complete: %+v, %v", id, err)
	}
	h.wantState(token, auth.LinkUsed)
	var le *auth.LinkError
	if _, err := h.Complete(t.Context(), token, second); !errors.As(err, &le) || le.State != auth.LinkUsed {
		t.Errorf("second use: %v", err)
	}
	if _, err := h.SignIn(t.Context(), h.company.ID, "ADA", phrase, client("192.0.2.1")); err != nil {
		t.Errorf("sign in: %v", err)
	}
	h.wantMails()
}

func TestTwoBrowsersSubmitAtOnce(t *testing.T) {
	h := newHouse(t)
	token := h.link(h.person("ada", registry.CredentialInvited), auth.PurposeSetup, time.Hour)
	passwords := []string{phrase, second}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range passwords {
		wg.Go(func() { _, errs[i] = h.Complete(t.Context(), token, passwords[i]) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("errors %v, want exactly one winner", errs)
	}
	for i, p := range passwords {
		_, err := h.SignIn(t.Context(), h.company.ID, "ada", p, client("192.0.2.1"))
		if (err == nil) != (errs[i] == nil) {
			t.Errorf("password %d signs in: %v; its browser: %v", i, err, errs[i])
		}
	}
}

func TestLinkStates(t *testing.T) {
	h := newHouse(t)
	u := h.person("ada", registry.CredentialInvited)
	token := h.link(u, auth.PurposeSetup, time.Hour)
	for _, bad := range []string{"", "x", token + "A", token[:42] + "!", h.minter.Token("uid-of-nobody", "setup"), "../../etc"} {
		h.wantState(bad, auth.LinkUnknown)
	}
	h.now = h.now.Add(time.Hour)
	h.wantState(token, auth.LinkExpired)
	// A dead link is refused before anything is made of the password.
	var le *auth.LinkError
	if _, err := h.Complete(t.Context(), token, "short"); !errors.As(err, &le) || le.State != auth.LinkExpired {
		t.Errorf("a dead link: %v", err)
	}
	h.now = h.now.Add(-time.Second)
	h.wantState(token, auth.LinkLive)
	u.Blocks = registry.BlockAdmin
	h.store.SetUser(t, u)
	h.wantState(token, auth.LinkClosed)
	u.Blocks, u.CredentialVersion = 0, 2
	h.store.SetUser(t, u)
	h.wantState(token, auth.LinkSuperseded)
}

func TestNewLinkInPlaceOfAnOlder(t *testing.T) {
	h := newHouse(t)
	u := h.person("ada", registry.CredentialInvited)
	old := h.link(u, auth.PurposeSetup, time.Hour)
	h.RequestNew(t.Context(), old, client("192.0.2.1"))
	h.wantMails() // it is live: the older mail still works
	h.now = h.now.Add(time.Hour)
	h.RequestNew(t.Context(), old, client("192.0.2.1"))
	h.RequestNew(t.Context(), "no-such-link", client("192.0.2.1"))
	h.wantMails(onboard.MailSetup)
	m := h.store.Mails(t)[0]
	if m.Address != u.Email() {
		t.Errorf("mailed to %s", m.Address)
	}
	h.wantState(old, auth.LinkSuperseded)
	fresh := h.minter.Token(m.LinkUID, string(auth.PurposeSetup))
	h.wantState(fresh, auth.LinkLive)
	h.now = h.now.Add(7*24*time.Hour - time.Second)
	h.wantState(fresh, auth.LinkLive)
	h.now = h.now.Add(time.Second)
	h.wantState(fresh, auth.LinkExpired)
}

func TestForgot(t *testing.T) {
	h := newHouse(t)
	h.person("ada", registry.CredentialSet)
	h.person("new", registry.CredentialNone)
	h.person("sso", registry.CredentialSSO)
	off := h.person("off", registry.CredentialSet)
	off.Enabled = false
	h.store.SetUser(t, off)
	nomail := h.person("nomail", registry.CredentialSet)
	nomail.Attributes.Set(registry.AttrEmails)
	h.store.SetUser(t, nomail)
	for i, name := range []string{"new", "sso", "off", "nomail", "nobody", "", "off@example.com"} {
		h.Forgot(t.Context(), h.company.ID, name, client(fmt.Sprintf("198.51.%d.1", i)))
	}
	h.wantMails()
	h.Forgot(t.Context(), h.company.ID, "  ADA@example.com ", client("192.0.2.1"))
	h.wantMails(onboard.MailReset)
	token := h.minter.Token(h.store.Mails(t)[0].LinkUID, string(auth.PurposeReset))
	h.wantState(token, auth.LinkLive)
	if _, err := h.Complete(t.Context(), token, second); err != nil {
		t.Fatal(err)
	}
	h.wantMails(onboard.MailReset, onboard.MailPasswordChanged)
	if _, err := h.SignIn(t.Context(), h.company.ID, "ada", phrase, client("192.0.2.1")); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("the old password: %v", err)
	}
	h.now = h.now.Add(time.Hour)
	h.Forgot(t.Context(), h.company.ID, "ada", client("192.0.2.1"))
	h.work()
	token = h.minter.Token(h.store.Mails(t)[2].LinkUID, string(auth.PurposeReset))
	h.now = h.now.Add(time.Hour)
	h.wantState(token, auth.LinkExpired)
}

// Of several accounts with one mailbox each gets a link of its own.
func TestForgotOfASharedMailbox(t *testing.T) {
	h := newHouse(t)
	const box = "nina@example.com"
	h.person("nina", registry.CredentialSet, box)
	h.person(box, registry.CredentialInvited, box)
	h.person("sso", registry.CredentialSSO, box)
	h.Forgot(t.Context(), h.company.ID, box, client("192.0.2.1"))
	h.wantMails(onboard.MailSetup, onboard.MailReset)
	h.Forgot(t.Context(), h.company.ID, "nina", client("192.0.2.1"))
	h.wantMails(onboard.MailSetup, onboard.MailReset, onboard.MailReset)
}

func TestForgotIsLimited(t *testing.T) {
	h := newHouse(t)
	h.person("ada", registry.CredentialSet)
	h.person("bob", registry.CredentialSet)
	for i := range 20 { // by name and by address, from everywhere
		h.Forgot(t.Context(), h.company.ID, "ada", client(fmt.Sprintf("198.51.%d.1", i)))
		h.Forgot(t.Context(), h.company.ID, "ada@example.com", client(fmt.Sprintf("203.0.%d.1", i)))
	}
	h.wantMails(onboard.MailReset, onboard.MailReset, onboard.MailReset)
	for i := range 20 { // one network against many names
		h.Forgot(t.Context(), h.company.ID, fmt.Sprint("guess", i), client("192.0.2.1"))
	}
	h.Forgot(t.Context(), h.company.ID, "bob", client("192.0.2.99"))
	h.wantMails(onboard.MailReset, onboard.MailReset, onboard.MailReset)
	h.now = h.now.Add(time.Hour)
	h.Forgot(t.Context(), h.company.ID, "bob", client("192.0.2.99"))
	h.wantMails(onboard.MailReset, onboard.MailReset, onboard.MailReset, onboard.MailReset)
}

func TestForgotNeverWaits(t *testing.T) {
	h := newHouse(t)
	for i := range 2000 { // nobody runs the queue
		h.now = h.now.Add(time.Second)
		h.Forgot(t.Context(), h.company.ID, fmt.Sprint("guess", i), client(fmt.Sprintf("10.%d.%d.1", i/250, i%250)))
	}
}

func TestSignIn(t *testing.T) {
	h := newHouse(t)
	h.person("ada", registry.CredentialSet)
	for name, change := range map[string]func(*registry.User){
		"disabled": func(u *registry.User) { u.Enabled = false },
		"blocked":  func(u *registry.User) { u.Blocks = registry.BlockActivation },
		"contact":  func(u *registry.User) { u.Association = registry.Weak },
	} {
		u := h.person(name, registry.CredentialSet)
		change(&u)
		h.store.SetUser(t, u)
	}
	h.person("invited", registry.CredentialInvited)
	for i, c := range []struct {
		name, password string
		want           error
	}{
		{"ada", phrase, nil}, {"Ada ", phrase, nil}, {"ada@example.com", phrase, nil}, {"ADA", "Purple teapot sails", auth.ErrSignIn},
		{"ada", "", auth.ErrSignIn}, {"nobody", phrase, auth.ErrSignIn}, {"disabled", phrase, auth.ErrSignIn},
		{"blocked", phrase, auth.ErrSignIn}, {"contact", phrase, auth.ErrSignIn}, {"invited", "", auth.ErrSignIn}, {"", "", auth.ErrSignIn},
	} {
		_, err := h.SignIn(t.Context(), h.company.ID, c.name, c.password, client(fmt.Sprintf("198.51.%d.1", i)))
		if !errors.Is(err, c.want) {
			t.Errorf("%q with %q: %v, want %v", c.name, c.password, err, c.want)
		}
	}
}

// Whoever uses a mailbox is not shut out by another account with its address that
// cannot sign in; between two that can, the address does not decide.
func TestSignInWithASharedMailbox(t *testing.T) {
	h := newHouse(t)
	const box, ring, both, twins = "nina@example.com", "ring@example.com", "both@example.com", "twins@example.com"
	h.person("waits", registry.CredentialInvited, box)
	off := h.person("off", registry.CredentialSet, box)
	off.Enabled = false
	h.store.SetUser(t, off)
	nina := h.person("nina", registry.CredentialSet, box)
	h.person(ring, registry.CredentialInvited, ring)
	ringer := h.person("ringer", registry.CredentialSet, ring)
	h.person("early", registry.CredentialSet, both)
	owner := h.person(both, registry.CredentialSet, both)
	h.person("twin1", registry.CredentialSet, twins)
	h.person("twin2", registry.CredentialSet, twins)
	for i, c := range []struct {
		name string
		want registry.UserID
	}{
		{box, nina.ID}, {"nina", nina.ID}, {ring, ringer.ID}, {both, owner.ID}, {twins, 0}, {"waits", 0}, {"off", 0},
	} {
		id, err := h.SignIn(t.Context(), h.company.ID, c.name, phrase, client(fmt.Sprintf("198.51.%d.1", i)))
		if id.User != c.want || (c.want == 0) != errors.Is(err, auth.ErrSignIn) {
			t.Errorf("%q signed in as %d, %v; want %d", c.name, id.User, err, c.want)
		}
	}
}

func TestSignInIsLimited(t *testing.T) {
	h := newHouse(t)
	h.person("ada", registry.CredentialSet)
	var te *auth.ThrottledError
	try := func(name, password, from string) error {
		_, err := h.SignIn(t.Context(), h.company.ID, name, password, client(from))
		return err
	}
	for _, name := range []string{"ada", "nobody"} { // the same whoever exists
		for i := range 10 {
			if err := try(name, "wrong", fmt.Sprintf("198.51.%d.1", i)); !errors.Is(err, auth.ErrSignIn) {
				t.Fatalf("%s, try %d: %v", name, i, err)
			}
		}
		if err := try(name, phrase, "203.0.113.1"); !errors.As(err, &te) || te.RetryAfter <= 0 {
			t.Errorf("%s, after ten: %v", name, err)
		}
	}
	h.now = h.now.Add(30 * time.Second)
	if err := try("ADA", phrase, "203.0.113.1"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if err := try("ada", phrase, "203.0.113.1"); !errors.As(err, &te) {
		t.Errorf("success gave the tries back: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	h := newHouse(t)
	u := h.person("ada", registry.CredentialSet)
	id := auth.Identity{Company: u.Company, User: u.ID, CredentialVersion: 1}
	var pe *auth.PasswordError
	for _, c := range []struct {
		present, wanted string
		weak            auth.Weakness
	}{{"wrong", second, ""}, {phrase, phrase, auth.WeakSame}, {phrase, "short", auth.WeakShort}} {
		_, err := h.ChangePassword(t.Context(), id, c.present, c.wanted)
		if c.weak == "" && !errors.Is(err, auth.ErrSignIn) {
			t.Errorf("wrong password: %v", err)
		}
		if c.weak != "" && (!errors.As(err, &pe) || pe.Weakness != c.weak) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	got, err := h.ChangePassword(t.Context(), id, phrase, second)
	if err != nil || got.CredentialVersion != 2 {
		t.Fatalf("changed: %+v, %v", got, err)
	}
	h.wantMails(onboard.MailPasswordChanged)
	if _, err := h.SignIn(t.Context(), h.company.ID, "ada", second, client("192.0.2.1")); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if _, err := h.ChangePassword(t.Context(), id, second, phrase); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a session of the older version: %v", err)
	}
}

func TestSignInRenewsTheHash(t *testing.T) {
	h := newHouse(t)
	old, err := auth.NewHasher(auth.Params{Memory: 32, Time: 1, Threads: 1}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := old.Hash(t.Context(), phrase)
	if err != nil {
		t.Fatal(err)
	}
	u := h.store.AddUser(t, onboardtest.Person(h.company.ID, "ada", registry.CredentialSet), hash, true)
	for range 2 {
		if _, err := h.SignIn(t.Context(), h.company.ID, "ada", phrase, client("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	p, err := h.store.GetPerson(t.Context(), h.company.ID, u.ID)
	if err != nil || p.PasswordHash == hash || p.User.CredentialVersion != 1 {
		t.Errorf("hash renewed: %v, version %d, %v", p.PasswordHash != hash, p.User.CredentialVersion, err)
	}
}

func TestMinter(t *testing.T) {
	if _, err := onboard.NewMinter(make([]byte, 31)); err == nil {
		t.Error("a short key was accepted")
	}
	h := newHouse(t)
	a := h.minter.Token("uid", "setup")
	if a != h.minter.Token("uid", "setup") {
		t.Error("a retry carries another token")
	}
	for _, b := range []string{h.minter.Token("uid", "reset"), h.minter.Token("uid2", "setup"), h.minter.Token("id", "setupu")} {
		if a == b {
			t.Error("two links share a token")
		}
	}
	// Pinned: links already mailed must survive an upgrade.
	if want := "hn1PcwVi-8u5hcn7K7yv4UmYjatgwiF4jRzEh0LjAyQ"; a != want {
		t.Errorf("token %s, want %s", a, want)
	}
	if string(onboard.HashToken(a)) != string(h.minter.LinkHash("uid", "setup")) {
		t.Error("the stored hash is not the token's")
	}
}

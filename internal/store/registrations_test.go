package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// desk is a registrar over a real database, with one company that has a contract
// and an admin who can sign in.
type desk struct {
	*world
	g     *onboard.Registrar
	vault *auth.Vault
	acme  *store.Tenant
	boss  registry.UserID
}

// wide are limits that no test reaches.
func wide() *onboard.RegistrationLimits {
	r := auth.Rate{Burst: 100000, Every: time.Second}
	return &onboard.RegistrationLimits{Address: r, Prefix: r, Wide: r, Contract: r, Mail: r, Global: r, UnprovenAddress: r, UnprovenGlobal: r, Companies: r}
}

func newDesk(t *testing.T, s *store.Store, limits *onboard.RegistrationLimits) *desk {
	t.Helper()
	d := &desk{world: newWorld(t, s)}
	d.now = time.Now().UTC().Truncate(time.Second) // the store's clock, by which mails grow stale
	key := []byte(strings.Repeat("k", 32))
	minter, err := onboard.NewMinter(key)
	must(t, err)
	d.vault, err = auth.NewVault(key)
	must(t, err)
	d.r.Minter = minter
	clock := func() time.Time { return d.now }
	d.g = onboard.NewRegistrar(onboard.RegistrarDeps{
		Store: s.Registrations(d.r), Vault: d.vault, Minter: minter, Now: clock,
		Challenges: &auth.Challenges{Vault: d.vault, Now: clock, Bits: 4, Life: time.Hour},
		NewID:      func() string { return uuid.Must(uuid.NewV7()).String() }, Random: func() string { return strings.ToUpper(uuid.NewString()[:6]) },
		MessageDomain: "example.com", Log: slog.New(slog.DiscardHandler),
	}, onboard.RegistrarConfig{Limits: limits})
	d.acme = s.For(d.src.Company)
	must(t, d.acme.CreateContract(t.Context(), "C-1001", "Gold", "test"))
	d.boss = d.create1(with(person("boss", "boss"), func(p *registry.PutUser) { p.SetupMail = registry.SetupNone }))
	d.sql(`UPDATE users SET company_admin = true, credential = 'set' WHERE id = %d`, d.boss)
	return d
}

// proof does the work.
func (d *desk) proof() auth.Proof {
	p := auth.Proof{}
	p.Challenge, _ = d.g.Challenge()
	for i := 0; ; i++ {
		p.Nonce = fmt.Sprint(i)
		if s, err := d.g.Challenges.Check(p); err == nil && s.Worked {
			return p
		}
	}
}

func form(login string, more ...string) map[string]string {
	out := map[string]string{
		registry.FieldLogin: login, registry.FieldGiven: "Ada", registry.FieldFamily: "Lovelace", registry.FieldMail: strings.ToLower(login) + "@example.com",
		registry.FieldLocale: "it",
	}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func from(address string) auth.Client { return auth.Client{Address: netip.MustParseAddr(address)} }

func (d *desk) register(kind registry.Kind, typed map[string]string) {
	d.t.Helper()
	must(d.t, d.g.Register(d.t.Context(), kind, typed, d.proof(), from("192.0.2.1")))
	_, err := d.g.Work(d.t.Context())
	must(d.t, err)
}

// last is the application that came last.
func (d *desk) last() (state, code string) {
	d.t.Helper()
	return d.texts(`SELECT state FROM applications ORDER BY id DESC LIMIT 1`)[0], d.texts(`SELECT code FROM applications ORDER BY id DESC LIMIT 1`)[0]
}

func (d *desk) is(state registry.ApplicationState, code registry.Code) {
	d.t.Helper()
	if s, c := d.last(); s != string(state) || c != string(code) {
		d.t.Fatalf("the application is %s %q, want %s %q", s, c, state, code)
	}
}

func (d *desk) named(t *store.Tenant, name string) *registry.User {
	d.t.Helper()
	u, err := t.FindUser(d.t.Context(), name)
	must(d.t, err)
	return u
}

// kinds are the mails of a person, the oldest first.
func (d *desk) kinds(id registry.UserID) string {
	d.t.Helper()
	return strings.Join(d.texts(`SELECT kind FROM mails WHERE user_id = %d ORDER BY id`, id), " ")
}

func TestCustomerRegisters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		d := newDesk(t, s, wide())
		d.register(registry.EndUser, form("ada", registry.FieldContract, "c-1001", registry.FieldPhone, "+39 06 123456"))
		d.is(registry.ApplicationDone, "")
		u := d.named(d.acme, "ada")
		want(t, "state", u.State(), registry.StateInvited)
		want(t, "mails", d.kinds(u.ID), "setup")
		want(t, "contract", d.number(`SELECT contract_id FROM users WHERE id = %d`, u.ID), d.number(`SELECT id FROM contracts`))
		want(t, "what was typed", d.texts(`SELECT coalesce(CAST(typed AS text), '') FROM applications`)[0], "null")
		company, err := s.CompanyOfLogin(t.Context(), onboard.LoginNameHash(d.vault, " ADA "))
		must(t, err)
		want(t, "the name's company", company, d.src.Company)
		for _, c := range []struct {
			typed map[string]string
			code  registry.Code
		}{
			{form("Ada", registry.FieldContract, "C-1001"), registry.CodeUserNameTaken},
			{form("BOSS", registry.FieldContract, "C-1001"), registry.CodeUserNameTaken}, // a directory's
			{form("grace", registry.FieldContract, "C-1002"), registry.CodeUnknownContract},
		} {
			d.register(registry.EndUser, c.typed)
			d.is(registry.ApplicationRefused, c.code)
		}
		// Gone, but nobody gets the name again; a name that was never given is free.
		d.sql(`UPDATE users SET deleted_at = 1 WHERE id = %d`, u.ID)
		d.register(registry.EndUser, form("ada", registry.FieldContract, "C-1001"))
		d.is(registry.ApplicationRefused, registry.CodeUserNameTaken)
		d.register(registry.EndUser, form("grace", registry.FieldContract, "C-1001"))
		d.is(registry.ApplicationDone, "")
		must(t, d.acme.EndContract(t.Context(), "C-1001", "test"))
		d.register(registry.EndUser, form("late", registry.FieldContract, "C-1001"))
		d.is(registry.ApplicationRefused, registry.CodeUnknownContract)
	})
}

func TestStaffRegister(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		d := newDesk(t, s, wide())
		ctx := t.Context()
		must(t, d.acme.CreateDepartment(ctx, "Field service", "test"))
		door := d.door(registry.OriginAdmin, "admin")
		d.putAs(door, registry.CreateGroup{DisplayName: "Printers", Role: registry.RoleSupport}, registry.CreateGroup{DisplayName: "Choir"})
		staff := func(login, company, department, group string) *registry.User {
			t.Helper()
			d.register(registry.SupportStaff, form(login, registry.FieldCompany, company, registry.FieldDepartment, department, registry.FieldGroup, group))
			d.is(registry.ApplicationAwaiting, "")
			u := d.named(d.acme, login)
			want(t, login+"'s state", u.State(), registry.StateBlocked)
			want(t, login+"'s mails", d.kinds(u.ID), "registrationWaits")
			return u
		}
		groups := func(u *registry.User) string {
			return strings.Join(d.texts(`SELECT g.display_name FROM memberships m JOIN "groups" g ON g.id = m.group_id WHERE m.user_id = %d ORDER BY 1`, u.ID), " ")
		}
		name := d.texts(`SELECT name FROM companies WHERE id = %d`, d.src.Company)[0]
		right := staff("right", name, "FIELD SERVICE", "printers")
		want(t, "groups", groups(right), "Printers")
		for i, c := range [][2]string{{"Field service", "Choir"}, {"Nowhere", "Printers"}, {"", ""}} { // a plain group is no support group
			u := staff(fmt.Sprint("wrong", i), strings.ToUpper(name), c[0], c[1])
			want(t, "groups", groups(u), "Support")
		}
		want(t, "default groups", d.number(`SELECT count(*) FROM "groups" WHERE is_default`), 1)
		want(t, "what the admin heard", d.kinds(d.boss), "applicantWaits applicantWaits applicantWaits applicantWaits")
		waiting, err := d.acme.Applications(ctx, registry.ApplicationAwaiting, 10)
		must(t, err)
		want(t, "waiting", len(waiting), 4)
		id := waiting[3].PublicID
		by := onboard.Decider{Actor: "admin boss"}
		if err := d.g.Activate(ctx, d.src.Company+1, id, by); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("another company activates: %v", err)
		}
		must(t, d.g.Activate(ctx, d.src.Company, id, by))
		if err := d.g.Activate(ctx, d.src.Company, id, by); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("activated twice: %v", err)
		}
		want(t, "activated", d.named(d.acme, "right").State(), registry.StateInvited)
		want(t, "mails", d.kinds(right.ID), "registrationWaits setup")
		must(t, d.g.Refuse(ctx, d.src.Company, waiting[0].PublicID, "unknown to us", by))
		out := d.named(d.acme, "wrong2")
		want(t, "refused", out.Blocks, registry.BlockAdmin)
		want(t, "mails", d.kinds(out.ID), "registrationWaits registrationRefused")
		deeds, err := d.acme.Deeds(ctx, registry.DeedQuery{Action: "applicant.", Limit: 10})
		must(t, err)
		want(t, "deeds", len(deeds), 2)
		// The default group went: the next one who needs it makes it anew.
		d.sql(`UPDATE "groups" SET deleted_at = 1 WHERE is_default`)
		want(t, "groups", groups(staff("later", name, "", "")), "Support")
		want(t, "default groups", d.number(`SELECT count(*) FROM "groups" WHERE is_default`), 1)
	})
}

func TestFounderRegisters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		d := newDesk(t, s, wide())
		ctx := t.Context()
		d.register(registry.SupportStaff, form("zoe", registry.FieldCompany, "Zed  Öl GmbH", registry.FieldDepartment, "Field"))
		d.is(registry.ApplicationDone, "")
		all, err := s.CompanyInfos(ctx)
		must(t, err)
		var made registry.CompanyInfo
		for _, c := range all {
			if c.Name == "Zed Öl GmbH" {
				made = c
			}
		}
		if made.ID == 0 || made.Vouched() || !strings.HasPrefix(made.Key, "zed-") {
			t.Fatalf("the company: %+v", all)
		}
		u := d.named(s.For(made.ID), "zoe")
		if !u.CompanyAdmin || u.State() != registry.StateInvited || u.Kind != registry.SupportStaff {
			t.Errorf("the founder: %+v", u)
		}
		want(t, "mails", d.kinds(u.ID), "setup")
		// What strangers typed stays out of the mail.
		queued, err := s.MailQueue().Claim(ctx, 10, time.Minute)
		must(t, err)
		for _, m := range queued {
			if m.To == "zoe@example.com" && (m.CompanyName+m.DisplayName+m.UserName != "" || m.Kind != "registration" || m.Stale != "") {
				t.Errorf("the first mail: %+v", m)
			}
		}
		d.register(registry.SupportStaff, form("yan", registry.FieldCompany, "ZED OL"))
		d.is(registry.ApplicationDone, "")
		want(t, "resembling", d.number(`SELECT count(*) FROM companies WHERE CAST(settings AS text) LIKE '%%Zed%%'`), 1)
		d.register(registry.SupportStaff, form("xen", registry.FieldCompany, "operators"))
		want(t, "somebody of the operators", d.number(`SELECT count(*) FROM companies WHERE key = 'operators'`), 0)
		// Nobody of the new company can sign in: operators are told of who waits.
		must(t, s.Settle(ctx, store.Settled{Companies: []registry.Company{{Key: "operators", Name: "Operators"}}}))
		ops, err := s.CompanyByKey(ctx, "operators")
		must(t, err)
		door, err := s.For(ops.ID).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
		must(t, err)
		res, err := d.r.Apply(ctx, registry.Batch{Company: ops.ID, Origin: door, Actor: "test", Ops: []registry.Op{
			registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"olga"}, registry.AttrEmails: {"olga@example.com"}}},
		}})
		must(t, err)
		d.register(registry.SupportStaff, form("second", registry.FieldCompany, "Zed Öl GmbH"))
		d.is(registry.ApplicationAwaiting, "")
		want(t, "operators", d.kinds(res[0].User), "applicantWaits")
		// Without the work an operator looks first.
		p := auth.Proof{}
		p.Challenge, _ = d.g.Challenge()
		must(t, d.g.Register(ctx, registry.SupportStaff, form("slow", registry.FieldCompany, "Slow Food"), p, from("192.0.2.9")))
		_, err = d.g.Work(ctx)
		must(t, err)
		d.is(registry.ApplicationAwaiting, "")
		waiting, err := s.For(0).Applications(ctx, registry.ApplicationAwaiting, 10)
		must(t, err)
		want(t, "for operators", len(waiting), 1)
		must(t, d.g.Activate(ctx, 0, waiting[0].PublicID, onboard.Decider{Actor: "operator olga"}))
		_, err = d.g.Work(ctx)
		must(t, err)
		d.is(registry.ApplicationDone, "")
		done, err := s.For(made.ID).Vouch(ctx, "operator olga")
		must(t, err)
		info, err := s.For(made.ID).Info(ctx)
		if err != nil || !done || !info.Vouched() || info.VerifiedBy != "operator olga" {
			t.Errorf("verified: %v %+v %v", done, info, err)
		}
	})
}

// A contact with the address becomes the account when the link is followed, and
// not a moment before.
func TestContactIsPromoted(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		d := newDesk(t, s, wide())
		ctx := t.Context()
		door := d.door(registry.OriginMail, "mail")
		made := d.putAs(door, registry.CreateUser{Association: registry.Weak, Attributes: registry.Attributes{
			registry.AttrUserName: {"claire.johnson@example.com"}, registry.AttrEmails: {"Claire.Johnson@example.com"},
			registry.AttrGivenName: {"Clairejohnson"}, registry.AttrFamilyName: {"Clairejohnson"}, registry.AttrTitle: {"Boss"},
		}})
		id := made[0].User
		typed := form("claire", registry.FieldContract, "C-1001", registry.FieldMail, "claire.johnson@EXAMPLE.com")
		typed[registry.FieldGiven], typed[registry.FieldFamily] = "Claire", "Johnson"
		again := maps.Clone(typed)
		d.register(registry.EndUser, again)
		d.is(registry.ApplicationMailed, "")
		d.register(registry.EndUser, typed) // the first link went astray
		d.is(registry.ApplicationMailed, "")
		want(t, "still a contact", d.person(id).State(), registry.StateContact)
		queued, err := s.MailQueue().Claim(ctx, 10, time.Minute)
		must(t, err)
		if len(queued) != 1 || queued[0].Kind != "registration" || queued[0].DisplayName != "" || queued[0].Stale != "" || queued[0].Locale != "it" {
			t.Fatalf("mails: %+v", queued)
		}
		f := newShelf(s)
		hash := d.r.Minter.LinkHash(queued[0].LinkUID, queued[0].LinkPurpose)
		link, p, err := f.FindLink(ctx, hash)
		must(t, err)
		want(t, "shown as", p.User.UserName()+" "+p.User.DisplayName(), "claire Claire Johnson")
		want(t, "the link", onboard.StateOf(link, &p.User, d.now), auth.LinkLive)
		done, err := f.ConsumeLink(ctx, onboard.ConsumeLink{TokenHash: hash, PasswordHash: "h", Now: d.now})
		must(t, err)
		want(t, "same person", done.User, id)
		u := d.person(id)
		want(t, "state", u.State(), registry.StateActive)
		want(t, "name", u.UserName()+" "+u.DisplayName()+" "+u.Attributes.First(registry.AttrTitle), "claire Claire Johnson Boss")
		want(t, "addresses", strings.Join(u.Attributes[registry.AttrEmails], " "), "claire.johnson@EXAMPLE.com")
		want(t, "verified", d.number(`SELECT count(*) FROM emails WHERE user_id = %d AND verified_at <> 0`, id), 1)
		d.is(registry.ApplicationDone, "")
		if _, err := f.ConsumeLink(ctx, onboard.ConsumeLink{TokenHash: hash, PasswordHash: "x", Now: d.now}); err == nil {
			t.Error("the link worked twice")
		}
	})
}

func TestOneNameForTwoHundred(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		d := newDesk(t, s, wide())
		var proofs [200]auth.Proof
		for i := range proofs {
			proofs[i] = d.proof()
		}
		var wg sync.WaitGroup
		errs := make(chan error, 300)
		for i, p := range proofs {
			wg.Go(func() {
				typed := form("ada", registry.FieldContract, "C-1001", registry.FieldMail, fmt.Sprintf("ada%d@example.com", i))
				if err := d.g.Register(t.Context(), registry.EndUser, typed, p, from(fmt.Sprintf("10.%d.0.1", i))); err != nil {
					errs <- err
				}
				if i%20 == 0 { // ten at work while the others still come
					_, err := d.g.Work(context.WithoutCancel(t.Context()))
					errs <- err
				}
			})
		}
		wg.Wait()
		_, err := d.g.Work(t.Context())
		must(t, err)
		close(errs)
		for err := range errs {
			must(t, err)
		}
		want(t, "accounts", d.number(`SELECT count(*) FROM users WHERE user_name_key = 'ada'`), 1)
		want(t, "mails", d.number(`SELECT count(*) FROM mails WHERE address LIKE 'ada%%'`), 1)
		want(t, "refused", d.number(`SELECT count(*) FROM applications WHERE state = 'refused' AND code = 'user_name_taken'`), 199)
		want(t, "names", d.number(`SELECT count(*) FROM login_names WHERE holder <> 0`), 1)
	})
}

func TestRegistrationIsLimited(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		l := wide()
		l.Address = auth.Rate{Burst: 3, Every: time.Minute}
		l.Contract = auth.Rate{Burst: 5, Every: time.Minute}
		l.UnprovenGlobal = auth.Rate{Burst: 1, Every: time.Hour}
		d := newDesk(t, s, l)
		n := 0
		try := func(address, contract string, p auth.Proof) error {
			n++
			return d.g.Register(t.Context(), registry.EndUser, form(fmt.Sprint("user", n), registry.FieldContract, contract), p, from(address))
		}
		var slow *auth.ThrottledError
		for i := range 3 {
			must(t, try("192.0.2.1", fmt.Sprint("N", i), d.proof()))
		}
		if err := try("192.0.2.1", "N", d.proof()); !errors.As(err, &slow) || slow.RetryAfter <= 0 {
			t.Errorf("a fourth from one address: %v", err)
		}
		must(t, try("192.0.2.2", "N", d.proof()))
		d.now = d.now.Add(time.Minute)
		must(t, try("192.0.2.1", "N", d.proof()))
		if err := try("192.0.2.1", "N", d.proof()); !errors.As(err, &slow) {
			t.Errorf("two in a minute: %v", err)
		}
		for _, contract := range []string{"C-1001", "C-9999"} { // the same whichever exists
			for i := range 5 {
				must(t, try(fmt.Sprintf("10.0.%d.1", n+i), contract, d.proof()))
			}
			if err := try("10.9.9.9", contract, d.proof()); !errors.As(err, &slow) {
				t.Errorf("a sixth for %s: %v", contract, err)
			}
		}
		p := d.proof()
		must(t, try("10.1.0.1", "A", p))
		was := d.number(`SELECT count(*) FROM applications`)
		if err := try("10.1.0.2", "B", p); !errors.Is(err, auth.ErrProof) {
			t.Errorf("one proof for two: %v", err)
		}
		p = auth.Proof{}
		p.Challenge, _ = d.g.Challenge()
		must(t, try("10.1.0.3", "C", p))
		p.Challenge, _ = d.g.Challenge()
		if err := try("10.1.0.4", "D", p); !errors.As(err, &slow) {
			t.Errorf("a second without work: %v", err)
		}
		want(t, "applications", d.number(`SELECT count(*) FROM applications`), was+1)
		must(t, s.SweepRegistrations(t.Context(), d.now.Add(1e6*time.Hour), d.now.Add(time.Hour)))
		want(t, "buckets left", d.number(`SELECT (SELECT count(*) FROM throttles) + (SELECT count(*) FROM spent_challenges)`), 0)
	})
}

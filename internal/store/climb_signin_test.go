package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/signin"
	"github.com/usherd/usher/internal/store"
)

// signClimbed are the methods that signNothing tries.
var signClimbed = []string{"Audit", "Deeds"}

// totpFactor and passkeyFactor are second factors of a person.
func totpFactor(w *world, company registry.CompanyID, user registry.UserID) signin.Factor {
	return signin.Factor{Company: company, User: user, Kind: auth.FactorTOTP, Name: "phone", Secret: []byte("secret"), LastStep: 7, CreatedAt: w.now}
}

func passkeyFactor(w *world, company registry.CompanyID, user registry.UserID) signin.Factor {
	return signin.Factor{
		Company: company, User: user, Kind: auth.FactorPasskey, CredentialID: []byte{0, 1, 0xff}, Data: []byte(`{"counter": 1}`), CreatedAt: w.now,
	}
}

// signNothing tries what signs people in, with B's company and A's keys.
func (c *climber) signNothing(ctx context.Context) {
	t, s, b := c.t, c.s.Signing(), c.beta.Company
	c.sql(`UPDATE users SET credential = 'sso' WHERE id = %d`, c.user)
	for _, f := range []signin.Factor{totpFactor(c.world, c.src.Company, c.user), passkeyFactor(c.world, c.src.Company, c.user)} {
		if _, err := s.AddFactor(t.Context(), f, [][]byte{[]byte("r1"), []byte("r2")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.a.Audit(t.Context(), registry.Deed{Action: "test"}); err != nil {
		t.Fatal(err)
	}
	was := c.texts(`SELECT id || kind || last_step || last_used_at FROM factors ORDER BY id`)
	mine, err := s.Factors(t.Context(), c.src.Company, c.user)
	if err != nil || len(mine) != 4 {
		t.Fatalf("A's factors: %v, %v", mine, err)
	}
	theirs := mine[0]
	theirs.Company = b
	found := 0
	deeds, err1 := c.b.Deeds(ctx, registry.DeedQuery{Limit: 10})
	list, err2 := s.Factors(ctx, b, c.user)
	mails, err3 := s.UsersByMail(ctx, b, "ann@example.com")
	people, err4 := c.s.PeopleOf(ctx, b)
	found += len(deeds) + len(list) + len(mails) + len(people)
	if err := errors.Join(err1, err2, err3, err4); err != nil || found != 0 {
		t.Errorf("B sees %d of A's factors, deeds and people: %v", found, err)
	}
	used, err1 := s.UseStep(ctx, theirs, 99, c.now)
	theirs.Data = []byte(`{}`)
	shown, err2 := s.UsePasskey(ctx, theirs, c.now)
	spent, err3 := s.SpendRecovery(ctx, b, c.user, []byte("r1"))
	n, err4 := s.ResetFactors(ctx, b, c.user)
	ended, err5 := c.s.EndSession(ctx, b, c.user, c.texts(`SELECT token_hash FROM sessions`)[0])
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil || used || shown || spent || ended || n != 0 {
		t.Errorf("B used A's factors and sessions: %v", err)
	}
	for what, fn := range map[string]func() error{
		"person":   func() error { _, err := s.User(ctx, b, c.user); return err },
		"tie":      func() error { _, err := s.UserByAnchor(ctx, b, c.src.Origin.ID, c.anchor); return err },
		"passkey":  func() error { _, err := s.FactorByCredential(ctx, b, []byte{0, 1, 0xff}); return err },
		"add":      func() error { _, err := s.AddFactor(ctx, totpFactor(c.world, b, c.user), nil); return err },
		"recovery": func() error { return s.ReplaceRecovery(ctx, b, c.user, nil, c.now) },
		"remove":   func() error { _, err := s.RemoveFactor(ctx, b, c.user, theirs.ID, false); return err },
	} {
		if err := fn(); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s of A: %v", what, err)
		}
	}
	if err := s.Audit(ctx, b, registry.Deed{Action: "test"}); err != nil {
		t.Error(err)
	}
	want(t, "A's factors", c.texts(`SELECT id || kind || last_step || last_used_at FROM factors ORDER BY id`), was)
}

// TestFactors: a step is taken once, recovery codes come with the first factor
// and go with the last, and a reset ends sessions.
func TestFactors(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		w := newWorld(t, st)
		s, company := st.Signing(), w.src.Company
		id := w.create1(person("1", "ann"))
		ctx := t.Context()
		if _, err := s.AddFactor(ctx, totpFactor(w, company, id), nil); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("somebody who may not sign in gets a factor: %v", err)
		}
		w.sql(`UPDATE users SET credential = 'sso' WHERE id = %d`, id)
		w.signIn(id)
		w.sql(`UPDATE sessions SET expires_at = %d`, w.now.Add(time.Hour).UnixMicro())
		codes := [][]byte{[]byte("r1"), []byte("r2")}
		for i, f := range []signin.Factor{totpFactor(w, company, id), passkeyFactor(w, company, id)} {
			first, err := s.AddFactor(ctx, f, codes)
			if err != nil || first != (i == 0) {
				t.Fatalf("factor %d: first %v, %v", i, first, err)
			}
		}
		live, err := st.ListSessions(ctx, company, id, w.now)
		if err != nil || len(live) != 1 || !live[0].Account.HasFactor {
			t.Errorf("the session knows of no factor: %+v, %v", live, err)
		}
		key, err := s.FactorByCredential(ctx, company, []byte{0, 1, 0xff})
		if err != nil || key.User != id || key.Kind != auth.FactorPasskey {
			t.Fatalf("passkey: %+v, %v", key, err)
		}
		key.Data = []byte(`{"counter": 2}`)
		ok, err := s.UsePasskey(ctx, key, w.now)
		want(t, "passkey used", fmt.Sprint(ok, err), "true <nil>")
		all, err := s.Factors(ctx, company, id)
		if err != nil || len(all) != 4 || all[0].LastStep != 7 || string(all[0].Secret) != "secret" {
			t.Fatalf("factors: %+v, %v", all, err)
		}
		for i, step := range []int64{7, 6, 8, 8} {
			ok, err := s.UseStep(ctx, all[0], step, w.now)
			want(t, fmt.Sprint("step ", i), fmt.Sprint(ok, err), fmt.Sprint(i == 2, " <nil>"))
		}
		for i, code := range []string{"r1", "r1", "other"} {
			ok, err := s.SpendRecovery(ctx, company, id, []byte(code))
			want(t, fmt.Sprint("recovery ", i), fmt.Sprint(ok, err), fmt.Sprint(i == 0, " <nil>"))
		}
		if _, err := s.RemoveFactor(ctx, company, id, all[0].ID, true); err != nil {
			t.Errorf("one of two: %v", err)
		}
		if _, err := s.RemoveFactor(ctx, company, id, key.ID, true); !errors.Is(err, auth.ErrLastFactor) {
			t.Errorf("the last that must stay: %v", err)
		}
		want(t, "left", w.number(`SELECT count(*) FROM factors`), 2)
		if _, err := s.RemoveFactor(ctx, company, id, key.ID, false); err != nil {
			t.Errorf("the last: %v", err)
		}
		want(t, "left", w.number(`SELECT count(*) FROM factors`), 0)
		if _, err := s.AddFactor(ctx, totpFactor(w, company, id), codes); err != nil {
			t.Fatal(err)
		}
		n, err := s.ResetFactors(ctx, company, id)
		want(t, "reset", fmt.Sprint(n, err), "1 <nil>")
		want(t, "left", w.number(`SELECT (SELECT count(*) FROM factors) + (SELECT count(*) FROM sessions)`), 0)
	})
}

// TestRights: who may lose which right, and that nothing is joined onto them.
func TestRights(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "the last admin", func(t *testing.T, w *world) {
			admin := w.door(registry.OriginAdmin, "admin")
			ids := w.create(person("1", "ann"), person("2", "bob"))
			set := func(id registry.UserID, on, force bool) []registry.Result {
				return w.putAs(admin, registry.SetRights{User: id, Admin: on, ByOperator: force})
			}
			want(t, "given", actions(set(ids[0], true, false)), []registry.Action{"rights"})
			want(t, "again", actions(set(ids[0], true, false)), []registry.Action{""})
			want(t, "the last", codes(set(ids[0], false, false)), []registry.Code{"last_admin"})
			set(ids[1], true, false)
			res := w.putAs(admin, registry.SetRights{User: ids[0]}, registry.SetRights{User: ids[1]})
			want(t, "both at once", len(codes(res)), 2)
			if w.number(`SELECT count(*) FROM users WHERE company_admin`) == 0 {
				t.Error("one batch took the last admin's right")
			}
			want(t, "by an operator", codes(set(ids[1], false, true)), []registry.Code{""})
		})
		rule(t, s, "a push and a sync leave rights alone", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.putAs(w.door(registry.OriginAdmin, "admin"), registry.SetRights{User: id, Rights: registry.RightsAuditor | registry.RightsApprover})
			w.put(address(person("1", "ann"), "new@example.com"), registry.MissUser{Anchor: "1x"})
			want(t, "rights", w.person(id).Rights.String(), "auditor, approver")
			res := w.putAs(w.door(registry.OriginLDAP, "other"), with(person("9", "x"), func(p *registry.PutUser) { p.Join = id }))
			want(t, "joined", codes(res), []registry.Code{"protected_admin"})
			w.sql(`UPDATE users SET association = 'weak' WHERE id = %d`, id)
			want(t, "a contact", codes(w.putAs(w.door(registry.OriginAdmin, "admin"), registry.SetRights{User: id, Admin: true})), []registry.Code{"not_found"})
		})
		rule(t, s, "ties to a provider", func(t *testing.T, w *world) {
			oidc := w.door(registry.OriginOIDC, "corp")
			ids := w.create(with(person("1", "ann"), func(p *registry.PutUser) { p.SetupMail = registry.SetupSend }), person("2", "bob"), person("3", "cid"))
			tie := func(id registry.UserID, anchor string, proved bool) registry.Code {
				return codes(w.putAs(oidc, registry.TieUser{User: id, Anchor: anchor, Name: anchor, Proved: proved}))[0]
			}
			want(t, "invited", tie(ids[0], "a", false), registry.Code(""))
			want(t, "credential", w.person(ids[0]).Credential, registry.CredentialSSO)
			want(t, "owner", w.person(ids[0]).Owner, w.src.Origin.ID)
			want(t, "links that would set a password", w.number(`SELECT count(*) FROM setup_links WHERE superseded_at = 0 AND user_id = %d`, ids[0]), 0)
			want(t, "again", tie(ids[0], "a", false), registry.Code(""))
			want(t, "another subject", tie(ids[0], "b", true), registry.Code("already_linked"))
			want(t, "another person", tie(ids[1], "a", true), registry.Code("anchor_taken"))
			w.sql(`UPDATE users SET credential = 'set', password_hash = 'x' WHERE id = %d`, ids[1])
			want(t, "a password", tie(ids[1], "c", false), registry.Code("own_password"))
			want(t, "a password, proved", tie(ids[1], "c", true), registry.Code(""))
			want(t, "its credential", w.person(ids[1]).Credential, registry.CredentialSet)
			w.putAs(w.door(registry.OriginAdmin, "admin"), registry.SetRights{User: ids[2], Rights: registry.RightsAuditor})
			want(t, "rights", tie(ids[2], "d", false), registry.Code("protected_admin"))
		})
		rule(t, s, "removed by hand", func(t *testing.T, w *world) {
			admin := w.door(registry.OriginAdmin, "admin")
			made := registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"olga"}}}
			id := w.putAs(admin, made)[0].User
			other := w.create1(person("1", "ann"))
			want(t, "another's", codes(w.putAs(admin, registry.RemoveUser{User: other})), []registry.Code{"foreign_owner"})
			want(t, "own", actions(w.putAs(admin, registry.RemoveUser{User: id})), []registry.Action{"delete"})
			want(t, "the name", codes(w.putAs(admin, made)), []registry.Code{""})
		})
	})
}

// TestOperators: their company is made once and shown in no list.
func TestOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		newWorld(t, s)
		first, err := s.Operators(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Operators(t.Context())
		if err != nil || again != first || first.ID == 0 {
			t.Errorf("the second time: %+v, %v; first %+v", again, err, first)
		}
		all, err := s.Companies(t.Context())
		if err != nil || len(all) != 1 {
			t.Errorf("companies: %+v, %v", all, err)
		}
	})
}

package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// meet is a meeting by mail with whoever writes from an address.
func (w *world) meet(address string, change ...func(*registry.Meet)) registry.Meet {
	m := registry.Meet{
		Mailbox: registry.Tie{Origin: w.door(registry.OriginMail, "mail").ID, Anchor: registry.Key(address), Name: address},
		Attributes: registry.Attributes{
			registry.AttrEmails: {address}, registry.AttrGivenName: {"Given"}, registry.AttrFamilyName: {"Family"}, registry.AttrDisplayName: {"Given Family"},
		},
	}
	for _, fn := range change {
		fn(&m)
	}
	return m
}

func verified(m *registry.Meet) { m.Verified = true }

// byMail carries a meeting out at the mail door.
func (w *world) byMail(m registry.Meet) registry.Result {
	w.t.Helper()
	return w.putAs(w.door(registry.OriginMail, "mail"), m)[0]
}

func TestMeetMakesOneContact(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		const writers = 200
		mail := w.door(registry.OriginMail, "mail")
		m := w.meet("claire.johnson@myorg.org")
		var wg sync.WaitGroup
		results, failed := make([]registry.Result, writers), make([]error, writers)
		for i := range writers {
			wg.Go(func() {
				res, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: mail, Actor: "mail", Ops: []registry.Op{m}})
				if failed[i] = err; err == nil {
					results[i] = res[0]
				}
			})
		}
		wg.Wait()
		made := 0
		for i, r := range results {
			if failed[i] != nil || r.Refused != nil {
				t.Fatalf("writer %d: %v, %v", i, failed[i], r.Refused)
			}
			if r.User != results[0].User || r.Subject == nil || r.Subject.Association != registry.Weak {
				t.Errorf("writer %d met %+v", i, r)
			}
			if r.Change != nil && r.Change.Action == registry.ActionCreate {
				made++
			}
		}
		want(t, "contacts made", made, 1)
		want(t, "people", w.number(`SELECT count(*) FROM users`), 1)
		want(t, "ties", w.number(`SELECT count(*) FROM links`), 1)
	})
}

// TestMeet: who an address and an id mean.
func TestMeet(t *testing.T) {
	const claire = "claire@example.com"
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "a contact has no account", func(t *testing.T, w *world) {
			r := w.byMail(w.meet(claire, verified))
			u := w.person(r.User)
			want(t, "state", u.State(), registry.StateContact)
			want(t, "userName", u.UserName(), "contact-"+u.PublicID)
			want(t, "mails", w.mails(r.User), nil)
			invite := w.putAs(w.door(registry.OriginAdmin, "admin"), registry.MailSetup{User: r.User})
			want(t, "invitation", codes(invite), []registry.Code{registry.CodeNotInvitable})
			want(t, "seen", w.number(`SELECT count(*) FROM users WHERE seen_at <> 0`), 1)
			want(t, "changes", w.changes(), 1)
			w.byMail(w.meet(claire, verified))
			want(t, "changes after another mail", w.changes(), 1)
		})
		rule(t, s, "the account that has the address verified", func(t *testing.T, w *world) {
			id := w.create1(person("1", "claire"))
			r := w.byMail(w.meet(claire))
			want(t, "who", r.User, id)
			want(t, "people", w.number(`SELECT count(*) FROM users`), 1)
			want(t, "links", w.number(`SELECT count(*) FROM links`), 1)
		})
		rule(t, s, "an account whose address nobody proved is a stranger", func(t *testing.T, w *world) {
			planted := w.putAs(w.door(registry.OriginRegistration, "registration"), registry.CreateUser{Attributes: person("", "claire").Attributes})[0]
			if r := w.byMail(w.meet(claire, verified)); r.User == planted.User || r.Subject.Association != registry.Weak {
				t.Errorf("met %+v", r)
			}
		})
		rule(t, s, "two accounts with one address", func(t *testing.T, w *world) {
			ids := w.create(address(person("1", "ann"), claire), address(person("2", "bob"), claire))
			r := w.byMail(w.meet(claire, verified))
			want(t, "code", r.Refused.Code, registry.CodeAmbiguous)
			var candidates []registry.UserID
			for _, c := range r.Candidates {
				candidates = append(candidates, c.User)
			}
			slices.Sort(candidates)
			want(t, "candidates", candidates, ids)
			want(t, "people", w.number(`SELECT count(*) FROM users`), 2)
		})
		rule(t, s, "an account comes before a contact", func(t *testing.T, w *world) {
			contact := w.byMail(w.meet(claire)).User
			id := w.create1(person("1", "claire"))
			want(t, "who", w.byMail(w.meet(claire, verified)).User, id)
			want(t, "the contact is left", w.person(contact).State(), registry.StateContact)
		})
		rule(t, s, "an address that changed hands", func(t *testing.T, w *world) {
			first := w.byMail(w.meet(claire, verified)).User
			w.put(with(person("1", "claire"), func(p *registry.PutUser) { p.Join = first }))
			w.put(address(person("1", "claire"), "new@example.com"))
			r := w.byMail(w.meet(claire, verified))
			if r.User == first || r.Subject.Association != registry.Weak {
				t.Errorf("met %+v", r)
			}
			want(t, "again", w.byMail(w.meet(claire, verified)).User, r.User)
		})
		rule(t, s, "verified later", func(t *testing.T, w *world) {
			id := w.byMail(w.meet(claire)).User
			found := func() int {
				c, err := w.s.For(w.src.Company).Candidates(t.Context(), "email", []string{claire})
				if err != nil {
					t.Fatal(err)
				}
				return len(c)
			}
			want(t, "joinable", found(), 0)
			want(t, "who", w.byMail(w.meet(claire)).User, id)
			want(t, "joinable still", found(), 0)
			w.byMail(w.meet(claire, verified))
			want(t, "joinable then", found(), 1)
		})
		rule(t, s, "a claim is kept with the link", func(t *testing.T, w *world) {
			claim := func(name string) func(*registry.Meet) {
				return func(m *registry.Meet) { m.Mailbox.Claim = registry.Attributes{registry.AttrDisplayName: {name}} }
			}
			kept := func(name string) int64 {
				return w.number(`SELECT count(*) FROM links WHERE CAST(asserted AS TEXT) LIKE '%%%s%%'`, name)
			}
			w.byMail(w.meet(claire, claim("Boss")))
			want(t, "the first", kept("Boss"), 1)
			w.byMail(w.meet(claire, claim("Chief")))
			want(t, "an unverified one", kept("Boss"), 1)
			w.byMail(w.meet(claire, claim("Chief"), verified))
			want(t, "a verified one", kept("Chief"), 1)
		})
		rule(t, s, "who is believed fills in", func(t *testing.T, w *world) {
			id := w.byMail(w.meet(claire)).User
			guess := w.meet(claire).Attributes
			w.byMail(w.meet(claire, func(m *registry.Meet) {
				m.Attributes = m.Attributes.Clone()
				m.Attributes.Set(registry.AttrGivenName, "Claire")
				m.Attributes.Set(registry.AttrPhone, "+39 1")
				m.Fill, m.Guess = []string{registry.AttrGivenName, registry.AttrPhone}, guess
			}))
			u := w.person(id)
			want(t, "name", u.Attributes.First(registry.AttrGivenName)+u.Attributes.First(registry.AttrPhone), "Claire+39 1")
			w.byMail(w.meet(claire, func(m *registry.Meet) { m.Fill, m.Guess = []string{registry.AttrGivenName}, guess }))
			want(t, "a name that is no guess stays", w.person(id).Attributes.First(registry.AttrGivenName), "Claire")
		})
	})
}

// TestMeetInTeams: an id is stronger than an address.
func TestMeetInTeams(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		inTeams := func(w *world, clue string) registry.Meet {
			m := registry.Meet{
				Object:     registry.Tie{Origin: w.door(registry.OriginTeams, "teams").ID, Anchor: "tenant/object", Name: "Claire"},
				Attributes: registry.Attributes{registry.AttrDisplayName: {"Claire"}},
			}
			if clue != "" {
				m.Clues = []registry.Tie{{Origin: w.src.Origin.ID, Anchor: clue}}
			}
			return m
		}
		rule(t, s, "a stranger, then somebody of the directory", func(t *testing.T, w *world) {
			teams := w.door(registry.OriginTeams, "teams")
			first := w.putAs(teams, inTeams(w, "1"))[0]
			want(t, "weak", first.Subject.Association, registry.Weak)
			want(t, "again", w.putAs(teams, inTeams(w, "1"))[0].User, first.User)
			id := w.create1(person("1", "claire"))
			want(t, "known by then", w.putAs(teams, inTeams(w, "1"))[0].User, id)
			want(t, "the tie moved", w.number(`SELECT user_id FROM links WHERE anchor = 'tenant/object'`), int64(id))
			want(t, "without the clue", w.putAs(teams, inTeams(w, ""))[0].User, id)
		})
		rule(t, s, "an id and an address that mean two", func(t *testing.T, w *world) {
			teams := w.door(registry.OriginTeams, "teams")
			w.putAs(teams, inTeams(w, ""))
			w.byMail(w.meet("claire@example.com"))
			both := w.meet("claire@example.com")
			both.Object = inTeams(w, "").Object
			want(t, "codes", codes(w.putAs(teams, both)), []registry.Code{registry.CodeAmbiguous})
			both.Mailbox.Anchor, both.Attributes[registry.AttrEmails] = "other@example.com", []string{"other@example.com"}
			want(t, "an address of nobody's", codes(w.putAs(teams, both)), []registry.Code{""})
			want(t, "nobody at all", codes(w.putAs(teams, registry.Meet{})), []registry.Code{registry.CodeInvalidValue})
		})
	})
}

// TestForgetContact: nothing personal is left, and a return is somebody new.
func TestForgetContact(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		a, ctx := w.s.For(w.src.Company), t.Context()
		id := w.byMail(w.meet("claire@secret.example", verified)).User
		mail := w.door(registry.OriginMail, "mail")
		note := registry.IntakeMessage{Origin: mail.ID, Key: "k", Sender: "claire@secret.example", User: id, Outcome: "new", Created: true, At: w.now}
		if err := a.NoteIntake(ctx, note); err != nil {
			t.Fatal(err)
		}
		notice := registry.Notice{Kind: registry.NoticeContactIdle, MessageID: "idle.1@x", Data: map[string]string{"Until": "2026-05-01T00:00:00Z"}}
		later := time.Now().Add(48 * time.Hour)
		if warned, err := a.WarnContact(ctx, id, later, notice); !warned || err != nil {
			t.Fatalf("warn: %v, %v", warned, err)
		}
		if warned, err := a.WarnContact(ctx, id, later, notice); warned || err != nil {
			t.Fatalf("warned twice: %v, %v", warned, err)
		}
		want(t, "the warning", w.mails(id), []string{"queued claire@secret.example"})
		idle, err := a.IdleContacts(ctx, later, later, 10)
		if err != nil || !slices.Equal(idle, []registry.UserID{id}) {
			t.Fatalf("idle: %v, %v", idle, err)
		}
		want(t, "codes", codes(w.putAs(w.door(registry.OriginAdmin, "admin"), registry.ForgetContact{User: id, Reason: "idle"})), []registry.Code{""})
		for table, column := range map[string]string{
			"users": "user_name || display_name || given_name || CAST(attributes AS TEXT)", "emails": "address", "links": "anchor || name",
			"changes": "CAST(payload AS TEXT)", "mails": "address", "intake_messages": "sender",
		} {
			for _, text := range w.texts(`SELECT ` + column + ` FROM ` + table) {
				if text != "" && text != "{}" && table != "users" || len(text) > 80 {
					t.Errorf("%s keeps %q", table, text)
				}
			}
		}
		want(t, "state", w.person(id).State(), registry.StateDeleted)
		if again := w.byMail(w.meet("claire@secret.example")); again.User == id || again.Refused != nil {
			t.Errorf("came back as %+v", again)
		}
		account := w.create1(person("1", "ann"))
		want(t, "an account", codes(w.putAs(w.door(registry.OriginAdmin, "admin"), registry.ForgetContact{User: account})), []registry.Code{registry.CodeForeignOwner})
	})
}

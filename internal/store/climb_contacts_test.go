package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// contactsClimbed are the methods of Tenant that TestContactFence tries.
var contactsClimbed = []string{
	"Arrivals", "Contacts", "ContactWith", "HasPeopleAt", "IdleContacts", "IntakeMessage", "NoteIntake", "TellOrigin", "ToldOrigin", "WarnContact",
}

// TestContactFence: company B, with the keys of A's contact, mails and doors, sees
// and touches nothing of them.
func TestContactFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		far := time.Now().Add(24 * time.Hour)
		contact := c.byMail(c.meet("claire@secret.example", verified)).User
		mail := c.door(registry.OriginMail, "mail")
		note := registry.IntakeMessage{Origin: mail.ID, Key: "k", Sender: "claire@secret.example", User: contact, Created: true, Outcome: "new", At: c.now}
		must(t, c.a.NoteIntake(t.Context(), note))
		must(t, c.a.TellOrigin(t.Context(), registry.OriginMail, time.Time{}, c.now, nil))
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		was := append(c.state(), c.texts(`SELECT seen_at || ' ' || idle_warned_at || ' ' || erased_at FROM users WHERE company_id = %d`, c.src.Company)...)
		if n, senders, err := c.b.Arrivals(ctx, registry.OriginMail, time.Time{}, 10); n != 0 || len(senders) != 0 || err != nil {
			t.Errorf("Arrivals: %d, %v, %v", n, senders, err)
		}
		if list, err := c.b.Contacts(ctx, 10); len(list) != 0 || err != nil {
			t.Errorf("Contacts: %v, %v", list, err)
		}
		if id, err := c.b.ContactWith(ctx, []string{"claire@secret.example"}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("ContactWith: %d, %v", id, err)
		}
		for _, domain := range []string{"secret.example", "example.com"} {
			if has, err := c.b.HasPeopleAt(ctx, domain); has || err != nil {
				t.Errorf("HasPeopleAt: %v, %v", has, err)
			}
		}
		for _, told := range []time.Time{{}, far} {
			if list, err := c.b.IdleContacts(ctx, far, told, 10); len(list) != 0 || err != nil {
				t.Errorf("IdleContacts: %v, %v", list, err)
			}
		}
		if m, err := c.b.IntakeMessage(ctx, mail.ID, "k"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("IntakeMessage: %+v, %v", m, err)
		}
		if told, err := c.b.ToldOrigin(ctx, registry.OriginMail); !told.IsZero() || err != nil {
			t.Errorf("ToldOrigin: %v, %v", told, err)
		}
		if err := c.b.TellOrigin(ctx, registry.OriginMail, c.now, far, nil); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("TellOrigin: %v", err)
		}
		if done, err := c.b.WarnContact(ctx, contact, far, registry.Notice{}); done || err != nil {
			t.Errorf("WarnContact: %v, %v", done, err)
		}
		stolen := note
		stolen.Outcome = "stolen"
		must(t, c.b.NoteIntake(ctx, stolen)) // a row of B's own, whatever origin it names
		kept, err := c.a.IntakeMessage(t.Context(), mail.ID, "k")
		if err != nil || kept.Outcome != "new" {
			t.Errorf("A's note is %+v, %v", kept, err)
		}
		own, err := s.For(c.beta.Company).EnsureOrigin(ctx, registry.OriginMail, "mail")
		must(t, err)
		res, err := c.r.Apply(ctx, registry.Batch{Company: c.beta.Company, Origin: own, Ops: []registry.Op{
			registry.ForgetContact{User: contact},
			c.meet("claire@secret.example", func(m *registry.Meet) { m.Mailbox.Origin = own.ID }),
		}})
		must(t, err)
		want(t, "codes", codes(res), []registry.Code{registry.CodeNotFound, ""})
		if res[1].User == contact {
			t.Error("B met A's contact")
		}
		want(t, "company A", append(c.state(), c.texts(`SELECT seen_at || ' ' || idle_warned_at || ' ' || erased_at FROM users WHERE company_id = %d`, c.src.Company)...), was)
	})
}

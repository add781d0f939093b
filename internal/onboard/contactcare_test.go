package onboard_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
)

type hashOnly struct{}

func (hashOnly) LinkHash(uid, purpose string) []byte {
	h := sha256.Sum256([]byte(purpose + uid))
	return h[:]
}

// desk is a company whose strangers are met and cared for.
type desk struct {
	t        *testing.T
	now      time.Time
	s        *store.Store
	company  registry.Company
	registry *registry.Registry
	contacts *onboard.Contacts
	ids      int
}

func onDesks(t *testing.T, fn func(t *testing.T, d *desk)) {
	t.Helper()
	for name, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return migrated.SQLite(t) },
		"postgres": func(t *testing.T) string { return migrated.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{t: t, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
			clock := func() time.Time { return d.now }
			var err error
			if d.s, err = store.Open(t.Context(), address(t), store.Options{Now: clock}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.s.Close() })
			if err := d.s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.s.Settle(t.Context(), store.Settled{Companies: []registry.Company{{Key: "acme", Name: "Acme"}}}); err != nil {
				t.Fatal(err)
			}
			if d.company, err = d.s.CompanyByKey(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			d.registry = &registry.Registry{Store: d.s, Now: clock, NewID: d.newID, Minter: hashOnly{}, LinkLife: time.Hour, MessageDomain: "example.com"}
			d.contacts = onboard.NewContacts(d.registry, func(id registry.CompanyID) onboard.Doors { return d.s.For(id) },
				func(context.Context, registry.CompanyID, string) ([]registry.OriginID, error) { return nil, nil })
			fn(t, d)
		})
	}
}

func (d *desk) newID() string {
	d.ids++
	return fmt.Sprintf("01900000-0000-7000-8000-%012d", d.ids)
}

// writes has somebody write, and notes it as the mailroom does.
func (d *desk) writes(address string) registry.Met {
	d.t.Helper()
	met, err := d.contacts.Recognise(d.t.Context(), d.company.ID, registry.OriginMail, registry.Encounter{Email: address, Actor: "mail"})
	if err != nil {
		d.t.Fatal(err)
	}
	door, err := d.contacts.Door(d.t.Context(), d.company.ID, registry.OriginMail)
	if err != nil {
		d.t.Fatal(err)
	}
	err = d.s.For(d.company.ID).NoteIntake(d.t.Context(), registry.IntakeMessage{
		Origin: door.ID, Key: d.newID(), Sender: address, User: met.User.ID, Created: met.New, Outcome: "new", At: d.now,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return met
}

// care looks after the contacts after a time and tells which mails were queued.
func (d *desk) care(after time.Duration) []string {
	d.t.Helper()
	d.now = d.now.Add(after)
	was := d.mails()
	c := onboard.ContactCare{
		Contacts: d.contacts, Store: d.s.For(d.company.ID), Company: d.company.ID, MessageDomain: "example.com", NewID: d.newID,
		Times: onboard.ContactTimes{Idle: 730 * 24 * time.Hour, Warn: 30 * 24 * time.Hour},
	}
	if err := c.Do(d.t.Context(), d.now); err != nil {
		d.t.Fatal(err)
	}
	return d.mails()[len(was):]
}

func (d *desk) mails() []string {
	d.t.Helper()
	list, err := d.s.For(d.company.ID).Mails(d.t.Context(), "", 100)
	if err != nil {
		d.t.Fatal(err)
	}
	out := make([]string, len(list))
	for i, m := range list {
		out[len(list)-1-i] = m.Kind + " " + m.To
	}
	return out
}

func (d *desk) left() string {
	d.t.Helper()
	list, err := d.s.For(d.company.ID).Contacts(d.t.Context(), 10)
	if err != nil {
		d.t.Fatal(err)
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

const day = 24 * time.Hour

// TestIdleContacts: who is not heard of is told, then forgotten; who writes again
// is kept.
func TestIdleContacts(t *testing.T) {
	onDesks(t, func(t *testing.T, d *desk) {
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if strings.Join(got, ",") != strings.Join(want, ",") {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		d.writes("claire.johnson@a.example")
		d.writes("bob.brown@a.example")
		check("soon", d.care(600*day))
		d.writes("bob.brown@a.example")
		check("before it is time", d.care(99*day))
		check("claire is told", d.care(2*day), "contactIdle claire.johnson@a.example")
		check("once", d.care(day))
		if got := d.left(); got != "Bob Brown, Claire Johnson" {
			t.Errorf("left: %s", got)
		}
		check("and forgotten", d.care(30*day))
		if got := d.left(); got != "Bob Brown" {
			t.Errorf("left: %s", got)
		}
		check("bob is told", d.care(580*day), "contactIdle bob.brown@a.example")
		d.writes("bob.brown@a.example")
		check("and writes", d.care(31*day))
		if got := d.left(); got != "Bob Brown" {
			t.Errorf("left: %s", got)
		}
		if met := d.writes("claire.johnson@a.example"); !met.New {
			t.Errorf("claire is %+v", met)
		}
	})
}

// TestContactsArrive: the admins hear once that strangers write, and again when it
// was quiet between.
func TestContactsArrive(t *testing.T) {
	onDesks(t, func(t *testing.T, d *desk) {
		admin, err := d.contacts.Door(t.Context(), d.company.ID, registry.OriginAdmin)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.registry.Apply(t.Context(), registry.Batch{Company: d.company.ID, Origin: admin, Actor: "test", Ops: []registry.Op{registry.CreateUser{
			CompanyAdmin: true, Verified: true,
			Attributes: registry.Attributes{registry.AttrUserName: {"admin"}, registry.AttrEmails: {"admin@a.example"}},
		}}}); err != nil {
			t.Fatal(err)
		}
		told := func(what string, got []string, want int) {
			t.Helper()
			if len(got) != want || want == 1 && got[0] != "contactsArrive admin@a.example" {
				t.Errorf("%s: %v", what, got)
			}
		}
		told("nobody wrote", d.care(day), 0)
		d.writes("claire@a.example")
		d.writes("eve@elsewhere.example")
		told("the first", d.care(time.Hour), 1)
		queued, err := d.s.MailQueue().Claim(t.Context(), 10, time.Minute)
		if err != nil || len(queued) != 1 || queued[0].Data["People"] != "2" || queued[0].Data["Colleagues"] != "1" {
			t.Errorf("the mail says %+v, %v", queued, err)
		}
		d.writes("more@a.example")
		told("more of them", d.care(time.Hour), 0)
		told("quiet", d.care(31*day), 0)
		told("still quiet", d.care(time.Hour), 0)
		d.writes("new@a.example")
		told("again", d.care(time.Hour), 1)
	})
}

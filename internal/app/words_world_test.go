package app_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// The admins who get the notices, each in their language.
var noticed = map[string]string{"ru": "vera", "it": "piero"}

// listeners are the admins of noticed.
func (d *desk) listeners() {
	d.t.Helper()
	for lang, name := range noticed {
		d.person("acme", name, false)
		c := d.company("acme")
		origin, err := d.s.Store.For(c.ID).EnsureOrigin(d.t.Context(), registry.OriginSCIM, "people")
		must(d.t, err)
		d.apply(origin, registry.PutUser{Anchor: name, Enabled: true, PasswordHash: d.hash, Attributes: registry.Attributes{
			registry.AttrUserName: {name}, registry.AttrEmails: {name + "@example.com"}, registry.AttrLocale: {lang},
		}})
		d.rights(d.look("acme", name), true, false, false)
	}
}

// applied has somebody wait at the door, and somebody turned away. It gives the id
// of the first.
func (d *desk) applied(t *testing.T) string {
	t.Helper()
	c := d.company("acme")
	must(t, d.s.Store.For(c.ID).CreateContract(t.Context(), "C-1", "", "admin ann"))
	for _, name := range []string{"hopes", "turned"} {
		id := "application-of-" + name
		must(t, d.s.Store.Registrations(d.s.Registry).Receive(t.Context(), onboard.Intake{Challenge: auth.Spent{Hash: []byte(id), Expires: d.s.Now().Add(time.Hour)}, Application: registry.Application{
			PublicID: id, Kind: registry.EndUser, State: registry.ApplicationReceived, CreatedAt: d.s.Now(), Address: "192.0.2.1",
			Typed: map[string]string{
				registry.FieldLogin: name, registry.FieldGiven: "Una", registry.FieldFamily: "Bee", registry.FieldMail: name + "@example.com", registry.FieldContract: "C-1",
			},
		}}))
	}
	until(t, "two applicants wait", func() bool {
		list, err := d.s.Applicants(t.Context(), c.ID, registry.ApplicationAwaiting, 2)
		return err == nil && len(list) == 2
	})
	g := d.guest()
	g.given(d.look("acme", "ann"), d.s.Now())
	if p := g.do(http.MethodPost, "/admin/acme/applicants/application-of-turned/refuse", url.Values{"note": {"nobody"}}); p.status != http.StatusSeeOther {
		t.Fatalf("refuse: %d", p.status)
	}
	return "application-of-hopes"
}

// cancelled has one mail taken back by hand.
func (d *desk) cancelled(t *testing.T) {
	t.Helper()
	mails, err := d.s.Store.For(d.company("acme").ID).MailPage(t.Context(), registry.MailQuery{State: "held", Limit: 1})
	must(t, err)
	if len(mails) == 0 {
		t.Fatal("no mail is held")
	}
	g := d.guest()
	g.given(d.look("acme", "ann"), d.s.Now())
	if p := g.do(http.MethodPost, "/admin/acme/mails/"+mails[0].MessageID+"/cancel", url.Values{}); p.status != http.StatusSeeOther {
		t.Fatalf("cancel: %d", p.status)
	}
}

// deserted has a webhook whose receiver says that it is gone.
func (d *desk) deserted(t *testing.T) {
	t.Helper()
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(gone.Close)
	hooks, err := d.s.Webhooks()
	must(t, err)
	h, _, err := hooks.Create(t.Context(), d.company("acme").ID, registry.Deed{Actor: "admin ann"}, "gone", gone.URL, []string{"*"})
	must(t, err)
	_, err = hooks.Test(t.Context(), h, registry.Deed{Actor: "admin ann"})
	must(t, err)
}

// notices are the kinds of mail that this world sends to admins.
var notices = []registry.NoticeKind{registry.NoticeHeld, registry.NoticeQuarantined, registry.NoticeWebhookDisabled}

// mails reads what the admins of a language were sent.
func (r *reader) mails(d *desk) {
	r.t.Helper()
	for _, kind := range notices {
		until(r.t, "the mail about "+string(kind), func() bool {
			return count(r.t, d.s.Core, `SELECT count(*) FROM mails WHERE kind = '`+string(kind)+`' AND state = 'sent' AND address = '`+noticed[r.lang]+`@example.com'`) > 0
		})
	}
	n := 0
	for _, m := range d.box.Messages() {
		if !slices.Contains(m.To, noticed[r.lang]+"@example.com") {
			continue
		}
		n++
		r.read("mail "+m.Subject, m.HTML)
		for line := range strings.Lines(m.Subject + "\n" + m.Text) {
			r.judge("mail "+m.Subject, saidText{"text", strings.TrimSpace(line)})
		}
	}
	if n < len(notices) {
		r.t.Errorf("%s has %d mails", noticed[r.lang], n)
	}
}

package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// allowHere lets webhooks lead to this machine.
const allowHere = "webhooks: {allow: [127.0.0.0/8]}"

// arrival is a request that a receiver got.
type arrival struct {
	id      string
	head    http.Header
	body    []byte
	payload struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
}

// inbox is a receiver that keeps what arrives. answer, when set, is asked before
// the request counts as answered.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	list []arrival
}

func newInbox(t *testing.T, answer func(n int, r *http.Request)) *inbox {
	t.Helper()
	b := &inbox{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a := arrival{id: r.Header.Get("webhook-id"), head: r.Header}
		a.body, _ = io.ReadAll(r.Body)
		if err := json.Unmarshal(a.body, &a.payload); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		b.list = append(b.list, a)
		n := len(b.list)
		b.mu.Unlock()
		if answer != nil {
			answer(n, r)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) arrivals() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

// listen makes a webhook and gives it with its secret.
func listen(t *testing.T, core *app.Core, url string, events ...string) (registry.Webhook, string) {
	t.Helper()
	desk, err := core.Webhooks()
	if err != nil {
		t.Fatal(err)
	}
	c, err := core.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	h, secret, err := desk.Create(t.Context(), c.ID, registry.Deed{Actor: "test"}, "", url, events)
	if err != nil {
		t.Fatal(err)
	}
	return h, secret
}

// TestWebhooksOfARun: everybody a run brings is told of once, and the run itself,
// each request signed and without a name in it.
func TestWebhooksOfARun(t *testing.T) {
	t.Parallel()
	const all = 60 + 3 + 3 + 1 // people, groups, their members, the run
	dir, box := directory(t, 60, 3), newInbox(t, nil)
	s, _ := start(t, configure(t, settings{LDAP: dir.URL, More: allowHere}), app.Options{})
	_, secret := listen(t, s.Core, box.URL, "user.created", "group.*", "sync.run.*")
	run, err := s.RunSource(t.Context(), "corp", reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"})
	if err != nil || run.State != registry.RunDone {
		t.Fatalf("%+v, %v", run, err)
	}
	until(t, "everything has arrived", func() bool { return len(box.arrivals()) >= all })
	kinds, ids := map[string]int{}, map[string]bool{}
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range box.arrivals() {
		kinds[a.payload.Type]++
		ids[a.id] = true
		if err := wh.Verify(a.body, a.head); err != nil {
			t.Errorf("%s: %v", a.id, err)
		}
		if a.payload.Data["company"] != "acme" || a.payload.Data["run"] != float64(run.Number) || strings.Contains(string(a.body), "u0000") {
			t.Errorf("%s", a.body)
		}
	}
	if len(ids) != all || kinds["group.members_changed"] != 3 || kinds["user.created"] != 60 || kinds["group.created"] != 3 || kinds["sync.run.finished"] != 1 {
		t.Errorf("%d deliveries: %v", len(ids), kinds)
	}
}

// TestKilledInTheMiddleOfADelivery: the process dies while a receiver thinks about
// its answer. Another one repeats the request under the same id.
func TestKilledInTheMiddleOfADelivery(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), "postgres": postgres.New(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thinking := make(chan struct{}, 10)
			box := newInbox(t, func(n int, r *http.Request) {
				if n == 1 {
					thinking <- struct{}{}
					<-r.Context().Done()
				}
			})
			s := defaults(t, settings{Database: database, More: allowHere})
			core, err := app.Open(t.Context(), configure(t, s), app.Options{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = core.Close() })
			first := spawn(t, s)
			listen(t, core, box.URL, "user.created")
			c, err := core.Company(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := core.CreateUser(t.Context(), c.ID, "test", app.NewUser{UserName: "ann", Email: "ann@example.com"}); err != nil {
				t.Fatal(err)
			}
			select {
			case <-thinking:
			case <-time.After(soon):
				t.Fatal("the first request never came")
			}
			if err := first.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.cmd.Wait()
			spawn(t, s)
			until(t, "it comes again", func() bool { return len(box.arrivals()) == 2 })
			until(t, "it is on record", func() bool {
				return count(t, core, `SELECT count(*) FROM deliveries WHERE state = 'delivered'`) == 1
			})
			if list := box.arrivals(); list[0].id == "" || list[0].id != list[1].id || string(list[0].body) != string(list[1].body) {
				t.Errorf("%s %s, then %s %s", list[0].id, list[0].body, list[1].id, list[1].body)
			}
		})
	}
}

// hand is a time that is set by hand.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (c *hand) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *hand) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// TestDigestArrives: the admins get one mail about the night at the hour they
// wished, and none about a night in which nothing happened. One that was missed
// is made once.
func TestDigestArrives(t *testing.T) {
	t.Parallel()
	dir, box := directory(t, 20, 2), mailbox(t, "127.0.0.1:0")
	seven := time.Date(2026, 3, 3, 6, 0, 0, 0, time.UTC) // in Rome
	now := &hand{at: seven.Add(-3 * time.Hour)}
	s, _ := start(t, configure(t, settings{
		LDAP: dir.URL, SMTP: box.Addr(), Emails: "nil", Company: `, digest: "CRON_TZ=Europe/Rome 0 7 * * *"`,
	}), app.Options{Now: now.Now})
	c, err := s.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	admin := app.NewUser{UserName: "claire", Email: "claire@example.com", Locale: "it", Kind: registry.SupportStaff, Admin: true}
	if _, err := s.CreateUser(t.Context(), c.ID, "test", admin); err != nil {
		t.Fatal(err)
	}
	digests := func() (out []mailcatcher.Message) {
		for _, m := range box.Messages() {
			if strings.Contains(m.Header("Subject"), "usher") {
				out = append(out, m)
			}
		}
		return out
	}
	tick := func(at time.Time) {
		t.Helper()
		now.set(at)
		if err := s.MailDigests(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	made := func() int { return count(t, s.Core, `SELECT count(*) FROM mails WHERE kind = 'digest'`) }
	tick(seven.Add(-3 * time.Hour))
	run, err := s.RunSource(t.Context(), "corp", reconcile.Request{Mode: registry.ModeRun, Trigger: "schedule"})
	if err != nil || run.State != registry.RunDone {
		t.Fatalf("%+v, %v", run, err)
	}
	tick(seven.Add(-time.Second))
	if n := made(); n != 0 {
		t.Errorf("%d digests before their time", n)
	}
	tick(seven)
	tick(seven.Add(time.Minute))
	if n := made(); n != 1 {
		t.Errorf("%d digests, want 1", n)
	}
	until(t, "the digest arrives", func() bool { return len(digests()) == 1 })
	m := digests()[0]
	for _, part := range []string{"Buongiorno", "Origine corp: esecuzioni: 1, creati: 20, modifiche ai gruppi: 4", "2 marzo 2026"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("the digest lacks %q:\n%s", part, m.Text)
		}
	}
	if m.To[0] != "claire@example.com" {
		t.Errorf("to %v", m.To)
	}
	tick(seven.Add(24 * time.Hour))
	if n := made(); n != 1 {
		t.Errorf("%d digests after a night without news", n)
	}
	dirty := seven.Add(30 * time.Hour)
	now.set(dirty)
	if err := dir.AddPerson("late", map[string][]string{"sn": {"Late"}, "cn": {"Late"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RunSource(t.Context(), "corp", reconcile.Request{Mode: registry.ModeRun, Trigger: "schedule"}); err != nil {
		t.Fatal(err)
	}
	tick(seven.Add(9*24*time.Hour + time.Hour))
	tick(seven.Add(9*24*time.Hour + 2*time.Hour))
	if n := made(); n != 2 {
		t.Errorf("%d digests after a week of silence, want 2", n)
	}
	due, err := s.Store.DigestsDue(t.Context())
	if err != nil || !due[c.ID].Equal(seven.Add(10*24*time.Hour)) {
		t.Errorf("next due %v, %v", due, err)
	}
}

// TestDisabledWebhookIsMailed: a receiver that says it is gone ends its webhook,
// and the admin hears of it once.
func TestDisabledWebhookIsMailed(t *testing.T) {
	t.Parallel()
	box := mailbox(t, "127.0.0.1:0")
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(gone.Close)
	s, _ := start(t, configure(t, settings{SMTP: box.Addr(), More: allowHere}), app.Options{})
	c, err := s.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, admin bool) {
		t.Helper()
		u := app.NewUser{UserName: name, Email: name + "@example.com", Kind: registry.SupportStaff, Admin: admin}
		if _, err := s.CreateUser(context.WithoutCancel(t.Context()), c.ID, "test", u); err != nil {
			t.Fatal(err)
		}
	}
	add("claire", true)
	h, _ := listen(t, s.Core, gone.URL, "user.created")
	for i := range 5 {
		add(fmt.Sprint("person", i), false)
	}
	about := func() (n int) {
		for _, m := range box.Messages() {
			if strings.Contains(m.Header("Subject"), "webhook "+h.Name) && m.To[0] == "claire@example.com" && strings.Contains(m.Text, "410") {
				n++
			}
		}
		return n
	}
	until(t, "the admin hears of it", func() bool { return about() > 0 })
	until(t, "nothing waits", func() bool { return count(t, s.Core, `SELECT count(*) FROM deliveries WHERE state = 'queued'`) == 0 })
	if n := count(t, s.Core, `SELECT count(*) FROM mails WHERE kind = 'webhookDisabled'`); n != 1 {
		t.Errorf("%d mails", n)
	}
}

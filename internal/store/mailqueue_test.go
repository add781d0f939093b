package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	netmail "net/mail"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	entmail "github.com/usherd/usher/ent/db/mail"
	"github.com/usherd/usher/ent/db/setuplink"
	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

const lease = 10 * time.Minute

// invite makes n people with a set-up mail each and gives the source.
func invite(t *testing.T, s *store.Store, n int, how registry.SetupMail) registry.Source {
	t.Helper()
	src := corp(t.Context(), t, s)
	inviteInto(t, s, src, n, how)
	return src
}

func inviteInto(t *testing.T, s *store.Store, src registry.Source, n int, how registry.SetupMail) {
	t.Helper()
	ops := make([]registry.Op, n)
	for i := range ops {
		op := person(fmt.Sprintf("a%d", i), fmt.Sprintf("p%d", i))
		op.SetupMail = how
		ops[i] = op
	}
	_, err := newRegistry(s).Apply(t.Context(), registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: ops})
	must(t, err)
}

func catcher(t *testing.T, o mailcatcher.Options) *mailcatcher.Catcher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := mailcatcher.Start(l, o)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func drainer(t *testing.T, q mail.Queue, c *mailcatcher.Catcher) *mail.Drainer {
	t.Helper()
	host, port, err := net.SplitHostPort(c.Addr())
	must(t, err)
	number, err := strconv.Atoi(port)
	must(t, err)
	server := mail.Server{Host: host, Port: number, StartTLS: mail.StartTLSNever}
	renderer, err := mail.NewRenderer(time.UTC)
	must(t, err)
	from := &netmail.Address{Name: "Acme", Address: "help@example.com"}
	return mail.NewDrainer(mail.DrainerConfig{
		Queue: q, Sender: mail.NewTransport(server, from, 0), Renderer: renderer, Now: time.Now,
		Random:  func() float64 { return 0.5 },
		LinkURL: func(m mail.Queued) string { return "https://people.example.com/setup/" + m.LinkUID },
		Lease:   lease,
	})
}

// messageIDs counts what was caught by Message-ID.
func messageIDs(c *mailcatcher.Catcher) map[string]int {
	out := map[string]int{}
	for _, m := range c.Messages() {
		out[m.Header("Message-Id")]++
	}
	return out
}

func TestTwoDrainersSendEachMailOnce(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		one, two := open(), open()
		must(t, one.Migrate(t.Context()))
		src := invite(t, one, 1000, registry.SetupSend)
		c := catcher(t, mailcatcher.Options{})
		var wg sync.WaitGroup
		stats, errs := make([]mail.Stats, 2), make([]error, 2)
		for i, s := range []*store.Store{one, two} {
			d := drainer(t, s.MailQueue(), c)
			wg.Go(func() { stats[i], errs[i] = d.Drain(t.Context()) })
		}
		wg.Wait()
		must(t, errors.Join(errs...))
		if sent := stats[0].Sent + stats[1].Sent; sent != 1000 || len(c.Messages()) != 1000 || len(messageIDs(c)) != 1000 {
			t.Errorf("sent %+v, %d arrived, %d different", stats, len(c.Messages()), len(messageIDs(c)))
		}
		if c.Connections() > 4 {
			t.Errorf("%d connections for two drainers of two", c.Connections())
		}
		if d := gocmp.Diff(map[string]int64{"sent": 1000}, mailStates(t, one, src.Company)); d != "" {
			t.Error(d)
		}
	})
}

// dying is a queue whose process dies before it can record anything.
type dying struct{ mail.Queue }

var errDied = errors.New("killed")

func (dying) Finish(context.Context, []mail.Result) error { return errDied }

// A process that dies between the server's yes and its own record leaves mails
// that go out once more: the very same ones, and not before the lease is over.
func TestKilledBetweenAcceptanceAndRecord(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		must(t, s.Migrate(t.Context()))
		src := invite(t, s, 3, registry.SetupSend)
		c := catcher(t, mailcatcher.Options{})
		if _, err := drainer(t, dying{s.MailQueue()}, c).Drain(t.Context()); !errors.Is(err, errDied) {
			t.Fatalf("the drainer lived: %v", err)
		}
		accepted := c.Messages()
		if len(accepted) == 0 {
			t.Fatal("nothing was accepted before the end")
		}
		after := open()
		if stats, err := drainer(t, after.MailQueue(), c).Drain(t.Context()); err != nil || stats != (mail.Stats{}) {
			t.Fatalf("sent under another's lease: %+v, %v", stats, err)
		}
		expireClaims(t, s)
		if stats, err := drainer(t, after.MailQueue(), c).Drain(t.Context()); err != nil || stats.Sent != 3 {
			t.Fatalf("afterwards: %+v, %v", stats, err)
		}
		ids := messageIDs(c)
		if len(ids) != 3 || len(c.Messages()) != 3+len(accepted) {
			t.Errorf("arrived: %v", ids)
		}
		for _, m := range accepted {
			i := slices.IndexFunc(c.Messages(), func(o mailcatcher.Message) bool {
				return o.ID != m.ID && o.Header("Message-Id") == m.Header("Message-Id") && o.Text == m.Text
			})
			if i < 0 {
				t.Errorf("mail %s did not come again with the same link", m.Header("Message-Id"))
			}
		}
		if d := gocmp.Diff(map[string]int64{"sent": 3}, mailStates(t, s, src.Company)); d != "" {
			t.Error(d)
		}
	})
}

// mailStates counts a company's mails by state, the sent ones too.
func mailStates(t *testing.T, s *store.Store, company registry.CompanyID) map[string]int64 {
	t.Helper()
	all, err := s.Rows().Mail.Query().Where(entmail.CompanyID(int64(company))).All(store.Crossing(t.Context()))
	must(t, err)
	out := map[string]int64{}
	for _, m := range all {
		out[m.State]++
	}
	return out
}

// expireClaims lets the time of every lease pass.
func expireClaims(t *testing.T, s *store.Store) {
	t.Helper()
	must(t, s.Rows().Mail.Update().Where(entmail.ClaimedUntilNEQ(0)).SetClaimedUntil(1).Exec(store.Crossing(t.Context())))
}

func TestClaimsNeverOverlap(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		stores := []*store.Store{open(), open()}
		must(t, stores[0].Migrate(t.Context()))
		invite(t, stores[0], 300, registry.SetupSend)
		var mu sync.Mutex
		var wg sync.WaitGroup
		claimed := map[int64]int{}
		for i := range 8 {
			q := stores[i%2].MailQueue()
			wg.Go(func() {
				for {
					got, err := q.Claim(t.Context(), 7, lease)
					if err != nil {
						t.Error(err)
					}
					if len(got) == 0 || err != nil {
						return
					}
					if len(got) > 7 {
						t.Errorf("claimed %d of 7", len(got))
					}
					mu.Lock()
					for _, m := range got {
						claimed[m.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, n := range claimed {
			if n != 1 {
				t.Errorf("mail %d was claimed %d times", id, n)
			}
		}
		if len(claimed) != 300 {
			t.Errorf("%d of 300 mails were claimed", len(claimed))
		}
	})
}

// claim takes every due mail.
func claim(t *testing.T, s *store.Store) []mail.Queued {
	t.Helper()
	got, err := s.MailQueue().Claim(t.Context(), 100, lease)
	must(t, err)
	return got
}

func TestClaimTellsAllThatRenderingNeeds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		must(t, s.Settle(ctx, store.Settled{
			Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "it"}, {Key: "bolt", Name: "Bolt", Locale: "en"}},
			Sources: []store.SettledSource{
				{Key: "corp", CompanyKey: "acme", Kind: registry.OriginLDAP}, {Key: "bolts", CompanyKey: "bolt", Kind: registry.OriginLDAP},
			},
		}))
		for _, key := range []string{"corp", "bolts"} {
			src, err := s.SourceByKey(ctx, key)
			must(t, err)
			op := person("a", "ann")
			op.Attributes.Set(registry.AttrDisplayName, "Ann of "+key)
			op.Attributes.Set(registry.AttrLocale, "ru")
			_, err = newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: []registry.Op{op}})
			must(t, err)
		}
		rows, err := s.Rows().Mail.Query().Order(entmail.ByID()).All(store.Crossing(ctx))
		must(t, err)
		got := claim(t, s)
		var want []mail.Queued
		for i, c := range []struct{ key, name, locale, source string }{{"acme", "Acme", "it", "corp"}, {"bolt", "Bolt", "en", "bolts"}} {
			m := rows[i]
			l, err := s.Rows().SetupLink.Query().Where(setuplink.UID(m.LinkUID)).Only(store.Crossing(ctx))
			must(t, err)
			want = append(want, mail.Queued{
				ID: m.ID, Kind: mail.KindSetup, To: "ann@example.com", Locale: "ru", CompanyLocale: c.locale, CompanyName: c.name,
				CompanyKey: c.key, DisplayName: "Ann of " + c.source, UserName: "ann", MessageID: "setup." + m.LinkUID + "@example.com",
				LinkUID: m.LinkUID, LinkPurpose: l.Purpose, LinkExpires: time.UnixMicro(l.ExpiresAt).UTC(), CreatedAt: time.UnixMicro(m.CreatedAt).UTC(),
			})
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestStaleMails(t *testing.T) {
	base := func(name string) registry.PutUser { return person(name, name) }
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src, f := corp(ctx, t, s), newShelf(s)
		apply := func(ops ...registry.Op) []registry.Result {
			res, err := newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: ops})
			must(t, err)
			return res
		}
		// Each goes through the rows and not the rules, which would cancel the
		// mail themselves: here the two part ways.
		for name, c := range map[string]struct {
			change func(*registry.User)
			want   string
		}{
			"fine":     {func(*registry.User) {}, ""},
			"disabled": {func(u *registry.User) { u.Enabled = false }, "the person was deactivated or blocked"},
			"blocked":  {func(u *registry.User) { u.Blocks = registry.BlockApproval }, "the person was deactivated or blocked"},
			"deleted":  {func(u *registry.User) { u.DeletedAt = time.Now() }, "the person was deleted"},
			"moved on": {func(u *registry.User) { u.CredentialVersion++ }, "the link in it was superseded"},
			"sso":      {func(u *registry.User) { u.Credential = registry.CredentialSSO }, "the person can sign in already"},
		} {
			id := apply(base(name))[0].User
			p, err := f.GetPerson(ctx, src.Company, id)
			must(t, err)
			c.change(&p.User)
			f.SetUser(t, p.User)
			got := claim(t, s)
			if len(got) != 1 || got[0].UserName != name || got[0].Stale.String() != c.want {
				t.Errorf("%s: %+v, want %q", name, got, c.want)
			}
		}
		// A notice has no link; only a person and an address can be gone.
		id := apply(base("notified"))[0].User
		claim(t, s)
		p, err := f.GetPerson(ctx, src.Company, id)
		must(t, err)
		p.User.Credential = registry.CredentialSet
		f.SetUser(t, p.User)
		_, err = f.SetPassword(ctx, onboard.SetPassword{Company: src.Company, User: id, CredentialVersion: 1, PasswordHash: "h", Now: time.Now()})
		must(t, err)
		got := claim(t, s)
		if len(got) != 1 || got[0].Stale != "" || got[0].Kind != mail.KindPasswordChanged || got[0].LinkUID != "" || !got[0].LinkExpires.IsZero() {
			t.Fatalf("notice: %+v", got)
		}
		expireClaims(t, s)
		p.User.Attributes.Set(registry.AttrEmails, "other@example.com")
		f.save(t, src.Company, &registry.Writes{Emails: []registry.EmailList{{User: &p.User}}})
		i := slices.IndexFunc(claim(t, s), func(m mail.Queued) bool {
			return m.ID == got[0].ID && m.Stale.String() == "the person has another address by now"
		})
		if i < 0 {
			t.Error("the notice would go to an address that is no longer theirs")
		}
	})
}

// fate is what happens to a mail after it was claimed.
type fate struct {
	cancelled bool // before its results come
	results   []mail.Result
	want      store.MailRow
}

func fates(at, next time.Time) map[string]fate {
	refusal := mail.Result{State: mail.StateFailed, Attempted: true, Code: 550, Enhanced: "5.1.1", Text: "no such user", At: at}
	refused := store.MailAttempt{At: at, Outcome: "failed", Code: "550 5.1.1", Message: "no such user"}
	busy := mail.Result{State: mail.StateRetry, NextTry: next, Attempted: true, Code: 451, Text: "later", At: at}
	later := store.MailAttempt{At: at, Outcome: "retry", Code: "451", Message: "later"}
	taken := mail.Result{State: mail.StateSent, Attempted: true, Code: 250, Text: "ok", At: at}
	sent := store.MailAttempt{At: at, Outcome: "sent", Code: "250", Message: "ok"}
	return map[string]fate{
		"sent": {false, []mail.Result{taken},
			store.MailRow{State: "sent", Code: "250", Message: "ok", FinishedAt: at, Attempts: []store.MailAttempt{sent}}},
		"refused": {false, []mail.Result{refusal},
			store.MailRow{State: "failed", Code: "550 5.1.1", Message: "no such user", FinishedAt: at, Attempts: []store.MailAttempt{refused}}},
		"busy": {false, []mail.Result{busy},
			store.MailRow{State: "queued", NextTry: next, Code: "451", Message: "later", Attempts: []store.MailAttempt{later}}},
		"busy, then sent": {false, []mail.Result{busy, taken},
			store.MailRow{State: "sent", Code: "250", Message: "ok", FinishedAt: at, Attempts: []store.MailAttempt{later, sent}}},
		"server away": {false, []mail.Result{{State: mail.StateRetry, NextTry: next, Text: "cannot be reached", At: at}},
			store.MailRow{State: "queued", NextTry: next, Message: "cannot be reached"}},
		"no reason left": {false, []mail.Result{{State: mail.StateCancelled, Text: "gone", At: at}},
			store.MailRow{State: "cancelled", Message: "gone", FinishedAt: at}},
		"cancelled, then to be retried": {true, []mail.Result{busy},
			store.MailRow{State: "cancelled", Attempts: []store.MailAttempt{later}}},
		"cancelled, but sent": {true, []mail.Result{taken},
			store.MailRow{State: "sent", Code: "250", Message: "ok", FinishedAt: at, Attempts: []store.MailAttempt{sent}}},
		"sent, then an older word": {false, []mail.Result{taken, busy},
			store.MailRow{State: "sent", Code: "250", Message: "ok", FinishedAt: at, Attempts: []store.MailAttempt{sent, later}}},
		"an answer that is no text": {false, []mail.Result{{State: mail.StateFailed, Text: "a\x00b\xff", At: at}},
			store.MailRow{State: "failed", Message: "a\uFFFDb\uFFFD", FinishedAt: at}},
	}
}

func TestWhatBecomesOfMails(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx, src := t.Context(), corp(t.Context(), t, s)
		for name, c := range fates(at, at.AddDate(100, 0, 0)) {
			_, err := newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: []registry.Op{person(name, "p")}})
			must(t, err)
			m := claim(t, s)[0]
			if c.cancelled {
				must(t, s.Rows().Mail.UpdateOneID(m.ID).SetState("cancelled").SetNextTry(0).Exec(store.Crossing(ctx)))
			}
			for _, r := range c.results {
				r.ID = m.ID
				must(t, s.MailQueue().Finish(ctx, []mail.Result{r}))
			}
			got, err := s.For(src.Company).Mails(ctx, "", 1)
			must(t, err)
			want := c.want
			want.ID, want.Kind, want.UserName, want.To, want.MessageID, want.CreatedAt = m.ID, "setup", "p", m.To, m.MessageID, m.CreatedAt
			if d := gocmp.Diff([]store.MailRow{want}, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			row := s.Rows().Mail.GetX(store.Crossing(ctx), m.ID)
			if (row.NextTry != 0) != (row.State == "queued") || row.ClaimedUntil != 0 || row.Attempts != len(c.want.Attempts) {
				t.Errorf("%s: row %+v", name, row)
			}
			must(t, apply1(ctx, s, src, registry.MissUser{Anchor: name, Reason: "missing", Deactivate: true}))
			must(t, apply1(ctx, s, src, registry.DeleteUser{Anchor: name})) // the next one has the same name
		}
	})
}

func apply1(ctx context.Context, s *store.Store, src registry.Source, op registry.Op) error {
	_, err := newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: []registry.Op{op}})
	return err
}

func TestHeldMailsWaitForTheirRelease(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src := invite(t, s, 3, registry.SetupHold)
		t.Run("held", func(t *testing.T) {
			if got := claim(t, s); len(got) != 0 {
				t.Fatalf("held mails were claimed: %+v", got)
			}
		})
		now := time.Now().UTC().Truncate(time.Microsecond)
		if n, err := s.For(src.Company+1).ReleaseMails(ctx, now, time.Hour); n != 0 || err != nil {
			t.Fatalf("another company released %d, %v", n, err)
		}
		if n, err := s.For(src.Company).ReleaseMails(ctx, now, time.Hour); n != 3 || err != nil {
			t.Fatalf("released %d, %v", n, err)
		}
		got := claim(t, s)
		for _, m := range got {
			if !m.CreatedAt.Equal(now) || !m.LinkExpires.Equal(now.Add(time.Hour)) || m.Stale != "" {
				t.Errorf("%+v, want it to count from its release", m)
			}
		}
		if n, err := s.For(src.Company).ReleaseMails(ctx, now, time.Hour); len(got) != 3 || n != 0 || err != nil {
			t.Errorf("claimed %d; released again %d, %v", len(got), n, err)
		}
	})
}

func TestListMails(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src := invite(t, s, 5, registry.SetupSend)
		tenant := s.For(src.Company)
		claimed := claim(t, s)
		must(t, s.MailQueue().Finish(ctx, []mail.Result{{ID: claimed[1].ID, State: mail.StateSent}, {ID: claimed[3].ID, State: mail.StateSent}}))
		for _, c := range []struct {
			state string
			limit int
			want  []int // of claimed
		}{
			{"", 10, []int{4, 3, 2, 1, 0}}, {"", 2, []int{4, 3}}, {"sent", 10, []int{3, 1}}, {"queued", 1, []int{4}}, {"held", 10, nil},
		} {
			rows, err := tenant.Mails(ctx, c.state, c.limit)
			must(t, err)
			var got []int
			for _, r := range rows {
				i, _ := slices.BinarySearchFunc(claimed, r.ID, func(m mail.Queued, id int64) int { return cmp.Compare(m.ID, id) })
				got = append(got, i)
			}
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Errorf("%q, %d: %s", c.state, c.limit, d)
			}
		}
		counts, err := tenant.MailCounts(ctx)
		must(t, err)
		if all := mailStates(t, s, src.Company); !maps.Equal(counts, map[string]int64{"queued": 3}) || !maps.Equal(all, map[string]int64{"sent": 2, "queued": 3}) {
			t.Errorf("counts %v of %v", counts, all)
		}
		if rows, err := s.For(src.Company+1).Mails(ctx, "", 10); len(rows) != 0 || err != nil {
			t.Errorf("another company sees %v, %v", rows, err)
		}
	})
}

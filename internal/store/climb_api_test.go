package store_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// apiClimbed are the methods of Tenant that TestAPIFence tries.
var apiClimbed = []string{
	"APITokens", "Audit", "BeginRequest", "CancelMail", "CancelRun", "ChangePage", "Company", "ContractPage", "CreateAPIToken", "Deeds", "DepartmentPage",
	"DropRequest", "ExpireToken", "FinishRequest", "GroupByPublicID", "GroupPage", "ItemPage", "MailByMessageID", "MailPage", "MemberPage", "Origins",
	"PeoplePage", "PublicIDs", "ReleaseMail", "ResendMail", "RunByPublicID", "RunPage", "ScimRequestPage", "UserByPublicID",
}

// apiThings are what company A has that programs could ask for.
type apiThings struct {
	mail  store.MailRow
	conn  registry.Connection
	token registry.Token
}

func (c *climber) apiThings() apiThings {
	t, ctx := c.t, c.t.Context()
	mails, err := c.a.MailPage(ctx, registry.MailQuery{Limit: 10})
	must(t, err)
	if len(mails) == 0 {
		t.Fatal("A has no mail")
	}
	conn, err := c.a.SaveConnection(ctx, "okta", registry.DefaultConnection())
	must(t, err)
	must(t, c.a.LogScimRequests(ctx, []registry.ScimRequest{{Origin: conn.Origin.ID, At: c.now, RequestID: "r", Method: "GET", Path: "/", Status: 400}}))
	token, err := c.a.CreateAPIToken(ctx, []string{"read"}, "CI", []byte("a's"), "ush_aaaaaa", time.Time{})
	must(t, err)
	must(t, c.a.Audit(ctx, registry.Deed{Actor: "ann", Action: "token.create"}))
	if first, err := c.a.BeginRequest(ctx, token.ID, "k", []byte("h"), time.Now().Add(time.Hour)); first != nil || err != nil {
		t.Fatal(first, err)
	}
	c.sql(`INSERT INTO departments (company_id, name, name_key, created_at) VALUES (%d, 'Sales', 'sales', 1)`, c.src.Company)
	c.sql(`INSERT INTO contracts (company_id, number, number_key, title, created_at, ended_at) VALUES (%d, 'C1', 'c1', '', 1, 0)`, c.src.Company)
	return apiThings{mails[0], conn, token}
}

// TestAPIFence: company B, with the keys and ids of everything that A has, sees and
// touches nothing of it; A sees all of it.
func TestAPIFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		x := c.apiThings()
		was := c.state()
		if n := c.apiFound(store.OnlyCompany(t.Context(), int64(c.src.Company)), c.a, x); n != apiLists {
			t.Errorf("A finds something in %d of %d", n, apiLists)
		}
		own := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		if n := c.apiFound(own, c.b, x); n != 0 {
			t.Errorf("B finds something in %d", n)
		}
		for what, fn := range map[string]func() (bool, error){
			"cancel run":   func() (bool, error) { return c.b.CancelRun(own, c.run.ID, "b") },
			"release mail": func() (bool, error) { return c.b.ReleaseMail(own, x.mail.ID, c.now, time.Hour) },
			"cancel mail":  func() (bool, error) { return c.b.CancelMail(own, x.mail.ID, "b") },
			"resend mail":  func() (bool, error) { return c.b.ResendMail(own, x.mail.ID, c.now) },
		} {
			if done, err := fn(); done || err != nil {
				t.Errorf("%s: %v, %v", what, done, err)
			}
		}
		if err := c.b.ExpireToken(own, x.token.ID, c.now); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("expire: %v", err)
		}
		c.keysApart(own, x)
		mine, err := c.b.CreateAPIToken(own, []string{"read"}, "CI", []byte("b's"), "ush_bbbbbb", time.Time{})
		if err != nil || mine.Origin == x.token.Origin {
			t.Errorf("B's own token: %+v, %v", mine, err)
		}
		must(t, c.b.Audit(own, registry.Deed{Action: "b"}))
		if company, people, groups, err := c.b.Company(own); err != nil || company.ID != c.beta.Company || people != 0 || groups != 0 {
			t.Errorf("company: %+v %d %d, %v", company, people, groups, err)
		}
		if origins, err := c.b.Origins(own); err != nil || origins[c.src.Origin.ID].Kind != "" {
			t.Errorf("origins: %v, %v", origins, err)
		}
		if diff := cmp.Diff(was, c.state()); diff != "" {
			t.Errorf("company A:\n%s", diff)
		}
	})
}

// keysApart: the same key of the same token is another one in another company.
func (c *climber) keysApart(own context.Context, x apiThings) {
	t := c.t
	must(t, c.b.DropRequest(own, x.token.ID, "k"))
	must(t, c.b.FinishRequest(own, x.token.ID, "k", registry.KeptAnswer{Status: 200, Body: []byte("b")}, time.Now().Add(time.Hour)))
	if first, err := c.b.BeginRequest(own, x.token.ID, "k", []byte("other"), time.Now().Add(time.Hour)); first != nil || err != nil {
		t.Errorf("B's key: %+v, %v", first, err)
	}
	first, err := c.a.BeginRequest(t.Context(), x.token.ID, "k", []byte("h"), time.Now().Add(time.Hour))
	if err != nil || first == nil || first.Status != 0 || !bytes.Equal(first.RequestHash, []byte("h")) {
		t.Errorf("A's key: %+v, %v", first, err)
	}
}

// apiLists is how many ways to look apiFound tries.
const apiLists = 16

// apiFound is in how many ways a company finds something of A's.
func (c *climber) apiFound(ctx context.Context, t *store.Tenant, x apiThings) (found int) {
	note := func(what string, n int, err error) {
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			c.t.Errorf("%s: %v", what, err)
		}
		if n > 0 && err == nil {
			found++
		}
	}
	person, err := c.a.FindUser(c.t.Context(), "ann")
	must(c.t, err)
	group, err := c.a.FindGroup(c.t.Context(), "G")
	must(c.t, err)
	tokens, err := t.APITokens(ctx)
	note("tokens", len(tokens), err)
	deeds, err := t.Deeds(ctx, registry.DeedQuery{Limit: 9})
	note("deeds", len(deeds), err)
	changes, err := t.ChangePage(ctx, registry.ChangeQuery{User: c.user, Limit: 9})
	note("changes", len(changes), err)
	departments, err := t.DepartmentPage(ctx, "", 0, 9)
	note("departments", len(departments), err)
	contracts, err := t.ContractPage(ctx, "", 0, 9)
	note("contracts", len(contracts), err)
	_, err = t.GroupByPublicID(ctx, group.PublicID)
	note("group", 1, err)
	groups, err := t.GroupPage(ctx, registry.GroupQuery{Limit: 9})
	note("groups", len(groups), err)
	items, err := t.ItemPage(ctx, registry.RowQuery{Run: c.run.ID, Limit: 9})
	note("items", len(items), err)
	_, err = t.MailByMessageID(ctx, x.mail.MessageID)
	note("mail", 1, err)
	mails, err := t.MailPage(ctx, registry.MailQuery{User: c.user, Limit: 9})
	note("mails", len(mails), err)
	members, err := t.MemberPage(ctx, registry.MemberQuery{Group: c.group, Limit: 9})
	note("members", len(members), err)
	people, err := t.PeoplePage(ctx, registry.PeopleQuery{Limit: 9})
	note("people", len(people), err)
	ids, _, err := t.PublicIDs(ctx, []registry.UserID{c.user}, []registry.GroupID{c.group})
	note("ids", len(ids), err)
	_, err = t.RunByPublicID(ctx, c.run.PublicID)
	note("run", 1, err)
	requests, err := t.ScimRequestPage(ctx, registry.ScimRequestQuery{Origin: x.conn.Origin.ID, Limit: 9})
	note("requests", len(requests), err)
	_, err = t.UserByPublicID(ctx, person.PublicID)
	note("person", 1, err)
	runs, err := t.RunPage(ctx, registry.RunQuery{Source: c.src.ID, Limit: 9})
	if len(runs) != 0 && t == c.b || err != nil {
		c.t.Errorf("runs: %v, %v", runs, err)
	}
	return found
}

// TestPeoplePages: whatever the order and the filter, every page follows the one
// before, and all of them are everybody.
func TestPeoplePages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		tenant := s.For(w.src.Company)
		names := []string{"Zoë", "ann", "Ann-2", "bob", "BOB-2", "carl", "Émile"}
		for i, name := range names {
			w.create1(person(string(rune('a'+i)), name))
		}
		w.put(disabled(person("f", "carl")))
		walk := func(q registry.PeopleQuery) (out []string) {
			q.Limit = 2
			for range 10 {
				page, err := tenant.PeoplePage(t.Context(), q)
				must(t, err)
				for _, u := range page {
					out = append(out, u.UserName())
				}
				if len(page) < q.Limit {
					return out
				}
				last := page[len(page)-1]
				q.AfterID, q.AfterKey = last.ID, registry.Key(last.UserName())
			}
			t.Fatal("it never ends")
			return nil
		}
		all := walk(registry.PeopleQuery{})
		slices.Sort(all)
		expected := slices.Clone(names)
		slices.Sort(expected)
		want(t, "everybody once", all, expected)
		newest := slices.Clone(names)
		slices.Reverse(newest)
		want(t, "newest first", walk(registry.PeopleQuery{NewestFirst: true}), newest)
		two := walk(registry.PeopleQuery{Name: "ANN"})
		slices.Sort(two)
		want(t, "by beginning", two, []string{"Ann-2", "ann"})
		want(t, "by address", walk(registry.PeopleQuery{Email: "Bob@example.com"}), []string{"bob"})
		want(t, "by state", walk(registry.PeopleQuery{State: registry.StateDisabled}), []string{"carl"})
		want(t, "by what is no text", len(walk(registry.PeopleQuery{Name: "\x00"})), 0)
		total := 0
		for _, state := range []registry.State{registry.StateActive, registry.StateInvited, registry.StateNew, registry.StateBlocked, registry.StateDisabled, registry.StateContact, registry.StateDeleted} {
			for _, name := range walk(registry.PeopleQuery{State: state}) {
				u, err := tenant.FindUser(t.Context(), name)
				must(t, err)
				if total++; u.State() != state {
					t.Errorf("%s is %s, listed as %s", name, u.State(), state)
				}
			}
		}
		want(t, "everybody has one state", total, len(names))
	})
}

// TestMemberPages: members come once each, with all who say so, however small the
// pages are.
func TestMemberPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		tenant := s.For(w.src.Company)
		var users []registry.UserID
		for _, name := range []string{"ann", "bob", "carl"} {
			users = append(users, w.create1(person(name, name)))
		}
		res := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"}, registry.PutGroup{Anchor: "h", DisplayName: "H"})
		w.put(registry.PatchMembers{Group: res[0].Group, AddUsers: users, AddGroups: []registry.GroupID{res[1].Group}})
		w.putAs(w.door(registry.OriginAPI, "api"), registry.PatchMembers{Group: res[0].Group, AddUsers: users[1:2]})
		for _, limit := range []int{1, 2, 3, 4, 9} {
			var names []string
			doors := 0
			q := registry.MemberQuery{Group: res[0].Group, Limit: limit}
			for range 10 {
				page, err := tenant.MemberPage(t.Context(), q)
				must(t, err)
				for _, m := range page {
					names, doors = append(names, m.Name), doors+len(m.Origins)
					q.AfterUser, q.AfterGroup = m.User, m.GroupMember.Group
				}
				if len(page) < limit {
					break
				}
			}
			want(t, "members", names, []string{"ann", "bob", "carl", "H"})
			want(t, "who say so", doors, 5)
		}
	})
}

// TestCancelRun: a run that is cancelled writes nothing more, and its source is
// free at once.
func TestCancelRun(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		done, err := c.a.CancelRun(ctx, c.run.ID, "token ush_aaaaaa")
		if !done || err != nil {
			t.Fatal(done, err)
		}
		if err := c.a.UpdateRun(ctx, c.fence, c.run); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("it goes on writing: %v", err)
		}
		if err := c.a.RenewLease(ctx, c.fence); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("it goes on living: %v", err)
		}
		run, err := c.a.Run(ctx, c.run.ID)
		if err != nil || run.State != registry.RunFailed || run.Code != "cancelled" || run.FinishedAt.IsZero() {
			t.Errorf("%+v, %v", run, err)
		}
		if list, err := s.AbandonedSources(ctx); len(list) != 0 || err != nil {
			t.Errorf("somebody would take it up: %v, %v", list, err)
		}
		if done, err := c.a.CancelRun(ctx, c.run.ID, "x"); done || err != nil {
			t.Errorf("again: %v, %v", done, err)
		}
		if _, left, err := c.a.AcquireLease(ctx, c.src.ID, "next"); left != 0 || err != nil {
			t.Errorf("the next: %d, %v", left, err)
		}
	})
}

// TestMailDecisions: each word on a mail, in each state.
func TestMailDecisions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		x := c.apiThings()
		do := map[string]func() (bool, error){
			"release": func() (bool, error) { return c.a.ReleaseMail(ctx, x.mail.ID, c.now, time.Hour) },
			"cancel":  func() (bool, error) { return c.a.CancelMail(ctx, x.mail.ID, "ann") },
			"resend":  func() (bool, error) { return c.a.ResendMail(ctx, x.mail.ID, c.now) },
		}
		for _, step := range []struct {
			from, word string
			done       bool
			to         string
		}{
			{"held", "resend", false, "held"}, {"held", "release", true, "queued"}, {"held", "cancel", true, "cancelled"},
			{"queued", "release", false, "queued"}, {"queued", "resend", false, "queued"}, {"queued", "cancel", true, "cancelled"},
			{"sent", "release", false, "sent"}, {"sent", "cancel", false, "sent"}, {"sent", "resend", true, "queued"},
			{"failed", "resend", true, "queued"}, {"cancelled", "resend", false, "cancelled"}, {"cancelled", "release", false, "cancelled"},
		} {
			c.sql(`UPDATE mails SET state = '%s' WHERE id = %d`, step.from, x.mail.ID)
			done, err := do[step.word]()
			m, findErr := c.a.MailByMessageID(ctx, x.mail.MessageID)
			if done != step.done || err != nil || findErr != nil || m.State != step.to {
				t.Errorf("%s a mail that is %s: %v, %v, then %s", step.word, step.from, done, err, m.State)
			}
		}
	})
}

// TestAPIToken: a token of the API opens the API and nothing else, and the reverse.
func TestAPIToken(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		x := c.apiThings()
		if _, err := c.a.CreateToken(ctx, x.conn.Origin.ID, []byte("scim"), "ush_cccccc", time.Time{}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // asked, and remembered
			k, origin, err := s.APIToken(ctx, []byte("a's"))
			if err != nil || k.ID != x.token.ID || origin.Company != c.src.Company || !slices.Equal(k.Scopes, []string{"read"}) || k.Name != "CI" {
				t.Errorf("%+v of %+v, %v", k, origin, err)
			}
			if _, _, err := s.TokenByHash(ctx, []byte("a's")); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("it opens SCIM: %v", err)
			}
			if _, _, err := s.TokenByHash(ctx, []byte("scim")); err != nil {
				t.Errorf("SCIM: %v", err)
			}
			if _, _, err := s.APIToken(ctx, []byte("scim")); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("SCIM's opens the API: %v", err)
			}
		}
		must(t, c.a.ExpireToken(ctx, x.token.ID, c.now.Add(-time.Second)))
		if _, _, err := s.APIToken(ctx, []byte("a's")); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// TestKeptAnswers: an answer is kept until its time, and swept after that.
func TestKeptAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		until := time.Now().Add(time.Hour)
		begin := func() *registry.KeptAnswer {
			t.Helper()
			first, err := c.a.BeginRequest(ctx, 1, "k", []byte("h"), until)
			must(t, err)
			return first
		}
		if begin() != nil || begin() == nil {
			t.Error("the first of two is not the first")
		}
		must(t, c.a.DropRequest(ctx, 1, "k"))
		if begin() != nil {
			t.Error("what was dropped is there")
		}
		answer := registry.KeptAnswer{Status: 202, ContentType: "application/json", Location: "/x", Body: []byte("{}")}
		must(t, c.a.FinishRequest(ctx, 1, "k", answer, until))
		must(t, c.a.DropRequest(ctx, 1, "k")) // too late: it was done
		answer.RequestHash = []byte("h")
		if diff := cmp.Diff(&answer, begin()); diff != "" {
			t.Error(diff)
		}
		must(t, s.Sweep(ctx, until, func(string) time.Duration { return 0 }))
		if n := c.number(`SELECT count(*) FROM idempotency_keys WHERE company_id = %d`, c.src.Company); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
}

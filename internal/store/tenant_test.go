package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// climber is two companies with the same door open in each: what A has, B must
// neither see nor touch, however it asks.
type climber struct {
	*world
	a, b   *store.Tenant
	beta   registry.Source
	anchor string
	user   registry.UserID
	group  registry.GroupID
	fence  registry.Fence
	run    *registry.Run
}

func newClimber(t *testing.T, s *store.Store) *climber {
	t.Helper()
	err := s.Settle(t.Context(), store.Settled{
		Companies: []registry.Company{{Key: "acme"}, {Key: "beta"}},
		Sources: []store.SettledSource{
			{Key: "corp", CompanyKey: "acme", Kind: registry.OriginLDAP}, {Key: "other", CompanyKey: "beta", Kind: registry.OriginLDAP},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &climber{world: newWorld(t, s), anchor: "1"}
	// newWorld settled a file of its own, which retired the other source.
	if c.beta, err = s.SourceByKey(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	c.a, c.b = s.For(c.src.Company), s.For(c.beta.Company)
	c.user = c.create1(with(person("1", "ann"), func(p *registry.PutUser) { p.SetupMail = registry.SetupHold }))
	c.signIn(c.user)
	c.sql(`UPDATE sessions SET expires_at = %d`, c.now.Add(time.Hour).UnixMicro())
	c.group = c.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
	c.put(registry.PatchMembers{Group: c.group, AddUsers: []registry.UserID{c.user}})
	c.fence, _ = acquire(t, c.world, "a")
	c.run = newRun(t, c.world, c.fence, registry.ModeRun)
	if err := c.a.AddItems(t.Context(), c.fence, c.run.ID, []registry.RunItem{{Outcome: registry.OutcomeFailed, At: c.now}}); err != nil {
		t.Fatal(err)
	}
	if err := c.a.MarkSource(t.Context(), c.fence, []registry.SourceMark{{Anchor: "out", Marker: "m"}}, nil); err != nil {
		t.Fatal(err)
	}
	c.sql(`UPDATE sources SET next_due = 5 WHERE id = %d`, c.src.ID)
	return c
}

// state is everything company A has, in one text.
func (c *climber) state() []string {
	c.t.Helper()
	var out []string
	for _, q := range []string{
		`SELECT id || user_name || enabled || version || credential FROM users`, `SELECT id || display_name || version || deleted_at FROM "groups"`,
		`SELECT id || ' ' || group_id || ' ' || coalesce(user_id, 0) FROM memberships`, `SELECT id || anchor || missing_since || enabled || marker || name FROM links`, `SELECT id || anchor || marker FROM source_marks`,
		`SELECT id || state || coalesce(message, '') FROM runs`, `SELECT id || outcome FROM run_items`, `SELECT id || action FROM changes`,
		`SELECT id || lease_holder || fence || settings_hash || next_due FROM sources`, `SELECT id || state FROM mails`, `SELECT id || address FROM emails`,
		`SELECT id || token_hash FROM sessions`, `SELECT id || uid || expires_at || superseded_at FROM setup_links`,
	} {
		out = append(out, c.texts(q+` WHERE company_id = %d ORDER BY id`, c.src.Company)...)
	}
	return out
}

// TestTenantFence: company A's keys, asked for through B, find nothing and
// change nothing. Every statement is also held to binding B and only B.
func TestTenantFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		was := c.state()
		c.seeNothing(ctx)
		c.seeNoGroups(ctx)
		c.seeNoTwins(ctx)
		c.touchNothing(ctx)
		c.putNothing(ctx)
		want(t, "company A", c.state(), was)
		want(t, "strangers in groups", c.number(`SELECT count(*) FROM memberships WHERE company_id <> %d`, c.src.Company), 0)
	})
}

// TestSigningFence is TestTenantFence for what signs people in.
func TestSigningFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		c.signNothing(store.OnlyCompany(t.Context(), int64(c.beta.Company)))
	})
}

func (c *climber) seeNothing(ctx context.Context) {
	t := c.t
	found := 0
	count := func(err error) error {
		found++
		return err
	}
	streams := map[string]error{
		"linked users":       c.b.LinkedUsers(ctx, c.src.Origin.ID, func(registry.LinkedUser) error { return count(nil) }),
		"linked users among": c.b.LinkedUsersAmong(ctx, c.src.Origin.ID, []registry.UserID{c.user}, func(registry.LinkedUser) error { return count(nil) }),
		"linked groups":      c.b.LinkedGroups(ctx, c.src.Origin.ID, func(registry.LinkedGroup) error { return count(nil) }),
		"changes since":      c.b.ChangedSince(ctx, 0, func(registry.UserID) error { return count(nil) }),
		"source marks":       c.b.SourceMarks(ctx, c.src.ID, func(registry.SourceMark) error { return count(nil) }),
		"memberships":        c.b.Memberships(ctx, c.src.Origin.ID, func(registry.Membership) error { return count(nil) }),
		"items":              c.b.Items(ctx, c.run.ID, func(registry.RunItem) error { return count(nil) }),
		"changes":            c.b.ChangesOf(ctx, c.run.ID, func(registry.Change, string) error { return count(nil) }),
	}
	for what, err := range streams {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for rule, value := range map[string]string{"userName": "ann", "email": "ann@example.com", "employeeNumber": "1"} {
		list, err := c.b.Candidates(ctx, rule, []string{value})
		if err != nil {
			t.Errorf("candidates by %s: %v", rule, err)
		}
		found += len(list)
	}
	if id, err := c.b.LastChange(ctx); id != 0 || err != nil {
		t.Errorf("the last change is %d: %v", id, err)
	}
	runs, err := c.b.Runs(ctx, 0, 10)
	if err != nil {
		t.Error(err)
	}
	mails, err := c.b.Mails(ctx, "", 10)
	if err != nil {
		t.Error(err)
	}
	states, err := c.b.MailCounts(ctx)
	if err != nil {
		t.Error(err)
	}
	sessions, err := c.s.ListSessions(ctx, c.beta.Company, c.user, c.now)
	if err != nil {
		t.Error(err)
	}
	if found += len(runs) + len(mails) + len(states) + len(sessions); found != 0 {
		t.Errorf("company B sees %d records of A", found)
	}
	for what, fn := range map[string]func() (*registry.Run, error){
		"by key":    func() (*registry.Run, error) { return c.b.Run(ctx, c.run.ID) },
		"by number": func() (*registry.Run, error) { return c.b.RunByNumber(ctx, c.run.Number) },
	} {
		if r, err := fn(); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("run %s: %v, %v", what, r, err)
		}
	}
	for _, who := range []string{"ann", "ann@example.com", c.person(c.user).PublicID, fmt.Sprint(c.user)} {
		if u, err := c.b.FindUser(ctx, who); err == nil {
			t.Errorf("found %s: %+v", who, u)
		}
	}
	if p, err := c.s.Profile(ctx, c.beta.Company, c.user); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("profile: %+v, %v", p, err)
	}
}

func (c *climber) touchNothing(ctx context.Context) {
	t := c.t
	stolen := *c.run
	stolen.Message = "stolen"
	fresh := &registry.Run{PublicID: c.r.NewID(), Source: c.src.ID, Mode: registry.ModeRun, State: registry.RunReading, CreatedAt: c.now}
	c.sql(`UPDATE sources SET lease_until = 1 WHERE id = %d`, c.beta.ID)
	mine, _, err := c.b.AcquireLease(ctx, c.beta.ID, "b")
	if err != nil {
		t.Fatal(err)
	}
	_, _, leased := c.b.AcquireLease(ctx, c.src.ID, "b")
	decided, err := c.b.DecideRun(ctx, c.run, registry.Decision{State: registry.RunRejected, By: "b", Note: "b"})
	if decided || err != nil {
		t.Errorf("decided on A's run: %v", err)
	}
	took, err := c.b.TakeDue(ctx, c.src.ID, time.UnixMicro(5), c.now)
	if took || err != nil {
		t.Errorf("took A's source: %v", err)
	}
	if err := c.b.ReleaseLease(ctx, c.fence); err != nil {
		t.Error(err)
	}
	if n, err := c.b.ReleaseMails(ctx, c.now, time.Hour); n != 0 || err != nil {
		t.Errorf("released %d mails of A: %v", n, err)
	}
	if n, err := c.s.EndSessions(ctx, c.beta.Company, c.user, ""); n != 0 || err != nil {
		t.Errorf("ended %d sessions of A: %v", n, err)
	}
	c.leaveSourceAlone(ctx)
	items := []registry.RunItem{{Outcome: registry.OutcomeFailed, At: c.now}}
	marks := []registry.LinkMark{{Anchor: c.anchor, Name: "stolen", Marker: "stolen"}}
	theft := registry.RunEnd{
		Health: &registry.Health{Failures: 7}, Notice: &registry.Notice{Kind: registry.NoticeHeld},
		Cursor: &registry.Cursor{SettingsHash: "x", Text: "x", FullReadAt: c.now},
	}
	for what, c := range map[string]struct{ err, want error }{
		"lease":                 {leased, registry.ErrLeased},
		"renew":                 {c.b.RenewLease(ctx, c.fence), registry.ErrFenced},
		"marks":                 {c.b.MarkSource(ctx, c.fence, []registry.SourceMark{{Anchor: "out", Marker: "x"}}, []string{"out"}), registry.ErrFenced},
		"marks of B's own":      {c.b.MarkSource(ctx, mine, []registry.SourceMark{{Anchor: "out", Marker: "x"}}, []string{"out"}), nil},
		"links":                 {c.b.RefreshLinks(ctx, c.fence, c.src.Origin.ID, marks), registry.ErrFenced},
		"links under B's lease": {c.b.RefreshLinks(ctx, mine, c.src.Origin.ID, marks), nil},
		"removals":              {c.b.AllowRemovals(ctx, c.fence), registry.ErrFenced},
		"run":                   {c.b.UpdateRun(ctx, c.fence, &stolen), registry.ErrFenced},
		"run under B's lease":   {c.b.UpdateRun(ctx, mine, &stolen), registry.ErrNotFound},
		"end":                   {c.b.EndRun(ctx, c.fence, &stolen, theft), registry.ErrFenced},
		"end under B's lease":   {c.b.EndRun(ctx, mine, &stolen, theft), registry.ErrNotFound},
		"items":                 {c.b.AddItems(ctx, c.fence, c.run.ID, items), registry.ErrFenced},
		"items under B's lease": {c.b.AddItems(ctx, mine, c.run.ID, items), registry.ErrNotFound},
		"a run of A's source":   {c.b.CreateRun(ctx, fresh), registry.ErrNotFound},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
}

// leaveSourceAlone tries to stop and to move A's source.
func (c *climber) leaveSourceAlone(ctx context.Context) {
	for what, err := range map[string]error{
		"pause": c.b.PauseSource(ctx, c.src.ID, "b", "b"), "resume": c.b.ResumeSource(ctx, c.src.ID),
		"reschedule": c.b.Reschedule(ctx, c.src.ID, c.now),
	} {
		if err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	if p, err := c.b.Standpoints(ctx, &registry.User{ID: c.user, Attributes: registry.Attributes{registry.AttrUserName: {"ann"}}}); len(p.Ties)+len(p.Last) != 0 || err != nil {
		c.t.Errorf("what is known of A's person: %+v, %v", p, err)
	}
	if anchors, err := c.b.Anchors(ctx, c.src.Origin.ID, c.user); len(anchors) != 0 || err != nil {
		c.t.Errorf("the ids of A's person: %v, %v", anchors, err)
	}
	if run, err := c.b.LastRun(ctx, c.src.ID); run != nil || err != nil {
		c.t.Errorf("the last run of A's source: %v, %v", run, err)
	}
}

// putNothing tries through the registry, with B's origin and A's keys.
func (c *climber) putNothing(ctx context.Context) {
	t := c.t
	put := func(ops ...registry.Op) []registry.Result {
		t.Helper()
		res, err := c.r.Apply(ctx, registry.Batch{Company: c.beta.Company, Origin: c.beta.Origin, Actor: "b", Ops: ops})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	own := put(registry.PutGroup{Anchor: "h", DisplayName: "H"}, person("mine", "bob"))
	res := put(
		miss(c.anchor), registry.DeleteUser{Anchor: "1x"}, registry.MissGroup{Anchor: "g"}, registry.SetBlocks{User: c.user, Set: registry.BlockAdmin},
		registry.MailSetup{User: c.user}, registry.PatchMembers{Group: c.group, AddUsers: []registry.UserID{own[1].User}},
		with(person("2", "eve"), func(p *registry.PutUser) { p.Join = c.user }),
	)
	want(t, "codes", codes(res), slices.Repeat([]registry.Code{registry.CodeNotFound}, len(res)))
	for _, users := range [][]registry.UserID{{c.user}, {c.user, c.user + 1000}} {
		for _, exactly := range []bool{false, true} {
			res = put(registry.PatchMembers{Group: own[0].Group, AddUsers: users, AddGroups: []registry.GroupID{c.group}, Exactly: exactly})
			want(t, "A's people in B's group", actions(res), []registry.Action{""})
		}
	}
	same := put(person(c.anchor, "ann"))
	if same[0].Refused != nil || same[0].User == c.user {
		t.Errorf("the same id and name at another company: %+v", same[0])
	}
	b := registry.Batch{Company: c.beta.Company, Origin: c.src.Origin, Ops: []registry.Op{person("3", "cid")}}
	if _, err := c.r.Apply(ctx, b); err == nil {
		t.Error("wrote through another company's origin")
	}
}

// TestEveryTenantMethodIsClimbed: a method that joins Tenant joins a test.
func TestEveryTenantMethodIsClimbed(t *testing.T) {
	climbed := []string{
		"AcquireLease", "AddItems", "AllowRemovals", "Anchors", "Candidates", "ChangedSince", "ChangesOf", "CreateRun",
		"DecideRun", "EndRun", "EnsureOrigin", "FindUser", "Items", "LastChange", "LastRun", "LinkedGroups", "LinkedUsers", "LinkedUsersAmong", "MailCounts", "Mails",
		"MarkSource", "Memberships", "PauseSource", "RefreshLinks", "ReleaseLease", "ReleaseMails", "RenewLease", "Reschedule",
		"ResumeSource", "Run", "RunByNumber", "Runs", "SourceMarks", "Standpoints", "TakeDue", "UpdateRun",
	}
	climbed = append(append(climbed, scimClimbed...), connectionClimbed...)
	climbed = append(climbed, policyClimbed...)
	climbed = append(climbed, uploadClimbed...)
	climbed = append(climbed, contactsClimbed...)
	climbed = append(climbed, signClimbed...)
	climbed = append(climbed, entraClimbed...)
	climbed = append(climbed, opsClimbed...)
	climbed = append(climbed, hooksClimbed...)
	climbed = append(climbed, apiClimbed...)
	climbed = append(climbed, registerClimbed...)
	climbed = append(climbed, consolePeopleClimbed...)
	climbed = append(climbed, consoleDoorsClimbed...)
	climbed = append(climbed, mergeClimbed...)
	climbed = append(climbed, consoleUploadsClimbed...)
	climbed = append(climbed, consoleRunsClimbed...)
	climbed = append(climbed, scheduleClimbed...)
	climbed = append(climbed, companyClimbed...)
	tenant := reflect.TypeFor[*store.Tenant]()
	for i := range tenant.NumMethod() {
		if name := tenant.Method(i).Name; !slices.Contains(climbed, name) {
			t.Errorf("TestTenantFence does not try %s with another company's keys", name)
		}
	}
}

// TestFenceHolds: the guard itself refuses what it is there for.
func TestFenceHolds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		mark := "?"
		if s.Postgres() {
			mark = "$1"
		}
		for what, q := range map[string]string{
			"no company":           `SELECT id FROM users WHERE id = ` + mark,
			"a company not bound":  `SELECT id FROM users WHERE company_id = 1 AND id = ` + mark,
			"half a join":          `SELECT u.id FROM users u JOIN links l ON l.user_id = u.id WHERE u.company_id = ` + mark,
			"a write":              `UPDATE "groups" SET version = 1 WHERE id = ` + mark,
			"a removal":            `DELETE FROM sessions WHERE user_id = ` + mark,
			"an insert":            `INSERT INTO departments (name) VALUES (` + mark + `)`,
			"another than allowed": `SELECT id FROM users WHERE company_id = ` + mark,
		} {
			ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
			_, err := s.WriteDB().ExecContext(ctx, q, int64(c.src.Company))
			if !errors.Is(err, store.ErrClimb) {
				t.Errorf("%s passed: %v", what, err)
			}
		}
		for what, q := range map[string]string{
			"with the company":   `SELECT id FROM users WHERE company_id = ` + mark,
			"no tenant's table":  `SELECT id FROM companies WHERE id = ` + mark,
			"a join on both":     `SELECT u.id FROM users u JOIN links l ON l.user_id = u.id AND l.company_id = u.company_id WHERE u.company_id = ` + mark,
			"an insert with one": `INSERT INTO departments (name, company_id, name_key, created_at) SELECT name, company_id, name_key, 0 FROM departments WHERE company_id = ` + mark,
		} {
			if _, err := s.WriteDB().ExecContext(t.Context(), q, int64(c.src.Company)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if s.Postgres() {
			ctx, own := store.OnlyCompany(t.Context(), int64(c.beta.Company)), int64(c.beta.Company)
			for what, try := range map[string]struct {
				q   string
				arg any
			}{
				"rows of two companies":  {`INSERT INTO departments (company_id) SELECT * FROM unnest($1::bigint[])`, []int64{own, int64(c.src.Company)}},
				"rows without a company": {`INSERT INTO departments (name) SELECT * FROM unnest($1::text[])`, []string{"x"}},
				"rows of a subquery":     {`INSERT INTO departments (company_id) SELECT * FROM (SELECT unnest($1::bigint[])) AS x`, []int64{own}},
			} {
				if _, err := s.WriteDB().ExecContext(ctx, try.q, try.arg); !errors.Is(err, store.ErrClimb) {
					t.Errorf("%s passed: %v", what, err)
				}
			}
		}
		// Nobody is nobody's company.
		nobody := s.For(0)
		if _, err := nobody.Run(t.Context(), c.run.ID); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("company 0 found a run: %v", err)
		}
	})
}

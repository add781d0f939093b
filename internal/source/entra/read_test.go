package entra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

var small = graphfake.Population{People: 300, Groups: 12, Members: 25, Nested: 5, Guests: 10, Disabled: 5, Synced: 50}

// TestFullRead: a whole read is the tenant's truth, with groups in pieces.
func TestFullRead(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 40, MemberPage: 7, RemovedAtFirst: true})
	boss, one := w.tenant.UserID(0), w.tenant.UserID(1)
	err := errors.Join(w.tenant.SetManager(one, boss), w.tenant.AssignLicense(one, "c7df2760-2c81-4ef7-b578-5b5392b571df"),
		w.tenant.UpdateUser(one, func(u *graphfake.User) {
			u.Extensions = map[string]any{"extension_00112233445566778899aabbccddeeff_costCenter": "4711"}
			u.OnPremisesImmutableID = "AAECAwQFBgcICQoLDA0ODw=="
			u.OnPremisesExtensionAttributes[2] = "third"
		}), w.tenant.DeleteUser(w.tenant.UserID(7)), w.tenant.PurgeUser(w.tenant.UserID(8)))
	if err != nil {
		t.Fatal(err)
	}
	var seen source.Entry
	c := newClient()
	sum := c.mustRead(w, w.source())
	same(t, "picture", w.truth(), c.picture())
	if !sum.Full || sum.Cursor == "" || sum.Users != len(c.people) || sum.Groups != 12 {
		t.Errorf("summary %+v", sum)
	}
	err = w.source().Fetch(t.Context(), []string{strings.ToUpper(one)}, func(e source.Entry) error { seen = e; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"objectguid": "03020100-0504-0706-0809-0a0b0c0d0e0f", "onpremisesimmutableid": "AAECAwQFBgcICQoLDA0ODw==",
		"extensionattribute3": "third", "onpremisesextensionattributes.extensionattribute3": "third",
		"usertype": seen.Values["usertype"][0], "accountenabled": "true",
	} {
		same(t, key, []string{want}, seen.Values[key])
	}
	if got := strings.Join(seen.Values["assignedlicenses"], " "); !strings.HasSuffix(got, "c7df2760-2c81-4ef7-b578-5b5392b571df") {
		t.Errorf("licences %q", got)
	}
	if seen.Manager != boss {
		t.Errorf("manager %q", seen.Manager)
	}
}

// TestChanges: after each kind of mutation, a round of changes ends with the
// truth and gives no more than what changed.
func TestChanges(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 50, MemberPage: 9})
	s, c := w.source(), newClient()
	c.mustRead(w, s)
	u, v, g, h := w.tenant.UserID, w.tenant.UserID(40), w.tenant.GroupID(1), w.tenant.GroupID(9)
	var made, unified string
	for _, step := range []struct {
		name  string
		do    func() error
		given int
	}{
		{"nothing", func() error { return nil }, 0},
		{"rename", func() error { return w.tenant.UpdateUser(u(3), func(x *graphfake.User) { x.DisplayName = "New Name" }) }, 1},
		{"clear", func() error {
			return w.tenant.UpdateUser(u(3), func(x *graphfake.User) { x.Mail, x.DisplayName = "", "" })
		}, 1},
		{"disable", func() error { return w.tenant.UpdateUser(u(4), func(x *graphfake.User) { x.AccountEnabled = false }) }, 1},
		{"manager", func() error { return w.tenant.SetManager(u(5), v) }, 1},
		{"manager gone", func() error { return w.tenant.SetManager(u(5), "") }, 1},
		{"licence", func() error { return w.tenant.AssignLicense(u(6), "c7df2760-2c81-4ef7-b578-5b5392b571df") }, 1},
		{"extension", func() error {
			return w.tenant.UpdateUser(u(6), func(x *graphfake.User) {
				x.Extensions = map[string]any{"extension_00112233445566778899aabbccddeeff_costCenter": "12"}
			})
		}, 1},
		{"create", func() (err error) {
			made, err = w.tenant.CreateUser(graphfake.User{UserPrincipalName: "new@contoso.example", DisplayName: "New", AccountEnabled: true, UserType: "Member"})
			return errors.Join(err, w.tenant.AddMember(g, made))
		}, 2},
		{"delete", func() error { return w.tenant.DeleteUser(made) }, 2},
		{"restore", func() error { return w.tenant.RestoreUser(made) }, 2},
		{"purge", func() error { return w.tenant.PurgeUser(made) }, 2},
		{"add and remove", func() error {
			return errors.Join(w.tenant.AddMember(h, u(200)), w.tenant.RemoveMember(g, w.tenant.Members(g)[0]), w.tenant.AddMember(h, g))
		}, 2},
		{"new group", func() (err error) {
			unified, err = w.tenant.CreateGroup(graphfake.Group{DisplayName: "Team", GroupTypes: []string{"Unified"}}, u(1), u(2), g)
			return err
		}, 1},
		{"rename group", func() error { return w.tenant.UpdateGroup(g, func(x *graphfake.Group) { x.DisplayName = "Other" }) }, 1},
		{"delete group", func() error { return w.tenant.DeleteGroup(unified) }, 1},
		{"restore group", func() error { return w.tenant.RestoreGroup(unified) }, 1},
	} {
		if err := step.do(); err != nil {
			t.Fatal(step.name, err)
		}
		c.emitted = 0
		sum := c.mustRead(w, s)
		same(t, step.name, w.truth(), c.picture())
		if sum.Full || c.emitted > step.given {
			t.Errorf("%s: %d entries, at most %d expected; %+v", step.name, c.emitted, step.given, sum)
		}
	}
	for _, r := range w.Requests() {
		if strings.Contains(r.Query, "deltatoken") && r.Header.Get("Prefer") != "return=minimal" {
			t.Errorf("a round without return=minimal: %s", r.Path)
		}
	}
}

// TestWanted: who is wanted is read whole although nothing changed, and told as
// gone when he is.
func TestWanted(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{})
	s, c := w.source(), newClient()
	c.mustRead(w, s)
	kept, lost, g := w.tenant.UserID(1), w.tenant.UserID(2), w.tenant.GroupID(3)
	if err := w.tenant.PurgeUser(lost); err != nil {
		t.Fatal(err)
	}
	c.mustRead(w, s)
	c.people[lost], c.people[kept] = person{Name: "left behind by a failed apply"}, person{}
	delete(c.groups[g].has, w.tenant.Members(g)[0])
	c.mustRead(w, s, kept, lost, g)
	same(t, "picture", w.truth(), c.picture())
}

// TestEntersScope: a guest becomes a member of the company.
func TestEntersScope(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{}, func(c *entra.Config) { c.UserTypes = []string{"member"} })
	guest, err := w.tenant.CreateUser(graphfake.User{UserPrincipalName: "g@x.example", UserType: "Guest", AccountEnabled: true})
	if err != nil {
		t.Fatal(err)
	}
	s, c := w.source(), newClient()
	c.mustRead(w, s)
	if _, in := c.people[guest]; in || len(c.people) == 0 {
		t.Fatal("a guest is in scope")
	}
	if err := w.tenant.UpdateUser(guest, func(u *graphfake.User) { u.UserType = "Member" }); err != nil {
		t.Fatal(err)
	}
	if sum := c.mustRead(w, s); sum.Full {
		t.Fatal("not a round of changes")
	}
	if _, in := c.people[guest]; !in {
		t.Error("the new member is not there")
	}
}

// TestGroupScope: only members of the groups, nested ones too, are in scope; a
// change among them leads to a whole read.
func TestGroupScope(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 60}, graphfake.Options{MemberPage: 3})
	inner, err := w.tenant.CreateGroup(graphfake.Group{DisplayName: "Inner", SecurityEnabled: true}, w.tenant.UserID(1), w.tenant.UserID(2))
	if err != nil {
		t.Fatal(err)
	}
	outer, err := w.tenant.CreateGroup(graphfake.Group{DisplayName: "Outer", SecurityEnabled: true}, w.tenant.UserID(3), inner)
	if err := errors.Join(err, w.tenant.AddMember(inner, outer)); err != nil {
		t.Fatal(err)
	}
	w.cfg.Groups, w.cfg.Nested = []string{strings.ToUpper(outer)}, true
	s, c := w.source(), newClient()
	c.mustRead(w, s)
	if len(c.people) != 3 || len(c.groups) != 2 {
		t.Fatalf("%d people and %d groups", len(c.people), len(c.groups))
	}
	if err := w.tenant.UpdateUser(w.tenant.UserID(2), func(u *graphfake.User) { u.DisplayName = "Changed" }); err != nil {
		t.Fatal(err)
	}
	if sum := c.mustRead(w, s); sum.Full || c.people[w.tenant.UserID(2)].Display != "Changed" {
		t.Errorf("%+v", sum)
	}
	if err := w.tenant.AddMember(inner, w.tenant.UserID(9)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.read(t.Context(), s); !errors.Is(err, source.ErrCursor) {
		t.Fatalf("error %v", err)
	}
	c.cursor = ""
	c.mustRead(w, s)
	if len(c.people) != 4 {
		t.Errorf("%d people", len(c.people))
	}
	var excluded string
	if err := s.Fetch(t.Context(), []string{w.tenant.UserID(20)}, func(e source.Entry) error { excluded = e.Excluded.String(); return nil }); err != nil || excluded == "" {
		t.Errorf("excluded %q, %v", excluded, err)
	}
	w.cfg.Nested = false
	flat := newClient()
	flat.mustRead(w, w.source())
	if len(flat.people) != 1 || len(flat.groups) != 1 {
		t.Errorf("without nesting %d people and %d groups", len(flat.people), len(flat.groups))
	}
	if err := w.tenant.DeleteGroup(outer); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient().read(t.Context(), s); !errors.Is(err, source.ErrProtocol) {
		t.Errorf("a scope without its group: %v", err)
	}
}

// TestHidden: a group that hides its members loses nobody for want of a
// permission, and decides no scope.
func TestHidden(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 5}, graphfake.Options{})
	id, err := w.tenant.CreateGroup(graphfake.Group{DisplayName: "Secret", GroupTypes: []string{"Unified"}, Visibility: "HiddenMembership"}, w.tenant.UserID(1))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient()
	c.mustRead(w, w.source())
	same(t, "with the permission", w.truth(), c.picture())
	w.Grant(clientID, "User.Read.All", "GroupMember.Read.All")
	if _, err := c.read(t.Context(), w.source()); !errors.Is(err, source.ErrCursor) {
		t.Errorf("permissions changed: %v", err)
	}
	c.cursor = ""
	var problem string
	sum, err := w.source().Read(t.Context(), source.Request{}, func(e source.Entry) error {
		if e.Anchor == id {
			problem = e.Problem.String()
		}
		return nil
	})
	if err != nil || !strings.Contains(problem, "Member.Read.Hidden") || !strings.Contains(fmt.Sprint(sum.Notes), "Member.Read.Hidden") {
		t.Errorf("problem %q, notes %q, %v", problem, sum.Notes, err)
	}
	w.cfg.Groups = []string{id}
	if _, err := newClient().read(t.Context(), w.source()); !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), "Member.Read.Hidden") {
		t.Errorf("scope by a hidden group: %v", err)
	}
}

// TestFaults: each fault is overcome, or is an error before which nothing was
// taken for granted.
func TestFaults(t *testing.T) {
	usersPage := graphfake.Match{Path: "/v1.0/users/delta", Nth: 3}
	for _, c := range []struct {
		name   string
		match  graphfake.Match
		effect graphfake.Effect
		want   error // of a whole read
	}{
		{"cut", usersPage, graphfake.Cut(0.6), nil},
		{"500", usersPage, graphfake.Status(500), nil},
		{"502", usersPage, graphfake.Status(502), nil},
		{"503", usersPage, graphfake.All(graphfake.Status(503), graphfake.RetryAfter(7*time.Second)), nil},
		{"504", usersPage, graphfake.Status(504), nil},
		{"429", usersPage, graphfake.Throttle(11 * time.Second), nil},
		{"malformed", usersPage, graphfake.Malformed(), nil},
		{"empty", usersPage, graphfake.EmptyPage(), nil},
		{"replay", usersPage, graphfake.Replay(), nil},
		{"reorder", graphfake.Match{Path: "/v1.0/"}, graphfake.Reorder(), nil},
		{"duplicate", graphfake.Match{Path: "/v1.0/"}, graphfake.Duplicate(), nil},
		{"near limit", graphfake.Match{Path: "/v1.0/"}, graphfake.NearLimit(1.2), nil},
		{"other host", usersPage, graphfake.OtherHost("evil.example:443"), source.ErrProtocol},
		{"gone at first", graphfake.Match{Path: "/v1.0/groups/delta", Nth: 1}, graphfake.Gone(), nil},
		{"gone midway in groups", graphfake.Match{Path: "/v1.0/groups/delta", Nth: 2}, graphfake.Gone(), nil},
		{"gone midway", usersPage, graphfake.Gone(), nil},
		{"gone again and again", graphfake.Match{Path: "/v1.0/users/delta", Query: "skiptoken"}, graphfake.Gone(), source.ErrProtocol},
		{"always 503", graphfake.Match{Path: "/v1.0/users/delta"}, graphfake.Status(503), source.ErrUnreachable},
		{"always cut", graphfake.Match{Path: "/v1.0/users/delta"}, graphfake.Cut(0.5), source.ErrUnreachable},
		{"always malformed", graphfake.Match{Path: "/v1.0/users/delta"}, graphfake.Malformed(), source.ErrProtocol},
		{"for ever", graphfake.Match{Path: "/v1.0/users/delta"}, graphfake.EmptyPage(), source.ErrProtocol},
		{"forbidden", usersPage, graphfake.Fail(403, "Authorization_RequestDenied", "Insufficient privileges."), source.ErrAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, graphfake.Population{People: 40, Groups: 6, Members: 10, Nested: 2}, graphfake.Options{DeltaPage: 8, MemberPage: 12})
			s, cl := w.source(), newClient()
			w.Fault(c.match, c.effect)
			_, err := cl.read(t.Context(), s)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "skiptoken") || strings.Contains(err.Error(), secret)) {
				t.Errorf("says too much: %v", err)
			}
			w.Heal()
			cl.mustRead(w, s)
			same(t, "picture", w.truth(), cl.picture())
		})
	}
}

// TestExpiredLink: a link that expired, or leads away, asks for a whole read
// before anything is given.
func TestExpiredLink(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 10})
	s, c := w.source(), newClient()
	c.mustRead(w, s)
	for n := range 30 {
		if err := w.tenant.UpdateUser(w.tenant.UserID(n), func(u *graphfake.User) { u.DisplayName = "x" }); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(name, cursor string) {
		t.Helper()
		_, err := s.Read(t.Context(), source.Request{Cursor: cursor, Held: nobody}, func(source.Entry) error { t.Fatal("gave an entry"); return nil })
		if !errors.Is(err, source.ErrCursor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"/v1.0/users/delta", "/v1.0/groups/delta"} {
		w.Fault(graphfake.Match{Path: path, Nth: 1}, graphfake.Gone())
		ask("expired "+path, c.cursor)
		w.Heal()
	}
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 2}, graphfake.Gone())
	ask("expired midway", c.cursor)
	w.Heal()
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 1}, graphfake.Fail(http.StatusBadRequest, "syncStateNotFound", "Not found."))
	ask("no such state", c.cursor)
	w.Heal()
	ask("another host", strings.ReplaceAll(c.cursor, w.URL, "https://evil.example"))
	ask("nonsense", "nonsense")
	w.cfg.Properties = append(w.cfg.Properties, "jobTitle")
	s = w.source()
	ask("other settings", c.cursor)
	w.cfg.Properties = w.cfg.Properties[:len(w.cfg.Properties)-1]
	s = w.source()
	c.mustRead(w, s)
	same(t, "picture", w.truth(), c.picture())
	w.ExpireTokens()
	ask("all expired", c.cursor)
	for _, r := range w.Requests() {
		if strings.Contains(r.Query, "evil") {
			t.Error("a strange link was followed")
		}
	}
}

// nobody is what a caller holds who knows nobody.
func nobody(source.Kind, func(string) bool) {}

// TestBeginsAnew: a whole read whose link expires begins anew. Who left between is
// given with a problem, and the next read does not show them.
func TestBeginsAnew(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 30, Groups: 2, Members: 5}, graphfake.Options{DeltaPage: 10})
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 3}, graphfake.Gone())
	problems, given, left := map[string]string{}, map[string]int{}, w.tenant.UserID(0)
	sum, err := w.source().Read(t.Context(), source.Request{}, func(e source.Entry) error {
		if given[e.Anchor]++; len(given) == 20 && given[left] == 1 {
			if err := w.tenant.DeleteUser(left); err != nil && !errors.Is(err, graphfake.ErrNotFound) {
				return err
			}
		}
		problems[e.Anchor] = e.Problem.String()
		return nil
	})
	if err != nil || !sum.Full || !sum.Complete || !strings.Contains(strings.Join(registry.English(sum.Notes), " "), "began anew") {
		t.Fatal(sum, err)
	}
	if len(given) != 32 || given[w.tenant.UserID(1)] != 2 || given[w.tenant.UserID(29)] != 1 {
		t.Errorf("given %v", given)
	}
	for id, problem := range problems {
		if (problem != "") != (id == left) {
			t.Errorf("%s: %q", id, problem)
		}
	}
	held := func(kind source.Kind, yield func(string) bool) {
		if kind == source.User {
			yield(left)
		}
	}
	_, err = w.source().Read(t.Context(), source.Request{Cursor: sum.Cursor, Held: held}, func(e source.Entry) error {
		return errors.New("gave " + e.Anchor)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestProgress: what is read before it can be given is told page by page.
func TestProgress(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 5, MemberPage: 7})
	var told []int64
	_, err := w.source().Read(t.Context(), source.Request{Progress: func(ahead int64) { told = append(told, ahead) }}, func(source.Entry) error { return nil })
	if err != nil || len(told) < 10 || told[len(told)-1] != 0 || slices.Max(told) < 12 {
		t.Errorf("told %v, %v", told, err)
	}
}

// TestManners: Retry-After is waited for, and the whole has an end.
func TestManners(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 10})
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 1}, graphfake.Throttle(17*time.Second))
	newClient().mustRead(w, w.source())
	if len(w.clock.waits) != 1 || w.clock.waits[0] < 17*time.Second || w.clock.waits[0] > 18*time.Second {
		t.Errorf("waits %v", w.clock.waits)
	}
	w.Heal()
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta"}, graphfake.Throttle(2*time.Hour))
	before := w.clock.ahead
	if _, err := newClient().read(t.Context(), w.source()); !errors.Is(err, source.ErrUnreachable) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("error %v", err)
	}
	if spent := w.clock.ahead - before; spent > entra.DefaultRetryFor {
		t.Errorf("spent %v", spent)
	}
	w.Heal()
	// No request fails for long, but one after the other does.
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Rate: 0.8}, graphfake.Throttle(90*time.Second))
	w.cfg.RetryFor, w.cfg.RetryAll = 2*time.Hour, 20*time.Minute
	before = w.clock.ahead
	if _, err := newClient().read(t.Context(), w.source()); !errors.Is(err, source.ErrUnreachable) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("error %v", err)
	}
	if spent := w.clock.ahead - before; spent > 20*time.Minute || spent < 15*time.Minute {
		t.Errorf("spent %v", spent)
	}
}

// TestCancel: cancelling ends a read at once, in the middle of an answer and of
// a wait.
func TestCancel(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 20}, func(c *entra.Config) { c.Sleep = nil })
	for _, effect := range []graphfake.Effect{graphfake.Delay(time.Hour), graphfake.Throttle(5 * time.Minute)} {
		w.Forget()
		w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 2}, effect)
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stopped by the admin")
		_, err := w.source().Read(ctx, source.Request{}, func(e source.Entry) error {
			if e.Kind == source.User {
				time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("error %v", err)
		}
		w.Heal()
	}
	stop := errors.New("enough")
	if _, err := w.source().Read(t.Context(), source.Request{}, func(source.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

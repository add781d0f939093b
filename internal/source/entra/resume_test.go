package entra_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// kept is a source.Checkpoint in memory.
type kept struct {
	read    string
	pages   [][]byte
	drops   int
	refuses error
}

func (k *kept) Load(_ context.Context, read string, fn func([]byte) error) error {
	if k.refuses != nil {
		return k.refuses
	}
	if k.read != read {
		k.read, k.pages = read, nil
	}
	for _, p := range k.pages {
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

func (k *kept) Save(page []byte) { k.pages = append(k.pages, page) }

func (k *kept) Drop(context.Context) error {
	k.pages, k.refuses = nil, nil
	k.drops++
	return nil
}

// asked are the delta queries that were answered, and not by ids.
func asked(w *world) (out []string) {
	for _, r := range w.Requests() {
		_, token, _ := strings.Cut(r.Query, "token=")
		inside, _ := base64.RawURLEncoding.DecodeString(token)
		if strings.Contains(r.Path, "/delta") && !strings.Contains(r.Query+string(inside), "filter") {
			out = append(out, r.Path+"?"+r.Query)
		}
	}
	return out
}

// TestGoesOn: a read that ends at its n-th page, for every n, is gone on with by the
// next one, which asks for no page again and ends with the tenant as it is by then.
func TestGoesOn(t *testing.T) {
	for name, whole := range map[string]bool{"whole": true, "changes": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphfake.Population{People: 45, Groups: 6, Members: 8, Nested: 2, Guests: 10}, graphfake.Options{DeltaPage: 8, MemberPage: 12})
			s, before := w.source(), newClient()
			if !whole {
				before.mustRead(w, s)
			}
			for n := 1; ; n++ {
				for i := range 20 { // so that a round of changes has several pages
					if err := w.tenant.UpdateUser(w.tenant.UserID(i), func(u *graphfake.User) { u.DisplayName = fmt.Sprint("round ", n) }); err != nil {
						t.Fatal(err)
					}
				}
				if !goesOn(t, w, s, before, n) {
					if n < 4 {
						t.Errorf("only %d pages", n)
					}
					return
				}
			}
		})
	}
}

// goesOn ends a read at its n-th page and begins the next. It reports whether there
// was such a page.
func goesOn(t *testing.T, w *world, s source.Source, before *client, n int) bool {
	t.Helper()
	k := &kept{}
	c := before.clone()
	c.checkpoint = k
	w.Forget()
	w.Fault(graphfake.Match{Path: "/v1.0/", Nth: n}, graphfake.Fail(http.StatusForbidden, "Authorization_RequestDenied", "No."))
	_, err := c.read(t.Context(), s)
	w.Heal()
	if err == nil {
		return false
	}
	if !errors.Is(err, source.ErrAuth) {
		t.Fatal(n, err)
	}
	was := asked(w)
	if len(was) < n { // among the people who are read by their ids
		return false
	}
	was = was[:n-1]
	if len(k.pages) != len(was) {
		t.Fatalf("%d pages are kept, and %d were read", len(k.pages), len(was))
	}
	left, joins := w.tenant.UserID(20+n), ""
	joins, err = w.tenant.CreateUser(graphfake.User{UserPrincipalName: fmt.Sprintf("new%d@contoso.example", n), UserType: "Member", AccountEnabled: true})
	err = errors.Join(err, w.tenant.PurgeUser(left), w.tenant.AddMember(w.tenant.GroupID(1), joins),
		w.tenant.UpdateUser(w.tenant.UserID(0), func(u *graphfake.User) { u.DisplayName = "Meanwhile" }))
	if err != nil {
		t.Fatal(err)
	}
	w.Forget()
	c.checkpoint = k
	sum := c.mustRead(w, s)
	same(t, fmt.Sprint("picture, cut off at page ", n), w.truth(), c.picture())
	for _, q := range asked(w) {
		if slices.Contains(was, q) {
			t.Errorf("cut off at page %d: asked again for %s", n, q)
		}
	}
	if went := strings.Contains(fmt.Sprint(sum.Notes), "cut off"); went != (n > 1) {
		t.Errorf("cut off at page %d: notes %q", n, sum.Notes)
	}
	if k.drops > 0 {
		t.Errorf("cut off at page %d: %d drops", n, k.drops)
	}
	// What is kept is the whole read: one that dies later reads nothing again.
	w.Forget()
	c.checkpoint = k
	if c.cursor = before.cursor; c.cursor == "" {
		c.people, c.groups = map[string]person{}, map[string]*members{}
	}
	c.mustRead(w, s)
	same(t, "picture, all kept", w.truth(), c.picture())
	if again := asked(w); len(again) != 2 {
		t.Errorf("with everything kept: asked %q", again)
	}
	return true
}

// TestGoesOnCancelled: a read that is cancelled while Graph keeps it waiting is gone
// on with.
func TestGoesOnCancelled(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 20}, func(c *entra.Config) { c.Sleep = nil })
	k, s := &kept{}, w.source()
	newClient().mustRead(w, s)
	pages := len(asked(w))
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 5}, graphfake.Delay(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	people := 0
	_, err := s.Read(ctx, source.Request{Checkpoint: k}, func(source.Entry) error {
		if people++; people == 80 { // all of four pages
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.Heal()
	w.Forget()
	c := newClient()
	c.checkpoint = k
	c.mustRead(w, s)
	same(t, "picture", w.truth(), c.picture())
	if n, had := len(asked(w)), len(k.pages); n-2 > pages-4 || had != pages { // two ask what changed since
		t.Errorf("asked for %d pages of %d, and %d are kept", n, pages, had)
	}
}

// TestGoesOnNoMore: where it cannot be gone on with a read it begins anew, once, and
// tells so.
func TestGoesOnNoMore(t *testing.T) {
	forbidden := graphfake.Fail(http.StatusForbidden, "Authorization_RequestDenied", "No.")
	for name, spoil := range map[string]func(w *world, k *kept){
		"gone":           func(w *world, _ *kept) { w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 1}, graphfake.Gone()) },
		"tokens expired": func(w *world, _ *kept) { w.ExpireTokens() },
		"bad request": func(w *world, _ *kept) {
			w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 1}, graphfake.Fail(400, "Request_BadRequest", "No."))
		},
		"no such state": func(w *world, _ *kept) {
			w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 1}, graphfake.Fail(400, "syncStateNotFound", "No."))
		},
		"changes expired": func(w *world, _ *kept) {
			w.Fault(graphfake.Match{Path: "/v1.0/groups/delta", Query: "deltatoken"}, graphfake.Gone())
		},
		"kept by another": func(_ *world, k *kept) { k.refuses = errors.New("sealed under another key") },
		"nonsense":        func(_ *world, k *kept) { k.pages[1] = []byte("nonsense") },
		"cut in the middle": func(_ *world, k *kept) {
			last := len(k.pages) - 1
			k.pages[last] = k.pages[last][:len(k.pages[last])-9]
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphfake.Population{People: 40, Groups: 4, Members: 8}, graphfake.Options{DeltaPage: 8, MemberPage: 12})
			c, k, s := newClient(), &kept{}, w.source()
			c.checkpoint = k
			w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 4}, forbidden)
			if _, err := c.read(t.Context(), s); !errors.Is(err, source.ErrAuth) {
				t.Fatal(err)
			}
			w.Heal()
			spoil(w, k)
			if _, err := c.read(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			w.Heal()
			same(t, "picture", w.truth(), c.picture())
			if k.drops != 1 {
				t.Errorf("%d drops", k.drops)
			}
		})
	}
}

// TestNotGoneOnWith: neither other settings nor an answer that cannot be used leave
// anything to go on with, and a type that the source does not take leaves no values.
func TestNotGoneOnWith(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 40, Guests: 50}, graphfake.Options{DeltaPage: 8}, func(c *entra.Config) { c.UserTypes = []string{"member"} })
	guest, err := w.tenant.CreateUser(graphfake.User{UserPrincipalName: "guest.unwanted@x.example", DisplayName: "Guest Unwanted", Mail: "secret@x.example", UserType: "Guest"})
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{}
	read := func(s source.Source) error {
		_, err := s.Read(t.Context(), source.Request{Checkpoint: k}, func(source.Entry) error { return nil })
		return err
	}
	if err := read(w.source()); err != nil {
		t.Fatal(err)
	}
	all := string(slices.Concat(k.pages...))
	if !strings.Contains(all, guest) || strings.Contains(all, "secret@x.example") || strings.Contains(all, "Guest Unwanted") {
		t.Error("what is kept of a guest whom the source does not take is more than the id and the name")
	}
	w.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 3}, graphfake.OtherHost("evil.example:443"))
	k.pages = nil
	if err := read(w.source()); !errors.Is(err, source.ErrProtocol) || len(k.pages) != 0 {
		t.Errorf("%v, %d pages", err, len(k.pages))
	}
	w.Heal()
	was := k.read
	w.cfg.Properties = append(w.cfg.Properties, "jobTitle")
	if err := read(w.source()); err != nil || k.read == was {
		t.Errorf("the same read with other settings, %v", err)
	}
}

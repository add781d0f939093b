package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// atOnce calls fn n times at the same moment and gives the first error.
func atOnce(n int, fn func(i int) error) error {
	var wg sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}

// TestOneOfManyWins: of many who ask for one name at once, one gets it and the
// others are told so.
func TestOneOfManyWins(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		processes := []*store.Store{open(), open()}
		if err := processes[0].Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, processes[0])
		for round := range 10 {
			results := make([]registry.Result, 8)
			err := atOnce(len(results), func(i int) error {
				r := newRegistry(processes[i%len(processes)])
				var op registry.Op = person(fmt.Sprintf("%d-%d", round, i), fmt.Sprint("name", round))
				if i%3 == 0 {
					op = registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {fmt.Sprint("NAME", round)}}}
				}
				res, err := r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{op}})
				if err == nil {
					results[i] = res[0]
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			won := 0
			for _, r := range results {
				if r.Refused == nil {
					won++
				} else if r.Refused.Code != registry.CodeUserNameTaken {
					t.Errorf("refused for %v", r.Refused)
				}
			}
			want(t, "winners", won, 1)
		}
		want(t, "people", w.number(`SELECT count(*) FROM users`), 10)
		want(t, "changes", w.changes(), 10)
	})
}

// TestOneAnchorAtOnce: many who say the same of one object make one person, and
// the last word of each stands whole.
func TestOneAnchorAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		attributes := []string{registry.AttrTitle, registry.AttrNickName, registry.AttrPhone, registry.AttrMobile, registry.AttrUserType, registry.AttrDivision}
		err := atOnce(8, func(i int) error {
			for n := range 6 {
				op := with(person("1", "ann"), func(p *registry.PutUser) {
					p.Attributes[attributes[(i+n)%len(attributes)]] = []string{fmt.Sprint(i)}
					p.Department = fmt.Sprint("department ", n%3)
				})
				res, err := newRegistry(s).Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{op}})
				if err != nil {
					return err
				}
				if res[0].Refused != nil {
					return res[0].Refused
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "people", w.number(`SELECT count(*) FROM users`), 1)
		want(t, "live links", w.number(`SELECT count(*) FROM setup_links`), 1)
		want(t, "departments", w.number(`SELECT count(*) FROM departments`), 3)
		user := w.person(registry.UserID(w.number(`SELECT id FROM users`)))
		if len(user.Attributes) != 3 {
			t.Errorf("what one said and the last did not is still there: %v", user.Attributes)
		}
		want(t, "a version for every change", w.changes(), user.Version)
	})
}

// TestMembersAtOnce: concurrent changes to one group all arrive, each counted
// once.
func TestMembersAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		var people []registry.PutUser
		for i := range 40 {
			people = append(people, person(fmt.Sprint(i), fmt.Sprint("p", i)))
		}
		ids := w.create(people...)
		groups := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"}, registry.PutGroup{Anchor: "h", DisplayName: "H"})
		var mu sync.Mutex
		added := 0
		err := atOnce(8, func(i int) error {
			for n := range 10 {
				ops := []registry.Op{
					registry.PatchMembers{Group: groups[0].Group, AddUsers: ids[(i*5+n)%40 : (i*5+n)%40+1]},
					registry.PatchMembers{Group: groups[1].Group, AddUsers: ids[n : n+20]},
				}
				if i%2 == 1 {
					ops[0], ops[1] = ops[1], ops[0]
				}
				res, err := newRegistry(s).Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: ops})
				if err != nil {
					return err
				}
				mu.Lock()
				for _, r := range res {
					if r.Change != nil {
						added += r.Change.Payload.Added
					}
				}
				mu.Unlock()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "members", w.number(`SELECT count(*) FROM memberships`), int64(added))
		want(t, "in the first group", w.number(`SELECT count(*) FROM memberships WHERE group_id = %d`, groups[0].Group), 40)
		want(t, "versions", w.number(`SELECT sum(version) FROM "groups"`), w.number(`SELECT count(*) FROM changes WHERE group_id IS NOT NULL`))
	})
}

// TestMembersComeAndGoAtOnce: people who are deleted and come back at once, in the
// same groups whose members others change, move each group once every time.
func TestMembersComeAndGoAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		const writers, rounds = 8, 4
		var people []registry.PutUser
		for i := range writers {
			people = append(people, person(fmt.Sprint(i), fmt.Sprint("p", i)))
		}
		ids := w.create(people...)
		var groups []registry.Op
		for i := range 10 {
			groups = append(groups, registry.PutGroup{Anchor: fmt.Sprint("g", i), DisplayName: fmt.Sprint("G", i), Users: ids})
		}
		made := w.put(groups...)
		err := atOnce(writers+2, func(i int) error {
			for n := range rounds {
				var ops []registry.Op
				if i < writers {
					ops = []registry.Op{registry.DeleteUser{Anchor: fmt.Sprint(i)}, person(fmt.Sprint(i), fmt.Sprint("p", i))}
				} else { // the members of one group, and a group
					group := made[(n+i)%len(made)].Group
					ops = []registry.Op{
						registry.PatchMembers{Group: group, RemoveUsers: ids[:2]}, registry.PatchMembers{Group: group, AddUsers: ids[:2]},
						registry.PutGroup{Anchor: fmt.Sprint("g", n), DisplayName: fmt.Sprint("G", n, i)},
					}
				}
				for _, op := range ops {
					res, err := newRegistry(s).Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{op}})
					if err != nil {
						return err
					}
					if res[0].Refused != nil {
						return res[0].Refused
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Two people are not in every group all the time: whoever left one while they
		// were gone did not move it.
		always := int64(writers-2) * rounds * 2
		for _, g := range made {
			version := w.number(`SELECT version FROM "groups" WHERE id = %d`, g.Group)
			own := w.number(`SELECT count(*) FROM changes WHERE group_id = %d`, g.Group)
			if moved := version - own; moved < always || moved > always+2*rounds*2 {
				t.Errorf("group %d moved %d times by itself, and its members came and went %d times", g.Group, moved, always)
			}
		}
		want(t, "groups older than their members", w.number(`SELECT count(*) FROM "groups" g JOIN memberships m ON m.group_id = g.id
			JOIN changes c ON c.user_id = m.user_id WHERE c.action IN ('delete', 'restore') AND g.updated_at < c.at AND m.created_at < c.at`), 0)
	})
}

// TestLockedDatabase: a file that another process holds is an error in good
// time, and nothing is half done.
func TestLockedDatabase(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	holder := openStore(t, address, store.Options{})
	if err := holder.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, address, store.Options{BusyTimeout: 50 * time.Millisecond})
	w := newWorld(t, s)
	tx, err := holder.WriteDB().BeginTx(t.Context(), nil) // BEGIN IMMEDIATE
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Ops: []registry.Op{person("1", "ann")}})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "locked by another process") {
		t.Errorf("apply on a locked file: %v", err)
	}
	if waited := time.Since(begun); waited > 5*time.Second {
		t.Errorf("waited %v", waited)
	}
	if _, err := s.SourceByKey(t.Context(), "corp"); err != nil {
		t.Errorf("reading beside a writer: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	want(t, "people", w.number(`SELECT count(*) FROM users`), 0)
	want(t, "once it is free", codes(w.put(person("1", "ann"))), []registry.Code{""})
}

// TestNothingHalfDone: a transaction that fails in its middle leaves no trace.
func TestNothingHalfDone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.create1(person("1", "ann"))
		was := w.footprint()
		w.sql(`CREATE UNIQUE INDEX one_change ON changes (company_id)`) // the very last write of Save
		_, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Ops: []registry.Op{
			with(person("1", "anna"), func(p *registry.PutUser) { p.Department = "New" }), person("2", "bob"), registry.PutGroup{Anchor: "g", DisplayName: "G"},
		}})
		if err == nil {
			t.Error("the failed write was not reported")
		}
		want(t, "footprint", w.footprint(), was)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.r.Apply(ctx, registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Ops: []registry.Op{person("3", "cid")}}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that ended: %v", err)
		}
		want(t, "footprint", w.footprint(), was)
	})
}

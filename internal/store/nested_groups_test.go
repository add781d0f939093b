package store_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// deadlocks is how often those who used a database, and have closed it, waited for
// each other. The server counts what a connection saw when that has ended.
func deadlocks(t *testing.T, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer func() { must(t, conn.Close(t.Context())) }()
	for others := 1; others > 0; {
		must(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&others))
	}
	must(t, conn.QueryRow(t.Context(), `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n))
	return n
}

// nestedGroups are groups g1 to g6 of a connection, the last two within the first two,
// with all people in each of them.
func nestedGroups(w *world, okta registry.Origin, people []registry.UserID) []registry.GroupID {
	w.t.Helper()
	var ops []registry.Op
	for i := range 6 {
		ops = append(ops, registry.PutGroup{Anchor: fmt.Sprint("g", i+1), DisplayName: fmt.Sprint("G", i+1), Users: people})
	}
	ids := []registry.GroupID{0}
	for _, r := range w.putAs(okta, ops...) {
		ids = append(ids, r.Group)
	}
	for _, g := range ids[1:3] {
		w.putAs(okta, registry.PatchMembers{Group: g, AddGroups: ids[5:]})
	}
	return ids
}

// writer applies batches, one after the other, of which n is never twice the same.
type writer struct {
	who registry.Origin
	ops func(n int) [][]registry.Op
}

// atOnce has writers at work at the same moment, each so many rounds.
func (w *world) atOnce(rounds int, writers ...writer) {
	w.t.Helper()
	must(w.t, atOnce(len(writers), func(i int) error {
		for n := range rounds {
			for _, ops := range writers[i].ops(n + rounds*i) {
				res, err := newRegistry(w.s).Apply(w.t.Context(), registry.Batch{Company: w.src.Company, Origin: writers[i].who, Actor: "test", Ops: ops})
				if err != nil {
					return err
				}
				for _, r := range res {
					if r.Refused != nil {
						return r.Refused
					}
				}
			}
		}
		return nil
	}))
}

// batches are one batch for each operation.
func batches(ops ...registry.Op) [][]registry.Op {
	out := make([][]registry.Op, len(ops))
	for i, op := range ops {
		out[i] = []registry.Op{op}
	}
	return out
}

// shown is a person under another name.
func shown(op registry.PutUser, n int) registry.Op {
	return with(op, func(p *registry.PutUser) { p.Attributes[registry.AttrDisplayName] = []string{fmt.Sprint("number ", n)} })
}

// TestNestedGroupsMoveAtOnce: whoever changes a group moves those that it is in, and
// whoever changes a person all of theirs, and no two wait for each other.
func TestNestedGroupsMoveAtOnce(t *testing.T) {
	address := migrated.Postgres(t)
	s := openStore(t, address, store.Options{Driver: store.FencedDriver("pgx")})
	w := newWorld(t, s)
	okta := w.door(registry.OriginSCIM, "okta")
	ids := w.create(person("1", "p1"), person("2", "p2"), person("3", "p3"))
	g := nestedGroups(w, okta, ids)
	named := func(i, n int) registry.Op {
		return registry.PutGroup{Anchor: fmt.Sprint("g", i), DisplayName: fmt.Sprint("G", i, " ", n)}
	}
	exactly := registry.PatchMembers{Group: g[1], AddUsers: ids[1:], AddGroups: g[5:], Exactly: true}
	const rounds = 60
	w.atOnce(rounds,
		writer{w.src.Origin, func(n int) [][]registry.Op { return batches(shown(person("3", "p3"), n)) }},
		writer{w.src.Origin, func(n int) [][]registry.Op {
			return [][]registry.Op{{shown(person("2", "p2"), n), shown(person("3", "p3"), n)}}
		}},
		writer{okta, func(n int) [][]registry.Op { return batches(named(5, n)) }},
		writer{okta, func(int) [][]registry.Op {
			return batches(registry.MissGroup{Anchor: "g6"}, registry.PutGroup{Anchor: "g6", DisplayName: "G6", Users: ids})
		}},
		writer{okta, func(n int) [][]registry.Op { return [][]registry.Op{{named(1, n), exactly}} }},
		writer{okta, func(int) [][]registry.Op {
			return batches(registry.PatchMembers{Group: g[1], AddUsers: ids[:1]}, registry.PatchMembers{Group: g[1], RemoveUsers: ids[:1]})
		}},
	)
	own := w.number(`SELECT count(*) FROM changes WHERE group_id = %d`, g[1])
	// Two batches changed people in it, one g5, and two had g6 go and come back.
	want(t, "the outer group moved by itself", w.number(`SELECT version FROM "groups" WHERE id = %d`, g[1])-own, int64(rounds*5))
	must(t, s.Close())
	want(t, "deadlocks", deadlocks(t, address), 0)
}

// TestLetGoWhileRemoved: a connection that lets a person go, and ends what it said of
// them, waits for none of its own that change the members of the same groups.
func TestLetGoWhileRemoved(t *testing.T) {
	address := migrated.Postgres(t)
	s := openStore(t, address, store.Options{Driver: store.FencedDriver("pgx")})
	w := newWorld(t, s)
	okta := w.door(registry.OriginSCIM, "okta")
	ids := w.create(person("1", "p1"), person("2", "p2"))
	g := nestedGroups(w, okta, ids)
	w.atOnce(60,
		writer{okta, func(n int) [][]registry.Op {
			tie := with(person(fmt.Sprint("x", n), "p1"), func(p *registry.PutUser) { p.Join, p.LinkOnly = ids[0], true })
			return batches(tie, registry.UnlinkUser{Anchor: tie.Anchor})
		}},
		writer{okta, func(int) [][]registry.Op {
			return batches(registry.PatchMembers{Group: g[1], AddUsers: ids}, registry.PatchMembers{Group: g[1], RemoveUsers: ids})
		}},
		writer{okta, func(n int) [][]registry.Op {
			return [][]registry.Op{{
				registry.PutGroup{Anchor: "g1", DisplayName: fmt.Sprint("G1 ", n)}, registry.PatchMembers{Group: g[1], AddUsers: ids, Exactly: true},
			}}
		}},
		writer{w.src.Origin, func(n int) [][]registry.Op { return batches(shown(person("1", "p1"), n)) }},
	)
	must(t, s.Close())
	want(t, "deadlocks", deadlocks(t, address), 0)
}

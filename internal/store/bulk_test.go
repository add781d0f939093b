package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// asked are statements with their arguments.
type asked map[string][]any

// TestLookupsGoByKey: PostgreSQL finds each name and each anchor of a batch
// through the index it was made for, in a company that has grown since anybody
// took statistics. It used to read everybody for every batch of a first run.
func TestLookupsGoByKey(t *testing.T) {
	s := openStore(t, postgres.New(t), store.Options{Driver: store.FencedDriver("pgx")})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	ops := make([]registry.PutUser, 600)
	for i := range ops {
		ops[i] = person(fmt.Sprint("a", i), fmt.Sprint("n", i))
	}
	w.create(ops...)
	w.sql(`INSERT INTO users (company_id, public_id, kind, association, user_name, user_name_key, enabled, credential, owner_id, created_at, updated_at)
		SELECT %d, 'p' || i, 'end_user', 'strong', 'x' || i, 'x' || i, true, 'none', %d, 0, 0 FROM generate_series(1, 20000) AS i`, w.src.Company, w.src.Origin.ID)
	w.sql(`INSERT INTO links (company_id, origin_id, user_id, anchor, created_at, updated_at)
		SELECT company_id, owner_id, id, public_id, 0, 0 FROM users WHERE public_id LIKE 'p%%'`)
	seen := asked{}
	ctx := store.RecordingArgs(t.Context(), func(q string, args []any) { seen[q] = args })
	_, err := w.r.Apply(ctx, registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{person("new", "new"), person("a1", "n1")}})
	must(t, err)
	for table, index := range map[string]string{ // of links either index, whichever statement is met first
		"users": "user_company_id_user_name_key", "links": "link_",
	} {
		plan := seen.planOf(t, s, "LATERAL", " FROM "+table+" ")
		if !strings.Contains(plan, index) || !strings.Contains(plan, "= k.v") || strings.Contains(plan, "Filter: ((user_name_key") {
			t.Errorf("%s are not looked up by %s:\n%s", table, index, plan)
		}
	}
}

// planOf explains the statement in which all of these words stand.
func (a asked) planOf(t *testing.T, s *store.Store, words ...string) string {
	t.Helper()
	for q, args := range a {
		if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(q, word) }) {
			continue
		}
		rows, err := s.WriteDB().QueryContext(store.Crossing(t.Context()), "EXPLAIN "+q, args...)
		must(t, err)
		defer rows.Close()
		var out []string
		for rows.Next() {
			var line string
			must(t, rows.Scan(&line))
			out = append(out, line)
		}
		must(t, rows.Err())
		return strings.Join(out, "\n")
	}
	t.Fatalf("no statement has all of %q", words)
	return ""
}

// TestLookupOfOneValueTwice: a value asked for twice is found once.
func TestLookupOfOneValueTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.create1(person("1", "ann"))
		found, err := s.For(w.src.Company).Candidates(t.Context(), "userName", []string{"ann", "bob", "ann"})
		must(t, err)
		want(t, "candidates", len(found), 1)
	})
}

// BenchmarkFirstRun fills an empty company with 20,000 people, in batches. The
// figure to read beside people/s is how much longer the last quarter took than
// the first: an index that is not used shows there.
func BenchmarkFirstRun(b *testing.B) {
	const people = 20_000
	for _, d := range databases {
		b.Run(d.name, func(b *testing.B) {
			var first, last time.Duration
			for b.Loop() {
				s := openStore(b, d.address(b), store.Options{})
				if err := s.Migrate(b.Context()); err != nil {
					b.Fatal(err)
				}
				r, src := newRegistry(s), corp(b.Context(), b, s)
				begin := time.Now()
				for n := 0; n < people; n += batchSize {
					if n == people/4 {
						first += time.Since(begin)
					}
					if n == people*3/4 {
						begin = time.Now()
					}
					fill(b.Context(), b, r, src, n)
				}
				last += time.Since(begin)
			}
			b.ReportMetric(float64(b.N*people)/b.Elapsed().Seconds(), "people/s")
			b.ReportMetric(float64(last)/float64(first), "last/first")
		})
	}
}

// fill makes a batch of people from number n on.
func fill(ctx context.Context, b *testing.B, r *registry.Registry, src registry.Source, n int) {
	ops := make([]registry.Op, batchSize)
	for i := range ops {
		ops[i] = full(n+i, "Engineer")
	}
	if _, err := r.Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "bench", Ops: ops}); err != nil {
		b.Fatal(err)
	}
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/usherd/usher/internal/testkit/postgres"
)

// small is the registry that the large one is held against.
const small = 1000

// few fills it. Everybody is in a group, as in the large one: what is compared is
// the size, not the person.
var few = crowd{people: small, groups: []int{0, small}}

// database is where a registry is measured.
type database struct {
	name        string
	synchronous string
	// create gives the address of an empty one.
	create func(name string) (string, error)
}

// scim measures what identity providers do.
func (b *bench) scim(ctx context.Context) (err error) {
	fmt.Printf("\nSCIM with %d keep-alive clients on the same cores; registries of %d and of %d people, groups of 0, 10000 and %d; best of %d, %s each\n\n",
		clients, small, b.rows, b.rows, b.runs, b.window)
	databases, stop, err := b.databases(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	_, _ = fmt.Fprintln(b.out, "request\tpeople\treq/s\tserver CPU each\tagainst small\t")
	for _, d := range databases {
		if err := b.sizes(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	normal := database{"SQLite synchronous=NORMAL", "NORMAL", databases[0].create}
	if err := b.withWorld(ctx, normal, few, func(w *world) error { return b.compare(http.StatusCreated, kind{"POST /Users", w, w.post}) }); err != nil {
		return err
	}
	return b.out.Flush()
}

// startPostgres starts a PostgreSQL that is as careful as one in production; the
// one for tests is not.
func (b *bench) startPostgres(ctx context.Context) (*postgres.Server, error) {
	pg, err := postgres.Start(ctx)
	if err != nil {
		return nil, err
	}
	dsn, drop, err := pg.CreateDatabase(ctx)
	if err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	for _, q := range []string{`ALTER SYSTEM SET fsync = on`, `ALTER SYSTEM SET synchronous_commit = on`, `ALTER SYSTEM SET full_page_writes = on`, `ALTER SYSTEM SET max_wal_size = '4GB'`, `SELECT pg_reload_conf()`} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return nil, errors.Join(err, admin.Close(), pg.Stop())
		}
	}
	return pg, errors.Join(admin.Close(), drop(ctx))
}

// sizes measures a small registry and a large one, which stand side by side.
func (b *bench) sizes(ctx context.Context, d database) error {
	many := crowd{people: b.rows + spares, groups: []int{0, min(10_000, b.rows), b.rows}}
	return b.withWorld(ctx, d, few, func(small *world) error {
		return b.withWorld(ctx, d, many, func(large *world) error {
			const get, find, bare, patch, post = "GET /Users/{id}", "GET /Users?filter=userName eq", "GET /Groups/{id} without its %d members", "PATCH a member, group of %d", "POST /Users"
			return errors.Join(
				b.compare(http.StatusOK, kind{get, small, small.get}, kind{get, large, large.get}),
				b.compare(http.StatusOK, kind{find, small, small.find}, kind{find, large, large.find}),
				b.compare(http.StatusOK, kind{sized(bare, 0), small, small.bare(1)}, kind{sized(bare, 0), large, large.bare(1)}, kind{sized(bare, many.groups[2]), large, large.bare(3)}),
				b.compare(http.StatusNoContent, kind{sized(patch, 0), small, small.patch(1)}, kind{sized(patch, 0), large, large.patch(1)},
					kind{sized(patch, many.groups[1]), large, large.patch(2)}, kind{sized(patch, many.groups[2]), large, large.patch(3)}),
				large.stream(3),
				b.compare(http.StatusCreated, kind{post, small, small.post}, kind{post, large, large.post}),
			)
		})
	})
}

// sized is a kind's name with the size of its group.
func sized(what string, group int) string { return fmt.Sprintf(what, group) }

// world is a server over a registry with a connection to it.
type world struct {
	*bench
	*server
	crowd
	name, token string
	posted      atomic.Int64
}

// withWorld makes a registry, serves it, and calls fn.
func (b *bench) withWorld(ctx context.Context, d database, c crowd, fn func(*world) error) (err error) {
	name := fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(d.name), " ", "-"), c.people)
	address, err := d.create(name)
	if err != nil {
		return err
	}
	file, token, err := b.connection(ctx, name, address, "")
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := seed(ctx, address, c); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: seeded %d people in %s\n", name, c.people, time.Since(begin).Round(time.Millisecond))
	w := &world{bench: b, crowd: c, name: d.name, token: token}
	begin = time.Now()
	if w.server, err = b.start(ctx, file, d.synchronous, name); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w.out, "serving after its start, %s\t%d\t%d ms\t\t\t\n", w.name, w.people, time.Since(begin).Milliseconds())
	defer func() { err = errors.Join(err, w.stop()) }()
	return fn(w)
}

// connection writes a configuration file, with more of it at the end, and makes a
// registry by it with a SCIM connection.
func (b *bench) connection(ctx context.Context, name, address, more string) (file, token string, err error) {
	file = filepath.Join(b.dir, name+".yaml")
	doc := fmt.Sprintf("public_url: https://people.example.com\nlisten: 127.0.0.1:0\ntelemetry: \"\"\ndatabase: %q\nsecret_key: %q\nmail: {smtp: \"smtp://127.0.0.1:25\", from: bench@example.com}\ncompanies: {acme: {name: Acme}}\n",
		address, "bench bench bench bench bench bench bench")
	if err := os.WriteFile(file, []byte(doc+more), 0o600); err != nil {
		return "", "", err
	}
	create := exec.CommandContext(ctx, b.usher, "-c", file, "connection", "create", "--name", "bench", "--rate", "10000000") //nolint:gosec // our own program
	out, err := create.Output()
	if err != nil {
		return "", "", fmt.Errorf("create connection: %w", err)
	}
	return file, strings.TrimSpace(string(out)), nil
}

// kind is a kind of request as a registry is asked it.
type kind struct {
	what string
	*world
	next func(client, n int) request
}

// compare counts kinds of requests in turns, so that a minute in which the machine
// has less to give is nobody's alone, and prints the best of several windows of
// each, held against the first.
func (b *bench) compare(want int, kinds ...kind) error {
	kinds = slices.DeleteFunc(kinds, func(k kind) bool { return !b.requests.MatchString(k.what + ", " + k.name) })
	best := make([]figure, len(kinds))
	for range b.runs {
		for i, k := range kinds {
			f, err := k.window(want)
			if err != nil {
				return fmt.Errorf("%s: %w", k.what, err)
			}
			if f.rate > best[i].rate {
				best[i] = f
			}
		}
	}
	for i, k := range kinds {
		against := ""
		if i > 0 {
			against = fmt.Sprintf("%.2f× slower", best[0].rate/best[i].rate)
		}
		fmt.Fprintf(os.Stderr, "%s, %s: %.0f\n", k.name, k.what, best[i].rate)
		_, _ = fmt.Fprintf(b.out, "%s, %s\t%d\t%.0f\t%.0f µs\t%s\t\n", k.what, k.name, k.people, best[i].rate, best[i].cpu*1e6, against)
	}
	return nil
}

// figure is what was seen in a window: requests a second, and seconds of the
// server's processor each.
type figure struct{ rate, cpu float64 }

// window counts a kind of request for a while.
func (k kind) window(want int) (figure, error) {
	before, err := k.cpu()
	if err != nil {
		return figure{}, err
	}
	var asked atomic.Int64
	rate, err := load(k.addr, k.token, k.bench.window, want, func(client, n int) request {
		asked.Add(1)
		return k.next(client, n)
	})
	if err != nil {
		return figure{}, err
	}
	after, err := k.cpu()
	return figure{rate, (after - before) / float64(asked.Load())}, err
}

// anybody is the number of any person.
func (w *world) anybody() int { return rand.IntN(w.people) + 1 } //nolint:gosec // any will do

func (w *world) get(int, int) request {
	return request{http.MethodGet, "/Users/" + userID(w.anybody()), nil}
}

func (w *world) find(int, int) request {
	return request{http.MethodGet, "/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName eq "person.%012d"`, w.anybody())), nil}
}

// bare asks for a group without its members.
func (w *world) bare(group int) func(int, int) request {
	return func(int, int) request {
		return request{http.MethodGet, "/Groups/" + groupID(group) + "?excludedAttributes=members", nil}
	}
}

func (w *world) post(client, _ int) request {
	n := w.posted.Add(1)
	return request{http.MethodPost, "/Users", fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"new-%d","userName":"new.person.%d@example.com",`+
		`"name":{"givenName":"New","familyName":"Person %d"},"displayName":"New Person %d","active":true,"title":"Engineer",`+
		`"emails":[{"value":"new.person.%d@example.com","type":"work","primary":true}],"phoneNumbers":[{"value":"+39 02 %d","type":"work"}]}`, n, n, n, n, n, client)}
}

// patch puts a spare person into a group, and takes the same one out with the
// next request, so that the group keeps its size.
func (w *world) patch(group int) func(client, n int) request {
	return func(client, n int) request {
		id := userID(w.spare(client*spares/clients + n/2%(spares/clients)))
		op := `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`
		if n%2 == 1 {
			op = `{"op":"remove","path":"members[value eq \"` + id + `\"]"}`
		}
		return request{http.MethodPatch, "/Groups/" + groupID(group), []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`)}
	}
}

// stream fetches a group with all its members, and prints what memory it took.
func (w *world) stream(group int) error {
	before, err := w.memory()
	if err != nil {
		return err
	}
	c, err := dial(w.addr, w.token)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	begin, highest := time.Now(), w.watchMemory()
	status, size, failure, err := c.do(request{http.MethodGet, "/Groups/" + groupID(group), nil})
	peak := highest()
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET group answered %d: %s", status, failure)
	}
	if err != nil {
		return err
	}
	took := time.Since(begin)
	_, _ = fmt.Fprintf(w.out, "GET /Groups/{id} with %d members, %s\t%d\t%.1f s for %d MB\tpeak %d MB\tfrom %d MB\t\n",
		w.rows, w.name, w.people, took.Seconds(), size>>20, peak>>20, before>>20)
	return nil
}

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
	if err := b.withWorld(ctx, normal, few, func(w *world) error { return w.measure("POST /Users", http.StatusCreated, w.post, nil) }); err != nil {
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

// sizes measures a small registry and a large one.
func (b *bench) sizes(ctx context.Context, d database) error {
	rates := map[string]float64{}
	common := func(w *world) error {
		return errors.Join(
			w.measure("GET /Users/{id}", http.StatusOK, w.get, rates),
			w.measure("GET /Users?filter=userName eq", http.StatusOK, w.find, rates),
			w.measure("GET /Groups/{id} without members", http.StatusOK, w.bare(1), rates),
			w.measure("PATCH a member, group of 0", http.StatusNoContent, w.patch(1), rates),
		)
	}
	err := b.withWorld(ctx, d, few, func(w *world) error {
		return errors.Join(common(w), w.measure("POST /Users", http.StatusCreated, w.post, rates))
	})
	if err != nil {
		return err
	}
	large := crowd{people: b.rows + spares, groups: []int{0, min(10_000, b.rows), b.rows}}
	return b.withWorld(ctx, d, large, func(w *world) error {
		err := common(w)
		rates["PATCH a member, group of 10000"], rates[fmt.Sprint("PATCH a member, group of ", b.rows)] = rates["PATCH a member, group of 0"], rates["PATCH a member, group of 0"]
		rates["GET /Groups/{id} without the million"] = rates["GET /Groups/{id} without members"]
		return errors.Join(err,
			w.measure("PATCH a member, group of 10000", http.StatusNoContent, w.patch(2), rates),
			w.measure(fmt.Sprint("PATCH a member, group of ", b.rows), http.StatusNoContent, w.patch(3), rates),
			w.measure("GET /Groups/{id} without the million", http.StatusOK, w.bare(3), rates),
			w.stream(3),
			w.measure("POST /Users", http.StatusCreated, w.post, rates),
		)
	})
}

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

// measure counts one kind of request and prints the best of several windows. Where
// rates knows the kind it is compared, else it is told.
func (w *world) measure(what string, want int, next func(client, n int) request, rates map[string]float64) error {
	if !w.requests.MatchString(what + ", " + w.name) {
		return nil
	}
	var best, cpu float64
	for range w.runs {
		before, err := w.cpu()
		if err != nil {
			return err
		}
		var asked atomic.Int64
		rate, err := load(w.addr, w.token, w.window, want, func(client, n int) request {
			asked.Add(1)
			return next(client, n)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		after, err := w.cpu()
		if err != nil {
			return err
		}
		if rate > best {
			best, cpu = rate, (after-before)/float64(asked.Load())
		}
	}
	against := ""
	if was, ok := rates[what]; ok {
		against = fmt.Sprintf("%.2f× slower", was/best)
	} else if rates != nil {
		rates[what] = best
	}
	fmt.Fprintf(os.Stderr, "%s, %s: %.0f\n", w.name, what, best)
	_, _ = fmt.Fprintf(w.out, "%s, %s\t%d\t%.0f\t%.0f µs\t%s\t\n", what, w.name, w.people, best, cpu*1e6, against)
	return nil
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

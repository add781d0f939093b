// Command bench measures usher against the tools that are already there, on a
// generated directory in a real slapd, and prints a table. Absolute times are
// for orientation; what counts are the ratios, taken in one run.
//
//	go run ./internal/bench -people 100000 -groups 1000 -members 200
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/postgres"
	"github.com/usherd/usher/internal/testkit/slapd"
)

func main() {
	var o dirgen.Options
	flag.IntVar(&o.People, "people", 100_000, "people in the directory")
	flag.IntVar(&o.Groups, "groups", 1000, "groups in the directory")
	flag.IntVar(&o.Members, "members", 200, "members of each group")
	flag.Uint64Var(&o.Seed, "seed", 1, "what the directory is generated from")
	runs := flag.Int("runs", 3, "how often the reads and the unchanged night are timed; the best counts")
	pg := flag.Bool("postgres", false, "measure on PostgreSQL, too")
	flag.Parse()
	if err := run(context.Background(), o, *runs, *pg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// cost is what a run of something took.
type cost struct {
	wall time.Duration
	// peak is the most memory it held, in bytes; 0 where it was not measured.
	peak int64
}

// bench is one measurement at work.
type bench struct {
	o      dirgen.Options
	dir    string
	server *slapd.Server
	usher  string
	runs   int
	out    *tabwriter.Writer
}

func run(ctx context.Context, o dirgen.Options, runs int, pg bool) (err error) {
	dir, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{o: o, dir: dir, usher: filepath.Join(dir, "usher"), runs: runs, out: tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.usher, "./cmd/usher").CombinedOutput(); err != nil { //nolint:gosec // our own program
		return fmt.Errorf("build usher: %w: %s", err, out)
	}
	slapdDir := filepath.Join(dir, "slapd")
	if err := os.Mkdir(slapdDir, 0o700); err != nil {
		return err
	}
	if b.server, err = slapd.Run(slapdDir, slapd.Options{LDIF: func(w io.Writer) error { return dirgen.LDIF(w, o) }}); err != nil {
		return err
	}
	defer b.server.Stop()
	fmt.Printf("%d people, %d groups of %d members\n\n", o.People, o.Groups, o.Members)
	if err := b.compare(ctx); err != nil {
		return err
	}
	if pg {
		if err := b.postgres(ctx); err != nil {
			return err
		}
	}
	return b.out.Flush()
}

// compare measures the tools and usher on SQLite.
func (b *bench) compare(ctx context.Context) error {
	_, _ = fmt.Fprintln(b.out, "what\ttime\tpeak memory\tagainst go-ldap\tagainst ldapsearch\t")
	dump, err := b.best(func() (cost, error) { return b.ldapsearch(ctx) })
	if err != nil {
		return err
	}
	bare, err := b.best(b.goLDAP)
	if err != nil {
		return err
	}
	row := func(what string, c cost) {
		peak := "–"
		if c.peak > 0 {
			peak = fmt.Sprintf("%d MB", c.peak>>20)
		}
		_, _ = fmt.Fprintf(b.out, "%s\t%.2f s\t%s\t%.2f\t%.2f\t\n", what, c.wall.Seconds(), peak,
			c.wall.Seconds()/bare.wall.Seconds(), c.wall.Seconds()/dump.wall.Seconds())
	}
	row("ldapsearch dump", dump)
	row("bare go-ldap dump", bare)
	return b.usherRuns(ctx, "SQLite", "sqlite:"+filepath.Join(b.dir, "usher.db"), row)
}

func (b *bench) postgres(ctx context.Context) (err error) {
	pg, err := postgres.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop()) }()
	dsn, _, err := pg.CreateDatabase(ctx) // gone with the server
	if err != nil {
		return err
	}
	row := func(what string, c cost) {
		_, _ = fmt.Fprintf(b.out, "%s\t%.2f s\t%d MB\t\t\t\n", what, c.wall.Seconds(), c.peak>>20)
	}
	return b.usherRuns(ctx, "PostgreSQL", dsn, row)
}

// usherRuns measures a first run and unchanged ones.
func (b *bench) usherRuns(ctx context.Context, name, database string, row func(string, cost)) error {
	config, err := b.config(database)
	if err != nil {
		return err
	}
	first, err := b.sync(ctx, config)
	if err != nil {
		return err
	}
	row("first run, "+name, first)
	again, err := b.best(func() (cost, error) { return b.sync(ctx, config) })
	if err != nil {
		return err
	}
	row("unchanged run by full read, "+name, again)
	return nil
}

// best is the quickest of several runs.
func (b *bench) best(fn func() (cost, error)) (cost, error) {
	var best cost
	for i := range b.runs {
		c, err := fn()
		if err != nil {
			return c, err
		}
		if i == 0 || c.wall < best.wall {
			best = c
		}
	}
	return best, nil
}

// attributes are what usher's mapping asks for; the tools ask for the same.
var attributes = []string{"uid", "mail", "givenName", "sn", "cn", "title", "entryUUID", "entryCSN"}

// listings are the two searches that make up a read.
func (b *bench) listings() map[string][]string {
	return map[string][]string{b.o.PeopleBase(): attributes, b.o.GroupsBase(): {"cn", "member", "entryUUID", "entryCSN"}}
}

func (b *bench) ldapsearch(ctx context.Context) (cost, error) {
	var sum cost
	for base, attrs := range b.listings() {
		c, err := measure(exec.CommandContext(ctx, "ldapsearch", append([]string{ //nolint:gosec // a fixed program
			"-x", "-LLL", "-o", "ldif-wrap=no", "-H", b.server.URL, "-D", slapd.ReaderDN, "-w", slapd.ReaderPassword,
			"-E", "!pr=500/noprompt", "-s", "sub", "-b", base, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))",
		}, attrs...)...))
		if err != nil {
			return c, err
		}
		sum.wall += c.wall
		sum.peak = max(sum.peak, c.peak)
	}
	return sum, nil
}

// goLDAP pages through the directory with the bare library and drops it all.
func (b *bench) goLDAP() (_ cost, err error) {
	begin := time.Now()
	conn, err := ldap.DialURL(b.server.URL)
	if err != nil {
		return cost{}, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Bind(slapd.ReaderDN, slapd.ReaderPassword); err != nil {
		return cost{}, err
	}
	for base, attrs := range b.listings() {
		paging := ldap.NewControlPaging(500)
		for {
			res, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, 0, 0, 0, false,
				"(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", attrs, []ldap.Control{paging}))
			if err != nil {
				return cost{}, err
			}
			next, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if !ok || len(next.Cookie) == 0 {
				break
			}
			paging.SetCookie(next.Cookie)
		}
	}
	return cost{wall: time.Since(begin)}, nil
}

// config writes the file usher runs with.
func (b *bench) config(database string) (string, error) {
	file := filepath.Join(b.dir, "usher.yaml")
	doc := fmt.Sprintf(`
public_url: http://127.0.0.1:8080
database: %q
secret_key: %q
mail: {smtp: "smtp://127.0.0.1:25", from: bench@example.com}
companies: {acme: {name: Acme}}
sources:
  corp:
    company: acme
    kind: ldap
    url: %s
    bind_dn: %s
    bind_password: %s
    setup_mail: "false"
    users:
      base: %s
      filter: (objectClass=inetOrgPerson)
      attributes: {userName: uid, emails: mail, givenName: givenName, familyName: sn, displayName: cn, title: title}
    groups: {base: "%s", filter: (objectClass=groupOfNames), nested: flatten}
`, database, "bench bench bench bench bench bench bench", b.server.URL, slapd.ReaderDN, slapd.ReaderPassword, b.o.PeopleBase(), b.o.GroupsBase())
	return file, os.WriteFile(file, []byte(doc), 0o600)
}

// sync runs usher as a user would.
func (b *bench) sync(ctx context.Context, config string) (cost, error) {
	return measure(exec.CommandContext(ctx, b.usher, "-c", config, "sync", "run", "corp", "-o", "csv")) //nolint:gosec // our own program
}

// measure runs a program and asks the system what it took.
func measure(cmd *exec.Cmd) (cost, error) {
	cmd.Stderr = os.Stderr
	begin := time.Now()
	err := cmd.Run()
	c := cost{wall: time.Since(begin)}
	if err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = usage.Maxrss << 10
	}
	return c, nil
}

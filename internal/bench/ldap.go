package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/postgres"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// cost is what a run of something took.
type cost struct {
	wall time.Duration
	// peak is the most memory it held, in bytes; 0 where it was not measured.
	peak int64
}

// directory is a measurement against a directory.
type directory struct {
	*bench
	server *slapd.Server
	// changes counts the calls of change, so that each gives other values.
	changes int
	// profiled counts the runs that left a profile.
	profiled int
}

// ldap measures syncs.
func (b *bench) ldap(ctx context.Context) (err error) {
	slapdDir := filepath.Join(b.dir, "slapd")
	if err := os.Mkdir(slapdDir, 0o700); err != nil {
		return err
	}
	d := &directory{bench: b}
	if d.server, err = slapd.Run(slapdDir, slapd.Options{LDIF: func(w io.Writer) error { return dirgen.LDIF(w, b.Options) }}); err != nil {
		return err
	}
	defer d.server.Stop()
	fmt.Printf("Directory of %d people, %d groups of %d members\n\n", b.People, b.Groups, b.Members)
	if err := d.compare(ctx); err != nil {
		return err
	}
	if b.postgres {
		if err := d.onPostgres(ctx); err != nil {
			return err
		}
	}
	return b.out.Flush()
}

// compare measures the tools and usher on SQLite.
func (b *directory) compare(ctx context.Context) error {
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

func (b *directory) onPostgres(ctx context.Context) (err error) {
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

// usherRuns measures a first run, unchanged ones, and one with changes.
func (b *directory) usherRuns(ctx context.Context, name, database string, row func(string, cost)) error {
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
	row("unchanged run by markers, "+name, again)
	if again, err = b.best(func() (cost, error) { return b.sync(ctx, config, "--full") }); err != nil {
		return err
	}
	row("unchanged run by full read, "+name, again)
	if err := b.change(); err != nil {
		return err
	}
	changed, err := b.sync(ctx, config)
	if err != nil {
		return err
	}
	row("run with 1 % changed, "+name, changed)
	return nil
}

// change gives one person in a hundred another title.
func (b *directory) change() error {
	b.changes++
	return b.server.Root(func(c *ldap.Conn) error {
		for n := 0; n < b.People; n += 100 {
			r := ldap.NewModifyRequest(b.PersonDN(n), nil)
			r.Replace("title", []string{fmt.Sprintf("Title %d", b.changes)})
			if err := c.Modify(r); err != nil {
				return fmt.Errorf("change %s: %w", r.DN, err)
			}
		}
		return nil
	})
}

// best is the quickest of several runs.
func (b *directory) best(fn func() (cost, error)) (cost, error) {
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
func (b *directory) listings() map[string][]string {
	return map[string][]string{b.PeopleBase(): attributes, b.GroupsBase(): {"cn", "member", "entryUUID", "entryCSN"}}
}

func (b *directory) ldapsearch(ctx context.Context) (cost, error) {
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
func (b *directory) goLDAP() (_ cost, err error) {
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
func (b *directory) config(database string) (string, error) {
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
`, database, "bench bench bench bench bench bench bench", b.server.URL, slapd.ReaderDN, slapd.ReaderPassword, b.PeopleBase(), b.GroupsBase())
	return file, os.WriteFile(file, []byte(doc), 0o600)
}

// sync runs usher as a user would.
func (b *directory) sync(ctx context.Context, config string, flags ...string) (cost, error) {
	if b.profiles != "" {
		return b.syncProfiled(ctx, config, flags)
	}
	args := append([]string{"-c", config, "sync", "run", "corp", "-o", "csv"}, flags...)
	return measure(exec.CommandContext(ctx, b.usher, args...)) //nolint:gosec // our own program
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

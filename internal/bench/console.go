package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/store"
)

// asks is how often each page is asked for.
const asks = 30

// consoleConfig is what the console needs of a configuration: a directory, which
// nobody ever reaches, and admins without a second factor.
const consoleConfig = `second_factor: optional
sources:
  corp:
    company: acme
    kind: ldap
    url: ldap://127.0.0.1:1
    bind_dn: cn=reader,dc=example,dc=com
    bind_password: bench bench bench
    setup_mail: "false"
    users: {base: "ou=people,dc=example,dc=com", filter: (objectClass=inetOrgPerson), attributes: {userName: uid, emails: mail}}
`

// console measures the pages of the console over a large company whose last run
// has a large report.
func (b *bench) console(ctx context.Context) (err error) {
	databases, stop, err := b.databases(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	fmt.Printf("\nThe console: %d people, a report of %d changes and %d other rows; each page %d times over one connection\n\n", b.People, b.People, b.People, asks)
	_, _ = fmt.Fprintln(b.out, "page\tmedian\tslowest\tsize\t")
	for _, d := range databases {
		if err := b.pages(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return b.out.Flush()
}

// pages measures on one database.
func (b *bench) pages(ctx context.Context, d database) (err error) {
	address, err := d.create("console")
	if err != nil {
		return err
	}
	file, _, err := b.connection(ctx, "console", address, consoleConfig)
	if err != nil {
		return err
	}
	begin := time.Now()
	cookie, err := seedConsole(ctx, address, b.People)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: seeded a report of %d rows in %s\n", d.name, 2*b.People, time.Since(begin).Round(time.Millisecond))
	s, err := b.start(ctx, file, d.synchronous, "console")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	for _, p := range consolePages(b.People / 2) {
		if err := b.page(ctx, s.addr, cookie, d.name, p.name, p.path); err != nil {
			return err
		}
	}
	return nil
}

// consolePage is a page by its address below the company's.
type consolePage struct{ name, path string }

// consolePages are those that are timed, half being the number of a person, a
// change and a row in the midst of them all.
func consolePages(half int) []consolePage {
	run := fmt.Sprint("/runs/", smallRuns+1)
	return []consolePage{
		{"overview", "/"},
		{"runs", "/runs"},
		{"run", run},
		{"run, far into its changes", fmt.Sprintf("%s?after=c%d", run, half)},
		{"run, far into its other rows", fmt.Sprintf("%s?after=i%d", run, half)},
		{"run, one outcome", run + "?outcome=conflict"},
		{"run, one outcome, far in", fmt.Sprintf("%s?outcome=conflict&after=i%d", run, half)},
		{"run, one reason", run + "?outcome=failed&code=invalid_value"},
		{"run, a rare reason", run + "?outcome=failed&code=value_taken"},
		{"run, a reason of no row", run + "?code=last_admin"},
		{"run, an action of no change", run + "?action=delete"},
		{"matches", "/matches"},
		{"people", "/people"},
		{"people, far in", fmt.Sprintf("/people?after=person.%012d&id=%d", half, half)},
		{"people, the newest", "/people?sort=-created_at"},
		{"people, a state", "/people?state=blocked"},
		{"people, a state of nobody", "/people?state=contact"},
		{"people, a name", fmt.Sprintf("/people?q=person.%012d", half)},
		{"person", "/people/" + userID(half)},
		{"groups", "/groups"},
		{"group", "/groups/" + groupID(1)},
		{"upload", "/uploads/" + benchUpload},
		{"upload, far in", fmt.Sprintf("/uploads/%s?after=%d", benchUpload, half)},
		{"upload, one outcome, far in", fmt.Sprintf("/uploads/%s?outcome=failed&after=%d", benchUpload, half)},
		{"mails", "/mails"},
		{"mails held", "/mails?state=held"},
		{"audit", "/audit"},
		{"SCIM connections", "/scim"},
		{"SCIM log", "/scim/bench/log"},
		{"SCIM log, the failed", "/scim/bench/log?failed=1"},
	}
}

// page asks for a page of the company and prints how long it took.
func (b *bench) page(ctx context.Context, addr, cookie, where, name, path string) error {
	took := make([]time.Duration, asks)
	var size int64
	for i := range took {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/admin/acme"+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Cookie", cookie)
		begin := time.Now()
		res, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
		if err != nil {
			return err
		}
		size, err = io.Copy(io.Discard, res.Body)
		took[i] = time.Since(begin)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %d, to %q", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
	_, err := fmt.Fprintf(b.out, "%s, %s\t%s\t%s\t%d KB\t\n", name, where, ms(took[asks/2]), ms(took[asks-1]), size>>10)
	return err
}

// seedConsole fills a registry by SQL as if a directory had been read, and gives
// the cookie of an admin who is signed in.
func seedConsole(ctx context.Context, database string, rows int) (cookie string, err error) {
	s, err := store.Open(ctx, database, store.Options{Synchronous: "OFF"})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := s.CompanyByKey(ctx, "acme")
	if err != nil {
		return "", err
	}
	w := reportWorld{db: s.WriteDB(), company: int64(c.ID), rows: rows, now: time.Now(), json: "text"}
	if s.Postgres() {
		w.json = "jsonb"
	}
	if err := w.db.QueryRowContext(ctx, `SELECT o.id, s.id FROM origins o JOIN sources s ON s.origin_id = o.id WHERE s.key = 'corp'`).Scan(&w.origin, &w.source); err != nil {
		return "", fmt.Errorf("find source: %w", err)
	}
	if err := seedPeople(ctx, w.db, s.Postgres(), w.company, w.origin, 1, rows); err != nil {
		return "", err
	}
	for n := range 60 {
		if err := seedGroup(ctx, w.db, w.company, w.origin, n+1, min(rows, 1000)); err != nil {
			return "", err
		}
	}
	if err := w.fill(ctx); err != nil {
		return "", err
	}
	if err := settle(ctx, w.db, s.Postgres()); err != nil {
		return "", err
	}
	token := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(token))
	return "__Host-usher=" + token, s.SaveSession(ctx, auth.Session{
		ID: base64.RawURLEncoding.EncodeToString(sum[:]), Company: c.ID, User: 1, CredentialVersion: 1, Method: auth.MethodPassword,
		CreatedAt: w.now, SeenAt: w.now, FactorAt: w.now, ExpiresAt: w.now.Add(time.Hour),
	})
}

// databases are where something is measured, and what ends them.
func (b *bench) databases(ctx context.Context) ([]database, func() error, error) {
	sqlite := func(name string) (string, error) { return "sqlite:" + filepath.Join(b.dir, name+".db"), nil }
	out := []database{{"SQLite", "FULL", sqlite}}
	if !b.postgres {
		return out, func() error { return nil }, nil
	}
	pg, err := b.startPostgres(ctx)
	if err != nil {
		return nil, nil, err
	}
	return append(out, database{"PostgreSQL", "FULL", func(string) (string, error) {
		dsn, _, err := pg.CreateDatabase(ctx) // gone with the server
		return dsn, err
	}}), pg.Stop, nil
}

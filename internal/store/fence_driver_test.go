package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/usherd/usher/ent/db/migrate"
)

// The fenced drivers see every statement and refuse those that would climb the
// tenant fence: a statement on a table with a company_id must bind the company,
// unless its context carries the mark of crossing.go.

// ErrClimb is what a refused statement gets.
var ErrClimb = errors.New("statement on company data without a company")

// onlyKey is the context key of OnlyCompany.
type onlyKey struct{}

// FencedDriver gives the name of the fenced twin of a driver.
func FencedDriver(name string) string {
	registerFenced()
	return "fenced-" + name
}

var registerFenced = sync.OnceFunc(func() {
	for _, name := range []string{"sqlite", "pgx"} {
		pool, err := sql.Open(name, "")
		if err != nil {
			panic(err)
		}
		under := pool.Driver()
		if name == "pgx" {
			under = pipedDriver{under}
		}
		sql.Register("fenced-"+name, fencedDriver{under})
	}
})

// tenantTables are those inside the fence, by Ent's own account.
var tenantTables = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, t := range migrate.Tables {
		for _, c := range t.Columns {
			if c.Name == "company_id" {
				out[t.Name] = true
			}
		}
	}
	return out
})

var (
	tableRef  = regexp.MustCompile("(?i)\\b(?:from|join|into|update)\\s+[\"`]?([a-z_]+)[\"`]?")
	structure = regexp.MustCompile(`(?i)^\s*(?:--[^\n]*\n\s*)*(create|alter|drop|pragma)\b`)
	condition = regexp.MustCompile("company_id[\"`]?\\s*=\\s*(\\?|\\$\\d+)")
	insertion = regexp.MustCompile("(?is)^\\s*insert into [\"`]?([a-z_]+)[\"`]?\\s*\\(([^)]*)\\)\\s*(?:values|select \\* from unnest\\()")
)

// seenKey is the context key of Recording.
type seenKey struct{}

// Recording has the fenced drivers pass every statement to fn.
func Recording(ctx context.Context, fn func(q string)) context.Context {
	return context.WithValue(ctx, seenKey{}, fn)
}

// seenArgsKey is the context key of RecordingArgs.
type seenArgsKey struct{}

// RecordingArgs is Recording with the arguments.
func RecordingArgs(ctx context.Context, fn func(q string, args []any)) context.Context {
	return context.WithValue(ctx, seenArgsKey{}, fn)
}

// judge says what is wrong with a statement, nil for nothing.
func judge(ctx context.Context, q string, args []driver.NamedValue) error {
	if fn, ok := ctx.Value(seenKey{}).(func(string)); ok {
		fn(q)
	}
	if fn, ok := ctx.Value(seenArgsKey{}).(func(string, []any)); ok {
		values := make([]any, len(args))
		for i, a := range args {
			values[i] = a.Value
		}
		fn(q, values)
	}
	if ctx.Value(crossingKey{}) != nil || structure.MatchString(q) {
		return nil
	}
	tables := 0
	for _, m := range tableRef.FindAllStringSubmatch(q, -1) {
		if tenantTables()[m[1]] {
			tables++
		}
	}
	if tables == 0 {
		return nil
	}
	bound := boundCompanies(q)
	if len(bound) == 0 || strings.Count(q, "company_id") < tables {
		return fmt.Errorf("%w: %s", ErrClimb, q)
	}
	only := ctx.Value(onlyKey{})
	for _, i := range bound {
		if i >= len(args) {
			return fmt.Errorf("%w (no argument %d): %s", ErrClimb, i, q)
		}
		if !namesCompany(args[i].Value, only) {
			return fmt.Errorf("%w (bound %v): %s", ErrClimb, args[i].Value, q)
		}
	}
	return nil
}

// namesCompany reports whether an argument is a company, or the array of the
// companies of rows to insert; and only the one, unless it is nil.
func namesCompany(arg, only any) bool {
	ids, ok := arg.([]int64)
	if !ok {
		id := reflect.ValueOf(arg) // pgx leaves named integer types alone
		if !id.CanInt() {
			return false
		}
		ids = []int64{id.Int()}
	}
	for _, id := range ids {
		if only != nil && id != only.(int64) {
			return false
		}
	}
	return len(ids) > 0
}

// boundCompanies are the indexes of the arguments that name the company.
func boundCompanies(q string) []int {
	var out []int
	for _, m := range condition.FindAllStringSubmatchIndex(q, -1) {
		if holder := q[m[2]:m[3]]; holder != "?" {
			n, _ := strconv.Atoi(holder[1:])
			out = append(out, n-1)
			continue
		}
		out = append(out, strings.Count(q[:m[2]], "?"))
	}
	if m := insertion.FindStringSubmatch(q); m != nil {
		for i, column := range strings.Split(m[2], ",") {
			if strings.Trim(column, " \t\n\"`") == "company_id" {
				out = append(out, i)
			}
		}
	}
	return out
}

type fencedDriver struct{ driver.Driver }

func (d fencedDriver) Open(dsn string) (driver.Conn, error) {
	c, err := d.Driver.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &fencedConn{c}, nil
}

// fencedConn passes everything on; what the driver below cannot do is skipped,
// which database/sql then does itself.
type fencedConn struct{ driver.Conn }

func (c *fencedConn) Prepare(q string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), q)
}

func (c *fencedConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	return &fencedStmt{st, q}, nil
}

func (c *fencedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *fencedConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	if err := judge(ctx, q, args); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
}

func (c *fencedConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	if err := judge(ctx, q, args); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}

func (c *fencedConn) Ping(ctx context.Context) error {
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *fencedConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *fencedConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *fencedConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type fencedStmt struct {
	driver.Stmt
	query string
}

func (s *fencedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := judge(ctx, s.query, args); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *fencedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := judge(ctx, s.query, args); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

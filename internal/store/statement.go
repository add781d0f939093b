package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// clock is the database's own clock in microseconds: leases must not depend on
// which machine asks.
func (s *Store) clock() string {
	if s.Postgres() {
		return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
	}
	return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
}

// rebind turns the ? of a statement into the database's own placeholders. No
// statement here has a ? in a literal.
func (s *Store) rebind(q string) string {
	if !s.Postgres() {
		return q
	}
	var b strings.Builder
	n := 0
	for {
		i := strings.IndexByte(q, '?')
		if i < 0 {
			b.WriteString(q)
			return b.String()
		}
		n++
		b.WriteString(q[:i])
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		q = q[i+1:]
	}
}

// anyOf is the condition that a column is among a list given as one argument,
// which is what list makes of it.
func (s *Store) anyOf(column string) string {
	if s.Postgres() {
		return column + " = ANY(?)"
	}
	return column + " IN (SELECT value FROM json_each(?))"
}

// byKey is the condition that a company's rows have a key among a list, with
// the arguments company and list. The plus keeps SQLite, which knows no sizes,
// from going through all that the company has to find them.
func (s *Store) byKey(column string) string {
	return "+company_id = ? AND " + s.anyOf(column)
}

// withKey is byKey with the list as its argument. One key needs no list, of which
// SQLite would make a table.
func withKey[T ~int64](s *Store, column string, values []T) (cond string, arg any) {
	if len(values) == 1 {
		return "+company_id = ? AND " + column + " = ?", int64(values[0])
	}
	return s.byKey(column), keys(s, values)
}

// list is the argument of anyOf. What is no text is left out: no row has it,
// PostgreSQL refuses to look for it, and JSON would turn it into something else.
func list(s *Store, values []string) any {
	if slices.ContainsFunc(values, notText) {
		values = slices.DeleteFunc(slices.Clone(values), notText)
	}
	if s.Postgres() {
		return values
	}
	b, _ := json.Marshal(values) //nolint:errchkjson // strings always encode
	return string(b)
}

// notText reports whether a value cannot be kept as text.
func notText(v string) bool { return !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 }

// asText makes a value that can be kept as text of any.
func asText[T ~string](text T) string {
	v := string(text)
	if !notText(v) {
		return v
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
}

// keys is the argument of anyOf for integer keys.
func keys[T ~int64](s *Store, values []T) any {
	if s.Postgres() {
		out := make([]int64, len(values))
		for i, v := range values {
			out[i] = int64(v)
		}
		return out
	}
	b, _ := json.Marshal(values) //nolint:errchkjson // integers always encode
	return string(b)
}

// session is one transaction with what it needs to speak to its database. It
// is used by one goroutine.
type session struct {
	s  *Store
	tx *sql.Tx
	// direct, when set, is the connection that tx has: a query through tx would cost
	// a goroutine that watches for the end of the transaction. Nobody but its owner
	// may be able to end it then.
	direct *sql.Conn
}

// exec runs a statement.
func (x *session) exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	ctx, err := x.unwatched(ctx)
	if err != nil {
		return nil, err
	}
	if x.direct != nil {
		return x.direct.ExecContext(ctx, q, args...)
	}
	return x.tx.ExecContext(ctx, x.s.rebind(q), args...)
}

// query runs a query in the transaction.
func (x *session) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	ctx, err := x.unwatched(ctx)
	if err != nil {
		return nil, err
	}
	if x.direct != nil {
		return x.direct.QueryContext(ctx, q, args...)
	}
	return x.tx.QueryContext(ctx, x.s.rebind(q), args...)
}

// unwatched is a context that SQLite does not watch while a statement runs: that
// would cost a goroutine a statement, a tenth of a batch, and a statement that
// is broken off undoes the whole transaction, which others may share. The
// statements of a transaction are short; between them the context counts. PostgreSQL
// is told that the statement is ours.
func (x *session) unwatched(ctx context.Context) (context.Context, error) {
	if x.s.Postgres() {
		return ours(ctx), nil
	}
	return context.WithoutCancel(ctx), ctx.Err()
}

// brief is the context of a query that takes no time: SQLite's driver and
// database/sql would start a goroutine each to watch it.
func (s *Store) brief(ctx context.Context) context.Context {
	if s.Postgres() || ctx.Err() != nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// deferred runs a statement of which only success counts. On PostgreSQL it goes to
// the database with the next one whose result is waited for, or with the commit; if
// it fails, that one does, with what in its error.
func (x *session) deferred(ctx context.Context, what, q string, args ...any) error {
	if x.s.Postgres() {
		ctx = context.WithValue(ctx, keptKey{}, kept{what: what})
	}
	if _, err := x.exec(ctx, q, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// ahead says that a query comes soon, the same to the letter, and that nothing will
// be written before. On PostgreSQL, those said ahead go to the database together.
func (x *session) ahead(ctx context.Context, q string, args ...any) error {
	if !x.s.Postgres() {
		return nil
	}
	_, err := x.exec(context.WithValue(ctx, keptKey{}, kept{what: "read ahead", ahead: true}), q, args...)
	return err
}

// settle sends what is kept back now: who waits for its results may go on.
func (x *session) settle(ctx context.Context) error {
	if !x.s.Postgres() {
		return nil
	}
	_, err := x.exec(ctx, `SELECT 1`)
	return err
}

// affected runs a statement and tells how many rows it touched.
func (x *session) affected(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := x.exec(ctx, q, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// collect reads every row of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

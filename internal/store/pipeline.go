package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// PostgreSQL is a round trip away, which takes longer than most statements. The
// connections here keep back what nobody waits for: the beginning of a
// transaction, writes of which only success counts (deferred), and questions that
// will be asked in a moment (ahead). They go with the next statement whose result
// is waited for, or with the commit, in the order in which they came.
//
// What fails fails whoever sent it on its way, in words that say what it was; the
// transaction is lost either way, and nothing was committed.

// pipedDriver opens connections that send statements together.
type pipedDriver struct{ driver.Driver }

// Open implements driver.Driver.
func (d pipedDriver) Open(dsn string) (driver.Conn, error) {
	conn, err := d.Driver.Open(dsn)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(errors.New("the PostgreSQL driver is not pgx"), conn.Close())
	}
	return &pipedConn{Conn: whole}, nil
}

// piped is a driver.Connector of a pipedDriver.
type piped struct {
	pipedDriver
	dsn string
}

// openPiped is sql.Open with connections that send statements together.
func openPiped(name, dsn string) (*sql.DB, error) {
	pool, err := sql.Open(name, dsn) // for its driver; it opens no connection
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(piped{pipedDriver{pool.Driver()}, dsn}), pool.Close()
}

// Connect implements driver.Connector.
func (p piped) Connect(context.Context) (driver.Conn, error) { return p.Open(p.dsn) }

// Driver implements driver.Connector.
func (p piped) Driver() driver.Driver { return p.pipedDriver }

// kept says that a statement may be kept back.
type kept struct {
	what  string // it does, for errors
	ahead bool   // its rows will be asked for
	// then, where set, is given the rows when they are there. They may come after
	// the last moment to object.
	then func(rows [][]driver.Value)
}

// keptKey is the context key of a kept.
type keptKey struct{}

// oursKey is the context key of a statement of this package, which is but one and has
// no arrays in its answer. Others, of Ent and of the queue, are sent by pgx as ever.
type oursKey struct{}

func ours(ctx context.Context) context.Context { return context.WithValue(ctx, oursKey{}, true) }

// statement is one that is kept back, or sent.
type statement struct {
	q     string
	args  []any
	begin bool // it begins the transaction
	kept
	cols []string
	rows [][]driver.Value
}

// pipedConn is a connection with what is kept back, and with what was read ahead
// and not asked for yet.
type pipedConn struct {
	*stdlib.Conn
	within bool // a transaction
	queue  []*statement
	read   []*statement
}

// BeginTx implements driver.ConnBeginTx.
func (c *pipedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	begin := "begin"
	if level := sql.IsolationLevel(o.Isolation); level != sql.LevelDefault {
		begin += " isolation level " + strings.ToLower(level.String())
	}
	if o.ReadOnly {
		begin += " read only"
	}
	c.within, c.queue, c.read = true, []*statement{{q: begin, begin: true}}, nil
	return pipedTx{ctx, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *pipedConn) ExecContext(ctx context.Context, q string, named []driver.NamedValue) (driver.Result, error) {
	if k, ok := ctx.Value(keptKey{}).(kept); ok && c.within {
		if !k.ahead {
			c.forget()
		}
		c.queue = append(c.queue, &statement{q: q, args: argumentsOf(named), kept: k})
		return driver.RowsAffected(0), nil
	}
	c.forget()
	if ctx.Value(oursKey{}) == nil {
		if err := c.flush(ctx); err != nil {
			return nil, err
		}
	}
	if len(c.queue) == 0 {
		return c.Conn.ExecContext(ctx, q, named)
	}
	rows, err := c.send(ctx, &statement{q: q, args: argumentsOf(named)})
	if err != nil {
		return nil, err
	}
	err = rows.Close()
	return driver.RowsAffected(rows.rows.CommandTag().RowsAffected()), err
}

// forget is called before a write: what was read ahead may be about to change.
func (c *pipedConn) forget() {
	c.read = nil
	for _, s := range c.queue {
		s.ahead = false
	}
}

// QueryContext implements driver.QueryerContext.
func (c *pipedConn) QueryContext(ctx context.Context, q string, named []driver.NamedValue) (driver.Rows, error) {
	if len(c.queue)+len(c.read) == 0 {
		return c.Conn.QueryContext(ctx, q, named)
	}
	if ctx.Value(oursKey{}) == nil {
		if err := c.flush(ctx); err != nil {
			return nil, err
		}
		return c.Conn.QueryContext(ctx, q, named)
	}
	s := &statement{q: q, args: argumentsOf(named)}
	if slices.ContainsFunc(c.queue, s.foreseen) {
		if err := c.flush(ctx); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(c.read, s.foreseen); i >= 0 {
		found := c.read[i]
		c.read = slices.Delete(c.read, i, i+1)
		return &keptRows{found}, nil
	}
	if !strings.HasPrefix(q, "SELECT") { // it gives what it wrote
		c.forget()
	}
	if len(c.queue) == 0 {
		return c.Conn.QueryContext(ctx, q, named)
	}
	rows, err := c.send(ctx, s)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// foreseen reports whether another statement is this one, sent ahead.
func (s *statement) foreseen(other *statement) bool {
	return other.ahead && other.q == s.q && reflect.DeepEqual(other.args, s.args)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *pipedConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	if err := c.flush(ctx); err != nil {
		return nil, err
	}
	return c.Conn.PrepareContext(ctx, q)
}

// flush sends what is kept back by itself.
func (c *pipedConn) flush(ctx context.Context) error {
	if len(c.queue) == 0 {
		return nil
	}
	_, err := c.send(ctx, nil)
	return err
}

// send sends what is kept back, and a last statement, the rows of which are to be
// read before anything else.
func (c *pipedConn) send(ctx context.Context, last *statement) (*pipedRows, error) {
	all := c.queue
	if last != nil {
		all = append(all, last)
	}
	c.queue = nil
	var batch pgx.Batch
	for _, s := range all {
		batch.Queue(s.q, s.args...)
	}
	results := c.Conn.Conn().SendBatch(ctx, &batch)
	for _, s := range all {
		rows, err := results.Query()
		r := &pipedRows{rows: rows, results: results, types: c.Conn.Conn().TypeMap()}
		if err == nil {
			err = r.first()
		}
		if err == nil && s == last {
			return r, nil
		}
		if err == nil {
			err = c.take(s, r)
		}
		if err != nil {
			_ = results.Close() // with the same error
			return nil, c.failure(all, s, err)
		}
	}
	return nil, results.Close()
}

// take reads the rows of a statement that was kept back.
func (c *pipedConn) take(s *statement, r *pipedRows) error {
	s.cols = r.Columns()
	for r.more {
		row := make([]driver.Value, len(s.cols))
		if err := r.Next(row); err != nil {
			return err
		}
		s.rows = append(s.rows, row)
	}
	r.rows.Close()
	if err := r.rows.Err(); err != nil {
		return err
	}
	if s.then != nil {
		s.then(s.rows)
	}
	if s.ahead {
		c.read = append(c.read, s)
	}
	return nil
}

// failure is what became of statements when one of them failed. A connection that
// was found dead when the transaction was to begin has carried out nothing; with the
// commit among what was sent, nobody knows.
func (c *pipedConn) failure(all []*statement, s *statement, err error) error {
	var unsent pgx.ErrPreprocessingBatch
	if s.what != "" && !errors.As(err, &unsent) {
		err = fmt.Errorf("%s: %w", s.what, err)
	}
	if all[0].begin && all[len(all)-1].q != commit && c.Conn.Conn().IsClosed() {
		err = fmt.Errorf("%w: %w", errBegin, err)
	}
	return err
}

// pipedTx is a transaction of a pipedConn.
type pipedTx struct {
	ctx context.Context
	c   *pipedConn
}

const commit = "commit"

// Commit implements driver.Tx.
func (t pipedTx) Commit() error {
	if q := t.c.queue; len(q) == 1 && q[0].begin { // nothing was asked of it
		return t.Rollback()
	}
	rows, err := t.c.send(t.ctx, &statement{q: commit})
	if err != nil {
		return errors.Join(err, t.Rollback())
	}
	t.c.within, t.c.read = false, nil
	if err := rows.Close(); err != nil {
		return err
	}
	if rows.rows.CommandTag().String() != "COMMIT" {
		return pgx.ErrTxCommitRollback // after a failure that somebody passed over
	}
	return nil
}

// rollbackTime is how long the end of a transaction may take that nobody waits for
// any more.
const rollbackTime = 10 * time.Second

// Rollback implements driver.Tx. What was not sent was never done.
func (t pipedTx) Rollback() error {
	conn := t.c.Conn.Conn()
	t.c.within, t.c.queue, t.c.read = false, nil, nil
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTime)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return nil
}

// argumentsOf are arguments without their names.
func argumentsOf(named []driver.NamedValue) []any {
	out := make([]any, len(named))
	for i, v := range named {
		out[i] = v.Value
	}
	return out
}

// keptRows are rows that were read already.
type keptRows struct{ *statement }

// Columns implements driver.Rows.
func (r *keptRows) Columns() []string { return r.cols }

// Close implements driver.Rows.
func (r *keptRows) Close() error { return nil }

// Next implements driver.Rows.
func (r *keptRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

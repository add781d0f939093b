package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// SQLite parses a statement each time it is given as text, which takes longer
// than running most of ours. The connections here keep what they parsed; pgx
// does the same for PostgreSQL by itself. SQLite parses anew by itself when the
// schema changed meanwhile.

// preparing opens connections that keep their statements prepared.
type preparing struct {
	driver driver.Driver
	dsn    string
}

// openPreparing is sql.Open with connections that keep their statements
// prepared.
func openPreparing(name, dsn string) (*sql.DB, error) {
	pool, err := sql.Open(name, dsn) // for its driver; it opens no connection
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(preparing{pool.Driver(), dsn}), pool.Close()
}

// Driver implements driver.Connector.
func (p preparing) Driver() driver.Driver { return p.driver }

// Connect implements driver.Connector.
func (p preparing) Connect(context.Context) (driver.Conn, error) {
	conn, err := p.driver.Open(p.dsn)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(liteConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot do what it could"), conn.Close())
	}
	return &preparedConn{liteConn: whole, idle: map[string]liteStmt{}}, nil
}

// liteConn is what SQLite's driver can do.
type liteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// liteStmt is what its statements can do.
type liteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// preparedConn is a connection with the statements that are not in use. Filters
// come in any number of shapes: when it has keptStatements it forgets them all.
type preparedConn struct {
	liteConn
	idle map[string]liteStmt
}

const keptStatements = 100

// take finds or prepares a statement, which is the caller's until give.
func (c *preparedConn) take(ctx context.Context, q string) (liteStmt, error) {
	if st, ok := c.idle[q]; ok {
		delete(c.idle, q)
		return st, nil
	}
	st, err := c.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.(liteStmt), nil //nolint:forcetypeassert // as Connect, with the tests as proof
}

// give takes a statement back; after a failure it is given up.
func (c *preparedConn) give(q string, st liteStmt, err error) error {
	if _, twice := c.idle[q]; twice || err != nil {
		return st.Close()
	}
	if len(c.idle) >= keptStatements {
		err = c.forget()
	}
	c.idle[q] = st
	return err
}

func (c *preparedConn) forget() error {
	var errs []error
	for _, st := range c.idle {
		errs = append(errs, st.Close())
	}
	clear(c.idle)
	return errors.Join(errs...)
}

// Close implements driver.Conn.
func (c *preparedConn) Close() error { return errors.Join(c.forget(), c.liteConn.Close()) }

// ExecContext implements driver.ExecerContext.
func (c *preparedConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	st, err := c.take(ctx, q)
	if err != nil {
		return nil, err
	}
	res, err := st.ExecContext(ctx, args)
	if gave := c.give(q, st, err); err == nil && gave != nil {
		return nil, gave
	}
	return res, err
}

// QueryContext implements driver.QueryerContext.
func (c *preparedConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	st, err := c.take(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args)
	if err != nil {
		_ = c.give(q, st, err) // the error there is tells more
		return nil, err
	}
	return &preparedRows{Rows: rows, c: c, q: q, st: st}, nil
}

// preparedRows gives the statement back when they are closed.
type preparedRows struct {
	driver.Rows
	c  *preparedConn
	q  string
	st liteStmt
}

// Close implements driver.Rows.
func (r *preparedRows) Close() error {
	err := r.Rows.Close()
	return errors.Join(err, r.c.give(r.q, r.st, err))
}

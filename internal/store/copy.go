package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	"github.com/usherd/usher/ent/db/migrate"
)

// Copying moves a registry from one database to another of either kind. Every
// row of every table keeps its key; what the database numbers goes on where the
// first one stopped, so that no key is given twice. All is written in one
// transaction and read back before its commit: the target has everything or
// nothing.
//
// The tables of the durable queue are left behind. They hold no fact that is not
// elsewhere: mails and webhook deliveries have tables of their own, schedules
// stand in the sources, and a run that was cut off is found by its row. The
// target's queue begins empty and is filled again within a tick. The list of
// running processes is left, too.

// The reasons not to copy.
var (
	// ErrNotEmpty: the target holds something already.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrPending: the source's schema is not this program's.
	ErrPending = errors.New("the database has migrations pending; run `usher migrate up` first")
	// ErrCopyDiffers: what was read back from the target is not what was written.
	ErrCopyDiffers = errors.New("the copy differs from the original")
)

// CopiedTable is a table that was copied, with the checksum that the rows of
// both databases have.
type CopiedTable struct {
	Table    string `json:"table"`
	Rows     int64  `json:"rows"`
	Checksum string `json:"checksum"`
}

// copyBatch is how many rows are read and written at once.
const copyBatch = 2000

// leftBehind are the tables that are not copied.
var leftBehind = []string{"processes", "backups"}

// CopyTo copies the registry into another database, which is migrated and holds
// nothing. The source is locked against writers meanwhile; where a process
// works on it, it is refused with ErrLive.
func (s *Store) CopyTo(ctx context.Context, to *Store, progress func(table string, rows int64)) ([]CopiedTable, error) {
	ctx = crossing(ctx)
	if err := to.checkEmpty(ctx); err != nil {
		return nil, err
	}
	from, err := s.lockWhole(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.tx.Rollback() }()
	into, err := to.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin copy: %w", err)
	}
	defer func() { _ = into.Rollback() }()
	target := &session{s: to, tx: into}
	var out []CopiedTable
	for _, t := range byReference(migrate.Tables) {
		if slices.Contains(leftBehind, t.Name) {
			continue
		}
		done, err := copyTable(ctx, from, target, t, progress)
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", t.Name, err)
		}
		out = append(out, done)
	}
	if err := into.Commit(); err != nil {
		return nil, fmt.Errorf("commit copy: %w", err)
	}
	return out, to.afterCopy(ctx)
}

// afterCopy tells PostgreSQL how much there is now: it would plan for empty
// tables until it looks by itself.
func (s *Store) afterCopy(ctx context.Context) error {
	if !s.Postgres() {
		return nil
	}
	if _, err := s.write.ExecContext(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("take statistics of the copy: %w", err)
	}
	return nil
}

// lockWhole begins a transaction that reads one moment of the database and lets
// nobody write until it ends.
func (s *Store) lockWhole(ctx context.Context) (*session, error) {
	status, err := s.MigrationStatus(ctx)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(status, func(m MigrationStatus) bool { return !m.Applied }) {
		return nil, ErrPending
	}
	var o *sql.TxOptions
	if s.Postgres() {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
	}
	tx, err := s.write.BeginTx(ctx, o) // on SQLite this is the lock
	if isBusy(err) {
		return nil, fmt.Errorf("lock the database: %w: %w", ErrLocked, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	x := &session{s: s, tx: tx}
	if s.Postgres() {
		err = x.lockTables(ctx)
	}
	if err == nil {
		err = x.alone(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return x, nil
}

// lockTables keeps writers of PostgreSQL out.
func (x *session) lockTables(ctx context.Context) error {
	var names []string
	for _, t := range migrate.Tables {
		names = append(names, `"`+t.Name+`"`)
	}
	for _, q := range []string{`SET LOCAL lock_timeout = '10s'`, `LOCK TABLE ` + strings.Join(names, ", ") + ` IN SHARE MODE`} {
		if _, err := x.exec(ctx, q); err != nil {
			return fmt.Errorf("lock the database: %w", err)
		}
	}
	return nil
}

// alone makes sure that no process works on the database.
func (x *session) alone(ctx context.Context) error {
	rows, err := x.query(ctx, `SELECT name FROM processes WHERE alive_until > `+x.s.clock())
	live, err := collect(rows, err, scanString)
	if err == nil && len(live) > 0 {
		err = fmt.Errorf("%w (%s)", ErrLive, strings.Join(live, ", "))
	}
	return err
}

// CheckEmpty returns ErrNotEmpty when the database holds anything but the marks
// of migrations.
func (s *Store) CheckEmpty(ctx context.Context) error { return s.checkEmpty(crossing(ctx)) }

func (s *Store) checkEmpty(ctx context.Context) error {
	q := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`
	if s.Postgres() {
		q = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	}
	rows, err := s.read.QueryContext(ctx, q)
	names, err := collect(rows, err, scanString)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, name := range names {
		if name == "goose_db_version" || strings.HasPrefix(name, "river_") {
			continue
		}
		rows, err := s.read.QueryContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM "`+strings.ReplaceAll(name, `"`, `""`)+`" LIMIT 1) AS x`)
		n, err := one(rows, err, scanInt)
		if err != nil {
			return fmt.Errorf("look into %s: %w", name, err)
		}
		if n > 0 {
			return fmt.Errorf("%w: %s has rows", ErrNotEmpty, name)
		}
	}
	return nil
}

// byReference sorts tables so that each comes after those it refers to.
func byReference(tables []*schema.Table) []*schema.Table {
	var out []*schema.Table
	seen := map[string]bool{}
	var visit func(*schema.Table)
	visit = func(t *schema.Table) {
		if seen[t.Name] {
			return
		}
		seen[t.Name] = true
		for _, fk := range t.ForeignKeys {
			visit(fk.RefTable)
		}
		out = append(out, t)
	}
	for _, t := range tables {
		visit(t)
	}
	return out
}

// copyTable copies the rows of a table, reads them back, and has the target go
// on numbering where the source stopped.
func copyTable(ctx context.Context, from, to *session, t *schema.Table, progress func(string, int64)) (CopiedTable, error) {
	cols := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		cols[i] = c.Name
	}
	into, sum, out := newTable(t.Name, cols...), newChecksum(t), CopiedTable{Table: t.Name}
	err := from.eachBatch(ctx, t, cols, func(rows [][]any) error {
		if _, err := to.insert(ctx, into, rows); err != nil {
			return err
		}
		out.Rows += int64(len(rows))
		progress(t.Name, out.Rows)
		return sum.add(rows)
	})
	if err != nil {
		return out, err
	}
	back := newChecksum(t)
	if err := to.eachBatch(ctx, t, cols, back.add); err != nil {
		return out, fmt.Errorf("read back: %w", err)
	}
	if out.Checksum = sum.String(); back.String() != out.Checksum {
		return out, fmt.Errorf("%w: %d rows with checksum %s came back as %d with %s", ErrCopyDiffers, sum.rows, sum, back.rows, back)
	}
	return out, copyNumbering(ctx, from, to, t.Name)
}

// eachBatch reads a table by its keys.
func (x *session) eachBatch(ctx context.Context, t *schema.Table, cols []string, fn func([][]any) error) error {
	q := `SELECT ` + columns(cols) + ` FROM "` + t.Name + `" WHERE id > ? ORDER BY id LIMIT ?`
	id := slices.Index(cols, "id")
	for last := int64(-1 << 62); ; {
		rows, err := x.query(ctx, q, last, copyBatch)
		batch, err := collect(rows, err, func(rows *sql.Rows) ([]any, error) { return scanRow(rows, t.Columns) })
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := fn(batch); err != nil {
				return err
			}
			last = batch[len(batch)-1][id].(int64)
		}
		if len(batch) < copyBatch {
			return nil
		}
	}
}

// scanRow reads a row as the values that insert takes: the two databases give
// the same facts in different Go types.
func scanRow(rows *sql.Rows, cols []*schema.Column) ([]any, error) {
	row, into := make([]any, len(cols)), make([]any, len(cols))
	for i := range row {
		into[i] = &row[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, c := range cols {
		v, err := portable(c.Type, row[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		row[i] = v
	}
	return row, nil
}

// portable is a value in the Go type that its column has everywhere, nil for NULL.
func portable(t field.Type, v any) (any, error) {
	switch t {
	case field.TypeBool:
		if n, ok := v.(int64); ok {
			return n != 0, nil
		}
	case field.TypeString, field.TypeJSON:
		if b, ok := v.([]byte); ok {
			return string(b), nil
		}
	case field.TypeBytes:
		if s, ok := v.(string); ok {
			return []byte(s), nil
		}
	case field.TypeInt, field.TypeInt64:
	default:
		return nil, fmt.Errorf("copying knows no columns of type %s", t)
	}
	return v, nil
}

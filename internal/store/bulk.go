package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/schema/field"

	"github.com/usherd/usher/ent/db/migrate"
)

// Many rows go to the database in one of two ways. SQLite takes them one by one
// through a prepared statement: it is in the process, and parses a long list of
// values for longer than it writes them. PostgreSQL takes them as one array a
// column: the statement stays the same whatever the number of rows, so that it
// is parsed once in the life of a connection.

// table is where rows of one kind go, and which of their columns are written.
// The first is company_id for what is inserted, id for what is updated.
type table struct {
	name  string
	cols  []string
	kinds []arrayKind
	// insertOne and updateOne are insertSQL and updateSQL.
	insertOne, updateOne string
}

// newTable is a table of the Ent schema.
func newTable(name string, cols ...string) table {
	t := table{name: name, cols: cols, kinds: make([]arrayKind, len(cols))}
	for _, known := range migrate.Tables {
		if known.Name != name {
			continue
		}
		for _, c := range known.Columns {
			if i := slices.Index(cols, c.Name); i >= 0 {
				t.kinds[i] = arrayKinds()[c.Type]
			}
		}
	}
	t.insertOne, t.updateOne = t.insertSQL(), t.updateSQL()
	return t
}

// arrayKind is how values of one type are given to PostgreSQL many at once.
type arrayKind struct {
	element string
	of      func(rows [][]any, i int) (any, error) // column i of the rows
}

func arrayKinds() map[field.Type]arrayKind {
	return map[field.Type]arrayKind{
		field.TypeInt:    {"bigint", columnOf[int64]},
		field.TypeInt64:  {"bigint", columnOf[int64]},
		field.TypeString: {"text", columnOf[string]},
		field.TypeBool:   {"boolean", columnOf[bool]},
		field.TypeBytes:  {"bytea", columnOf[[]byte]},
		field.TypeJSON:   {"jsonb", columnOf[string]},
	}
}

// columnOf is one column of rows: []T, or []*T where there are nils.
func columnOf[T any](rows [][]any, i int) (any, error) {
	values, nils := make([]T, len(rows)), 0
	for n, row := range rows {
		v, ok := row[i].(T)
		if !ok && row[i] != nil {
			return nil, fmt.Errorf("it is a %T and not a %T", row[i], v)
		}
		if values[n] = v; !ok {
			nils++
		}
	}
	if nils == 0 {
		return values, nil
	}
	pointers := make([]*T, len(rows))
	for n := range values {
		if rows[n][i] != nil {
			pointers[n] = &values[n]
		}
	}
	return pointers, nil
}

// arrays are rows as one argument a column.
func (t table) arrays(rows [][]any) ([]any, error) {
	out := make([]any, len(t.cols), len(t.cols)+1)
	for i, kind := range t.kinds {
		if kind.of == nil {
			return nil, fmt.Errorf("the schema has no column %s", t.cols[i])
		}
		var err error
		if out[i], err = kind.of(rows, i); err != nil {
			return nil, fmt.Errorf("column %s: %w", t.cols[i], err)
		}
	}
	return out, nil
}

// unnest is the table that arrays make.
func (t table) unnest() string {
	out := make([]string, len(t.kinds))
	for i, kind := range t.kinds {
		out[i] = "?::" + kind.element + "[]"
	}
	return "unnest(" + strings.Join(out, ", ") + ")"
}

// insertSQL is the statement for one row of values.
func (t table) insertSQL() string {
	return `INSERT INTO "` + t.name + `" (` + columns(t.cols) + `) VALUES (` + strings.TrimSuffix(strings.Repeat("?,", len(t.cols)), ",") + `)`
}

// insertManySQL is the statement for arrays. PostgreSQL gives identity values in
// the order of the arrays and returns them in that order.
func (t table) insertManySQL() string {
	return `INSERT INTO "` + t.name + `" (` + columns(t.cols) + `) SELECT * FROM ` + t.unnest() + ` RETURNING id`
}

// updateSQL is the statement for the values of one row but its first, the
// company and the first.
func (t table) updateSQL() string {
	return `UPDATE "` + t.name + `" SET "` + strings.Join(t.cols[1:], `" = ?, "`) + `" = ? WHERE company_id = ? AND id = ?`
}

// updateManySQL is the statement for arrays and the company.
func (t table) updateManySQL() string {
	set := make([]string, len(t.cols)-1)
	for i, c := range t.cols[1:] {
		set[i] = `"` + c + `" = d."` + c + `"`
	}
	return `UPDATE "` + t.name + `" AS t SET ` + strings.Join(set, ", ") + ` FROM ` + t.unnest() + ` AS d(` + columns(t.cols) + `)
		WHERE +t.company_id = ? AND t.id = d.id`
}

// insert writes rows and gives their keys in the same order.
func (x *session) insert(ctx context.Context, t table, rows [][]any) (ids []int64, err error) {
	switch {
	case len(rows) == 0:
		return nil, nil
	case !x.s.Postgres():
		ids, err = x.insertEach(ctx, t, rows)
	default:
		ids, err = x.insertAtOnce(ctx, t, rows)
	}
	if err != nil {
		return nil, fmt.Errorf("insert into %s: %w", t.name, err)
	}
	return ids, nil
}

// place writes rows whose keys nobody waits for: then, where set, is given them by
// the time the transaction is committed.
func (x *session) place(ctx context.Context, t table, rows [][]any, then func(ids []int64)) error {
	if !x.s.Postgres() || len(rows) == 0 {
		ids, err := x.insert(ctx, t, rows)
		if err == nil && then != nil {
			then(ids)
		}
		return err
	}
	what := "insert into " + t.name
	k := kept{what: what}
	if then != nil {
		k.then = func(rows [][]driver.Value) { then(firstColumn(rows)) }
	}
	q, args, err := t.insertion(rows)
	if err == nil {
		_, err = x.exec(context.WithValue(ctx, keptKey{}, k), q, args...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// insertion is PostgreSQL's statement that inserts rows and gives their keys.
func (t table) insertion(rows [][]any) (string, []any, error) {
	if len(rows) == 1 {
		return t.insertOne + ` RETURNING id`, rows[0], nil
	}
	args, err := t.arrays(rows)
	return t.insertManySQL(), args, err
}

// firstColumn are the integers in the first column of rows.
func firstColumn(rows [][]driver.Value) []int64 {
	out := make([]int64, len(rows))
	for i, row := range rows {
		out[i], _ = row[0].(int64)
	}
	return out
}

func (x *session) insertEach(ctx context.Context, t table, rows [][]any) ([]int64, error) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		res, err := x.exec(ctx, t.insertOne, row...)
		if err != nil {
			return nil, err
		}
		if ids[i], err = res.LastInsertId(); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (x *session) insertAtOnce(ctx context.Context, t table, rows [][]any) ([]int64, error) {
	q, args, err := t.insertion(rows)
	if err != nil {
		return nil, err
	}
	res, err := x.query(ctx, q, args...)
	return collect(res, err, scanInt)
}

// update writes rows of a company anew. A row that comes twice is to be the same
// both times.
func (x *session) update(ctx context.Context, t table, company int64, rows [][]any) error {
	if x.s.Postgres() && len(rows) > 1 {
		args, err := t.arrays(rows)
		if err != nil {
			return fmt.Errorf("update %s: %w", t.name, err)
		}
		return x.deferred(ctx, "update "+t.name, t.updateManySQL(), append(args, company)...)
	}
	for _, row := range rows {
		if err := x.deferred(ctx, "update "+t.name, t.updateOne, slices.Concat(row[1:], []any{company, row[0]})...); err != nil {
			return err
		}
	}
	return nil
}

// lookup finds the rows that have one of many values in a column.
type lookup struct {
	cols, from string
	where      string // the company among the conditions
	args       []any  // of where
	column     string // what is looked for
	values     []string
	lock       string // forUpdate
}

// find runs a lookup in the transaction.
func (x *session) find(ctx context.Context, l lookup) (*sql.Rows, error) {
	q, args := x.s.lookUp(l)
	return x.query(ctx, q, args...)
}

// lookUp is the statement of a lookup with its arguments. PostgreSQL is made to look for one value after the
// other, in one order. Left to itself it may read all that a company or an
// origin has, and compare each row with each value, because until it takes
// statistics it believes that no company has more than a handful of rows.
func (s *Store) lookUp(l lookup) (string, []any) {
	values := slices.Compact(slices.Sorted(slices.Values(l.values)))
	rows := `SELECT ` + l.cols + ` FROM ` + l.from + ` WHERE ` + l.where + ` AND `
	switch {
	case len(values) == 1 && !notText(values[0]):
		return rows + l.column + ` = ?` + l.lock, slices.Concat(l.args, []any{values[0]})
	case !s.Postgres():
		return rows + s.anyOf(l.column), slices.Concat(l.args, []any{list(s, values)})
	default:
		return `SELECT x.* FROM unnest(?::text[]) AS k(v) CROSS JOIN LATERAL (` + rows + l.column + ` = k.v OFFSET 0` + l.lock + `) AS x`,
			slices.Concat([]any{list(s, values)}, l.args)
	}
}

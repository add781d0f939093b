package store

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	"github.com/usherd/usher/ent/db/migrate"
)

// Fill puts n rows into every table there is, with a value in every column but
// every third nullable one, then deletes the last of each table that nothing
// refers to.
func (s *Store) Fill(ctx context.Context, n int) error {
	return s.inTx(crossing(ctx), func(x *session) error {
		referred := map[string]bool{}
		for _, t := range byReference(migrate.Tables) {
			if slices.Contains(leftBehind, t.Name) {
				continue
			}
			cols := make([]string, len(t.Columns))
			for i, c := range t.Columns {
				cols[i] = c.Name
			}
			rows := make([][]any, n)
			for r := range rows {
				for i, c := range t.Columns {
					rows[r] = append(rows[r], sample(t, c, r+1, i))
				}
			}
			for _, fk := range t.ForeignKeys {
				referred[fk.RefTable.Name] = true
			}
			if _, err := x.insert(crossing(ctx), newTable(t.Name, cols...), rows); err != nil {
				return err
			}
			if err := x.number(crossing(ctx), t.Name, n); err != nil {
				return err
			}
		}
		for _, t := range migrate.Tables {
			if !referred[t.Name] && !slices.Contains(leftBehind, t.Name) {
				if _, err := x.exec(crossing(ctx), `DELETE FROM "`+t.Name+`" WHERE id = ?`, int64(n)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// number has PostgreSQL know of keys that it did not give.
func (x *session) number(ctx context.Context, table string, n int) error {
	if !x.s.Postgres() {
		return nil
	}
	_, err := x.exec(ctx, `SELECT setval(pg_get_serial_sequence(?, 'id'), ?)`, `"`+table+`"`, int64(n))
	return err
}

func sample(t *schema.Table, c *schema.Column, row, i int) any {
	switch {
	case c.Nullable && (row+i)%3 == 0:
		return nil
	case c.Type == field.TypeBool:
		return row%2 == 0
	case c.Type == field.TypeBytes:
		return []byte{0, byte(row), byte(row >> 8), 0xff, byte(i)}
	case c.Type == field.TypeJSON:
		return fmt.Sprintf(`{"z": [%d, 1.50, 2e3], "a": {"b": "ü\u2028<&>", "k": null}, "%s": true}`, row, c.Name)
	case c.Type == field.TypeString && c.Size > 0 && c.Size < 40:
		return fmt.Sprintf("%s-%d", c.Name, row)
	case c.Type == field.TypeString:
		return fmt.Sprintf("%s.%s «%d» \n\t ' \" \\ 𝕏", t.Name, c.Name, row)
	}
	return int64(row)
}

// Digest is the checksum of every table that is copied.
func (s *Store) Digest(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := s.inTx(crossing(ctx), func(x *session) error {
		for _, t := range migrate.Tables {
			cols := make([]string, len(t.Columns))
			for i, c := range t.Columns {
				cols[i] = c.Name
			}
			sum := newChecksum(t)
			if err := x.eachBatch(crossing(ctx), t, cols, sum.add); err != nil {
				return err
			}
			out[t.Name] = sum.String()
		}
		return errDiscard
	})
	if err != errDiscard { //nolint:errorlint // as it was returned
		return nil, err
	}
	return out, nil
}

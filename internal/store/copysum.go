package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
)

// checksum is one over the rows of a table in the order of their keys, the same
// for the same facts on either database.
type checksum struct {
	cols []*schema.Column
	hash hash.Hash
	rows int64
}

func newChecksum(t *schema.Table) *checksum { return &checksum{cols: t.Columns, hash: sha256.New()} }

// String is the sum so far.
func (c *checksum) String() string { return hex.EncodeToString(c.hash.Sum(nil)[:16]) }

// add takes rows as scanRow gives them.
func (c *checksum) add(rows [][]any) error {
	for _, row := range rows {
		for i, v := range row {
			text, err := sumText(c.cols[i].Type, v)
			if err != nil {
				return fmt.Errorf("column %s of row %d: %w", c.cols[i].Name, c.rows+1, err)
			}
			// The length keeps values apart, -1 is none.
			size := int64(len(text))
			if v == nil {
				size = -1
			}
			if err := binary.Write(c.hash, binary.BigEndian, size); err != nil {
				return err
			}
			c.hash.Write(text)
		}
		c.rows++
	}
	return nil
}

// sumText is a value as bytes, whatever database it came from.
func sumText(t field.Type, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if t == field.TypeJSON {
			return canonical(v)
		}
		return []byte(v), nil
	case []byte:
		return v, nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	}
	return nil, fmt.Errorf("unexpected %T", v)
}

// canonical is a JSON document in one form: PostgreSQL keeps the meaning of a
// document and not its spaces, the order of its keys, or its exponents.
func canonical(doc string) ([]byte, error) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	var out bytes.Buffer
	err := json.NewEncoder(&out).Encode(plainNumbers(v))
	return out.Bytes(), err
}

// plainNumbers writes numbers out.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e")
		if n, err := strconv.Atoi(exponent); exponent != "" && (err != nil || n < -1000 || n > 1000) {
			return v // too long to be written out; PostgreSQL would not take it either
		}
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.RatString()
		}
	}
	return v
}

// copyNumbering has the target number rows from where the source stopped, also
// where its last rows were deleted: an old key must never come to mean someone
// new.
func copyNumbering(ctx context.Context, from, to *session, table string) error {
	last, err := from.numbered(ctx, table)
	if err != nil {
		return fmt.Errorf("read numbering: %w", err)
	}
	if last == 0 {
		return nil
	}
	if to.s.Postgres() {
		_, err = to.exec(ctx, `SELECT setval(pg_get_serial_sequence(?, 'id'), ?)`, `"`+table+`"`, last)
	} else if _, err = to.exec(ctx, `DELETE FROM sqlite_sequence WHERE name = ?`, table); err == nil {
		_, err = to.exec(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, table, last)
	}
	if err != nil {
		return fmt.Errorf("set numbering: %w", err)
	}
	return nil
}

// numbered is the last key that a table gave or took, 0 for none.
func (x *session) numbered(ctx context.Context, table string) (int64, error) {
	if !x.s.Postgres() {
		rows, err := x.query(ctx, `SELECT max(coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = ?), 0), coalesce((SELECT max(id) FROM "`+table+`"), 0))`, table)
		return one(rows, err, scanInt)
	}
	rows, err := x.query(ctx, `SELECT pg_get_serial_sequence(?, 'id')`, `"`+table+`"`)
	sequence, err := one(rows, err, scanString)
	if err != nil {
		return 0, err
	}
	rows, err = x.query(ctx, `SELECT greatest((SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM `+sequence+`), (SELECT coalesce(max(id), 0) FROM "`+table+`"))`)
	return one(rows, err, scanInt)
}

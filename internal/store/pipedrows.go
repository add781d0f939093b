package store

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// pipedRows are the rows of the last statement of several that were sent together.
type pipedRows struct {
	rows    pgx.Rows
	results pgx.BatchResults
	types   *pgtype.Map
	more    bool // there is a row to be read
}

// first looks for the first row, as it is there that a statement fails.
func (r *pipedRows) first() error {
	if r.more = r.rows.Next(); r.more {
		return nil
	}
	return r.rows.Err()
}

// Columns implements driver.Rows.
func (r *pipedRows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// Next implements driver.Rows.
func (r *pipedRows) Next(dest []driver.Value) error {
	if !r.more {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	raw := r.rows.RawValues()
	for i, f := range r.rows.FieldDescriptions() {
		var err error
		if dest[i], err = r.value(f.DataTypeOID, f.Format, raw[i]); err != nil {
			return fmt.Errorf("read column %s: %w", f.Name, err)
		}
	}
	r.more = r.rows.Next()
	return nil
}

// value is what database/sql knows a value as. Those of the types that we have are
// read at once.
func (r *pipedRows) value(oid uint32, format int16, raw []byte) (driver.Value, error) {
	switch {
	case raw == nil:
		return nil, nil //nolint:nilnil // NULL
	case oid == pgtype.TextOID || oid == pgtype.VarcharOID:
		return string(raw), nil
	case format == pgtype.BinaryFormatCode && oid == pgtype.Int8OID:
		return int64(binary.BigEndian.Uint64(raw)), nil //nolint:gosec // its two's complement
	case format == pgtype.BinaryFormatCode && oid == pgtype.ByteaOID:
		return bytes.Clone(raw), nil
	case format == pgtype.BinaryFormatCode && oid == pgtype.BoolOID:
		return raw[0] != 0, nil
	}
	if known, ok := r.types.TypeForOID(oid); ok {
		if _, array := known.Codec.(*pgtype.ArrayCodec); array {
			return nil, errors.New("an array is not read together with other statements")
		}
		return known.Codec.DecodeDatabaseSQLValue(r.types, oid, format, raw)
	}
	return string(raw), nil
}

// Close implements driver.Rows.
func (r *pipedRows) Close() error {
	r.rows.Close()
	return r.results.Close()
}

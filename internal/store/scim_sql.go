package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
)

// scimSQL is what the two databases say differently about JSON and text.
type scimSQL struct{ postgres bool }

// registerFunctions gives SQLite what it lacks: usher_key is registry.Key,
// usher_micros the microseconds of an RFC 3339 time. The driver keeps functions
// for the whole process, so that this happens once.
var registerFunctions = sync.OnceValue(func() error {
	for name, fn := range map[string]func(string) driver.Value{
		"usher_key":    func(s string) driver.Value { return registry.Key(s) },
		"usher_micros": microsOf,
	} {
		err := sqlite.RegisterDeterministicScalarFunction(name, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			if s, ok := args[0].(string); ok {
				return fn(s), nil
			}
			return args[0], nil // NULL, or a number that validation let by
		})
		if err != nil {
			return fmt.Errorf("register function %s: %w", name, err)
		}
	}
	return nil
})

// microsOf is an RFC 3339 time as the database keeps times, nil for no time.
func microsOf(s string) driver.Value {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil
	}
	return t.UnixMicro()
}

// jsonTime is what PostgreSQL takes for a time of the years 1 to 9999 without
// complaint.
const jsonTime = `'^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-](0[0-9]|1[0-5]):[0-9]{2})$'`

// path is where in a document a value lies, as an argument.
func (d scimSQL) path(keys []string) any {
	if d.postgres {
		return keys
	}
	var b strings.Builder
	b.WriteByte('$')
	for _, k := range keys {
		b.WriteString(`."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(k) + `"`)
	}
	return b.String()
}

// value is a single value within a document, NULL where there is none: text,
// boolean, number, or microseconds.
func (d scimSQL) value(doc fragment, t attr.Type, keys ...string) fragment {
	if d.postgres {
		return d.valuePostgres(splice("(? #> ?)", doc, d.path(keys)), t)
	}
	return d.typed(splice("json_extract(?, ?)", doc, d.path(keys)), t)
}

func (d scimSQL) valuePostgres(v fragment, t attr.Type) fragment {
	text := splice("(? #>> '{}')", v)
	switch t {
	case attr.Boolean:
		return splice("(? = 'true')", text)
	case attr.Integer, attr.Decimal:
		return splice("(CASE WHEN jsonb_typeof(?) = 'number' THEN ?::numeric END)", v, text)
	case attr.DateTime:
		// The regular expression holds no placeholder but its own question marks.
		match := fragment{sql: "regexp_like_time"}
		return splice("(CASE WHEN ? THEN (extract(epoch FROM ?::timestamptz) * 1000000)::bigint END)", match, text)
	}
	return splice("NULLIF(?, '')", text)
}

// typed gives SQLite's value of a JSON value its type: JSON's true is 1.
func (d scimSQL) typed(v fragment, t attr.Type) fragment {
	switch t {
	case attr.Boolean:
		return splice("(? = 1)", v)
	case attr.Integer, attr.Decimal:
		return v
	case attr.DateTime:
		return splice("usher_micros(?)", v)
	}
	return splice("NULLIF(?, '')", v)
}

// argument is a filter's value as the type compares.
func (d scimSQL) argument(v any, t attr.Type) (fragment, error) {
	switch v := v.(type) {
	case string:
		if notText(v) {
			return fragment{}, fmt.Errorf("%w: a value that is no text", ErrScimFilter)
		}
		if t != attr.DateTime {
			return splice("CAST(? AS text)", v), nil
		}
		if us, ok := microsOf(v).(int64); ok {
			return splice("CAST(? AS bigint)", us), nil
		}
	case bool:
		if t == attr.Boolean {
			return splice("?", v), nil
		}
	case json.Number:
		return d.number(v)
	}
	return fragment{}, fmt.Errorf("%w: %T for a value of type %s", ErrScimFilter, v, t)
}

// number is exact on PostgreSQL; SQLite compares what is no 64-bit integer as a
// double.
func (d scimSQL) number(v json.Number) (fragment, error) {
	if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
		return splice("CAST(? AS bigint)", n), nil
	}
	f, err := v.Float64()
	if err != nil {
		return fragment{}, fmt.Errorf("%w: the number %s", ErrScimFilter, v)
	}
	return splice("CAST(? AS double precision)", f), nil
}

package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
)

// scimSQL is what the two databases say differently about JSON and text.
type scimSQL struct{ postgres bool }

// registerFunctions gives SQLite what it lacks: usher_key is registry.Key,
// usher_micros the microseconds of a dateTime. The driver keeps functions
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
			return nil, nil
		})
		if err != nil {
			return fmt.Errorf("register function %s: %w", name, err)
		}
	}
	return nil
})

// microsOf is a dateTime as the database keeps times, nil for no time.
func microsOf(s string) driver.Value {
	t, ok := attr.ParseTime(s)
	if !ok {
		return nil
	}
	return t.UnixMicro()
}

// isTime is what PostgreSQL takes for a time without complaint, once validation
// has seen that the day exists. It has no question mark, see rebind.
const isTime = ` ~ '^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
	`T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+|)(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]|)$'`

// zoneOf is the zone that a time lacks, as text to put behind it: it is UTC.
const zoneOf = ` || CASE WHEN right(?, 1) = 'Z' OR substr(?, length(?) - 5, 1) IN ('+', '-') THEN '' ELSE 'Z' END`

// path is where in a document a value lies, as an argument.
func (d scimSQL) path(keys []string) any {
	if d.postgres {
		return keys
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var b strings.Builder
	b.WriteByte('$')
	for _, k := range keys {
		b.WriteString(`."` + quote.Replace(k) + `"`)
	}
	return b.String()
}

// part is the JSON at a place in a document, NULL where there is none.
func (d scimSQL) part(doc fragment, keys ...string) fragment {
	if d.postgres {
		return splice("(? #> ?)", doc, d.path(keys))
	}
	return splice("(? -> ?)", doc, d.path(keys))
}

// value is a single value at a place in a document, as typed gives it.
func (d scimSQL) value(doc fragment, t attr.Type, keys ...string) fragment {
	if d.postgres {
		return d.typed(d.part(doc, keys...), t)
	}
	return d.typed(splice("json_extract(?, ?)", doc, d.path(keys)), t)
}

// typed gives a value its type: text, boolean, number, or microseconds, NULL
// where there is none. On PostgreSQL it comes as jsonb, on SQLite as
// json_extract and json_each give it, where true is 1.
func (d scimSQL) typed(v fragment, t attr.Type) fragment {
	text := v
	if d.postgres {
		text = splice("(? #>> '{}')", v)
	}
	switch t {
	case attr.Boolean:
		if d.postgres {
			return splice("(? = 'true')", text)
		}
		return splice("(? = 1)", v)
	case attr.Integer, attr.Decimal:
		if d.postgres {
			return splice("(CASE WHEN jsonb_typeof(?) = 'number' THEN ?::numeric END)", v, text)
		}
		return v
	case attr.DateTime:
		if d.postgres {
			return splice("(CASE WHEN ?"+isTime+" THEN (extract(epoch FROM (?"+zoneOf+")::timestamptz) * 1000000)::bigint END)", text, text, text, text, text)
		}
		return splice("usher_micros(?)", v)
	}
	return splice("NULLIF(?, '')", text)
}

// attribute is the first value of an attribute in the users' column of that
// name.
func (d scimSQL) attribute(name string) fragment {
	if d.postgres {
		return raw(`(u.attributes #>> '{"` + name + `",0}')`)
	}
	return raw(`json_extract(u.attributes, '$."` + name + `"[0]')`)
}

// each is the elements of an array as a table of value and key.
func (d scimSQL) each(array fragment, alias string) fragment {
	if d.postgres {
		return splice("jsonb_path_query(?, '$[*]') WITH ORDINALITY AS "+alias+"(value, key)", array)
	}
	return splice("json_each(?) AS "+alias, array)
}

// there is the condition that an element is not null, which is no value.
func (d scimSQL) there(alias string) fragment {
	if d.postgres {
		return raw(alias + ".value <> 'null'::jsonb")
	}
	return raw(alias + ".value IS NOT NULL")
}

// object is an element where it is an object; SQLite would not take apart
// anything else.
func (d scimSQL) object(alias string) fragment {
	if d.postgres {
		return raw(alias + ".value")
	}
	return raw("(CASE WHEN " + alias + ".type = 'object' THEN " + alias + ".value END)")
}

// fold is the form in which text compares that is not caseExact: registry.Key.
// PostgreSQL before 18 has no case folding; lower case of upper case comes to
// the same but for the Turkish dotless i, once the two small sigmas are one.
func (d scimSQL) fold(text fragment) fragment {
	if d.postgres {
		return splice(`normalize(replace(lower(upper(normalize(CAST(? AS text), NFKC) COLLATE "und-x-icu")), 'ς', 'σ'), NFKC) COLLATE "C"`, text)
	}
	return splice("usher_key(?)", text)
}

// ordered is text that compares by its bytes, whatever the database's locale.
func (d scimSQL) ordered(text fragment) fragment {
	if d.postgres {
		return splice(`(? COLLATE "C")`, text)
	}
	return text
}

// in is the condition that a column is among the results of a query. PostgreSQL
// would give up the column's index beside an OR, were it not an array.
func (d scimSQL) in(column string, query fragment) fragment {
	if d.postgres {
		return splice(column+" = ANY (ARRAY(?))", query)
	}
	return splice(column+" IN (?)", query)
}

// contains, begins and ends are conditions on texts, without patterns: there is
// nothing to escape.
func (d scimSQL) contains(have, want fragment) fragment {
	if d.postgres {
		return splice("strpos(?, ?) > 0", have, want)
	}
	return splice("instr(?, ?) > 0", have, want)
}

func (d scimSQL) begins(have, want fragment) fragment {
	if d.postgres {
		return splice("starts_with(?, ?)", have, want)
	}
	return splice("substr(?, 1, length(?)) = ?", have, want, want)
}

func (d scimSQL) ends(have, want fragment) fragment {
	if d.postgres {
		return splice("right(?, char_length(?)) = ?", have, want, want)
	}
	return splice("substr(?, length(?) - length(?) + 1) = ?", have, have, want, want)
}

// argument is a filter's value as an attribute of the type compares.
func (d scimSQL) argument(v any, t attr.Type) (fragment, error) {
	switch v := v.(type) {
	case bool:
		if t == attr.Boolean {
			return splice("?", v), nil
		}
	case json.Number:
		if t == attr.Integer || t == attr.Decimal {
			return d.number(v)
		}
	case string:
		us, isTime := microsOf(v).(int64)
		switch {
		case notText(v), t == attr.Boolean, t == attr.Integer, t == attr.Decimal, t == attr.DateTime && !isTime:
		case t == attr.DateTime:
			return splice("CAST(? AS bigint)", us), nil
		default:
			return splice("CAST(? AS text)", v), nil
		}
	}
	return fragment{}, fmt.Errorf("%w: the value does not fit the type %s", ErrScimFilter, t)
}

// number is exact on PostgreSQL; SQLite compares what is no integer of 64 bits
// as a double.
func (d scimSQL) number(v json.Number) (fragment, error) {
	if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
		return splice("CAST(? AS bigint)", n), nil
	}
	f, err := v.Float64()
	if err != nil {
		return fragment{}, fmt.Errorf("%w: a number that is too large", ErrScimFilter)
	}
	if d.postgres {
		return splice("CAST(? AS numeric)", v.String()), nil
	}
	return splice("CAST(? AS real)", f), nil
}

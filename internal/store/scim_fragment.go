package store

import "strings"

// fragment is a piece of SQL with the arguments of its placeholders, in order.
type fragment struct {
	sql  string
	args []any
}

// splice writes a fragment: each ? of the text stands for an argument, which is
// either another fragment, spliced in, or a value, bound. Values never become
// text.
func splice(text string, args ...any) fragment {
	var b strings.Builder
	var bound []any
	for _, a := range args {
		i := strings.IndexByte(text, '?')
		b.WriteString(text[:i])
		if f, ok := a.(fragment); ok {
			b.WriteString(f.sql)
			bound = append(bound, f.args...)
		} else {
			b.WriteByte('?')
			bound = append(bound, a)
		}
		text = text[i+1:]
	}
	b.WriteString(text)
	return fragment{b.String(), bound}
}

// none reports whether there is no SQL.
func (f fragment) none() bool { return f.sql == "" }

// raw is SQL without arguments.
func raw(sql string) fragment { return fragment{sql: sql} }

package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// fragment is a piece of SQL: each ? of the text stands for an argument, which is
// either another fragment, spliced in, or a value, bound. Values never become
// text. The whole is written out once, when it is asked.
type fragment struct {
	text string
	args []any
}

// splice writes a fragment.
func splice(text string, args ...any) fragment { return fragment{text, args} }

// raw is SQL without arguments.
func raw(sql string) fragment { return fragment{text: sql} }

// none reports whether there is no SQL.
func (f fragment) none() bool { return f.text == "" }

// written is a fragment as it is written out.
type written struct {
	strings.Builder
	numbered bool // the placeholders are PostgreSQL's
	bound    []any
}

func (w *written) add(f fragment) {
	text := f.text
	for _, a := range f.args {
		i := strings.IndexByte(text, '?')
		w.WriteString(text[:i])
		text = text[i+1:]
		if inner, ok := a.(fragment); ok {
			w.add(inner)
			continue
		}
		w.bound = append(w.bound, a)
		if !w.numbered {
			w.WriteByte('?')
			continue
		}
		w.WriteByte('$')
		w.WriteString(strconv.Itoa(len(w.bound)))
	}
	w.WriteString(text)
}

// usualStatement and usualArgs are what most statements of this kind fit in.
const (
	usualStatement = 1 << 10
	usualArgs      = 16
)

// ask runs a query outside any transaction.
func (s *Store) ask(ctx context.Context, f fragment) (*sql.Rows, error) {
	w := written{numbered: s.Postgres(), bound: make([]any, 0, usualArgs)}
	w.Grow(usualStatement)
	w.add(f)
	return s.read.QueryContext(ctx, w.String(), w.bound...)
}

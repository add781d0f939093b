package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// sortedPrefix is how many characters of a text decide its place in a list that
// is paged by cursor: a cursor must fit into an address.
const sortedPrefix = 200

// ScimSorted finds records of several types, or of one, in one order, kinds[i]
// being the type of parts[i]: by what
// their selections sort by, then in the order of the selections, then by key. An
// attribute that a selection does not sort by is missing there, and what is
// missing comes last, or first when descending (RFC 7644 section 3.4.2.3). A
// page by cursor begins behind p.Position, wherever its record is by now.
func (t *Tenant) ScimSorted(ctx context.Context, v registry.ScimView, kinds []registry.ScimType, parts []filter.Selection, p registry.ScimPage) ([]registry.ScimPlace, error) {
	all, kind, err := t.sortedParts(v, kinds, parts, p.Cursor)
	if err != nil || all.none() || p.Limit <= 0 {
		return nil, err
	}
	behind := raw("TRUE")
	if p.Position != "" {
		if behind, err = t.behind(p, parts, kind); err != nil {
			return nil, err
		}
	}
	direction := " ASC NULLS LAST"
	if p.Descending {
		direction = " DESC NULLS FIRST"
	}
	q := splice("SELECT x.part, x.id, x.place FROM (?) x WHERE ? ORDER BY x.place"+direction+", x.part, x.id LIMIT ? OFFSET ?", all, behind, p.Limit, max(p.Offset, 0))
	rows, err := t.s.ask(ctx, q)
	places, err := collect(rows, err, func(rows *sql.Rows) (registry.ScimPlace, error) {
		var part int
		var id int64
		var place any
		if err := rows.Scan(&part, &id, &place); err != nil {
			return registry.ScimPlace{}, err
		}
		position, err := json.Marshal([]any{parts[part].Type, id, place})
		return registry.ScimPlace{Type: parts[part].Type, ID: id, Position: string(position)}, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sorted: %w", err)
	}
	return places, nil
}

// sortedParts is all records with their places, and the type of the places.
// Those that have places come first: PostgreSQL takes the type of a column from
// there.
func (t *Tenant) sortedParts(v registry.ScimView, kinds []registry.ScimType, parts []filter.Selection, cut bool) (fragment, attr.Type, error) {
	var with, without []fragment
	kind := attr.String
	for i, part := range parts {
		k := scimKindOf(kinds[i])
		c := t.scimCompiler(k, v, part.Set)
		match := cond{fragment: raw("TRUE")}
		var err error
		if part.Filter != nil {
			if match, err = c.expr(part.Filter); err != nil {
				return fragment{}, "", err
			}
		}
		place := raw("NULL")
		if part.SortBy != nil {
			f, err := c.lookup(*part.SortBy)
			if err != nil {
				return fragment{}, "", err
			}
			kind = f.leaf.Type
			if place, err = c.sortKey(*part.SortBy); err != nil {
				return fragment{}, "", err
			}
			if isText(kind) {
				place = c.sortedText(place, cut)
			}
		}
		q := splice("SELECT "+fmt.Sprint(i)+" AS part, "+k.alias+".id AS id, ? AS place FROM "+k.table+" "+k.alias+" WHERE ?", place, c.where(match, 0))
		if part.SortBy != nil {
			with = append(with, q)
		} else {
			without = append(without, q)
		}
	}
	return unionAll(append(with, without...)), kind, nil
}

// scimKindOf finds the table of a resource type.
func scimKindOf(t registry.ScimType) *scimKind {
	for _, k := range []*scimKind{scimUsers, scimGroups} {
		if k.name == t.Name {
			return k
		}
	}
	return kindOf(t)
}

// sortedText is a text that compares by its bytes, and by no more of them than a
// cursor may hold.
func (d scimSQL) sortedText(text fragment, cut bool) fragment {
	if cut {
		text = splice(fmt.Sprintf("substr(?, 1, %d)", sortedPrefix), text)
	}
	return d.ordered(text)
}

// unionAll is the rows of all queries.
func unionAll(queries []fragment) fragment {
	var all fragment
	for _, q := range queries {
		if all.none() {
			all = q
		} else {
			all = splice("? UNION ALL ?", all, q)
		}
	}
	return all
}

// behind is the condition that a record comes after p.Position.
func (t *Tenant) behind(p registry.ScimPage, parts []filter.Selection, kind attr.Type) (fragment, error) {
	var position []any
	d := json.NewDecoder(strings.NewReader(p.Position))
	d.UseNumber()
	if err := d.Decode(&position); err != nil || len(position) != 3 {
		return fragment{}, fmt.Errorf("%w: not a position", ErrScimFilter)
	}
	number, _ := position[1].(json.Number)
	id, err := number.Int64()
	at := -1
	for i, part := range parts {
		if part.Type == position[0] {
			at = i
		}
	}
	if err != nil || at < 0 {
		return fragment{}, fmt.Errorf("%w: not a position of this list", ErrScimFilter)
	}
	next := splice("(x.part > ? OR x.part = ? AND x.id > ?)", at, at, id)
	if position[2] == nil {
		if p.Descending {
			return splice("(x.place IS NOT NULL OR ?)", next), nil
		}
		return splice("(x.place IS NULL AND ?)", next), nil
	}
	place, err := (scimSQL{t.s.Postgres()}).sortedPlace(position[2], kind)
	if err != nil {
		return fragment{}, err
	}
	if p.Descending {
		return splice("(x.place < ? OR x.place = ? AND ?)", place, place, next), nil
	}
	return splice("(x.place > ? OR x.place IS NULL OR x.place = ? AND ?)", place, place, next), nil
}

// sortedPlace is a place as ScimSorted told it, to compare with.
func (d scimSQL) sortedPlace(v any, kind attr.Type) (fragment, error) {
	text, isString := v.(string)
	n, isNumber := v.(json.Number)
	switch {
	case kind == attr.Integer || kind == attr.Decimal:
		if isString { // how PostgreSQL tells a number
			n = json.Number(text)
		}
		return d.number(n)
	case isNumber: // a time, or SQLite's truth
		us, err := n.Int64()
		if err != nil {
			return fragment{}, fmt.Errorf("%w: not a place", ErrScimFilter)
		}
		return splice("CAST(? AS bigint)", us), nil
	case isString:
		return d.ordered(splice("CAST(? AS text)", text)), nil
	}
	return splice("CAST(? AS boolean)", v), nil
}

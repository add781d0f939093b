package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// ScimUsers finds people by a filter, in an order, and tells how many there are
// in all. The error is ErrScimFilter for what cannot be asked.
func (t *Tenant) ScimUsers(ctx context.Context, v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]registry.UserID, int, error) {
	return scimIDs[registry.UserID](ctx, t, scimUsers, v, q, p)
}

// ScimGroups is ScimUsers for groups.
func (t *Tenant) ScimGroups(ctx context.Context, v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]registry.GroupID, int, error) {
	return scimIDs[registry.GroupID](ctx, t, scimGroups, v, q, p)
}

func scimIDs[ID ~int64](ctx context.Context, t *Tenant, k *scimKind, v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]ID, int, error) {
	c := t.scimCompiler(k, v, q.Set)
	match := cond{fragment: raw("TRUE")}
	if q.Filter != nil {
		var err error
		if match, err = c.expr(q.Filter); err != nil {
			return nil, 0, err
		}
	}
	var ids []ID
	if p.Limit > 0 {
		page, err := c.page(match, q.SortBy, p)
		if err != nil {
			return nil, 0, err
		}
		asking := ctx
		if match.narrow {
			asking = t.s.brief(ctx)
		}
		rows, err := t.s.ask(asking, page)
		if ids, err = collect(rows, err, func(rows *sql.Rows) (id ID, err error) { return id, rows.Scan(&id) }); err != nil {
			return nil, 0, fmt.Errorf("list %s: %w", k.table, err)
		}
	}
	switch first := p.Offset <= 0 && p.After == 0; {
	case p.NoTotal:
		return ids, 0, nil
	case len(ids) < p.Limit && (first || len(ids) > 0 && !p.Cursor):
		return ids, max(p.Offset, 0) + len(ids), nil // the page is the list's end
	}
	count := splice("SELECT count(*) FROM "+k.table+" "+k.alias+" WHERE ?", c.where(match, 0))
	rows, err := t.s.ask(ctx, count)
	total, err := one(rows, err, scanInt)
	if err != nil {
		return nil, 0, fmt.Errorf("count %s: %w", k.table, err)
	}
	return ids, int(total), nil
}

func (t *Tenant) scimCompiler(k *scimKind, v registry.ScimView, set *attr.Set) *scimCompiler {
	return &scimCompiler{scimSQL: scimSQL{t.s.Postgres()}, company: int64(t.id), view: v, set: set, kind: k}
}

// where is the condition that a record is the company's, lives, may be seen,
// matches and has a key behind after. Where an index finds the few that may
// match, SQLite, which knows no sizes, is kept from going through the company
// instead: by the plus.
func (c *scimCompiler) where(match cond, after int64) fragment {
	a, plus, behind, seen := c.kind.alias, "", raw("TRUE"), c.visible(c.kind.link, c.kind.alias)
	if match.narrow && !c.postgres {
		plus = "+"
	}
	if after != 0 {
		behind = splice(a+".id > ?", after)
		if c.view.Visible != registry.VisibleCompany && c.kind.link != "" {
			// PostgreSQL merges people with links, and would begin at the first link.
			seen = c.visible(c.kind.link, a, splice("v."+c.kind.link+" > ?", after))
		}
	}
	kind := raw("TRUE")
	if c.kind.link == "" {
		kind = splice(plus+a+".type = ?", c.kind.name)
	}
	return splice(plus+a+".company_id = ? AND "+a+".deleted_at = 0 AND ? AND ? AND ? AND ?", c.company, kind, behind, match.fragment, seen)
}

// limit bounds a list. The sum keeps SQLite from looking at the argument while
// planning, and so from planning anew each time it is another.
const limit = " LIMIT ? + 0"

// page is the statement that lists the keys of a page.
func (c *scimCompiler) page(match cond, by *filter.Attr, p registry.ScimPage) (fragment, error) {
	id := c.kind.alias + ".id"
	from := "SELECT " + id + " FROM " + c.kind.table + " " + c.kind.alias + " WHERE "
	if p.Cursor {
		return splice(from+"? ORDER BY "+id+limit, c.where(match, p.After), p.Limit), nil
	}
	order := raw(id)
	if by != nil {
		key, err := c.sortKey(*by)
		if err != nil {
			return fragment{}, err
		}
		// What is missing comes last, or first when descending (RFC 7644 section
		// 3.4.2.3).
		direction := " ASC NULLS LAST, "
		if p.Descending {
			direction = " DESC NULLS FIRST, "
		}
		order = splice("?"+direction+id, key)
	} else if p.Descending {
		order = raw(id + " DESC")
	}
	return splice(from+"? ORDER BY ?"+limit+" OFFSET ?", c.where(match, 0), order, p.Limit, max(p.Offset, 0)), nil
}

// sortKey is what an attribute sorts by: a complex one by its value, several by
// the primary one or the first.
func (c *scimCompiler) sortKey(a filter.Attr) (fragment, error) {
	f, err := c.lookup(a)
	if err != nil {
		return fragment{}, err
	}
	if f.leaf.Type == attr.Complex {
		for _, name := range []string{"value", "formatted"} {
			if f.leaf.SubAttribute(name) != nil {
				return c.sortKey(filter.Attr{URI: a.URI, Name: a.Name, Sub: name})
			}
		}
		return fragment{}, fmt.Errorf("%w: %s is complex and has no order", ErrScimFilter, a.Name)
	}
	if f.many == nil {
		return c.sortSingle(f)
	}
	p := c.elementsOf(f)
	if p.elements == nil {
		return raw("NULL"), nil
	}
	in := *c
	in.of, in.within = f.many, p.elements
	item, err := in.lookup(filter.Attr{Sub: f.sub()})
	if err != nil {
		return fragment{}, err
	}
	key, err := in.sortSingle(item)
	if err != nil {
		return fragment{}, err
	}
	order, there := raw(p.elements.alias+".key"), raw("TRUE")
	if p.elements.sub == nil {
		there = c.there(p.elements.alias)
	}
	if primary := f.many.SubAttribute("primary"); primary != nil && p.elements.sub == nil {
		is := in.value(in.object(p.elements.alias), attr.Boolean, primary.Name)
		order = splice("COALESCE(?, FALSE) DESC, ?", is, order)
	}
	return splice("(SELECT ? FROM ? WHERE ? ORDER BY ? LIMIT 1)", key, p.elements.from, there, order), nil
}

func (c *scimCompiler) sortSingle(f *found) (fragment, error) {
	p, err := c.single(f)
	if err != nil || !isText(f.leaf.Type) {
		return p.value, err
	}
	return c.text(f.leaf, p), nil
}

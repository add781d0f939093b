package scimserver

import (
	"context"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/filter"
)

// List implements scim.Backend. A query over several types that names no order
// lists the users first and the groups after them.
func (b *backend) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	f := &filling{backend: b, c: b.caller(ctx), q: q, page: &scim.Page{}, room: q.Bytes}
	var err error
	switch {
	case q.SortBy != nil && (len(q.Types) > 1 || q.Cursor != nil):
		err = f.sorted(ctx)
	case q.Cursor != nil:
		err = f.byKey(ctx)
	default:
		err = f.byIndex(ctx)
	}
	return f.page, err
}

// byIndex counts off what came before the page.
func (f *filling) byIndex(ctx context.Context) error {
	part := registry.ScimPage{Descending: f.q.Descending, Offset: max(f.q.StartIndex-1, 0), Limit: f.q.Count}
	for _, t := range f.q.Types {
		places, total, err := f.find(ctx, t, part)
		if err != nil {
			return err
		}
		shown, err := f.fill(ctx, places)
		if err != nil {
			return err
		}
		f.page.Total += total
		part.Offset, part.Limit = max(part.Offset-total, 0), part.Limit-len(places)
		if shown < len(places) {
			part.Limit = 0
		}
	}
	return nil
}

// byKey pages by what follows the record that the cursor names: a cursor is the
// type and the last key.
func (f *filling) byKey(ctx context.Context) error {
	at, after := 0, int64(0)
	if cursor := *f.q.Cursor; cursor != "" {
		if _, err := fmt.Sscanf(cursor, "%d.%d", &at, &after); err != nil || at < 0 || at >= len(f.q.Types) {
			return errCursor()
		}
	}
	room, full := f.q.Count, ""
	for i, t := range f.q.Types {
		part := registry.ScimPage{Cursor: true}
		if i >= at && room > 0 { // else other pages show them; they count all the same
			part.Limit = room + 1 // one more than is shown tells whether there is more
		}
		if i == at {
			part.After = after
		}
		places, total, err := f.find(ctx, t, part)
		if err != nil {
			return err
		}
		f.page.Total += total
		if full != "" && total > 0 {
			f.page.NextCursor, full = full, ""
		}
		shown, err := f.fill(ctx, places[:min(len(places), room)])
		if err != nil {
			return err
		}
		room -= shown
		last := int64(0)
		if shown > 0 {
			last = places[shown-1].ID
		}
		switch next := fmt.Sprintf("%d.%d", i, last); {
		case shown < len(places):
			f.page.NextCursor, room = next, 0
		case shown > 0 && room == 0:
			full = next
		}
	}
	return nil
}

// sorted pages through an order that goes across types, or by a cursor, which is
// the last record's place in that order.
func (f *filling) sorted(ctx context.Context) error {
	var parts []filter.Selection
	var kinds []registry.ScimType
	for _, t := range f.q.Types {
		if s, some := selectionOf(t, f.q); some {
			_, total, err := f.find(ctx, t, registry.ScimPage{})
			if err != nil {
				return err
			}
			f.page.Total += total
			parts, kinds = append(parts, s), append(kinds, typeOf(t))
		}
	}
	p := registry.ScimPage{Descending: f.q.Descending, Offset: max(f.q.StartIndex-1, 0), Limit: f.q.Count}
	if f.q.Cursor != nil {
		// One more than is shown tells whether this is the last page.
		p = registry.ScimPage{Descending: f.q.Descending, Cursor: true, Position: *f.q.Cursor, Limit: f.q.Count + 1}
		if p.Position != "" && !strings.HasPrefix(p.Position, "[") {
			return errCursor()
		}
	}
	places, err := f.c.ScimSorted(ctx, f.c.view, kinds, parts, p)
	if err != nil {
		return err
	}
	shown, err := f.fill(ctx, places[:min(len(places), f.q.Count)])
	if err == nil && f.q.Cursor != nil && shown > 0 && shown < len(places) {
		f.page.NextCursor = places[shown-1].Position
	}
	return err
}

func errCursor() error { return scim.Errorf(scim.InvalidCursor, "the cursor is not one of this list") }

// find is one type's part of a page, and how many there are in all.
func (f *filling) find(ctx context.Context, t *scim.ResourceType, part registry.ScimPage) ([]registry.ScimPlace, int, error) {
	selection, some := selectionOf(t, f.q)
	if !some {
		return nil, 0, nil
	}
	switch {
	case isGroup(t):
		ids, total, err := f.c.ScimGroups(ctx, f.c.view, selection, part)
		return placesOf(t, ids), total, err
	case isUser(t):
		ids, total, err := f.c.ScimUsers(ctx, f.c.view, selection, part)
		return placesOf(t, ids), total, err
	}
	ids, total, err := f.c.ScimResources(ctx, f.c.view, typeOf(t), selection, part)
	return placesOf(t, ids), total, err
}

func placesOf[ID ~int64](t *scim.ResourceType, ids []ID) []registry.ScimPlace {
	places := make([]registry.ScimPlace, len(ids))
	for i, id := range ids {
		places[i] = registry.ScimPlace{Type: t.Name, ID: int64(id)}
	}
	return places
}

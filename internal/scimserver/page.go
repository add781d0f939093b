package scimserver

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
)

// loadedAtOnce is how many records are loaded in one step of a page, and
// loadedTogether in all steps at a time: a person's document may have 256 KiB.
const (
	loadedAtOnce   = 128
	loadedTogether = 2 * loadedAtOnce
)

// loads bounds what lists load at a time. Its zero value is ready.
type loads struct {
	once sync.Once
	room *semaphore.Weighted
}

func (l *loads) take(ctx context.Context, n int) (done func(), err error) {
	l.once.Do(func() { l.room = semaphore.NewWeighted(loadedTogether) })
	if err := l.room.Acquire(ctx, int64(n)); err != nil {
		return nil, err
	}
	return func() { l.room.Release(int64(n)) }, nil
}

// filling is a page on its way.
type filling struct {
	*backend
	c    caller
	q    scim.Query
	page *scim.Page
	room int // bytes until the page is full
}

// fill appends records to the page until it is full, and tells how many of them
// it is done with. Those that are gone meanwhile are left out.
func (f *filling) fill(ctx context.Context, places []registry.ScimPlace) (int, error) {
	for start := 0; start < len(places); start += loadedAtOnce {
		step := places[start:min(start+loadedAtOnce, len(places))]
		found, err := f.load(ctx, step)
		if err != nil {
			return 0, err
		}
		for i, p := range step {
			r, ok := found[registry.ScimPlace{Type: p.Type, ID: p.ID}]
			if !ok {
				continue
			}
			if f.room -= r.bytes; f.room < 0 && f.q.Bytes > 0 && len(f.page.Resources) > 0 {
				return start + i, nil
			}
			f.page.Resources = append(f.page.Resources, r.Resource)
		}
	}
	return len(places), nil
}

// sized is a resource with what it takes.
type sized struct {
	*scim.Resource
	bytes int
}

// load reads a step's records.
func (f *filling) load(ctx context.Context, step []registry.ScimPlace) (map[registry.ScimPlace]sized, error) {
	done, err := f.loads.take(ctx, len(step))
	if err != nil {
		return nil, err
	}
	defer done()
	found := make(map[registry.ScimPlace]sized, len(step))
	for _, t := range f.q.Types {
		var ids []int64
		for _, p := range step {
			if p.Type == t.Name {
				ids = append(ids, p.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		if err := f.loadType(ctx, t, ids, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// loadType reads a step's records of one type.
func (f *filling) loadType(ctx context.Context, t *scim.ResourceType, ids []int64, found map[registry.ScimPlace]sized) error {
	add := func(id int64, r *scim.Resource, bytes int) {
		found[registry.ScimPlace{Type: t.Name, ID: id}] = sized{r, bytes}
	}
	switch {
	case isUser(t):
		list, err := f.c.ScimUserRecords(ctx, f.c.view, as[registry.UserID](ids), showsOthers(f.q.Projection))
		for _, rec := range list {
			add(int64(rec.ID), f.laterResource(f.c, rec), len(rec.Document)+100*len(rec.Groups))
		}
		return err
	case isGroup(t):
		list, err := f.c.ScimGroupRecords(ctx, f.c.view, as[registry.GroupID](ids))
		for _, rec := range list {
			r, err := f.groupResource(ctx, f.c, rec, f.q.Projection)
			if err != nil {
				return err
			}
			add(int64(rec.ID), r, len(rec.Document))
		}
		return err
	}
	list, err := f.c.ScimResourceRecords(ctx, f.c.view, typeOf(t), as[registry.ResourceID](ids))
	for _, rec := range list {
		r, err := resource(t, rec)
		if err != nil {
			return err
		}
		add(int64(rec.ID), r, len(rec.Document))
	}
	return err
}

// as are keys of one kind.
func as[ID ~int64](ids []int64) []ID {
	out := make([]ID, len(ids))
	for i, id := range ids {
		out[i] = ID(id)
	}
	return out
}

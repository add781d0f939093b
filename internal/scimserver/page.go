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
	var users []registry.UserID
	var groups []registry.GroupID
	for _, p := range step {
		if p.Type == f.groups.Name {
			groups = append(groups, registry.GroupID(p.ID))
		} else {
			users = append(users, registry.UserID(p.ID))
		}
	}
	found := make(map[registry.ScimPlace]sized, len(step))
	people, err := f.c.ScimUserRecords(ctx, f.c.view, users, f.q.Projection.Wants("groups"))
	if err != nil {
		return nil, err
	}
	for _, rec := range people {
		found[registry.ScimPlace{Type: f.users.Name, ID: int64(rec.ID)}] = sized{f.laterResource(rec), len(rec.Document) + 100*len(rec.Groups)}
	}
	list, err := f.c.ScimGroupRecords(ctx, f.c.view, groups)
	for _, rec := range list {
		found[registry.ScimPlace{Type: f.groups.Name, ID: int64(rec.ID)}] = sized{f.groupResource(ctx, f.c, rec, f.q.Projection), 0}
	}
	return found, err
}

package scimserver

import (
	"context"
	"hash/maphash"
)

// queues let changes of one resource pass one at a time. Resources that fall
// into the same queue wait for each other, which is seldom and no fault.
type queues struct {
	seed   maphash.Seed
	places [64]chan struct{}
}

func newQueues() queues {
	q := queues{seed: maphash.MakeSeed()}
	for i := range q.places {
		q.places[i] = make(chan struct{}, 1)
	}
	return q
}

// enter waits for the turn of a resource. The error is the context's.
func (q *queues) enter(ctx context.Context, id string) (leave func(), err error) {
	place := q.places[maphash.String(q.seed, id)%uint64(len(q.places))]
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

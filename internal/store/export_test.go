package store

import "context"

// Crossing marks a context of a test that looks at tables from outside the
// tenant fence.
func Crossing(ctx context.Context) context.Context { return crossing(ctx) }

// OnlyCompany has the fenced drivers refuse statements that bind another
// company than this one.
func OnlyCompany(ctx context.Context, id int64) context.Context {
	return context.WithValue(ctx, onlyKey{}, id)
}

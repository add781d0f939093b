package entra

import (
	"context"
	"net/http"
	"sync"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
	"golang.org/x/sync/errgroup"

	"github.com/usherd/usher/internal/source"
)

// together runs fn for each item, a few at once; the pace decides how many of
// them are heard by Graph.
func together[T any](ctx context.Context, items []T, fn func(context.Context, T) error) error {
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(mostPace)
	for _, item := range items {
		if each.Err() != nil {
			break
		}
		g.Go(func() error { return fn(each, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// anew runs a short query again whose link expired under it.
func anew(query func() error) error {
	for try := 0; ; try++ {
		if err := query(); !isExpired(err) || try == restarts {
			return err
		}
	}
}

// fetch reads the users with these ids whole. Who is not there is not given.
func (r *reading) fetch(ctx context.Context, ids []string, give func(source.Entry) error) error {
	if len(ids) == 0 {
		return nil
	}
	return stream(ctx, func(ctx context.Context, send func([]source.Entry) error) error {
		return together(ctx, chunked(ids), func(ctx context.Context, batch []string) error {
			var got []source.Entry
			err := anew(func() error {
				got = got[:0]
				_, err := follow(ctx, r.session, request{ids: batch, sel: r.Source.users.sel}, r.userPage, func(page []models.Userable) error {
					got = append(got, r.userEntries(page, map[string]string{})...)
					return nil
				})
				return err
			})
			if err != nil {
				return err
			}
			return send(got)
		})
	}, give)
}

// limitedGroups reads the groups with these ids, whose properties and relation
// are in sel.
func (s *session) limitedGroups(ctx context.Context, ids, sel []string, into *gathering) error {
	var mu sync.Mutex
	return together(ctx, chunked(ids), func(ctx context.Context, batch []string) error {
		return anew(func() error {
			_, err := follow(ctx, s, request{ids: batch, sel: sel}, s.groupPage, func(page []models.Groupable) error {
				mu.Lock()
				defer mu.Unlock()
				return into.take(page)
			})
			return err
		})
	})
}

// exists asks for one object by itself. Of all answers only "there is no such
// object" is a no.
func (s *session) exists(ctx context.Context, kind source.Kind, id string) (bool, error) {
	var err error
	if kind == source.User {
		_, err = s.users.ByUserId(id).Get(ctx, &users.UserItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.UserItemRequestBuilderGetQueryParameters{Select: []string{"id"}}})
	} else {
		_, err = s.groups.ByGroupId(id).Get(ctx, &groups.GroupItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{Select: []string{"id"}}})
	}
	if err == nil {
		return true, nil
	}
	if err = s.explain(err); hasStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return false, err
}

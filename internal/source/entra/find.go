package entra

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/usherd/usher/internal/source"
)

// The Source can look for single people.
var _ source.Finder = (*Source)(nil)

// searchable are the properties by which somebody may be asked for; all of them
// can be filtered by without an advanced query (resources/user.md).
var searchable = []string{"userPrincipalName", "mail", "employeeId", "mailNickname", "displayName"}

// maxWho is the longest text that is looked for, in bytes.
const maxWho = 1024

// look runs fn with a session that knows who belongs to the source.
func (s *Source) look(ctx context.Context, fn func(*reading) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer sess.close()
	r := &reading{session: sess}
	if r.scope, err = sess.scope(ctx); err != nil {
		return err
	}
	return fn(r)
}

// Fetch implements source.Finder.
func (s *Source) Fetch(ctx context.Context, anchors []string, emit func(source.Entry) error) error {
	return s.look(ctx, func(r *reading) error { return r.excluding(ctx, anchors, emit) })
}

// excluding fetches people, those that a Read leaves out with the reason.
func (r *reading) excluding(ctx context.Context, anchors []string, emit func(source.Entry) error) error {
	ids := slices.DeleteFunc(slices.Clone(anchors), func(id string) bool { return uuid.Validate(id) != nil })
	for i, id := range ids {
		ids[i] = lower(id)
	}
	slices.Sort(ids)
	limits := r.scope
	r.scope = &scope{} // everybody, for their values
	return r.fetch(ctx, slices.Compact(ids), func(e source.Entry) error {
		e.Excluded = limits.out(&e)
		return emit(e)
	})
}

// Find implements source.Finder.
func (s *Source) Find(ctx context.Context, who string, limit int) (out []source.Entry, err error) {
	who = strings.TrimSpace(who)
	if who == "" || len(who) > maxWho || limit <= 0 {
		return nil, nil
	}
	err = s.look(ctx, func(r *reading) error {
		ids, err := r.search(ctx, who, limit)
		if err != nil {
			return err
		}
		return r.excluding(ctx, ids, func(e source.Entry) error {
			out = append(out, e)
			return nil
		})
	})
	return out, err
}

// search gives the ids of up to limit people. Other addresses are looked for
// only when nothing else fits: not every directory can be asked so.
func (r *reading) search(ctx context.Context, who string, limit int) ([]string, error) {
	if uuid.Validate(who) == nil {
		return []string{who}, nil
	}
	literal := "'" + strings.ReplaceAll(who, "'", "''") + "'"
	clauses := make([]string, len(searchable))
	for i, p := range searchable {
		clauses[i] = p + " eq " + literal
	}
	ids, err := r.list(ctx, strings.Join(clauses, " or "), limit)
	if err != nil || len(ids) > 0 || !strings.Contains(who, "@") {
		return ids, err
	}
	smtp := "'smtp:" + literal[1:]
	ids, err = r.list(ctx, "proxyAddresses/any(a:a eq "+smtp+") or otherMails/any(a:a eq "+literal+")", limit)
	if hasStatus(err, http.StatusBadRequest) {
		return nil, nil // not to find somebody proves nothing
	}
	return ids, err
}

// list gives the ids of up to limit people to whom a filter applies.
func (r *reading) list(ctx context.Context, filter string, limit int) ([]string, error) {
	top := int32(min(limit, 100)) //nolint:gosec // at most 100
	res, err := r.users.Get(ctx, &users.UsersRequestBuilderGetRequestConfiguration{
		QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Filter: &filter, Select: []string{"id"}, Top: &top}})
	if err != nil {
		return nil, r.explain(err)
	}
	var ids []string
	for _, u := range res.GetValue() {
		if len(ids) < limit {
			ids = append(ids, deref(u.GetId()))
		}
	}
	return ids, nil
}

// Sample implements source.Source. It looks no further than a few pages.
func (s *Source) Sample(ctx context.Context, n int) (out []source.Entry, err error) {
	err = s.look(ctx, func(r *reading) error {
		if r.scope.groups != nil {
			out, err = r.sampleMembers(ctx, n)
			return err
		}
		q := request{sel: s.users.sel}
		for page := 0; page < samplePages && len(out) < n; page++ {
			p, err := r.userPage(ctx, q)
			if err != nil {
				return err
			}
			out = r.sample(out, p.items, n)
			if p.next == "" {
				return nil
			}
			if q.link = p.next; !s.ours(q.link) {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// samplePages is how many pages a sample looks at for people in scope.
const samplePages = 5

// sample adds the people of a page who are in scope, up to n.
func (r *reading) sample(out []source.Entry, page []models.Userable, n int) []source.Entry {
	for _, e := range r.userEntries(page, map[string]string{}) {
		if e.OutOfScope == "" && len(out) < n {
			out = append(out, e)
		}
	}
	return out
}

// sampleMembers takes people of the groups that limit the source.
func (r *reading) sampleMembers(ctx context.Context, n int) (out []source.Entry, err error) {
	var ids []string
	for id := range r.scope.members {
		if ids = append(ids, id.String()); len(ids) == max(2*n, idsAtOnce) {
			break
		}
	}
	slices.Sort(ids)
	err = r.fetch(ctx, ids, func(e source.Entry) error {
		if e.OutOfScope == "" && len(out) < n {
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

func lower(s string) string { return strings.ToLower(s) }

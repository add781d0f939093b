package app

import (
	"context"
	"strconv"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// The two parts of a report, in the places of its pages.
const (
	partItems   = "i"
	partChanges = "c"
	// outcomeChanged is the outcome of rows that are changes.
	outcomeChanged = "changed"
)

// placed is a row with the place behind it.
type placedRow struct {
	api.Row
	place string
}

// ListRows implements api.Runs.
func (d *apiDesk) ListRows(ctx context.Context, who *api.Who, in api.ListRowsInput) (p api.Page[api.Row], err error) {
	run, err := d.run(ctx, who, in.Run)
	if err != nil {
		return p, err
	}
	after, part, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	t := d.Store.For(who.Company)
	var rows []placedRow
	if part != partChanges && in.Outcome != outcomeChanged {
		if rows, err = d.itemRows(ctx, t, registry.RowQuery{
			Run: run.ID, After: after, Outcome: registry.Outcome(in.Outcome), Action: registry.Action(in.Action), Code: registry.Code(in.Code), Limit: in.Limit + 1,
		}); err != nil {
			return p, err
		}
		after = 0
	}
	if more := in.Limit + 1 - len(rows); more > 0 && (in.Outcome == "" || in.Outcome == outcomeChanged) {
		changes, err := t.ChangePage(ctx, registry.ChangeQuery{
			Run: run.ID, Action: registry.Action(in.Action), Reason: in.Code, Forward: true, After: after, Limit: more,
		})
		if err != nil {
			return p, err
		}
		for _, c := range changes {
			rows = append(rows, placedRow{changeRow(c), strconv.FormatInt(c.ID, 10) + " " + partChanges})
		}
	}
	return api.CutPage(rows, in.Limit, func(r placedRow) string { return r.place }, func(r placedRow) api.Row { return r.Row }), nil
}

// itemRows are the rows of a report that are no changes.
func (d *apiDesk) itemRows(ctx context.Context, t *store.Tenant, q registry.RowQuery) ([]placedRow, error) {
	items, err := t.ItemPage(ctx, q)
	if err != nil {
		return nil, err
	}
	users, groups := make([]registry.UserID, len(items)), make([]registry.GroupID, len(items))
	for i, it := range items {
		users[i], groups[i] = it.User, it.Group
	}
	people, sets, err := t.PublicIDs(ctx, users, groups)
	if err != nil {
		return nil, err
	}
	out := make([]placedRow, len(items))
	for i, it := range items {
		out[i] = placedRow{itemRow(it), strconv.FormatInt(it.ID, 10) + " " + partItems}
		out[i].ID = people[it.User] + sets[it.Group]
	}
	return out, nil
}

func itemRow(it registry.RunItem) api.Row {
	r := api.Row{
		Outcome: string(it.Outcome), Action: string(it.Action), Kind: it.Kind(), Name: it.Name, Code: string(it.Code),
		Message: it.Message.String(), Anchor: it.Anchor, At: it.At,
	}
	if p := it.Detail; p != nil {
		r.Before, r.After, r.Added, r.Removed = p.Before, p.After, p.Added, p.Removed
	}
	return r
}

func changeRow(c registry.ChangeRow) api.Row {
	p := c.Payload
	return api.Row{
		Outcome: outcomeChanged, Action: string(c.Action), Kind: kindOf(c.User, c.Group, c.Resource), ID: c.PublicID, Name: c.Name, Code: c.Reason,
		Before: p.Before, After: p.After, Added: p.Added, Removed: p.Removed, At: c.At,
	}
}

// kindOf is what a row is about, "" for an entry that has become nothing yet.
func kindOf(user registry.UserID, group registry.GroupID, resource registry.ResourceID) string {
	switch {
	case group != 0:
		return "group"
	case user != 0:
		return "user"
	case resource != 0:
		return "resource"
	}
	return ""
}

// changes is a page of history, the newest first.
func (d *apiDesk) changes(ctx context.Context, who *api.Who, q registry.ChangeQuery, in api.Paging) (p api.Page[api.Change], err error) {
	if q.Before, err = api.Key(in.After); err != nil {
		return p, err
	}
	t := d.Store.For(who.Company)
	q.Limit = in.Limit + 1
	rows, err := t.ChangePage(ctx, q)
	if err != nil {
		return p, err
	}
	doors, err := t.Origins(ctx)
	if err != nil {
		return p, err
	}
	numbers := map[registry.RunID]int64{}
	for _, c := range rows {
		if _, known := numbers[c.Run]; c.Run != 0 && !known {
			if run, err := t.Run(ctx, c.Run); err == nil {
				numbers[c.Run] = run.Number
			}
		}
	}
	return api.CutPage(rows, in.Limit, func(c registry.ChangeRow) string { return strconv.FormatInt(c.ID, 10) }, func(c registry.ChangeRow) api.Change {
		return api.Change{
			ID: d.opaque("change", c.ID), At: c.At, Actor: c.Actor, Origin: api.OriginOf(doors[c.Origin]), Run: numbers[c.Run],
			Kind: kindOf(c.User, c.Group, c.Resource), Record: c.PublicID, Name: c.Name, Action: string(c.Action), Reason: c.Reason, Version: c.Version,
			Before: c.Payload.Before, After: c.Payload.After, Added: c.Payload.Added, Removed: c.Payload.Removed,
		}
	}), nil
}

// ListChanges implements api.History.
func (d *apiDesk) ListChanges(ctx context.Context, who *api.Who, in api.ListChangesInput) (p api.Page[api.Change], err error) {
	q := registry.ChangeQuery{Action: registry.Action(in.Action), Actor: in.Actor, Since: in.Since, Until: in.Until}
	t := d.Store.For(who.Company)
	if in.Person != "" {
		u, err := t.UserByPublicID(ctx, in.Person)
		if err != nil {
			return p, err
		}
		q.User = u.ID
	}
	if in.Group != "" {
		g, err := t.GroupByPublicID(ctx, in.Group)
		if err != nil {
			return p, err
		}
		q.Group = g.ID
	}
	if in.Run != "" {
		run, err := d.run(ctx, who, in.Run)
		if err != nil {
			return p, err
		}
		q.Run = run.ID
	}
	return d.changes(ctx, who, q, in.Paging)
}

// ListDeeds implements api.History.
func (d *apiDesk) ListDeeds(ctx context.Context, who *api.Who, in api.ListDeedsInput) (p api.Page[api.Deed], err error) {
	q := registry.DeedQuery{Limit: in.Limit + 1, Action: in.Action, Actor: in.Actor, Since: in.Since, Until: in.Until}
	if q.Before, err = api.Key(in.After); err != nil {
		return p, err
	}
	rows, err := d.Store.For(who.Company).Deeds(ctx, q)
	return api.CutPage(rows, in.Limit, func(x registry.Deed) string { return strconv.FormatInt(x.ID, 10) }, func(x registry.Deed) api.Deed {
		return api.Deed{
			ID: d.opaque("deed", x.ID), At: x.At, Actor: x.Actor, Action: x.Action, Outcome: x.Outcome, Subject: x.Subject,
			Address: x.Address, RequestID: x.RequestID, Detail: x.Detail,
		}
	}), err
}

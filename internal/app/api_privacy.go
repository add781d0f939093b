package app

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// two finds a person and another one.
func (d *apiDesk) two(ctx context.Context, who *api.Who, first, second string) (survivor, loser *registry.User, err error) {
	if survivor, _, err = d.person(ctx, who, first); err != nil {
		return nil, nil, err
	}
	loser, err = d.Store.For(who.Company).UserByPublicID(ctx, second)
	if errors.Is(err, registry.ErrNotFound) {
		err = registry.Refuse(registry.CodeInvalidValue, "with: nobody has this id")
	}
	return survivor, loser, err
}

// PreviewMerge implements api.Merges.
func (d *apiDesk) PreviewMerge(ctx context.Context, who *api.Who, in api.PreviewMergeInput) (out api.MergePreview, err error) {
	survivor, loser, err := d.two(ctx, who, in.Person, in.With)
	if err != nil {
		return out, err
	}
	p, err := d.Core.PreviewMerge(ctx, survivor, loser)
	if err != nil {
		return out, err
	}
	out = api.MergePreview{
		Survivor: survivor.UserName(), Loser: loser.UserName(), Owner: api.OriginOf(p.Owner), Ties: ties(p.Ties), SignIns: ties(p.SignIns), Groups: p.Groups, Names: p.Names,
		Sessions: p.Sessions, Mails: p.Mails, PasswordEnds: p.EndsPassword, UndoUntil: set(p.UndoUntil),
	}
	if p.Refused != nil {
		out.Code, out.Refused = string(p.Refused.Code), p.Refused.Message.String()
	}
	for _, v := range p.Values {
		out.Values = append(out.Values, api.MergedValue{Attribute: v.Attribute, Values: append([]string{}, v.Values...), Survivor: v.Was, Loser: v.Theirs})
	}
	return out, nil
}

// ties are objects at origins as programs see them.
func ties(list []store.Tie) (out []api.MovedTie) {
	for _, t := range list {
		out = append(out, api.MovedTie{Origin: api.OriginOf(t.Origin), Anchor: t.Link.Anchor})
	}
	return out
}

// MergePeople implements api.Merges.
func (d *apiDesk) MergePeople(ctx context.Context, who *api.Who, in api.MergeInput) (api.Merge, error) {
	survivor, loser, err := d.two(ctx, who, in.Person, in.Body.With)
	if err != nil {
		return api.Merge{}, err
	}
	if err := atVersion(survivor, in.IfMatch); err != nil {
		return api.Merge{}, err
	}
	m, err := d.MergeUsers(ctx, who.Actor, survivor, loser, in.Body.Reason)
	if err != nil {
		return api.Merge{}, err
	}
	return d.merged(ctx, who, m, "person.merge")
}

// atVersion refuses where somebody was faster.
func atVersion(u *registry.User, m api.IfMatch) error {
	if m.Version != 0 && m.Version != u.Version {
		return registry.Refuse(registry.CodeStale, "%s was changed meanwhile", u.UserName())
	}
	return nil
}

// merged writes down what was done with two people, and returns it.
func (d *apiDesk) merged(ctx context.Context, who *api.Who, m *registry.Merge, deed string) (api.Merge, error) {
	t := d.Store.For(who.Company)
	rows, err := t.Merges(ctx, m.Loser, 0, 1)
	if err != nil || len(rows) == 0 {
		return api.Merge{}, errors.Join(err, errors.New("read merge"))
	}
	detail := map[string]string{"loser": rows[0].LoserID, "merge": rows[0].PublicID}
	if stayed := rows[0].Stayed(); len(stayed) > 0 {
		detail["stayed"] = strings.Join(stayed, ", ")
	}
	err = t.Audit(ctx, registry.Deed{
		Actor: who.Actor, Action: deed, Subject: "person " + rows[0].SurvivorID, Address: who.Client.Address.String(), RequestID: who.Request, Detail: detail,
	})
	return d.toAPIMerge(rows[0]), err
}

func (d *apiDesk) toAPIMerge(r store.MergeRow) api.Merge {
	out := api.Merge{
		ID: r.PublicID, Survivor: r.SurvivorName, SurvivorID: r.SurvivorID, Loser: r.LoserName, LoserID: r.LoserID, By: r.Actor, Reason: r.Evidence, At: r.At,
		UndoneAt: set(r.UndoneAt), UndoneBy: r.UndoneBy, Stayed: r.Stayed(),
	}
	if r.Undoable(d.Now()) {
		out.UndoUntil = set(r.UndoUntil)
	}
	return out
}

// ListMerges implements api.Merges.
func (d *apiDesk) ListMerges(ctx context.Context, who *api.Who, in api.ListMergesInput) (p api.Page[api.Merge], err error) {
	var of registry.UserID
	if in.Person != "" {
		u, _, err := d.person(ctx, who, in.Person)
		if err != nil {
			return p, err
		}
		of = u.ID
	}
	before, err := api.Key(in.After)
	if err != nil {
		return p, err
	}
	rows, err := d.Store.For(who.Company).Merges(ctx, of, before, in.Limit+1)
	return api.CutPage(rows, in.Limit, func(r store.MergeRow) string { return strconv.FormatInt(r.ID, 10) }, d.toAPIMerge), err
}

// UndoMerge implements api.Merges.
func (d *apiDesk) UndoMerge(ctx context.Context, who *api.Who, in api.MergeIDInput) (api.Merge, error) {
	m, err := d.Core.UndoMerge(ctx, who.Company, who.Actor, in.Merge)
	if err != nil {
		return api.Merge{}, err
	}
	return d.merged(ctx, who, m, "person.unmerge")
}

// ExportPerson implements api.Privacy.
func (d *apiDesk) ExportPerson(ctx context.Context, who *api.Who, in api.PersonInput, to io.Writer) error {
	u, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return err
	}
	return d.Core.ExportPerson(ctx, u, to)
}

// ErasePerson implements api.Privacy.
func (d *apiDesk) ErasePerson(ctx context.Context, who *api.Who, in api.EraseInput) (api.Person, error) {
	u, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return api.Person{}, err
	}
	if registry.Key(in.Body.UserName) != registry.Key(u.UserName()) {
		return api.Person{}, registry.Refuse(registry.CodeInvalidValue, "user_name is not that of this person: nobody was erased")
	}
	if err := atVersion(u, in.IfMatch); err != nil {
		return api.Person{}, err
	}
	if err := d.EraseUser(ctx, who.Actor, u); err != nil {
		return api.Person{}, err
	}
	_, person, err := d.person(ctx, who, in.Person)
	return person, err
}

// LiftErasure implements api.Privacy.
func (d *apiDesk) LiftErasure(ctx context.Context, who *api.Who, in api.PersonInput) (api.Person, error) {
	u, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return api.Person{}, err
	}
	if err := d.Core.LiftErasure(ctx, who.Actor, u); err != nil {
		return api.Person{}, err
	}
	_, person, err := d.person(ctx, who, in.Person)
	return person, err
}

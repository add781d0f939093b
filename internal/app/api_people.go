package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

func toAPIPerson(u *registry.User, doors map[registry.OriginID]registry.Origin) api.Person {
	p := api.Person{
		ID: u.PublicID, UserName: u.UserName(), DisplayName: u.DisplayName(), Email: u.Email(), State: string(u.State()), Kind: string(u.Kind),
		Association: string(u.Association), Enabled: u.Enabled, CompanyAdmin: u.CompanyAdmin, Protected: u.Protected, Owner: api.OriginOf(doors[u.Owner]),
		Attributes: u.Attributes, Version: u.Version, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		DeactivatedAt: set(u.DeactivatedAt), DeletedAt: set(u.DeletedAt),
	}
	p.Blocks = u.Blocks.String()
	return p
}

// person finds a living or a deleted person with the company's doors.
func (d *apiDesk) person(ctx context.Context, who *api.Who, id string) (*registry.User, api.Person, error) {
	t := d.Store.For(who.Company)
	u, err := t.UserByPublicID(ctx, id)
	if err != nil {
		return nil, api.Person{}, err
	}
	doors, err := t.Origins(ctx)
	return u, toAPIPerson(u, doors), err
}

// ListPeople implements api.People.
func (d *apiDesk) ListPeople(ctx context.Context, who *api.Who, in api.ListPeopleInput) (p api.Page[api.Person], err error) {
	t := d.Store.For(who.Company)
	q := registry.PeopleQuery{
		Name: in.UserName, Email: in.Email, State: registry.State(in.State), Kind: registry.Kind(in.Kind), NewestFirst: in.Sort == "-created_at", Limit: in.Limit + 1,
	}
	after, key, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	q.AfterID, q.AfterKey = registry.UserID(after), key
	doors, err := t.Origins(ctx)
	if err != nil {
		return p, err
	}
	if (in.Origin == "") != (in.OriginKind == "") {
		return p, registry.Refuse(registry.CodeInvalidValue, "origin and origin_kind go together: an origin is known by both")
	}
	if in.Origin != "" {
		for _, o := range doors {
			if o.Key == in.Origin && string(o.Kind) == in.OriginKind {
				q.Owner = o.ID
			}
		}
		if q.Owner == 0 {
			return p, registry.ErrNotFound
		}
	}
	if in.Group != "" {
		g, err := t.GroupByPublicID(ctx, in.Group)
		if err != nil {
			return p, err
		}
		q.Group = g.ID
	}
	users, err := t.PeoplePage(ctx, q)
	return api.CutPage(users, in.Limit,
		func(u *registry.User) string { return fmt.Sprintf("%d %s", u.ID, registry.Key(u.UserName())) },
		func(u *registry.User) api.Person { return toAPIPerson(u, doors) }), err
}

// ShowPerson implements api.People.
func (d *apiDesk) ShowPerson(ctx context.Context, who *api.Who, in api.PersonInput) (api.PersonDetail, error) {
	u, person, err := d.person(ctx, who, in.Person)
	if err != nil {
		return api.PersonDetail{}, err
	}
	out := api.PersonDetail{Person: person, Values: []api.Value{}, Groups: []api.PersonGroup{}}
	profile, err := d.Store.Profile(ctx, who.Company, u.ID)
	if errors.Is(err, registry.ErrNotFound) { // deleted: there is no more to say
		out.MergedInto, err = d.mergedInto(ctx, u)
		return out, err
	}
	for _, v := range profile.Values {
		out.Values = append(out.Values, api.Value{Attribute: v.Attribute, Values: v.Values, From: api.OriginOf(v.Origin), Since: set(v.Since)})
	}
	slices.SortFunc(out.Values, func(a, b api.Value) int { return cmp.Compare(a.Attribute, b.Attribute) })
	for _, g := range profile.Groups {
		out.Groups = append(out.Groups, api.PersonGroup{Name: g.Name, From: origins(g.Origins), Since: set(g.Since)})
	}
	return out, err
}

// mergedInto is the id of who took a deleted person's place, "" for nobody.
func (d *apiDesk) mergedInto(ctx context.Context, u *registry.User) (string, error) {
	rows, err := d.Store.For(u.Company).Merges(ctx, u.ID, 0, 1)
	if err != nil || len(rows) == 0 || rows[0].Loser != u.ID || !rows[0].UndoneAt.IsZero() {
		return "", err
	}
	return rows[0].SurvivorID, nil
}

// ExplainPerson implements api.People.
func (d *apiDesk) ExplainPerson(ctx context.Context, who *api.Who, in api.PersonInput) (api.Explanation, error) {
	u, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return api.Explanation{}, err
	}
	x, err := d.ExplainUser(ctx, u)
	if err != nil {
		return api.Explanation{}, err
	}
	out := api.Explanation{ID: u.PublicID, UserName: u.UserName(), State: string(u.State()), Values: []api.Explained{}, Ties: []api.Tie{}}
	for _, v := range x.Values {
		e := api.Explained{Attribute: v.Attribute, Values: slices.Concat([]string{}, v.Values), From: api.OriginOf(v.Origin), Rule: v.Rule.String(), Since: set(v.Since), By: v.Actor}
		for _, r := range v.RunnersUp {
			e.RunnersUp = append(e.RunnersUp, api.RunnerUp{From: api.OriginOf(r.Origin), Values: r.Values, Why: r.Why.String()})
		}
		out.Values = append(out.Values, e)
	}
	for _, t := range x.Ties {
		out.Ties = append(out.Ties, api.Tie{
			Origin: api.OriginOf(t.Origin), Owner: t.Link.Origin == u.Owner, Anchor: t.Link.Anchor, Name: t.Link.Name,
			Enabled: t.Link.Enabled, Missing: set(t.Link.MissingSince),
		})
	}
	return out, nil
}

// ListPersonChanges implements api.People.
func (d *apiDesk) ListPersonChanges(ctx context.Context, who *api.Who, in api.PersonChangesInput) (p api.Page[api.Change], err error) {
	u, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return p, err
	}
	return d.changes(ctx, who, registry.ChangeQuery{User: u.ID}, in.Paging)
}

// CreatePerson implements api.People.
func (d *apiDesk) CreatePerson(ctx context.Context, who *api.Who, in api.CreatePersonInput) (api.Person, error) {
	b := in.Body
	n := newUser(b.NewAccount, b.UserName, b.GivenName, b.FamilyName, b.Locale)
	n.Email = b.Email
	res, err := d.createUser(ctx, who.Company, registry.OriginAPI, who.Actor, n)
	if err != nil {
		return api.Person{}, mistaken(err)
	}
	_, person, err := d.person(ctx, who, res.PublicID)
	return person, err
}

// newUser is what a program chose for somebody who gets an account.
func newUser(a api.NewAccount, name, given, family, locale string) NewUser {
	return NewUser{
		UserName: name, GivenName: given, FamilyName: family, Locale: locale, Kind: registry.Kind(a.Kind),
		Department: a.Department, Contract: a.Contract, Groups: a.Groups, Hold: a.Mail == "hold",
	}
}

// mistaken gives what a program asked for, and what there is not, its code.
func mistaken(err error) error {
	var mistake *MistakeError
	if errors.As(err, &mistake) {
		return registry.Refuse(registry.CodeInvalidValue, "%s", mistake.Error())
	}
	return err
}

// PromoteContact implements api.Contacts.
func (d *apiDesk) PromoteContact(ctx context.Context, who *api.Who, in api.PromoteInput) (api.Person, error) {
	contact, _, err := d.person(ctx, who, in.Person)
	if err != nil {
		return api.Person{}, err
	}
	b := in.Body
	if _, err := d.Core.PromoteContact(ctx, contact, who.Actor, newUser(b.NewAccount, b.UserName, b.GivenName, b.FamilyName, b.Locale)); err != nil {
		return api.Person{}, mistaken(err)
	}
	_, person, err := d.person(ctx, who, in.Person)
	return person, err
}

// TiePerson implements api.Sources.
func (d *apiDesk) TiePerson(ctx context.Context, who *api.Who, in api.TieInput) (api.Person, error) {
	if _, err := d.ShowSource(ctx, who, in.SourceInput); err != nil {
		return api.Person{}, err
	}
	u, err := d.Store.For(who.Company).UserByPublicID(ctx, in.Body.Person)
	if errors.Is(err, registry.ErrNotFound) {
		err = registry.Refuse(registry.CodeInvalidValue, "person: nobody has this id")
	}
	if err != nil {
		return api.Person{}, err
	}
	if err := d.LinkUser(ctx, in.Source, in.Body.Anchor, who.Actor, u.ID, in.Body.EndPassword); err != nil {
		return api.Person{}, mistaken(coded(err))
	}
	_, person, err := d.person(ctx, who, in.Body.Person)
	return person, err
}

// CreateGroup implements api.Groups.
func (d *apiDesk) CreateGroup(ctx context.Context, who *api.Who, in api.CreateGroupInput) (api.Group, error) {
	b := in.Body
	op := registry.CreateGroup{DisplayName: b.Name, Role: registry.GroupRole(b.Role)}
	if b.Default && op.Role != registry.RoleSupport {
		return api.Group{}, registry.Refuse(registry.CodeInvalidValue, "default: only a support group is the default one")
	}
	res, err := d.createGroup(ctx, who.Company, who.Actor, op, b.Default)
	if err != nil {
		return api.Group{}, mistaken(err)
	}
	g, err := d.Store.For(who.Company).FindGroup(ctx, b.Name)
	if err != nil || g.ID != res.Group {
		return api.Group{}, errors.Join(err, errors.New("read group"))
	}
	return d.ShowGroup(ctx, who, api.GroupInput{Group: g.PublicID})
}

// change carries out one operation on a person, and returns them as they are then.
func (d *apiDesk) change(ctx context.Context, who *api.Who, id string, op func(registry.UserID) registry.Op) (api.Person, error) {
	u, _, err := d.person(ctx, who, id)
	if err != nil {
		return api.Person{}, err
	}
	if err := d.byProgram(ctx, who, op(u.ID)); err != nil {
		return api.Person{}, err
	}
	_, person, err := d.person(ctx, who, id)
	return person, err
}

// InvitePerson implements api.People.
func (d *apiDesk) InvitePerson(ctx context.Context, who *api.Who, in api.PersonInput) (api.Person, error) {
	return d.change(ctx, who, in.Person, func(id registry.UserID) registry.Op { return registry.MailSetup{User: id} })
}

// BlockPerson implements api.People.
func (d *apiDesk) BlockPerson(ctx context.Context, who *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.block(ctx, who, in, registry.BlockAdmin, 0)
}

// UnblockPerson implements api.People.
func (d *apiDesk) UnblockPerson(ctx context.Context, who *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.block(ctx, who, in, 0, registry.BlockAdmin)
}

// ActivatePerson implements api.People.
func (d *apiDesk) ActivatePerson(ctx context.Context, who *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.block(ctx, who, in, 0, registry.BlockActivation)
}

func (d *apiDesk) block(ctx context.Context, who *api.Who, in api.PersonChangeInput, on, off registry.Blocks) (api.Person, error) {
	return d.change(ctx, who, in.Person, func(id registry.UserID) registry.Op {
		return registry.SetBlocks{User: id, Set: on, Clear: off, IfVersion: in.Version}
	})
}

// ProtectPerson implements api.People.
func (d *apiDesk) ProtectPerson(ctx context.Context, who *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.change(ctx, who, in.Person, func(id registry.UserID) registry.Op {
		return registry.SetProtected{User: id, On: true, IfVersion: in.Version}
	})
}

// UnprotectPerson implements api.People.
func (d *apiDesk) UnprotectPerson(ctx context.Context, who *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.change(ctx, who, in.Person, func(id registry.UserID) registry.Op {
		return registry.SetProtected{User: id, IfVersion: in.Version}
	})
}

func toAPIGroup(g registry.GroupInfo) api.Group {
	return api.Group{
		ID: g.PublicID, Name: g.DisplayName, Role: string(g.Role), Default: g.Default, From: api.OriginOf(g.Origin), Members: g.Members,
		Version: g.Version, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt,
	}
}

// ListGroups implements api.Groups.
func (d *apiDesk) ListGroups(ctx context.Context, who *api.Who, in api.ListGroupsInput) (p api.Page[api.Group], err error) {
	after, key, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	groups, err := d.Store.For(who.Company).GroupPage(ctx, registry.GroupQuery{
		Role: registry.GroupRole(in.Role), AfterID: registry.GroupID(after), AfterKey: key, Limit: in.Limit + 1,
	})
	return api.CutPage(groups, in.Limit, func(g registry.GroupInfo) string { return fmt.Sprintf("%d %s", g.ID, registry.Key(g.DisplayName)) }, toAPIGroup), err
}

// ShowGroup implements api.Groups.
func (d *apiDesk) ShowGroup(ctx context.Context, who *api.Who, in api.GroupInput) (api.Group, error) {
	g, err := d.Store.For(who.Company).GroupByPublicID(ctx, in.Group)
	if err != nil {
		return api.Group{}, err
	}
	return toAPIGroup(g), nil
}

// ListMembers implements api.Groups.
func (d *apiDesk) ListMembers(ctx context.Context, who *api.Who, in api.ListMembersInput) (p api.Page[api.Member], err error) {
	t := d.Store.For(who.Company)
	g, err := t.GroupByPublicID(ctx, in.Group)
	if err != nil {
		return p, err
	}
	after, kind, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	q := registry.MemberQuery{Group: g.ID, Limit: in.Limit + 1}
	if kind == "group" {
		q.AfterGroup = registry.GroupID(after)
	} else {
		q.AfterUser = registry.UserID(after)
	}
	rows, err := t.MemberPage(ctx, q)
	return api.CutPage(rows, in.Limit, func(m registry.MemberRow) string {
		return fmt.Sprintf("%d %s", max(int64(m.User), int64(m.GroupMember.Group)), kindOf(m.User, m.GroupMember.Group, 0))
	}, func(m registry.MemberRow) api.Member {
		return api.Member{Kind: kindOf(m.User, m.GroupMember.Group, 0), ID: m.PublicID, Name: m.Name, From: origins(m.Origins), Since: set(m.Since)}
	}), err
}

// AddMember implements api.Groups.
func (d *apiDesk) AddMember(ctx context.Context, who *api.Who, in api.AddMemberInput) (api.Group, error) {
	return d.member(ctx, who, in.GroupInput, in.Body.Person, func(op *registry.PatchMembers, id registry.UserID) {
		op.AddUsers, op.IfVersion = []registry.UserID{id}, in.Version
	})
}

// RemoveMember implements api.Groups.
func (d *apiDesk) RemoveMember(ctx context.Context, who *api.Who, in api.RemoveMemberInput) (api.Group, error) {
	return d.member(ctx, who, in.GroupInput, in.Person, func(op *registry.PatchMembers, id registry.UserID) {
		op.RemoveUsers, op.IfVersion = []registry.UserID{id}, in.Version
	})
}

func (d *apiDesk) member(ctx context.Context, who *api.Who, in api.GroupInput, person string, what func(*registry.PatchMembers, registry.UserID)) (api.Group, error) {
	t := d.Store.For(who.Company)
	g, err := t.GroupByPublicID(ctx, in.Group)
	if err != nil {
		return api.Group{}, err
	}
	u, err := t.UserByPublicID(ctx, person)
	if err != nil {
		return api.Group{}, err
	}
	op := registry.PatchMembers{Group: g.ID}
	what(&op, u.ID)
	if err := d.byProgram(ctx, who, op); err != nil {
		return api.Group{}, err
	}
	return d.ShowGroup(ctx, who, in)
}

package registry

import (
	"context"
	"maps"
	"slices"
	"time"
)

// unit is one batch at work: what was loaded, what was decided, what is to be
// written.
type unit struct {
	r   *Registry
	b   *Batch
	now time.Time

	links       map[string]*Link
	users       map[UserID]*User
	groups      map[GroupID]*Group
	names       map[string]NameHolder
	departments map[string]DepartmentID
	contracts   map[string]ContractID
	// lost are the operations whose name somebody else holds or will hold.
	lost map[int]NameHolder

	w       Writes
	results []Result
	subject []subject
}

// subject is the record an operation was about; its key may come only with Save.
type subject struct {
	user  *User
	group *Group
}

func newUnit(r *Registry, b *Batch) *unit {
	return &unit{
		r: r, b: b, now: r.Now(),
		links:   map[string]*Link{},
		users:   map[UserID]*User{},
		groups:  map[GroupID]*Group{},
		names:   map[string]NameHolder{},
		results: make([]Result, len(b.Ops)),
		subject: make([]subject, len(b.Ops)),
	}
}

// wants is everything a batch needs to see before it can be decided.
type wants struct {
	anchors     []string
	users       map[UserID]bool
	groups      map[GroupID]bool
	names       map[string]bool
	departments map[string]string
	contracts   map[string]bool
}

// load reads, in a handful of statements, all that the operations speak of.
func (u *unit) load(ctx context.Context, tx Tx) error {
	n := u.gather()
	links, err := tx.LinksByAnchor(ctx, u.b.Origin.ID, n.anchors)
	if err != nil {
		return err
	}
	for _, l := range links {
		u.links[l.Anchor] = l
		if l.User != 0 {
			n.users[l.User] = true
		}
		if l.Group != 0 {
			n.groups[l.Group] = true
		}
	}
	users, err := tx.Users(ctx, slices.Sorted(maps.Keys(n.users)))
	if err != nil {
		return err
	}
	for _, x := range users {
		u.users[x.ID] = x
	}
	groups, err := tx.Groups(ctx, slices.Sorted(maps.Keys(n.groups)))
	if err != nil {
		return err
	}
	for _, x := range groups {
		u.groups[x.ID] = x
	}
	holders, err := tx.UsersByName(ctx, slices.Sorted(maps.Keys(n.names)))
	if err != nil {
		return err
	}
	for _, h := range holders {
		u.names[h.Key] = h
	}
	if len(n.departments) > 0 {
		if u.departments, err = tx.Departments(ctx, n.departments, u.now); err != nil {
			return err
		}
	}
	if len(n.contracts) > 0 {
		if u.contracts, err = tx.Contracts(ctx, slices.Sorted(maps.Keys(n.contracts))); err != nil {
			return err
		}
	}
	return nil
}

// gather lists what the operations name.
func (u *unit) gather() *wants {
	n := &wants{
		users: map[UserID]bool{}, groups: map[GroupID]bool{}, names: map[string]bool{},
		departments: map[string]string{}, contracts: map[string]bool{},
	}
	for _, op := range u.b.Ops {
		switch op := op.(type) {
		case PutUser:
			n.anchors = append(n.anchors, op.Anchor)
			n.names[Key(op.Attributes.First(AttrUserName))] = true
			if op.Join != 0 {
				n.users[op.Join] = true
			}
			if op.Department != "" {
				n.departments[Key(op.Department)] = op.Department
			}
			if op.Contract != "" {
				n.contracts[Key(op.Contract)] = true
			}
		case MissUser:
			n.anchors = append(n.anchors, op.Anchor)
		case DeleteUser:
			n.anchors = append(n.anchors, op.Anchor)
		case PutGroup:
			n.anchors = append(n.anchors, op.Anchor)
		case MissGroup:
			n.anchors = append(n.anchors, op.Anchor)
		case PatchMembers:
			n.groups[op.Group] = true
		case CreateUser:
			n.names[Key(op.Attributes.First(AttrUserName))] = true
		case SetBlocks:
			n.users[op.User] = true
		case MailSetup:
			n.users[op.User] = true
		}
	}
	return n
}

// do decides operation i.
func (u *unit) do(ctx context.Context, tx Tx, i int) error {
	res := &u.results[i]
	switch op := u.b.Ops[i].(type) {
	case PutUser:
		u.putUser(i, op, res)
	case MissUser:
		u.missUser(i, op, res)
	case DeleteUser:
		u.deleteUser(i, op, res)
	case CreateUser:
		u.createUser(i, op, res)
	case SetBlocks:
		u.setBlocks(i, op, res)
	case MailSetup:
		u.mailSetup(i, op, res)
	case PutGroup:
		return u.putGroup(ctx, tx, i, op, res)
	case MissGroup:
		return u.missGroup(ctx, tx, i, op, res)
	case PatchMembers:
		return u.patchMembers(ctx, tx, i, op, res)
	}
	return nil
}

// finish fills in the keys that exist only after Save.
func (u *unit) finish() []Result {
	for i, s := range u.subject {
		if s.user != nil {
			u.results[i].User, u.results[i].Name = s.user.ID, s.user.UserName()
		}
		if s.group != nil {
			u.results[i].Group, u.results[i].Name = s.group.ID, s.group.DisplayName
		}
	}
	return u.results
}

// change appends the one change row of operation i.
func (u *unit) change(i int, action Action, reason string, version int64, p Payload) {
	c := &Change{
		At: u.now, Actor: u.b.Actor, Origin: u.b.Origin.ID, Run: u.b.Run,
		Action: action, Reason: reason, Version: version, Payload: p,
	}
	u.results[i].Change = c
	u.w.Changes = append(u.w.Changes, PendingChange{Change: c, User: u.subject[i].user, Group: u.subject[i].group})
}

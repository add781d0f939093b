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
	// request is the id of the request that the batch is carried out for.
	request string

	// links are those of people, groupLinks those of groups: at a SCIM connection
	// a person and a group may have the same externalId.
	links       map[string]*Link
	groupLinks  map[string]*Link
	users       map[UserID]*User
	groups      map[GroupID]*Group
	resources   map[ResourceID]*Resource
	held        map[heldKey]ResourceID
	names       map[string]NameHolder
	groupNames  map[string][]GroupNameHolder
	departments map[string]DepartmentID
	contracts   map[string]ContractID
	// origins and tied are loaded only for links by hand and those that own nothing: the company's doors,
	// and what ties people to the batch's origin.
	origins map[OriginID]Origin
	tied    map[UserID]*Link
	// met is what a meeting is decided by, merging a merge, its undoing or an
	// erasure, and kept what names and objects are kept from others by.
	met     *met
	merging *merging
	kept    map[string]KeptKey
	chosen  map[string]UserID // names of the batch that somebody chose at registration
	// admins are loaded where rights are set: the company's admins in office.
	admins map[UserID]bool
	// mailsLeft is how many set-up mails may still go, NoLimit for as many as there
	// are.
	mailsLeft int
	// shared is true when others may change members of the one group meanwhile.
	shared bool

	w       Writes
	results []Result
	subject []subject
	// changes are the rows of w.Changes by the record (*User, *Group, *Resource) they are
	// about: whatever a batch does to a record is one row.
	changes map[any]*Change
	// done is what has happened to a record already, see once.
	done map[mark]bool
}

// subject is the record an operation was about; its key may come only with Save.
type subject struct {
	user     *User
	group    *Group
	resource *Resource
}

func newUnit(r *Registry, b *Batch) *unit {
	return &unit{
		r: r, b: b, now: r.Now(),
		links: map[string]*Link{}, groupLinks: map[string]*Link{},
		users:     map[UserID]*User{},
		groups:    map[GroupID]*Group{},
		resources: map[ResourceID]*Resource{},
		held:      map[heldKey]ResourceID{},
		names:     map[string]NameHolder{}, groupNames: map[string][]GroupNameHolder{},
		results: make([]Result, len(b.Ops)),
		subject: make([]subject, len(b.Ops)),
		changes: map[any]*Change{},
		done:    map[mark]bool{},
	}
}

// load reads, in a handful of statements, the records that the operations speak
// of.
func (u *unit) load(ctx context.Context, tx Tx) error {
	n := u.gather()
	names := slices.Sorted(maps.Keys(n.names))
	if err := u.expect(ctx, tx, n, names); err != nil {
		return err
	}
	// Names come first: where each statement sees what was committed before it,
	// a person who appears meanwhile must not hold a name while lacking a link,
	// or they would stand in their own way.
	holders, err := tx.UsersByName(ctx, names)
	if err != nil {
		return err
	}
	for _, h := range holders {
		u.names[h.Key] = h
	}
	if err := u.loadLinks(ctx, tx, n); err != nil {
		return err
	}
	u.moveAnchors()
	for _, more := range []func(context.Context, Tx, *wants) error{u.loadMet, u.loadMerge, u.loadKept, u.loadMails} {
		if err := more(ctx, tx, n); err != nil {
			return err
		}
	}
	users, err := tx.Users(ctx, slices.Sorted(maps.Keys(n.users)))
	if err != nil {
		return err
	}
	for _, x := range users {
		u.users[x.ID] = x
	}
	if err := u.loadGroups(ctx, tx, n); err != nil {
		return err
	}
	if err := u.loadResources(ctx, tx); err != nil {
		return err
	}
	if n.admins {
		if u.admins, err = tx.Admins(ctx); err != nil {
			return err
		}
	}
	if len(n.byHand) == 0 {
		return nil
	}
	return u.loadTied(ctx, tx, n.byHand)
}

// expect says what load asks for first.
func (u *unit) expect(ctx context.Context, tx Tx, n *wants, names []string) error {
	if u.b.Origin.Kind.Pulled() { // an object of a directory is a person or a group
		n.anchors = slices.Concat(n.anchors, n.groupAnchors)
		n.groupAnchors = n.anchors
	}
	return tx.Expect(ctx, Expected{
		Names: names, Origin: u.b.Origin.ID, Anchors: n.anchors, GroupAnchors: n.groupAnchors,
		Kept: len(names) > 0 && (u.r.Blind != nil || u.r.ChosenName != nil),
	})
}

// loadGroups loads the groups of the batch, and who has the names they are to get.
func (u *unit) loadGroups(ctx context.Context, tx Tx, n *wants) error {
	var groups []*Group
	var err error
	if id, only := u.onlyMembers(); only {
		groups, err = tx.GroupForMembers(ctx, id)
		u.shared = true
	} else {
		if err := u.wantContaining(ctx, tx, n); err != nil {
			return err
		}
		groups, err = tx.Groups(ctx, slices.Sorted(maps.Keys(n.groups)))
	}
	if err != nil {
		return err
	}
	for _, x := range groups {
		u.groups[x.ID] = x
	}
	return u.loadGroupNames(ctx, tx)
}

// wantContaining has the groups loaded, too, that contain those the batch may rename,
// delete or bring back. Save moves them, and to hold a group and only then those
// around it is another order than that of who changes a person in both.
func (u *unit) wantContaining(ctx context.Context, tx Tx, n *wants) error {
	if len(u.groupLinks) == 0 {
		return nil
	}
	may := map[GroupID]bool{}
	for _, l := range u.groupLinks {
		may[l.Group] = true
	}
	around, err := tx.GroupsContaining(ctx, slices.Sorted(maps.Keys(may)))
	for _, id := range around {
		n.groups[id] = true
	}
	return err
}

// loadTied loads what links by hand are judged by.
func (u *unit) loadTied(ctx context.Context, tx Tx, ids []UserID) error {
	links, err := tx.LinksOfUsers(ctx, u.b.Origin.ID, ids)
	if err != nil {
		return err
	}
	u.tied = make(map[UserID]*Link, len(links))
	for _, l := range links {
		u.tied[l.User] = l
	}
	u.origins, err = tx.Origins(ctx)
	return err
}

// loadLinks finds the links that the operations name.
func (u *unit) loadLinks(ctx context.Context, tx Tx, n *wants) error {
	links, err := tx.UserLinks(ctx, u.b.Origin.ID, n.anchors)
	if err != nil {
		return err
	}
	for _, l := range links {
		u.links[l.Anchor] = l
		n.users[l.User] = true
	}
	if links, err = tx.GroupLinks(ctx, u.b.Origin.ID, n.groupAnchors); err != nil {
		return err
	}
	for _, l := range links {
		u.groupLinks[l.Anchor] = l
		n.groups[l.Group] = true
	}
	return nil
}

// moveAnchors lets an operation find its record by the anchor it is about to
// get.
func (u *unit) moveAnchors() {
	for i, op := range u.b.Ops {
		var was, is string
		links := u.links
		switch op := op.(type) {
		case PutUser:
			was, is = op.WasAnchor, op.Anchor
		case PutGroup:
			was, is, links = op.WasAnchor, op.Anchor, u.groupLinks
		}
		if was == "" || was == is || u.results[i].Refused != nil {
			continue
		}
		link := links[was]
		switch {
		case link == nil:
			u.results[i].Refused = Refuse(CodeNotFound, "nothing is tied to the id %s", was)
		case links[is] != nil:
			u.results[i].Refused = Refuse(CodeAnchorTaken, "the id %s belongs to another record", is)
		default:
			links[is] = link
		}
	}
}

// loadPlaces finds the departments and contracts that people are put into, and
// makes the departments the company lacks. It comes last, because someone
// refused founds no department.
func (u *unit) loadPlaces(ctx context.Context, tx Tx) error {
	departments, contracts := map[string]string{}, map[string]bool{}
	for i := range u.b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		department, contract := u.placesOf(i)
		if department != "" {
			departments[Key(department)] = department
		}
		if contract != "" {
			contracts[Key(contract)] = true
		}
	}
	var err error
	if len(departments) > 0 {
		if u.departments, err = tx.Departments(ctx, departments, u.now); err != nil {
			return err
		}
	}
	if len(contracts) > 0 {
		u.contracts, err = tx.Contracts(ctx, slices.Sorted(maps.Keys(contracts)))
	}
	return err
}

// placesOf are the department and the contract that operation i puts its person
// into.
func (u *unit) placesOf(i int) (department, contract string) {
	switch op := u.b.Ops[i].(type) {
	case PutUser:
		if u.owns(op, u.subject[i].user) {
			return op.Department, op.Contract
		}
	case CreateUser:
		return op.Department, op.Contract
	case Enrol:
		return op.Department, op.Contract
	}
	return "", ""
}

// owns reports whether an assertion is the owner's word: about someone new or
// joined, who becomes the origin's, or about one of its own.
func (u *unit) owns(op PutUser, user *User) bool {
	return user == nil || u.links[op.Anchor] == nil || user.Owner == u.b.Origin.ID
}

// do carries out operation i, which neither a rule nor its name forbids.
//
//nolint:funlen // a table: one line and one call for each operation
func (u *unit) do(ctx context.Context, tx Tx, i int) error {
	res := &u.results[i]
	switch op := u.b.Ops[i].(type) {
	case PutUser:
		u.putUser(i, op, res)
	case MissUser:
		u.missUser(i, op, res)
	case DeleteUser:
		u.deleteUser(i, op, res)
	case UnlinkUser:
		u.unlink(u.subject[i].user, u.links[op.Anchor])
	case CreateUser:
		u.createUser(i, op, res)
	case Enrol:
		u.enrol(i, op, res)
	case CreateGroup:
		u.makeGroup(i, op)
	case SetDefault:
		u.setDefault(i, op)
	case SetBlocks:
		u.setBlocks(i, op, res)
	case MailSetup:
		u.mailSetup(i, res)
	case LinkUser:
		u.linkUser(i, op, res)
	case SetProtected:
		u.setProtected(i, op, res)
	case SetManager:
		u.setManager(i, op, res)
	case Meet:
		u.meet(i, op, res)
	case ForgetContact:
		u.forgetContact(i, op)
	case MergeUsers:
		u.mergeUsers(i, op, res)
	case UndoMerge:
		u.undoMerge(i, res)
	case EraseUser:
		u.eraseUser(i)
	case LiftErasure:
		u.w.FreeKeys = append(u.w.FreeKeys, KeptKeys{User: u.subject[i].user})
		u.change(i, ActionUpdate, "erasure_lifted", u.subject[i].user.Version, Payload{})
	case SetRights:
		u.setRights(i, op, res)
	case TieUser:
		u.tieUser(i, op, res)
	case RemoveUser:
		u.removeUser(i, res)
	case HandUser:
		u.handUser(i, op, res)
	case HandGroup:
		return u.handGroup(ctx, tx, i, op)
	case PutGroup:
		u.putGroup(i, op)
	case PutResource:
		u.putResource(i, op)
	case DeleteResource:
		u.deleteResource(i)
	case MissGroup:
		return u.missGroup(ctx, tx, i, op)
	case PatchMembers:
		return u.patchMembers(ctx, tx, i, op, res)
	}
	return nil
}

// finish fills in the keys that exist only after Save.
func (u *unit) finish() []Result {
	for i, s := range u.subject {
		if s.user != nil {
			u.results[i].Subject = s.user
			u.results[i].User, u.results[i].PublicID, u.results[i].Name = s.user.ID, s.user.PublicID, s.user.UserName()
		}
		if s.group != nil {
			u.results[i].Group, u.results[i].PublicID, u.results[i].Name = s.group.ID, s.group.PublicID, s.group.DisplayName
		}
		if _, ok := u.b.Ops[i].(Meet); ok && u.met != nil {
			u.results[i].Candidates = u.met.candidates
		}
		if s.resource != nil {
			u.results[i].Resource, u.results[i].PublicID = s.resource.ID, s.resource.PublicID
		}
	}
	return u.results
}

// change enters what operation i did into the one change row of its record.
func (u *unit) change(i int, action Action, reason string, version int64, p Payload) {
	u.results[i].Change = u.note(u.subject[i], action, reason, version, p)
}

// note enters what happened to a record into its one change row.
func (u *unit) note(s subject, action Action, reason string, version int64, p Payload) *Change {
	record := any(s.user)
	switch {
	case s.group != nil:
		record = s.group
	case s.resource != nil:
		record = s.resource
	}
	c := u.changes[record]
	if c != nil {
		c.fold(action, reason, version, p)
	} else {
		p.Request = u.request
		c = &Change{
			At: u.now, Actor: u.b.Actor, Origin: u.b.Origin.ID, Run: u.b.Run,
			Action: action, Reason: reason, Version: version, Payload: p,
		}
		u.changes[record] = c
		u.w.Changes = append(u.w.Changes, PendingChange{Change: c, User: s.user, Group: s.group, Resource: s.resource})
	}
	return c
}

// mark is a thing that happens to a record at most once in a batch.
type mark struct {
	what   string
	record any // *User, *Group or *Resource
}

// once reports whether the thing happens to the record for the first time.
func (u *unit) once(what string, record any) bool {
	m := mark{what, record}
	if u.done[m] {
		return false
	}
	u.done[m] = true
	return true
}

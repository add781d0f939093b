package registry

import (
	"slices"
	"strconv"
)

// putUser makes the registry agree with what the origin says of one person.
func (u *unit) putUser(i int, op PutUser, res *Result) {
	res.Name = op.Attributes.First(AttrUserName)
	if res.Name == "" {
		res.Refused = Refuse(CodeUserNameMissing, "%s has no userName", op.Name)
		return
	}
	link := u.links[op.Anchor]
	if link != nil && link.User == 0 {
		res.Refused = Refuse(CodeAnchorTaken, "%s was a group here before; its id now belongs to a person", op.Name)
		return
	}
	switch {
	case link != nil && u.users[link.User] != nil:
		u.assert(i, op, link, u.users[link.User], res)
	case op.Join != 0:
		u.join(i, op, res)
	default:
		u.create(i, op, res)
	}
}

// create makes a new person, tied to the anchor.
func (u *unit) create(i int, op PutUser, res *Result) {
	if u.nameLost(i, op.Attributes, res) {
		return
	}
	user := &User{
		PublicID: u.r.NewID(), Company: u.b.Company,
		Kind: orKind(op.Kind), Association: Strong,
		Attributes: op.Attributes.Clone(), Enabled: op.Enabled,
		Credential: CredentialNone, CredentialVersion: 1,
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	u.place(user, op, res)
	if !user.Enabled {
		user.DeactivatedAt = u.now
	}
	u.subject[i].user = user
	u.w.NewUsers = append(u.w.NewUsers, user)
	u.w.Emails = append(u.w.Emails, EmailList{User: user, Verified: u.b.Origin.Kind.Directory()})
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: u.newLink(op), User: user})
	u.change(i, ActionCreate, "", 1, Payload{After: facts(user)})
	u.invite(user, op.SetupMail, res)
}

// join ties an existing person to the anchor: a contact that a directory now
// vouches for, or a person of this very origin whose object came back under
// another id. Anyone else is for a person to decide (promise 4).
func (u *unit) join(i int, op PutUser, res *Result) {
	user := u.users[op.Join]
	if res.Refused = u.mayJoin(user, op); res.Refused != nil {
		return
	}
	if u.nameLost(i, op.Attributes, res) {
		return
	}
	before := *user
	before.Attributes = user.Attributes.Clone()
	u.subject[i].user = user
	user.Association, user.Owner = Strong, u.b.Origin.ID
	if user.Credential != CredentialNone {
		u.w.WipePassword = append(u.w.WipePassword, user)
	}
	user.Credential = CredentialNone
	user.CredentialVersion++
	u.w.EndSessions = append(u.w.EndSessions, user)
	u.w.VoidLinks = append(u.w.VoidLinks, user)
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: u.newLink(op), User: user})
	u.amend(user, op, nil)
	u.place(user, op, res)
	u.store(i, &before, user, ActionJoin, "", res, op.SetupMail)
}

// mayJoin holds promise 4: never onto an admin, another origin's account or one
// with a password of its own.
func (u *unit) mayJoin(user *User, op PutUser) *Error {
	switch {
	case user == nil || !user.DeletedAt.IsZero():
		return Refuse(CodeNotFound, "the person that %s should be joined to is gone", op.Name)
	case user.CompanyAdmin:
		return Refuse(CodeProtectedAdmin, "%s matches the company admin %s; an admin is joined by hand only", op.Name, user.UserName())
	case user.Credential == CredentialSet || user.Credential == CredentialSSO:
		return Refuse(CodeOwnPassword, "%s matches %s, who already signs in on their own", op.Name, user.UserName())
	case user.Association != Weak:
		return Refuse(CodeForeignOwner, "%s matches %s, whose account belongs to another origin or object", op.Name, user.UserName())
	}
	return nil
}

// assert brings a linked person up to what the origin now says.
func (u *unit) assert(i int, op PutUser, link *Link, user *User, res *Result) {
	u.subject[i].user = user
	before := *user
	before.Attributes = user.Attributes.Clone()
	asserted := link.Asserted
	owned := user.Owner == u.b.Origin.ID
	if owned {
		if u.nameLost(i, op.Attributes, res) {
			return
		}
		user.DeletedAt = timeZero
		u.amend(user, op, asserted)
		u.place(user, op, res)
	}
	u.refreshLink(link, op)
	if !owned {
		return
	}
	u.store(i, &before, user, "", "", res, op.SetupMail)
}

// amend sets the asserted values, clears those no longer asserted, and leaves
// alone what the origin never spoke of.
func (u *unit) amend(user *User, op PutUser, asserted Attributes) {
	for name := range asserted {
		if len(op.Attributes[name]) == 0 {
			user.Attributes.Set(name)
		}
	}
	for name, values := range op.Attributes {
		user.Attributes.Set(name, slices.Clone(values)...)
	}
	user.Enabled = op.Enabled
	if op.Kind != "" {
		user.Kind = op.Kind
	}
}

// place puts the person into the department and under the contract asserted.
func (u *unit) place(user *User, op PutUser, res *Result) {
	if op.Department != "" {
		user.Department = u.departments[Key(op.Department)]
	}
	if op.Contract == "" {
		return
	}
	id, ok := u.contracts[Key(op.Contract)]
	if !ok {
		res.Warning = Refuse(CodeUnknownContract, "the company has no service contract %q", op.Contract)
		return
	}
	user.Contract = id
}

// nameLost refuses operation i when settleNames gave its name to another.
func (u *unit) nameLost(i int, a Attributes, res *Result) bool {
	holder, lost := u.lost[i]
	if !lost {
		return false
	}
	name := a.First(AttrUserName)
	switch {
	case holder.User == 0:
		res.Refused = Refuse(CodeUserNameTaken, "the userName %q is asked for by more than one person", name)
	case holder.Owner == u.b.Origin.ID:
		res.Refused = Refuse(CodeUserNameTaken, "the userName %q still belongs to another person of the same origin", name)
	case holder.Credential == CredentialSet:
		res.Refused = Refuse(CodeUserNameTaken, "the userName %q belongs to a person who signs in with a password of their own; rename or join them by hand", name)
	default:
		res.Refused = Refuse(CodeUserNameTaken, "the userName %q belongs to a person of another origin; rename or join them by hand", name)
	}
	res.Refused.User = holder.User
	return true
}

func (u *unit) newLink(op PutUser) *Link {
	l := &Link{Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor}
	u.fillLink(l, op)
	return l
}

func (u *unit) refreshLink(l *Link, op PutUser) {
	u.fillLink(l, op)
	u.w.ChangedLinks = append(u.w.ChangedLinks, l)
}

func (u *unit) fillLink(l *Link, op PutUser) {
	l.Name, l.Marker, l.Asserted, l.Enabled = op.Name, op.Marker, op.Attributes, op.Enabled
	l.Fingerprint, l.SeenRun, l.MissingSince, l.RecheckAt = op.Fingerprint, u.b.Run, timeZero, op.RecheckAt
}

// facts are the values a change row shows: the attributes and the facts of the
// account that have no attribute.
func facts(user *User) Attributes {
	a := user.Attributes.Clone()
	a["enabled"] = []string{strconv.FormatBool(user.Enabled)}
	a["kind"] = []string{string(user.Kind)}
	if user.CompanyAdmin {
		a["companyAdmin"] = []string{"true"}
	}
	a.Set("blocks", user.Blocks.String())
	if user.Association == Weak {
		a["association"] = []string{string(Weak)}
	}
	if user.Contract != 0 {
		a["contractId"] = []string{strconv.FormatInt(int64(user.Contract), 10)}
	}
	if user.Department != 0 {
		a["departmentId"] = []string{strconv.FormatInt(int64(user.Department), 10)}
	}
	return a
}

// diff keeps the facts that differ.
func diff(before, after Attributes) (Attributes, Attributes) {
	b, a := Attributes{}, Attributes{}
	for k, v := range before {
		if !slices.Equal(v, after[k]) {
			b[k] = v
		}
	}
	for k, v := range after {
		if !slices.Equal(v, before[k]) {
			a[k] = v
		}
	}
	return b, a
}

func orKind(k Kind) Kind {
	if k == "" {
		return EndUser
	}
	return k
}

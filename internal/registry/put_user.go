package registry

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// putUser makes the registry agree with what the origin says of one person.
func (u *unit) putUser(i int, op PutUser, res *Result) {
	user, link := u.subject[i].user, u.links[op.Anchor]
	switch {
	case user == nil:
		if link != nil {
			u.unlink(u.users[link.User], link) // forsaken
		}
		u.create(i, op, res)
	case link == nil && op.LinkOnly:
		u.appear(user)
		u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: u.newLink(op), User: user})
	case link == nil:
		u.join(i, op, user, res)
	default:
		u.assert(i, op, link, user, res)
	}
}

// create makes a new person, tied to the anchor.
func (u *unit) create(i int, op PutUser, res *Result) {
	user := &User{
		PublicID: u.r.NewID(), Company: u.b.Company,
		Kind: EndUser, Association: Strong, Attributes: Attributes{},
		Credential: CredentialNone, CredentialVersion: 1,
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	u.amend(user, op, nil, res)
	if op.SSO {
		user.Credential = CredentialSSO
	}
	if !user.Enabled {
		user.DeactivatedAt = u.now
	}
	u.subject[i].user = user
	u.w.NewUsers = append(u.w.NewUsers, user)
	u.writeEmails(user, u.b.Origin.Kind.Directory() || op.SSO)
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: u.newLink(op), User: user})
	u.change(i, ActionCreate, "", 1, Payload{After: facts(user)})
	u.setPassword(i, user, op.PasswordHash)
	u.invite(user, op.SetupMail, res)
}

// join ties a contact, who never had an account, to the anchor. Whatever the
// contact could sign in with or be reached at was nobody's word that the
// directory vouches for: it ends here.
func (u *unit) join(i int, op PutUser, user *User, res *Result) {
	before := *user
	before.Attributes = user.Attributes.Clone()
	forgetGuess(user, op)
	user.Association, user.Owner = Strong, u.b.Origin.ID
	u.endPassword(user)
	u.appear(user)
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: u.newLink(op), User: user})
	user.Attributes.Set(AttrEmails)
	u.amend(user, op, nil, res)
	u.writeEmails(user, u.b.Origin.Kind.Directory())
	u.setPassword(i, user, op.PasswordHash)
	u.store(i, &before, user, ActionJoin, "", res, op.SetupMail)
}

// endPassword destroys whatever a person could sign in with, or be let in by.
func (u *unit) endPassword(user *User) {
	user.Credential = CredentialNone
	user.CredentialVersion++
	u.w.WipePassword = append(u.w.WipePassword, user)
	u.w.EndSessions = append(u.w.EndSessions, user)
	u.voidLinks(user)
}

// assert brings a linked person up to what the origin now says.
func (u *unit) assert(i int, op PutUser, link *Link, user *User, res *Result) {
	asserted, anchor := link.Asserted, link.Anchor
	u.refreshLink(link, op)
	if !u.owns(op, user) {
		return
	}
	before := *user
	before.Attributes = user.Attributes.Clone()
	user.DeletedAt = timeZero
	var action Action
	var reason string
	if op.Adopt {
		action, reason = ActionJoin, string(CodeAdopted)
		u.endPassword(user)
	}
	u.amend(user, op, asserted, res)
	u.setPassword(i, user, op.PasswordHash)
	was, is := diff(facts(&before), facts(user))
	noteAnchor(was, is, anchor, op.Anchor)
	u.storeDiff(i, &before, user, was, is, action, reason, res, op.SetupMail)
}

// noteAnchor enters that the origin gave a record another id: who reads the
// record there sees it, so that it is another version.
func noteAnchor(was, is Attributes, before, after string) {
	if before != after {
		was["anchor"], is["anchor"] = []string{before}, []string{after}
	}
}

// amend sets the asserted values, clears those no longer asserted, and leaves
// alone what the origin never spoke of.
func (u *unit) amend(user *User, op PutUser, asserted Attributes, res *Result) {
	for name := range asserted {
		if len(op.Attributes[name]) == 0 && mayWrite(op, user, asserted, name) {
			user.Attributes.Set(name)
		}
	}
	for name, values := range op.Attributes {
		if mayWrite(op, user, asserted, name) {
			user.Attributes.Set(name, slices.Clone(values)...)
		}
	}
	if op.Protect || len(asserted[protectMark]) > 0 {
		user.Protected = op.Protect
	}
	if op.Document != nil {
		user.Document = op.Document
	}
	user.Enabled = op.Enabled
	if op.Kind != "" {
		user.Kind = op.Kind
	}
	u.place(user, op, res)
}

// mayWrite says whether an origin's word on an attribute is written.
func mayWrite(op PutUser, user *User, asserted Attributes, name string) bool {
	switch op.Write[name] {
	case WriteNever:
		return false
	case WriteIfEmpty:
		have := user.Attributes[name]
		return len(have) == 0 || slices.Equal(have, asserted[name])
	default:
		return true
	}
}

// protectMark stands among the asserted values for an origin's word that a
// person is protected. There is no attribute of this name.
const protectMark = "protected"

// TwinMark stands among the asserted values for PutUser.Twin. There is no attribute
// of this name either.
const TwinMark = "twin"

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

func (u *unit) newLink(op PutUser) *Link {
	l := &Link{Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor}
	u.fillLink(l, op)
	return l
}

// refreshLink keeps what the origin says now. A link that says it already is
// left alone: a run over an unchanged directory writes nothing.
func (u *unit) refreshLink(l *Link, op PutUser) {
	was := *l
	u.fillLink(l, op)
	if was.Anchor != l.Anchor || was.Name != l.Name || was.Marker != l.Marker || was.Enabled != l.Enabled || was.Fingerprint != l.Fingerprint ||
		!was.MissingSince.IsZero() || !was.RecheckAt.Equal(l.RecheckAt) || !maps.EqualFunc(was.Asserted, l.Asserted, slices.Equal) {
		u.w.ChangedLinks = append(u.w.ChangedLinks, l)
	}
}

func (u *unit) fillLink(l *Link, op PutUser) {
	l.Anchor, l.Name, l.Marker, l.Asserted, l.Enabled = op.Anchor, op.Name, op.Marker, op.Attributes, op.Enabled
	if op.Protect || op.Twin != "" {
		l.Asserted = maps.Clone(op.Attributes)
	}
	if op.Protect {
		l.Asserted[protectMark] = []string{"true"}
	}
	if op.Twin != "" {
		l.Asserted[TwinMark] = []string{op.Twin}
	}
	l.Fingerprint, l.SeenRun, l.MissingSince, l.RecheckAt = op.Fingerprint, u.b.Run, timeZero, op.RecheckAt
}

// facts are the values a change row shows: the attributes and the facts of the
// account that have no attribute.
func facts(user *User) Attributes {
	a := user.Attributes.Clone()
	a["enabled"] = []string{strconv.FormatBool(user.Enabled)}
	a["kind"] = []string{string(user.Kind)}
	if len(user.Document) > 0 {
		a["document"] = []string{string(user.Document)}
	}
	if user.CompanyAdmin {
		a["companyAdmin"] = []string{"true"}
	}
	a.Set("rights", user.Rights.String())
	a.Set("blocks", user.Blocks.String())
	if user.Association == Weak {
		a["association"] = []string{string(Weak)}
	}
	if user.Protected {
		a["protected"] = []string{"true"}
	}
	if user.Manager != 0 {
		a["managerId"] = []string{strconv.FormatInt(int64(user.Manager), 10)}
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
		if !sameFact(k, v, after[k]) {
			b[k] = v
		}
	}
	for k, v := range after {
		if !sameFact(k, v, before[k]) {
			a[k] = v
		}
	}
	return b, a
}

// sameFact compares values; documents by what they mean, because a database may
// order and space them anew.
func sameFact(name string, x, y []string) bool {
	if slices.Equal(x, y) {
		return true
	}
	if name != "document" || len(x) != 1 || len(y) != 1 {
		return false
	}
	var a, b any
	if json.Unmarshal([]byte(x[0]), &a) != nil || json.Unmarshal([]byte(y[0]), &b) != nil {
		return false
	}
	return reflect.DeepEqual(a, b)
}

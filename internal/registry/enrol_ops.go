package registry

import (
	"slices"
	"strconv"
)

// Enrol makes a full account of a contact on the word of its person, who
// registered with the contact's address and proved to have it, or on an admin's.
// The record, its id and its history stay; what they say takes the place of what
// a door guessed.
type Enrol struct {
	User UserID
	// Attributes replace those of the same name; addresses among them come first,
	// the contact's others stay behind them.
	Attributes Attributes
	Kind       Kind
	Department string // as in CreateUser
	Contract   string // as in CreateUser
	// ByHand says that an admin made the account, who has not proved the address;
	// SetupMail is what becomes of the mail then.
	ByHand    bool
	SetupMail SetupMail
}

// CreateGroup makes a group by hand or by another door that has no anchors.
type CreateGroup struct {
	DisplayName string
	Role        GroupRole
}

// SetDefault makes a support group the one that people join who named none, or
// takes that from it. A company has one at most: it is taken from the old one
// before the new one gets it, in a batch of its own.
type SetDefault struct {
	Group GroupID
	On    bool
}

// mayEnrol finds a contact.
func (u *unit) mayEnrol(s *subject, op Enrol) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	if s.user.Association != Weak {
		return Refuse(CodeForeignOwner, "%s has an account by now", s.user.UserName())
	}
	return nil
}

// enrol makes an account of a contact. Whatever could be signed in with before
// was nobody's word: it ends here.
func (u *unit) enrol(i int, op Enrol, res *Result) {
	if res.Refused = u.unknownContract(op.Contract); res.Refused != nil {
		return
	}
	user := u.subject[i].user
	before := *user
	before.Attributes = user.Attributes.Clone()
	user.Association, user.Kind, user.Owner = Strong, op.Kind, u.b.Origin.ID
	u.endPassword(user)
	had := user.Attributes[AttrEmails]
	for name, values := range op.Attributes {
		user.Attributes.Set(name, slices.Clone(values)...)
	}
	user.Attributes.Set(AttrEmails, addresses(user.Attributes[AttrEmails], had)...)
	if op.Department != "" {
		user.Department = u.departments[Key(op.Department)]
	}
	if op.Contract != "" {
		user.Contract = u.contracts[Key(op.Contract)]
	}
	reason := "registered"
	if op.ByHand {
		reason = "by_hand"
	}
	u.store(i, &before, user, ActionJoin, reason, res, op.SetupMail)
}

// addresses are those of two lists, each once, the first list's first.
func addresses(first, then []string) []string {
	var out []string
	for _, a := range slices.Concat(first, then) {
		if !slices.ContainsFunc(out, func(b string) bool { return Key(a) == Key(b) }) {
			out = append(out, a)
		}
	}
	return out
}

// unknownContract refuses a contract that the company does not have.
func (u *unit) unknownContract(number string) *Error {
	if _, ok := u.contracts[Key(number)]; number == "" || ok {
		return nil
	}
	return Refuse(CodeUnknownContract, "the company has no service contract %q", number)
}

// makeGroup makes a group without an anchor.
func (u *unit) makeGroup(i int, op CreateGroup) {
	group := &Group{
		PublicID: u.r.NewID(), Company: u.b.Company, DisplayName: op.DisplayName, Role: op.Role,
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	u.subject[i].group = group
	u.w.NewGroups = append(u.w.NewGroups, group)
	u.changeGroup(i, group, ActionCreate, "", Payload{After: groupFacts(op.DisplayName, op.Role, nil)})
}

// maySetDefault finds a support group. One that is gone can still lose what it
// was.
func (u *unit) maySetDefault(s *subject, op SetDefault) *Error {
	s.group = u.groups[op.Group]
	switch {
	case s.group == nil, op.On && !s.group.DeletedAt.IsZero():
		return Refuse(CodeNotFound, "there is no such group")
	case op.On && s.group.Role != RoleSupport:
		return Refuse(CodeInvalidValue, "%s is no support group", s.group.DisplayName)
	}
	return nil
}

func (u *unit) setDefault(i int, op SetDefault) {
	group := u.subject[i].group
	if group.Default == op.On {
		return
	}
	group.Default = op.On
	u.changeGroup(i, group, ActionUpdate, "", Payload{
		Before: Attributes{"default": {strconv.FormatBool(!op.On)}}, After: Attributes{"default": {strconv.FormatBool(op.On)}},
	})
}

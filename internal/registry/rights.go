package registry

import "strings"

// OperatorsKey is the key of the reserved company whose people are the
// operators: they run the installation and sign in like everybody else. No
// configuration file names it, and no list of companies shows it.
const OperatorsKey = "operators"

// Rights are what a person may do in the console beside administering: bits
// next to CompanyAdmin.
type Rights uint8

// The rights.
const (
	// RightsAuditor sees everything of the company and changes nothing.
	RightsAuditor Rights = 1 << iota
	// RightsApprover decides held runs.
	RightsApprover
)

// rightNames is the one table between a right and its word.
var rightNames = []struct {
	right Rights
	name  string
}{{RightsAuditor, "auditor"}, {RightsApprover, "approver"}}

// String lists the rights in words, or "" for none.
func (r Rights) String() string {
	var out []string
	for _, n := range rightNames {
		if r&n.right != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, ", ")
}

// Privileged reports whether the person has any right beyond their own account.
// Nobody is joined onto them by a name or an address.
func (u *User) Privileged() bool { return u.CompanyAdmin || u.Rights != 0 }

// SetRights gives a person exactly these rights. Only people set them: no sync
// and no push ever does.
type SetRights struct {
	User   UserID
	Admin  bool
	Rights Rights
	// ByOperator lets the last admin of a company lose the right; an admin cannot
	// leave the company without one.
	ByOperator bool
}

// TieUser lets a person sign in with an identity provider: it ties them to a
// subject of the batch's origin, which becomes no owner. The name is for people
// to read.
type TieUser struct {
	User   UserID
	Anchor string
	Name   string
	// Proved says that the person was signed in and asked for it. Else an address
	// matched, which is enough for nobody who has rights or a password.
	Proved bool
}

// RemoveUser ends a person whom the batch's origin made by hand. The name is
// free again.
type RemoveUser struct{ User UserID }

func (SetRights) op()  {}
func (TieUser) op()    {}
func (RemoveUser) op() {}

// mayTie holds what joins hold: never by an address onto somebody with rights or
// with a password of their own.
func (u *unit) mayTie(s *subject, op TieUser) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	link, held := u.links[op.Anchor], u.tied[op.User]
	var err *Error
	switch {
	case link != nil && link.User == op.User:
		return nil
	case link != nil || u.groupLinks[op.Anchor] != nil:
		return Refuse(CodeAnchorTaken, "the id %s is tied to another record already", op.Anchor)
	case held != nil:
		err = Refuse(CodeAlreadyLinked, "%s signs in here as somebody else already", s.user.UserName())
	case s.user.Association == Weak:
		err = Refuse(CodeForeignOwner, "%s is a contact without an account", s.user.UserName())
	case !op.Proved && s.user.Privileged():
		err = Refuse(CodeProtectedAdmin, "%s has rights in the company; nobody is tied to them by an address", s.user.UserName())
	case !op.Proved && s.user.Credential == CredentialSet:
		err = Refuse(CodeOwnPassword, "%s has a password of their own; sign in with it and tie the accounts there", s.user.UserName())
	default:
		return nil
	}
	err.User = s.user.ID
	return err
}

// tieUser ties a person to a subject. Whoever had no password signs in that way
// from now on; links that would set one end.
func (u *unit) tieUser(i int, op TieUser, res *Result) {
	user := u.subject[i].user
	if u.links[op.Anchor] != nil {
		return // tied already
	}
	before := *user
	if user.Credential != CredentialSet {
		u.voidLinks(user)
		user.Credential = CredentialSSO
	}
	u.w.NewLinks = append(u.w.NewLinks, NewLink{User: user, Link: &Link{
		Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor, Name: op.Name, Enabled: true,
	}})
	u.store(i, &before, user, ActionJoin, "sign_in", res, SetupNone)
}

// maySetRights keeps one admin in each company, and rights with accounts.
func (u *unit) maySetRights(s *subject, op SetRights) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	if s.user.Association == Weak && (op.Admin || op.Rights != 0) {
		return Refuse(CodeNotFound, "%s is a contact without an account, and so without rights", s.user.UserName())
	}
	if !s.user.CompanyAdmin || op.Admin {
		return nil
	}
	if u.admins[op.User] && len(u.admins) == 1 && !op.ByOperator {
		return Refuse(CodeLastAdmin, "%s is the last admin of the company; make somebody else one first", s.user.UserName())
	}
	delete(u.admins, op.User) // for those that follow in the batch
	return nil
}

// setRights gives exactly these rights.
func (u *unit) setRights(i int, op SetRights, res *Result) {
	user := u.subject[i].user
	if user.CompanyAdmin == op.Admin && user.Rights == op.Rights {
		return
	}
	before := *user
	user.CompanyAdmin, user.Rights = op.Admin, op.Rights
	u.store(i, &before, user, ActionRights, "", res, SetupNone)
}

// mayRemove lets a door remove only whom it made.
func (u *unit) mayRemove(s *subject, op RemoveUser) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	if s.user.Owner != u.b.Origin.ID {
		return Refuse(CodeForeignOwner, "%s belongs to another origin", s.user.UserName())
	}
	return nil
}

func (u *unit) removeUser(i int, res *Result) {
	user := u.subject[i].user
	before := *user
	user.Enabled, user.DeletedAt = false, u.now
	u.store(i, &before, user, ActionDelete, "by_hand", res, SetupNone)
}

package registry

import (
	"context"
	"maps"
	"slices"
)

// met is what a meeting was decided by.
type met struct {
	// clues, object and mailbox are the links that exist already.
	clues           []*Link
	object, mailbox *Link
	holders         []AddressHolder
	who             *User
	candidates      []Candidate
}

// loadMet finds the ties of a meeting and the holders of its address, and has
// their people loaded with those of the batch.
func (u *unit) loadMet(ctx context.Context, tx Tx, n *wants) error {
	for i, op := range u.b.Ops {
		meet, ok := op.(Meet)
		if !ok || u.results[i].Refused != nil {
			continue
		}
		u.met = &met{}
		var err error
		for _, tie := range meet.Clues {
			link, err := u.tie(ctx, tx, tie, n)
			if err != nil {
				return err
			}
			u.met.clues = append(u.met.clues, link)
		}
		if u.met.object, err = u.tie(ctx, tx, meet.Object, n); err != nil {
			return err
		}
		if u.met.mailbox, err = u.tie(ctx, tx, meet.Mailbox, n); err != nil {
			return err
		}
		if u.met.holders, err = tx.AddressHolders(ctx, meet.addressKeys()); err != nil {
			return err
		}
		for _, h := range u.met.holders {
			n.users[h.User] = true
		}
	}
	return nil
}

// tie finds the link of an object, nil for none.
func (u *unit) tie(ctx context.Context, tx Tx, t Tie, n *wants) (*Link, error) {
	if t.Origin == 0 {
		return nil, nil
	}
	links, err := tx.UserLinks(ctx, t.Origin, []string{t.Anchor})
	if err != nil || len(links) == 0 {
		return nil, err
	}
	n.users[links[0].User] = true
	return links[0], nil
}

// addressKeys are the addresses in comparison form.
func (m Meet) addressKeys() []string {
	var keys []string
	for _, a := range m.Attributes[AttrEmails] {
		if k := Key(a); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// badMeet refuses what could not be kept, and a meeting with nobody.
func badMeet(op Meet) *Error {
	if op.Mailbox.Origin == 0 && op.Object.Origin == 0 {
		return Refuse(CodeInvalidValue, "a contact needs a mail address or an id in Teams")
	}
	for _, t := range append([]Tie{op.Mailbox, op.Object}, op.Clues...) {
		if t.Origin == 0 {
			continue
		}
		if err := firstError(badAnchor(t.Anchor), badText("the name at the origin", t.Name, maxName), badAttributes(t.Claim)); err != nil {
			return err
		}
	}
	return badAttributes(op.Attributes)
}

// mayMeet decides who was met.
func (u *unit) mayMeet(s *subject, op Meet) *Error {
	m := u.met
	found, byAddress := u.livingOf(append(slices.Clone(m.clues), m.object)...), u.byAddress(op)
	switch {
	case len(found) == 0:
		found = byAddress
	case len(byAddress) == 1 && byAddress[0] != found[0]:
		found = append(found, byAddress[0])
	}
	if len(found) > 1 {
		for _, x := range found {
			m.candidates = append(m.candidates, Candidate{User: x.ID, UserName: x.UserName(), PublicID: x.PublicID})
		}
		return Refuse(CodeAmbiguous, "more than one person fits, so none was chosen")
	}
	if len(found) == 1 {
		m.who = found[0]
		s.user = m.who
	}
	return nil
}

// livingOf is the living person of the first link that has one.
func (u *unit) livingOf(links ...*Link) []*User {
	for _, l := range links {
		if l == nil {
			continue
		}
		if user := u.users[l.User]; user != nil && user.DeletedAt.IsZero() {
			return []*User{user}
		}
	}
	return nil
}

// byAddress are those whom the address means; several are nobody.
func (u *unit) byAddress(op Meet) []*User {
	m := u.met
	if op.Mailbox.Origin == 0 {
		return nil
	}
	pick := func(fits func(AddressHolder) bool) []*User {
		var out []*User
		for _, h := range m.holders {
			if user := u.users[h.User]; user != nil && fits(h) && !slices.Contains(out, user) {
				out = append(out, user)
			}
		}
		return out
	}
	if found := pick(func(h AddressHolder) bool { return h.Strong && h.Verified }); len(found) > 0 {
		return found
	}
	for _, user := range u.livingOf(m.mailbox) {
		holds := slices.ContainsFunc(m.holders, func(h AddressHolder) bool { return h.User == user.ID })
		if user.Association == Weak || holds {
			return []*User{user}
		}
	}
	if found := pick(func(h AddressHolder) bool { return !h.Strong && h.Verified }); len(found) == 1 {
		return found
	}
	return pick(func(h AddressHolder) bool { return !h.Strong })
}

// meet ties who was met to what they were met by, or makes a contact.
func (u *unit) meet(i int, op Meet, res *Result) {
	user := u.met.who
	if user == nil {
		user = u.makeContact(i, op)
	} else {
		u.meetAgain(i, op, user, res)
	}
	u.w.Seen = append(u.w.Seen, user)
	u.retie(u.met.object, op.Object, user, op.Verified)
	if user.Association == Weak {
		u.retie(u.met.mailbox, op.Mailbox, user, op.Verified)
	}
}

// makeContact makes a record without sign-in.
func (u *unit) makeContact(i int, op Meet) *User {
	user := &User{
		PublicID: u.r.NewID(), Company: u.b.Company, Kind: EndUser, Association: Weak, Attributes: op.Attributes.Clone(), Enabled: true,
		Credential: CredentialNone, CredentialVersion: 1, Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	user.Attributes.Set(AttrUserName, contactName(user.PublicID))
	u.subject[i].user = user
	u.w.NewUsers = append(u.w.NewUsers, user)
	u.writeEmails(user, op.Verified)
	u.change(i, ActionCreate, op.Reason, 1, Payload{After: facts(user)})
	return user
}

// contactName is the userName of a contact.
func contactName(publicID string) string { return "contact-" + publicID }

// meetAgain keeps what is now known of somebody known. Only a contact is ever
// changed, and only by a verified sender or by somebody believed.
func (u *unit) meetAgain(i int, op Meet, user *User, res *Result) {
	if user.Association != Weak {
		return
	}
	if op.Verified && slices.ContainsFunc(u.met.holders, func(h AddressHolder) bool { return h.User == user.ID && !h.Verified }) {
		u.w.VerifiedEmails = append(u.w.VerifiedEmails, VerifiedEmail{User: user, Keys: op.addressKeys()})
	}
	before := *user
	before.Attributes = user.Attributes.Clone()
	for _, name := range op.Fill {
		have := user.Attributes[name]
		if len(have) == 0 || slices.Equal(have, op.Guess[name]) {
			user.Attributes.Set(name, slices.Clone(op.Attributes[name])...)
		}
	}
	u.store(i, &before, user, "", op.Reason, res, SetupNone)
}

// retie makes sure that an object is tied to the person, and keeps what it claims
// now. A tie to somebody who is gone, or no longer meant by it, moves.
func (u *unit) retie(link *Link, t Tie, user *User, verified bool) {
	switch {
	case t.Origin == 0:
	case link == nil:
		u.w.NewLinks = append(u.w.NewLinks, NewLink{User: user, Link: &Link{
			Company: u.b.Company, Origin: t.Origin, Anchor: t.Anchor, Name: t.Name, Asserted: t.Claim, Enabled: true,
		}})
	case link.User != user.ID:
		link.User, link.Name, link.Asserted = user.ID, t.Name, t.Claim
		u.w.MovedLinks = append(u.w.MovedLinks, NewLink{User: user, Link: link})
	case verified && len(t.Claim) > 0 && !maps.EqualFunc(link.Asserted, t.Claim, slices.Equal):
		link.Asserted = t.Claim
		u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	}
}

// forgetGuess drops the names of a contact whom an origin joins with names of its
// own: what an address or a helpdesk said is less than what a directory says.
func forgetGuess(user *User, op PutUser) {
	if user.Association != Weak {
		return
	}
	names := []string{AttrDisplayName, AttrGivenName, AttrMiddleName, AttrFamilyName, AttrNickName}
	if !slices.ContainsFunc(names, func(name string) bool { return len(op.Attributes[name]) > 0 && op.Write[name] != WriteNever }) {
		return
	}
	for _, name := range names {
		if op.Write[name] != WriteNever {
			user.Attributes.Set(name)
		}
	}
}

// ForgetContact ends a contact that nobody has met for long, and empties whatever
// is personal of it: what stays is an id without a name. Whoever turns up again
// is somebody new.
type ForgetContact struct {
	User UserID
	// Reason is kept with the change: "idle".
	Reason string
}

func (ForgetContact) op() {}

// mayForget finds a contact. Somebody who became an account meanwhile stays.
func (u *unit) mayForget(s *subject, op ForgetContact) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	if s.user.Association != Weak {
		return Refuse(CodeForeignOwner, "%s has an account and is no contact any more", s.user.UserName())
	}
	return nil
}

// forgetContact ends a contact. The row of history names no value.
func (u *unit) forgetContact(i int, op ForgetContact) {
	user := u.subject[i].user
	user.Attributes = Attributes{AttrUserName: {contactName(user.PublicID)}}
	user.Document, user.Enabled, user.DeletedAt, user.DeactivatedAt = nil, false, u.now, u.now
	user.Department, user.Contract, user.Manager = 0, 0, 0
	u.touch(user)
	u.writeEmails(user, false)
	u.endPassword(user)
	u.w.Erased = append(u.w.Erased, Erased{User: user})
	u.change(i, ActionDelete, op.Reason, user.Version, Payload{})
}

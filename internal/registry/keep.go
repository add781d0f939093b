package registry

import (
	"context"
	"strconv"
)

// What belonged to somebody erased, or merged into somebody else, is kept from
// others as keyed hashes: of an object at its origin, of a userName, of an
// address.

// KeptKey is a hash with whom it is kept for.
type KeptKey struct {
	Hash []byte
	// User is the person, or who took their place.
	User UserID
	// Erased is true where nothing but the hash is left of them.
	Erased bool
}

// KeptKeys are hashes to be kept for a person, or to be kept no longer.
type KeptKeys struct {
	User   *User
	Hashes [][]byte
}

// Erased is a person of whom nothing personal is to be left.
type Erased struct {
	User *User
	// Words are what names the person in texts that others wrote down: requests,
	// reports, deeds. None for a contact, of whom nobody wrote.
	Words []string
}

// The kinds of kept values.
func anchorKey(o OriginID, anchor string) string {
	return "anchor " + strconv.FormatInt(int64(o), 10) + " " + anchor
}
func nameKey(name string) string       { return "name " + Key(name) }
func addressKey(address string) string { return "address " + Key(address) }

// hashes are keyed hashes of values, nil where nothing hashes.
func (u *unit) hashes(values []string) [][]byte {
	if u.r.Blind == nil {
		return nil
	}
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = u.r.Blind(strconv.FormatInt(int64(u.b.Company), 10) + " " + v)
	}
	return out
}

// nameHashes are those of userNames.
func (u *unit) nameHashes(names []string) [][]byte {
	keys := make([]string, len(names))
	for i, n := range names {
		keys[i] = nameKey(n)
	}
	return u.hashes(keys)
}

// loadKept finds which of the names and objects that the batch brings are kept from
// others. Few companies keep any, and theirs alone are hashed.
func (u *unit) loadKept(ctx context.Context, tx Tx, _ *wants) error {
	if u.r.Blind == nil && u.r.ChosenName == nil {
		return nil
	}
	var values []string
	for i, op := range u.b.Ops {
		if u.results[i].Refused == nil {
			values = append(values, u.brings(op)...)
		}
	}
	if len(values) == 0 {
		return nil
	}
	kept, chosen, err := tx.HasKeptKeys(ctx)
	if err == nil && chosen && u.r.ChosenName != nil {
		err = u.loadChosen(ctx, tx)
	}
	if err != nil || !kept || u.r.Blind == nil {
		return err
	}
	hashes := u.hashes(values)
	found, err := tx.KeptKeys(ctx, hashes)
	if err != nil || len(found) == 0 {
		return err
	}
	byHash := make(map[string]KeptKey, len(found))
	for _, k := range found {
		byHash[string(k.Hash)] = k
	}
	u.kept = map[string]KeptKey{}
	for i, v := range values {
		if k, ok := byHash[string(hashes[i])]; ok {
			u.kept[v] = k
		}
	}
	return nil
}

// loadChosen finds which of the names that the batch brings somebody chose at
// registration.
func (u *unit) loadChosen(ctx context.Context, tx Tx) error {
	keys := map[string]string{}
	var hashes [][]byte
	for i, op := range u.b.Ops {
		name := userNameOf(op)
		if name == "" || u.results[i].Refused != nil {
			continue
		}
		hash := u.r.ChosenName(name)
		keys[string(hash)], hashes = Key(name), append(hashes, hash)
	}
	found, err := tx.ChosenNames(ctx, hashes)
	if err != nil || len(found) == 0 {
		return err
	}
	u.chosen = map[string]UserID{}
	for _, k := range found {
		u.chosen[keys[string(k.Hash)]] = k.User
	}
	return nil
}

// mayChoose keeps a name that somebody chose at registration from everybody else,
// also when they are gone.
func (u *unit) mayChoose(user *User, op Op) *Error {
	key := Key(userNameOf(op))
	holder, chosen := u.chosen[key]
	if !chosen || user != nil && (holder == user.ID || user.DeletedAt.IsZero() && Key(user.UserName()) == key) {
		return nil
	}
	if put, ok := op.(PutUser); ok && user != nil && u.links[put.Anchor] != nil && user.Owner != u.b.Origin.ID {
		return nil // it asserts, and gives no name
	}
	err := Refuse(CodeUserNameTaken, "the userName %q was chosen by somebody who registered, and is never given to anybody else; give this person another", userNameOf(op))
	err.User = holder
	return err
}

// brings are the names, objects and addresses that an operation brings.
func (u *unit) brings(op Op) []string {
	switch op := op.(type) {
	case PutUser:
		out := []string{nameKey(op.Attributes.First(AttrUserName))}
		if u.links[op.Anchor] == nil && op.Join == 0 {
			out = append(out, anchorKey(u.b.Origin.ID, op.Anchor))
			for _, a := range op.Attributes[AttrEmails] {
				out = append(out, addressKey(a))
			}
		}
		return out
	case CreateUser:
		return []string{nameKey(op.Attributes.First(AttrUserName))}
	case Enrol:
		return []string{nameKey(op.Attributes.First(AttrUserName))}
	}
	return nil
}

// mayTake keeps the erased away, and names from all but whom they are kept for. By
// hand, and by registering, an erased person may come back: that is no accident.
func (u *unit) mayTake(user *User, op Op) *Error {
	if len(u.kept) == 0 {
		return u.mayChoose(user, op)
	}
	put, isPut := op.(PutUser)
	if isPut && user != nil && u.links[put.Anchor] != nil && user.Owner != u.b.Origin.ID {
		return nil // it asserts, and gives no name
	}
	for _, v := range u.brings(op) {
		k, ok := u.kept[v]
		switch {
		case !ok || user != nil && k.User == user.ID:
		case k.Erased && isPut && user == nil:
			return &Error{Code: CodeErased, Message: Say("this person was erased here, and is not made anew until an admin allows it"), User: k.User}
		case !k.Erased && v == nameKey(userNameOf(op)):
			err := Refuse(CodeUserNameTaken, "the userName %q was somebody's who was merged into another person, and is kept for them", userNameOf(op))
			err.User = k.User
			return err
		}
	}
	return u.mayChoose(user, op)
}

// userNameOf is the userName that an operation gives.
func userNameOf(op Op) string {
	switch op := op.(type) {
	case PutUser:
		return op.Attributes.First(AttrUserName)
	case CreateUser:
		return op.Attributes.First(AttrUserName)
	case Enrol:
		return op.Attributes.First(AttrUserName)
	}
	return ""
}

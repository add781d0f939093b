package registry

// intent is a wish of one operation to hold a name.
type intent struct {
	op   int
	user UserID // 0 for a person who does not exist yet
	key  string
}

// settleNames decides, before anything else, which operations of the batch get
// the userName they ask for. Names are settled together because they may change
// hands: of two people who swap, each asks for what the other still holds. An
// operation loses when, after every change of the batch, somebody else would
// hold the name; of two that ask for one name, the earlier wins.
func (u *unit) settleNames() {
	intents, moving := u.nameIntents()
	u.lost = map[int]NameHolder{}
	for changed := true; changed; {
		changed = false
		asked := map[string]int{}
		for _, in := range intents {
			if _, lost := u.lost[in.op]; lost {
				continue
			}
			holder, held := u.names[in.key]
			if held && holder.User != in.user && !moving[holder.User] {
				u.lose(in, holder, moving)
				changed = true
				continue
			}
			if _, taken := asked[in.key]; taken {
				u.lose(in, NameHolder{Key: in.key}, moving)
				changed = true
				continue
			}
			asked[in.key] = in.op
		}
	}
	u.parkSwapped(intents, moving)
}

// lose refuses an intent; its user stays where it was, which may refuse others.
func (u *unit) lose(in intent, holder NameHolder, moving map[UserID]bool) {
	u.lost[in.op] = holder
	delete(moving, in.user)
}

// nameIntents lists who asks for a name, and which users leave theirs.
func (u *unit) nameIntents() ([]intent, map[UserID]bool) {
	var intents []intent
	moving := map[UserID]bool{}
	for i, op := range u.b.Ops {
		in := intent{op: i}
		switch op := op.(type) {
		case CreateUser:
			in.key = Key(op.Attributes.First(AttrUserName))
		case PutUser:
			in.key = Key(op.Attributes.First(AttrUserName))
			if user := u.target(op); user != nil {
				if user.Owner != u.b.Origin.ID && op.Join == 0 {
					continue // a link that does not own asserts, it does not rename
				}
				in.user = user.ID
				if user.DeletedAt.IsZero() && Key(user.UserName()) != in.key {
					moving[user.ID] = true
				}
			}
		}
		if in.key != "" {
			intents = append(intents, in)
		}
	}
	return intents, moving
}

// target is the existing user an assertion is about, or nil.
func (u *unit) target(op PutUser) *User {
	if l := u.links[op.Anchor]; l != nil {
		return u.users[l.User]
	}
	if op.Join != 0 {
		return u.users[op.Join]
	}
	return nil
}

// parkSwapped marks the users whose present name goes to another user of the
// same batch.
func (u *unit) parkSwapped(intents []intent, moving map[UserID]bool) {
	for _, in := range intents {
		if _, lost := u.lost[in.op]; lost {
			continue
		}
		if h, held := u.names[in.key]; held && h.User != in.user && moving[h.User] {
			u.w.ParkNames = append(u.w.ParkNames, u.users[h.User])
		}
	}
}

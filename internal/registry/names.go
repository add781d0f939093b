package registry

// intent is a wish of one operation to hold a name.
type intent struct {
	op   int
	user UserID // 0 for a person who does not exist yet
	key  string
}

// settleNames decides, before anything is changed, which operations of the
// batch get the userName they ask for. Names are settled together because they
// may change hands: of two people who swap, each asks for what the other still
// holds. An operation loses when, after every change of the batch, somebody
// else would hold the name; of two that ask for one name, the earlier wins.
func (u *unit) settleNames() {
	intents, leaving := u.nameIntents()
	for changed := true; changed; {
		changed = false
		asked := map[string]bool{}
		for _, in := range intents {
			if u.results[in.op].Refused != nil {
				continue
			}
			holder, held := u.names[in.key]
			switch {
			case held && holder.User != in.user && (!leaving[holder.User] || !u.passes(holder)):
				u.lose(in, &holder)
			case asked[in.key]:
				u.lose(in, nil)
			default:
				asked[in.key] = true
				continue
			}
			// Whoever loses stays where it was, which may refuse others.
			delete(leaving, in.user)
			changed = true
		}
	}
	u.parkNames(intents)
}

// passes tells whether a name that its holder leaves may be somebody else's at once. A
// directory knows who is called what; a file may have two rows mixed up, and whoever
// signs in with a name would be somebody else's guest.
func (u *unit) passes(holder NameHolder) bool {
	return u.b.Origin.Kind.Directory() || holder.Credential != CredentialSet && holder.Credential != CredentialSSO
}

// nameIntents lists who asks for a name, and which users leave theirs.
func (u *unit) nameIntents() ([]intent, map[UserID]bool) {
	var intents []intent
	leaving := map[UserID]bool{}
	for i, op := range u.b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		user := u.subject[i].user
		switch op := op.(type) {
		case CreateUser:
			intents = append(intents, intent{op: i, key: Key(op.Attributes.First(AttrUserName))})
		case Enrol:
			in := intent{op: i, user: user.ID, key: Key(op.Attributes.First(AttrUserName))}
			leaving[user.ID] = Key(user.UserName()) != in.key
			intents = append(intents, in)
		case PutUser:
			in := intent{op: i, key: Key(op.Attributes.First(AttrUserName))}
			if user != nil {
				if u.links[op.Anchor] != nil && user.Owner != u.b.Origin.ID {
					continue // a link that does not own asserts, it does not rename
				}
				in.user = user.ID
				if user.DeletedAt.IsZero() && Key(user.UserName()) != in.key {
					leaving[user.ID] = true
				}
			}
			intents = append(intents, in)
		case DeleteUser:
			leaving[user.ID] = user.DeletedAt.IsZero()
		}
	}
	return intents, leaving
}

// lose refuses an operation whose name holder has, or, without one, another
// operation of the batch gets.
func (u *unit) lose(in intent, holder *NameHolder) {
	res := &u.results[in.op]
	if holder == nil {
		res.Refused = Refuse(CodeUserNameTaken, "the userName %q is asked for by more than one person", res.Name)
		return
	}
	var why Format = "the userName %q belongs to a person of another origin; rename or join them by hand"
	switch {
	case holder.Owner == u.b.Origin.ID:
		why = "the userName %q still belongs to another person of the same origin"
	case holder.Credential == CredentialSet || holder.Credential == CredentialSSO:
		why = "the userName %q belongs to a person who signs in on their own; rename or join them by hand"
	}
	res.Refused = Refuse(CodeUserNameTaken, why, res.Name)
	res.Refused.User = holder.User
}

// parkNames marks the users whose present name goes to another user of the
// same batch: it has to be out of the way before the other one is written.
func (u *unit) parkNames(intents []intent) {
	for _, in := range intents {
		if u.results[in.op].Refused != nil {
			continue
		}
		if h, held := u.names[in.key]; held && h.User != in.user {
			u.w.ParkNames = append(u.w.ParkNames, u.users[h.User])
		}
	}
}

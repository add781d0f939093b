package registry

// linkUser ties a person to an object by an admin's word. The link holds no
// values yet: the next look at the object brings them.
func (u *unit) linkUser(i int, op LinkUser, res *Result) {
	user := u.subject[i].user
	if u.links[op.Anchor] != nil {
		return // tied already
	}
	before := *user
	if op.EndPassword || user.Association == Weak {
		u.endPassword(user)
	}
	user.Association, user.Owner = Strong, u.b.Origin.ID
	if l := u.held[user.ID]; l != nil {
		l.Anchor, l.Name, l.Marker, l.Fingerprint, l.SeenRun = op.Anchor, op.Name, "", Fingerprint{}, u.b.Run
		l.MissingSince, l.RecheckAt = timeZero, timeZero
		u.w.ChangedLinks = append(u.w.ChangedLinks, l)
	} else {
		u.w.NewLinks = append(u.w.NewLinks, NewLink{User: user, Link: &Link{
			Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor, Name: op.Name, Enabled: user.Enabled, SeenRun: u.b.Run,
		}})
	}
	u.store(i, &before, user, ActionJoin, "by_hand", res, SetupNone)
}

// setProtected protects a person, or lifts that.
func (u *unit) setProtected(i int, op SetProtected, res *Result) {
	user := u.subject[i].user
	if user.Protected == op.On {
		return
	}
	before := *user
	user.Protected = op.On
	action := ActionUnprotect
	if op.On {
		action = ActionProtect
	}
	u.store(i, &before, user, action, "", res, SetupNone)
}

// setManager enters whom the origin names as somebody's manager.
func (u *unit) setManager(i int, op SetManager, res *Result) {
	user := u.subject[i].user
	before := *user
	user.Manager = op.Manager
	u.store(i, &before, user, "", "", res, SetupNone)
}

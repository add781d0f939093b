package registry

// wants are the records a batch needs to see before it can be decided.
type wants struct {
	// anchors are those of people, groupAnchors those of groups.
	anchors, groupAnchors []string

	users  map[UserID]bool
	groups map[GroupID]bool
	names  map[string]bool
	// byHand are the people whom an admin ties to the origin.
	byHand []UserID
	// admins is true when rights are set.
	admins bool
}

// gather lists what the operations name.
func (u *unit) gather() *wants {
	n := &wants{users: map[UserID]bool{}, groups: map[GroupID]bool{}, names: map[string]bool{}}
	for i, op := range u.b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		if a, group, ok := anchorOf(op); ok && group {
			n.groupAnchors = append(n.groupAnchors, a)
		} else if ok {
			n.anchors = append(n.anchors, a)
		}
		n.name(op)
	}
	return n
}

// name adds what one operation names beside its anchor.
func (n *wants) name(op Op) {
	switch op := op.(type) {
	case PutUser:
		n.put(op)
	case CreateUser:
		n.names[Key(op.Attributes.First(AttrUserName))] = true
	case Enrol:
		n.names[Key(op.Attributes.First(AttrUserName))] = true
		n.users[op.User] = true
	case SetDefault:
		n.groups[op.Group] = true
	case PutGroup:
		if op.WasAnchor != "" {
			n.groupAnchors = append(n.groupAnchors, op.WasAnchor)
		}
	case PatchMembers:
		n.groups[op.Group] = true
	case SetBlocks:
		n.users[op.User] = true
	case MailSetup:
		n.users[op.User] = true
	case SetProtected:
		n.users[op.User] = true
	case SetManager:
		n.users[op.User], n.users[op.Manager] = true, true
	case ForgetContact:
		n.users[op.User] = true
	case LinkUser:
		n.users[op.User], n.byHand = true, append(n.byHand, op.User)
	case TieUser:
		n.users[op.User], n.byHand = true, append(n.byHand, op.User)
	case SetRights:
		n.users[op.User], n.admins = true, true
	case RemoveUser:
		n.users[op.User] = true
	case LiftErasure:
		n.users[op.User] = true
	}
}

func (n *wants) put(op PutUser) {
	n.names[Key(op.Attributes.First(AttrUserName))] = true
	if op.WasAnchor != "" {
		n.anchors = append(n.anchors, op.WasAnchor)
	}
	if op.Join != 0 {
		n.users[op.Join] = true
	}
	if op.LinkOnly {
		n.byHand = append(n.byHand, op.Join)
	}
}

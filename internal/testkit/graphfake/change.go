package graphfake

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// change makes the next version with what f records in it, or nothing when f
// fails.
func (t *Tenant) change(f func(version int64) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := f(t.version + 1); err != nil {
		return err
	}
	t.version++
	return nil
}

func (t *Tenant) putUser(slot int, version int64, s state, u *User) {
	if old, _ := t.users.at(slot, version); old != nil && t.names[strings.ToLower(old.UserPrincipalName)] == slot {
		delete(t.names, strings.ToLower(old.UserPrincipalName))
	}
	if s == present {
		t.names[strings.ToLower(u.UserPrincipalName)] = slot
	}
	t.users.set(slot, revision[User]{version, s, u})
	t.log = append(t.log, moved{version, ref{kindUser, slot}})
}

func (t *Tenant) putGroup(slot int, version int64, s state, g *Group) {
	t.groups.set(slot, revision[Group]{version, s, g})
	t.log = append(t.log, moved{version, ref{kindGroup, slot}})
}

func (t *Tenant) putMember(group int, version int64, m ref, in bool) {
	t.edits[group] = append(t.edits[group], edit{version, m, in})
	t.log = append(t.log, moved{version, ref{kindGroup, group}})
}

// newID makes an id for an object that brings none.
func (t *Tenant) newID(given string) string {
	if given != "" {
		return strings.ToLower(given)
	}
	t.made++
	return t.pop.id(kindCreated, int(t.made)) //nolint:gosec // counts objects
}

// userIn finds a user in a state.
func (t *Tenant) userIn(id string, want state) (int, *User, error) {
	if slot, ok := t.slot(kindUser, id); ok {
		if u, s := t.users.at(slot, t.version); s == want {
			return slot, u.clone(), nil
		}
	}
	return 0, nil, fmt.Errorf("find user %s: %w", id, ErrNotFound)
}

// groupIn finds a group in a state.
func (t *Tenant) groupIn(id string, want state) (int, *Group, error) {
	if slot, ok := t.slot(kindGroup, id); ok {
		if g, s := t.groups.at(slot, t.version); s == want {
			return slot, g.clone(), nil
		}
	}
	return 0, nil, fmt.Errorf("find group %s: %w", id, ErrNotFound)
}

// CreateUser adds a user and returns its object id. ErrConflict says that the id
// was used before or the user principal name is taken.
func (t *Tenant) CreateUser(u User) (string, error) {
	var id string
	err := t.change(func(version int64) error {
		id = t.newID(u.ID)
		if _, used := t.slot(kindUser, id); used {
			return fmt.Errorf("create user %s: %w", id, ErrConflict)
		}
		if _, taken := t.userByName(u.UserPrincipalName); taken {
			return fmt.Errorf("create user %s: %w", u.UserPrincipalName, ErrConflict)
		}
		made := u.clone()
		made.ID = id
		if made.CreatedDateTime.IsZero() {
			made.CreatedDateTime = t.now()
		}
		slot := t.users.add(id, revision[User]{version, present, made})
		t.names[strings.ToLower(made.UserPrincipalName)] = slot
		t.log = append(t.log, moved{version, ref{kindUser, slot}})
		return nil
	})
	return id, err
}

// UpdateUser changes a user's properties. ErrConflict says that the new user
// principal name is taken.
func (t *Tenant) UpdateUser(id string, f func(*User)) error {
	return t.change(func(version int64) error {
		slot, u, err := t.userIn(id, present)
		if err != nil {
			return err
		}
		keep := u.ID
		f(u)
		u.ID = keep
		if other, taken := t.userByName(u.UserPrincipalName); taken && other != slot {
			return fmt.Errorf("update user %s: %w", u.UserPrincipalName, ErrConflict)
		}
		t.putUser(slot, version, present, u)
		return nil
	})
}

// SetManager gives a user a manager, or takes it away with "".
func (t *Tenant) SetManager(user, manager string) error {
	if manager != "" {
		u, ok := t.User(manager)
		if !ok {
			return fmt.Errorf("set manager %s: %w", manager, ErrNotFound)
		}
		manager = u.ID
	}
	return t.UpdateUser(user, func(u *User) { u.Manager = manager })
}

// AssignLicense gives a user a licence by its SKU, once.
func (t *Tenant) AssignLicense(user, sku string) error {
	return t.UpdateUser(user, func(u *User) {
		has := func(l License) bool { return l.SkuID == sku }
		if !slices.ContainsFunc(u.AssignedLicenses, has) {
			u.AssignedLicenses = append(u.AssignedLicenses, License{SkuID: sku})
		}
	})
}

// DeleteUser puts a user into the deleted items: away from the groups and from
// those it managed until it is restored.
func (t *Tenant) DeleteUser(id string) error {
	return t.change(func(version int64) error {
		slot, u, err := t.userIn(id, present)
		if err != nil {
			return err
		}
		t.untie(ref{kindUser, slot}, version)
		u.deleted = t.now()
		t.putUser(slot, version, deleted, u)
		return nil
	})
}

// RestoreUser brings a user back from the deleted items, with its memberships.
func (t *Tenant) RestoreUser(id string) error {
	return t.change(func(version int64) error {
		slot, u, err := t.userIn(id, deleted)
		if err != nil {
			return err
		}
		if _, taken := t.userByName(u.UserPrincipalName); taken {
			return fmt.Errorf("restore user %s: %w", u.UserPrincipalName, ErrConflict)
		}
		u.deleted = time.Time{}
		t.putUser(slot, version, present, u)
		t.retie(ref{kindUser, slot}, version)
		return nil
	})
}

// PurgeUser deletes a user for good, from the deleted items or at once.
func (t *Tenant) PurgeUser(id string) error {
	return t.change(func(version int64) error {
		slot, u, err := t.userIn(id, deleted)
		if err != nil {
			if slot, u, err = t.userIn(id, present); err != nil {
				return err
			}
			t.untie(ref{kindUser, slot}, version)
		}
		delete(t.left, ref{kindUser, slot})
		t.putUser(slot, version, gone, u)
		return nil
	})
}

// CreateGroup adds a group with its members, users or groups, and returns its
// object id.
func (t *Tenant) CreateGroup(g Group, members ...string) (string, error) {
	var id string
	err := t.change(func(version int64) error {
		id = t.newID(g.ID)
		if _, used := t.slot(kindGroup, id); used {
			return fmt.Errorf("create group %s: %w", id, ErrConflict)
		}
		refs := make([]ref, 0, len(members))
		for _, m := range members {
			r, err := t.find(m)
			if err != nil {
				return fmt.Errorf("create group %s: %w", g.DisplayName, err)
			}
			refs = append(refs, r)
		}
		made := g.clone()
		made.ID = id
		if made.CreatedDateTime.IsZero() {
			made.CreatedDateTime = t.now()
		}
		slot := t.groups.add(id, revision[Group]{version, present, made})
		t.log = append(t.log, moved{version, ref{kindGroup, slot}})
		for _, r := range refs {
			t.putMember(slot, version, r, true)
		}
		return nil
	})
	return id, err
}

// UpdateGroup changes a group's properties.
func (t *Tenant) UpdateGroup(id string, f func(*Group)) error {
	return t.change(func(version int64) error {
		slot, g, err := t.groupIn(id, present)
		if err != nil {
			return err
		}
		keep := g.ID
		f(g)
		g.ID = keep
		t.putGroup(slot, version, present, g)
		return nil
	})
}

// DeleteGroup deletes a group: a Microsoft 365 group into the deleted items, any
// other for good (api/directory-deleteditems-list.md).
func (t *Tenant) DeleteGroup(id string) error {
	return t.change(func(version int64) error {
		slot, g, err := t.groupIn(id, present)
		if err != nil {
			return err
		}
		t.untie(ref{kindGroup, slot}, version)
		to := gone
		if slices.Contains(g.GroupTypes, "Unified") {
			to, g.deleted = deleted, t.now()
		}
		t.putGroup(slot, version, to, g)
		return nil
	})
}

// RestoreGroup brings a group back from the deleted items.
func (t *Tenant) RestoreGroup(id string) error {
	return t.change(func(version int64) error {
		slot, g, err := t.groupIn(id, deleted)
		if err != nil {
			return err
		}
		g.deleted = time.Time{}
		t.putGroup(slot, version, present, g)
		t.retie(ref{kindGroup, slot}, version)
		return nil
	})
}

// AddMember makes a user or a group a direct member of the group. ErrConflict
// says that it is one.
func (t *Tenant) AddMember(group, member string) error { return t.setMember(group, member, true) }

// RemoveMember ends a direct membership. ErrNotFound says that there is none.
func (t *Tenant) RemoveMember(group, member string) error { return t.setMember(group, member, false) }

func (t *Tenant) setMember(group, member string, in bool) error {
	return t.change(func(version int64) error {
		slot, _, err := t.groupIn(group, present)
		if err != nil {
			return err
		}
		m, err := t.find(member)
		switch {
		case err != nil:
			return err
		case t.state(m) != present:
			return fmt.Errorf("find member %s: %w", member, ErrNotFound)
		case t.has(slot, m) && in:
			return fmt.Errorf("add member %s: %w", member, ErrConflict)
		case !t.has(slot, m) && !in:
			return fmt.Errorf("remove member %s: %w", member, ErrNotFound)
		}
		t.putMember(slot, version, m, in)
		return nil
	})
}

// untie takes an object that is deleted out of its groups, and away from those
// it is the manager of, and remembers them.
func (t *Tenant) untie(r ref, version int64) {
	kept := ties{groups: t.groupsOf(r)}
	if r.kind == kindUser {
		kept.reports = t.reportsOf(r.slot)
	}
	for _, g := range kept.groups {
		t.putMember(g, version, r, false)
	}
	for _, slot := range kept.reports {
		u, s := t.users.at(slot, t.version)
		u = u.clone()
		u.Manager = ""
		t.putUser(slot, version, s, u)
	}
	t.left[r] = kept
}

// retie undoes untie as far as the others are still there.
func (t *Tenant) retie(r ref, version int64) {
	for _, g := range t.left[r].groups {
		if t.state(ref{kindGroup, g}) != gone && !t.has(g, r) {
			t.putMember(g, version, r, true)
		}
	}
	id := t.idOf(r)
	for _, slot := range t.left[r].reports {
		if u, s := t.users.at(slot, t.version); s != gone && u.Manager == "" {
			u = u.clone()
			u.Manager = id
			t.putUser(slot, version, s, u)
		}
	}
	delete(t.left, r)
}

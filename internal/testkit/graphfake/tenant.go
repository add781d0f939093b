package graphfake

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// The errors of changing a tenant.
var (
	// ErrNotFound says that there is no such object, or not in that state.
	ErrNotFound = errors.New("no such object")
	// ErrConflict says that the name is taken, or the member there already.
	ErrConflict = errors.New("conflicting object")
)

// ref points at a user or a group.
type ref struct {
	kind kind
	slot int
}

// edit is one change of a membership.
type edit struct {
	version int64
	member  ref
	in      bool
}

// moved is one line of the tenant's log: what changed at a version.
type moved struct {
	version int64
	what    ref
}

// Tenant is a directory in memory with its whole past. Its methods may be called
// at the same time.
type Tenant struct {
	pop Population
	now func() time.Time

	mu      sync.RWMutex
	version int64
	made    uint64 // ids made so far
	users   history[User]
	groups  history[Group]
	names   map[string]int // user principal names in lower case, of users that changed
	edits   map[int][]edit // by group, oldest first
	log     []moved        // oldest first
	// left is what a deleted object was tied to, for its return: the groups it
	// was in, and the slots of those it was the manager of.
	left map[ref]ties
}

type ties struct{ groups, reports []int }

// NewTenant makes a tenant with the population. now stamps what is created and
// deleted; nil means the time of the generated objects.
func NewTenant(p Population, now func() time.Time) *Tenant {
	p = p.withDefaults()
	if now == nil {
		now = epoch
	}
	return &Tenant{
		pop: p, now: now,
		users:  newHistory(p.People, p.user),
		groups: newHistory(p.Groups, p.group),
		names:  map[string]int{}, edits: map[int][]edit{}, left: map[ref]ties{},
	}
}

// ID is the tenant's id.
func (t *Tenant) ID() string { return t.pop.TenantID }

// Domain is the tenant's verified domain.
func (t *Tenant) Domain() string { return t.pop.Domain }

// UserID is the object id of the n-th generated person, counted from 0.
func (t *Tenant) UserID(n int) string { return t.pop.id(kindUser, n) }

// GroupID is the object id of the n-th generated group, counted from 0.
func (t *Tenant) GroupID(n int) string { return t.pop.id(kindGroup, n) }

// Version is how many changes there were.
func (t *Tenant) Version() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.version
}

// User returns the user with the id, if it is not deleted.
func (t *Tenant) User(id string) (User, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if slot, ok := t.slot(kindUser, id); ok {
		if u, s := t.users.at(slot, t.version); s == present {
			return *u.clone(), true
		}
	}
	return User{}, false
}

// Group returns the group with the id, if it is not deleted.
func (t *Tenant) Group(id string) (Group, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if slot, ok := t.slot(kindGroup, id); ok {
		if g, s := t.groups.at(slot, t.version); s == present {
			return *g.clone(), true
		}
	}
	return Group{}, false
}

// Users yields the users that are not deleted, as they are when it begins.
func (t *Tenant) Users() iter.Seq[User] { return all(t, &t.users, User.clone) }

// Groups yields the groups that are not deleted, as they are when it begins.
func (t *Tenant) Groups() iter.Seq[Group] { return all(t, &t.groups, Group.clone) }

func all[T any](t *Tenant, h *history[T], clone func(T) *T) iter.Seq[T] {
	return func(yield func(T) bool) {
		version := t.Version()
		for slot := 0; ; slot++ {
			t.mu.RLock()
			v, s := h.at(slot, version)
			end := slot >= h.length()
			t.mu.RUnlock()
			if end || s == present && !yield(*clone(*v)) {
				return
			}
		}
	}
}

// Members returns the ids of a group's direct members, nil when there is no such
// group.
func (t *Tenant) Members(group string) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	slot, ok := t.slot(kindGroup, group)
	if !ok {
		return nil
	}
	members := t.members(slot, t.version)
	ids := make([]string, 0, len(members))
	for _, m := range members {
		ids = append(ids, t.idOf(m))
	}
	return ids
}

// slot finds an object that was ever there by its id.
func (t *Tenant) slot(k kind, id string) (int, bool) {
	id = strings.ToLower(id)
	created, count := t.users.slots, t.users.count
	if k == kindGroup {
		created, count = t.groups.slots, t.groups.count
	}
	if slot, ok := created[id]; ok {
		return slot, true
	}
	return t.pop.number(k, id, count)
}

// find is slot for an id of either kind.
func (t *Tenant) find(id string) (ref, error) {
	for _, k := range []kind{kindUser, kindGroup} {
		if slot, ok := t.slot(k, id); ok {
			return ref{k, slot}, nil
		}
	}
	return ref{}, fmt.Errorf("find %s: %w", id, ErrNotFound)
}

// state is where an object is in its life now.
func (t *Tenant) state(r ref) state {
	if r.kind == kindGroup {
		_, s := t.groups.at(r.slot, t.version)
		return s
	}
	_, s := t.users.at(r.slot, t.version)
	return s
}

func (t *Tenant) idOf(r ref) string {
	count := t.users.count
	if r.kind == kindGroup {
		count = t.groups.count
	}
	if r.slot < count {
		return t.pop.id(r.kind, r.slot)
	}
	if r.kind == kindGroup {
		g, _ := t.groups.at(r.slot, t.version)
		return g.ID
	}
	u, _ := t.users.at(r.slot, t.version)
	return u.ID
}

// userByName finds the slot of a user that is there and has the user principal
// name.
func (t *Tenant) userByName(upn string) (int, bool) {
	upn = strings.ToLower(upn)
	if slot, ok := t.names[upn]; ok {
		return slot, true
	}
	var n int
	if _, err := fmt.Sscanf(upn, "u%07d", &n); err != nil || n < 0 || n >= t.users.count || t.users.revs[n] != nil {
		return 0, false
	}
	return n, strings.EqualFold(t.pop.user(n).UserPrincipalName, upn)
}

// members are a group's direct members at a version.
func (t *Tenant) members(group int, version int64) []ref {
	var all []ref
	if group < t.groups.count {
		all = t.pop.members(group)
	}
	edits := t.edits[group]
	if len(edits) == 0 || edits[0].version > version {
		return all
	}
	last := map[ref]bool{}
	var order []ref // of those edited
	for _, e := range edits {
		if e.version > version {
			break
		}
		if _, seen := last[e.member]; !seen {
			order = append(order, e.member)
		}
		last[e.member] = e.in
	}
	all = slices.DeleteFunc(all, func(m ref) bool { _, edited := last[m]; return edited })
	for _, m := range order {
		if last[m] {
			all = append(all, m)
		}
	}
	return all
}

// has reports whether the group has the direct member now.
func (t *Tenant) has(group int, m ref) bool {
	for _, e := range slices.Backward(t.edits[group]) {
		if e.member == m {
			return e.in
		}
	}
	return group < t.groups.count && t.pop.has(group, m)
}

// groupsOf are the groups that have the direct member now, those in the deleted
// items among them.
func (t *Tenant) groupsOf(m ref) []int {
	var in []int
	for g := range t.groups.length() {
		if t.has(g, m) && t.state(ref{kindGroup, g}) != gone {
			in = append(in, g)
		}
	}
	return in
}

// reportsOf are the slots of those whose manager is the user now, those in the
// deleted items among them.
func (t *Tenant) reportsOf(manager int) []int {
	id := t.idOf(ref{kindUser, manager})
	var slots []int
	look := func(slot int) {
		if u, s := t.users.at(slot, t.version); s != gone && s != absent && u.Manager == id {
			slots = append(slots, slot)
		}
	}
	for slot := range t.users.revs {
		look(slot)
	}
	for slot := 10*manager + 1; slot <= 10*manager+10 && slot < t.users.count; slot++ {
		if _, changed := t.users.revs[slot]; !changed {
			look(slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// changed are the slots of a kind that something happened to after from and up
// to to, in the order of their first change.
func (t *Tenant) changed(k kind, from, to int64) []int {
	begin := sort.Search(len(t.log), func(i int) bool { return t.log[i].version > from })
	seen := map[int]bool{}
	slots := []int{}
	for _, m := range t.log[begin:] {
		if m.version > to {
			break
		}
		if m.what.kind == k && !seen[m.what.slot] {
			seen[m.what.slot] = true
			slots = append(slots, m.what.slot)
		}
	}
	return slots
}

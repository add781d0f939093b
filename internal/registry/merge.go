package registry

import "time"

// MergeUsers has one person, the survivor, take the place of another, the loser,
// who are the same human being. The batch's origin is the door of whoever says
// so, and the batch holds nothing else.
//
// Ties, memberships and proven addresses move; values fill what the survivor
// lacks. Where only the loser belongs to a directory, or only the loser has an
// account, the survivor takes that over: the owner, its values and its word on
// whether the account is open, and a password of the survivor's own ends, as with
// every join. Passwords, second factors and sign-ins elsewhere of the loser are
// destroyed, never moved. The loser stays as a deleted record whose names nobody
// else gets.
type MergeUsers struct {
	Survivor, Loser UserID
	// Evidence is why whoever merges takes the two for one, in their words.
	Evidence string
	// UndoFor is for how long the merge can be undone.
	UndoFor time.Duration
}

// UndoMerge separates two merged people: both are again what the merge found, but
// for what it destroyed. What somebody changed since is the loser's where a tie of
// theirs says it, and else stays with the survivor; Merge.Kept.Stayed names that.
type UndoMerge struct {
	Merge string // its public id
}

func (MergeUsers) op() {}
func (UndoMerge) op()  {}

// Merge is one person having taken another's place.
type Merge struct {
	ID       int64
	PublicID string

	Survivor, Loser UserID
	Actor           string
	Evidence        string
	At, UndoUntil   time.Time
	UndoneAt        time.Time // zero unless undone
	UndoneBy        string
	// Kept is what undoing needs, nil when undoing is over. Where it was undone, it
	// holds nothing but Stayed, nil for nothing.
	Kept *MergeKept
}

// MergeKept is what a merge changed, for undoing it. It is stored as JSON.
type MergeKept struct {
	// Before and After are what the survivor was and became.
	Before Standing `json:"before,omitzero"`
	After  Standing `json:"after,omitzero"`
	// Names are the userNames that were held for the survivor from then on.
	Names []string `json:"names,omitempty"`
	// SSO says that the loser signed in with an identity provider.
	SSO bool `json:"sso,omitempty"`
	// Links were the loser's and moved; Ended are the ties to identity providers,
	// which did not.
	Links []LinkID `json:"links,omitempty"`
	Ended []*Link  `json:"ended,omitempty"`
	// Members were the loser's memberships and moved; Doubled are those that the
	// survivor had too.
	Members []KeptMember `json:"members,omitempty"`
	Doubled []KeptMember `json:"doubled,omitempty"`
	// Reports are the people whose manager the loser was.
	Reports []UserID `json:"reports,omitempty"`
	// Stayed names what the merge gave the survivor and undoing it left there,
	// because somebody changed it since: attributes, owner, or sign_in for an id
	// that somebody signs in with again.
	Stayed []string `json:"stayed,omitempty"`
}

// KeptMember is a membership as its row stands.
type KeptMember struct {
	ID        int64    `json:"id"`
	Group     GroupID  `json:"group"`
	Origin    OriginID `json:"origin"`
	CreatedAt int64    `json:"created_at"` // microseconds since 1970
}

// Standing is what of a person a merge may change.
type Standing struct {
	Attributes  Attributes   `json:"attributes"`
	Association Association  `json:"association"`
	Kind        Kind         `json:"kind"`
	Owner       OriginID     `json:"owner"`
	Enabled     bool         `json:"enabled"`
	Blocks      Blocks       `json:"blocks,omitempty"`
	Department  DepartmentID `json:"department,omitempty"`
	Contract    ContractID   `json:"contract,omitempty"`
	Manager     UserID       `json:"manager,omitempty"`
	Document    []byte       `json:"document,omitempty"`
}

// Stayed names what undoing the merge left with the survivor.
func (m *Merge) Stayed() []string {
	if m.Kept == nil {
		return nil
	}
	return m.Kept.Stayed
}

// standing is what of a person a merge may change.
func standing(u *User) Standing {
	return Standing{
		Attributes: u.Attributes.Clone(), Association: u.Association, Kind: u.Kind, Owner: u.Owner, Enabled: u.Enabled, Blocks: u.Blocks,
		Department: u.Department, Contract: u.Contract, Manager: u.Manager, Document: u.Document,
	}
}

// put gives a person a standing.
func (s Standing) put(u *User) {
	u.Attributes, u.Association, u.Kind, u.Owner, u.Enabled, u.Blocks = s.Attributes.Clone(), s.Association, s.Kind, s.Owner, s.Enabled, s.Blocks
	u.Department, u.Contract, u.Manager, u.Document = s.Department, s.Contract, s.Manager, s.Document
}

// Holdings are what ties people to the rest of the registry.
type Holdings struct {
	Links   map[UserID][]*Link
	Members map[UserID][]KeptMember
	// Reports are those whose manager they are.
	Reports map[UserID][]UserID
	// Proven are their verified addresses, in comparison form.
	Proven map[UserID][]string
}

// merged is what two people become, by the rules of MergeUsers. It is pure.
func merged(survivor, loser *User, takesOver bool, proven []string) Standing {
	first, second := survivor, loser
	if takesOver {
		first, second = loser, survivor
	}
	out := standing(first)
	for name, values := range second.Attributes {
		if name != AttrEmails && name != AttrUserName && len(out.Attributes[name]) == 0 {
			out.Attributes.Set(name, values...)
		}
	}
	out.Attributes.Set(AttrEmails, joinAddresses(first, second, proven)...)
	// What an admin blocked stays blocked; that somebody waits for their account to
	// be activated is over for who has one.
	out.Blocks = first.Blocks | second.Blocks&^BlockActivation
	out.Department, out.Contract = or(first.Department, second.Department), or(first.Contract, second.Contract)
	if out.Manager = or(first.Manager, second.Manager); out.Manager == survivor.ID || out.Manager == loser.ID {
		out.Manager = 0
	}
	if first.Association == Weak || second.Association == Weak {
		out.Kind = first.Kind
	}
	return out
}

// joinAddresses are those of the first, and of the second the proven ones.
func joinAddresses(first, second *User, proven []string) []string {
	out, have := []string{}, map[string]bool{}
	for _, a := range first.Attributes[AttrEmails] {
		out, have[Key(a)] = append(out, a), true
	}
	for _, a := range second.Attributes[AttrEmails] {
		for _, p := range proven {
			if key := Key(a); key == p && !have[key] {
				out, have[key] = append(out, a), true
			}
		}
	}
	return out
}

// or is the first that is set.
func or[T comparable](first, second T) T {
	var none T
	if first != none {
		return first
	}
	return second
}

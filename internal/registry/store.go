package registry

import (
	"context"
	"time"
)

// Store is where the registry's records live. internal/store implements it over
// SQLite and PostgreSQL; registrytest runs one suite over both.
type Store interface {
	// Write runs fn in one write transaction of one company and commits what it
	// saved. A fence that no longer holds ends it with ErrFenced before fn is
	// called. fn may be called again from the start when the database asks for
	// a repetition; it must keep nothing from an earlier call.
	Write(ctx context.Context, company CompanyID, fence *Fence, fn func(Tx) error) error
	// Read runs fn in a transaction whose writes, if any, are discarded.
	Read(ctx context.Context, company CompanyID, fn func(Tx) error) error
}

// Tx is one transaction inside one company. Lists may be of any length; records
// that do not exist are left out of the answer.
type Tx interface {
	// Expect says what will be asked for first, so that it can be fetched at once.
	// Nothing is to be written before it was asked for.
	Expect(ctx context.Context, e Expected) error
	// UserLinks finds the origin's links of people to these anchors, GroupLinks
	// those of groups.
	UserLinks(ctx context.Context, origin OriginID, anchors []string) ([]*Link, error)
	GroupLinks(ctx context.Context, origin OriginID, anchors []string) ([]*Link, error)
	// LinksOfUsers finds the origin's links to these users.
	LinksOfUsers(ctx context.Context, origin OriginID, users []UserID) ([]*Link, error)
	// Admins are the company's admins whose accounts are open.
	Admins(ctx context.Context) (map[UserID]bool, error)
	// Origins are the doors of the company.
	Origins(ctx context.Context) (map[OriginID]Origin, error)
	// Users loads users, the deleted ones too, and holds them against other
	// writers until the transaction ends.
	Users(ctx context.Context, ids []UserID) ([]*User, error)
	// UsersByName finds the living users with these name keys.
	UsersByName(ctx context.Context, keys []string) ([]NameHolder, error)
	// AddressHolders finds the living people with one of these addresses, in
	// comparison form.
	AddressHolders(ctx context.Context, keys []string) ([]AddressHolder, error)
	// Groups loads groups, the deleted ones too, and holds them as Users does.
	Groups(ctx context.Context, ids []GroupID) ([]*Group, error)
	// GroupsContaining are the groups that these are members of, which Appeared moves
	// with them, unless nobody else writes meanwhile: who holds them with these, in one
	// call of Groups, waits for nobody who waits for them.
	GroupsContaining(ctx context.Context, ids []GroupID) ([]GroupID, error)
	// GroupsByName finds the living groups that the origin owns with these name keys,
	// and holds the names against others who look for them until the transaction ends.
	GroupsByName(ctx context.Context, origin OriginID, keys []string) ([]GroupNameHolder, error)
	// GroupForMembers loads a group, of which nothing but single members will change.
	// It holds all but the version, which Writes.Touched moves: others may change
	// members meanwhile.
	GroupForMembers(ctx context.Context, id GroupID) ([]*Group, error)
	// Resources loads resources, the deleted ones too, and holds them as Users
	// does.
	Resources(ctx context.Context, ids []ResourceID) ([]*Resource, error)
	// HeldValues tells which of the values living resources of the type have.
	HeldValues(ctx context.Context, kind string, values []UniqueValue) ([]HeldValue, error)
	// Departments finds departments by key and makes those that are lacking;
	// names maps each key to the name as typed.
	Departments(ctx context.Context, names map[string]string, now time.Time) (map[string]DepartmentID, error)
	// Contracts finds the company's live contracts by number key.
	Contracts(ctx context.Context, keys []string) (map[string]ContractID, error)
	// AddMembers adds memberships and tells which were new.
	AddMembers(ctx context.Context, ms []Membership, now time.Time) ([]Membership, error)
	// RemoveMembers removes memberships and tells which were there.
	RemoveMembers(ctx context.Context, ms []Membership) ([]Membership, error)
	// KeptMembers is how many of these other origins have in the group.
	KeptMembers(ctx context.Context, group GroupID, origin OriginID, users []UserID, groups []GroupID) (int, error)
	// MembersOf is everything the origin says about members of the group.
	MembersOf(ctx context.Context, group GroupID, origin OriginID) ([]Membership, error)
	// RemoveMembersOf removes everything the origin says about members of the
	// group and tells how many there were.
	RemoveMembersOf(ctx context.Context, group GroupID, origin OriginID) (int, error)
	// Holdings are what ties these people to the rest of the registry.
	Holdings(ctx context.Context, users []UserID) (Holdings, error)
	// Merge finds a merge by its public id, nil for none.
	Merge(ctx context.Context, publicID string) (*Merge, error)
	// MergedInto are the people whose place the user took, and those whose place
	// these had taken.
	MergedInto(ctx context.Context, user UserID) ([]UserID, error)
	// HasKeptKeys tells whether anything is kept from others in the company, and
	// whether anybody anywhere chose a name at registration.
	HasKeptKeys(ctx context.Context) (kept, chosen bool, err error)
	// KeptKeys tells which of these are, and for whom.
	KeptKeys(ctx context.Context, hashes [][]byte) ([]KeptKey, error)
	// SetupMailsLeft is how many set-up mails the company may send now, of so many a
	// day while nobody has vouched for it, else NoLimit. Writes.Mailed counts them.
	SetupMailsLeft(ctx context.Context, perDay int) (int, error)
	// ChosenNames tells which of these hashes are of names that somebody of the
	// company chose at registration, and who.
	ChosenNames(ctx context.Context, hashes [][]byte) ([]KeptKey, error)
	// Save writes rows in as few statements as the database allows. New records
	// get their keys filled in.
	Save(ctx context.Context, w *Writes) error
}

// Expected are arguments of UsersByName, UserLinks and GroupLinks, in this order,
// empty for a question that will not be asked. Kept stands for HasKeptKeys.
type Expected struct {
	Names                 []string
	Origin                OriginID
	Anchors, GroupAnchors []string
	Kept                  bool
}

// NameHolder says who holds a userName.
type NameHolder struct {
	Key        string
	User       UserID
	Owner      OriginID
	Credential Credential
	Enabled    bool
}

// Membership is one assertion that a user or a group is a member of a group.
type Membership struct {
	Group       GroupID
	User        UserID  // 0 when a group is the member
	MemberGroup GroupID // 0 when a user is the member
	Origin      OriginID
}

// Writes are the rows one transaction leaves behind. Rows that belong to a user
// or a group point at it, because its key may not exist before Save.
type Writes struct {
	NewUsers     []*User
	ChangedUsers []*User
	// ParkNames are the changed users among whom names change hands; their
	// present names have to be put out of the way first.
	ParkNames []*User
	// Emails are the address lists to be written anew.
	Emails []EmailList
	// VerifiedEmails are addresses that are proven from now on.
	VerifiedEmails []VerifiedEmail
	// Seen are contacts that turned up.
	Seen []*User
	// Erased are people of whom nothing personal is to be left.
	Erased []Erased
	// EndFactors are users whose second factors are destroyed.
	EndFactors []*User
	// Members are memberships that get another member, or end.
	Members []MemberMove
	// Merges are new, Unmerged those that were undone.
	Merges, Unmerged []*Merge
	// KeepKeys keeps keys from others, FreeKeys frees them again; without hashes, all
	// of the user's.
	KeepKeys, FreeKeys []KeptKeys
	// WipePassword are users whose password is destroyed.
	WipePassword []*User
	// Passwords are those set anew.
	Passwords []NewPassword

	NewGroups     []*Group
	ChangedGroups []*Group
	// Touched is the group that GroupForMembers loaded, if its members changed: Save
	// moves its version by one and the time of its last change. The version that it
	// and its change got is known when the transaction is committed.
	Touched *Group

	// Appeared are people and groups who came or went, or whom the connections see
	// from now on, no longer, or under another name: Save moves the version of each group they are members
	// of, by one for all of them, and the time of its last change.
	Appeared Appeared

	// EndedMembers are all memberships of a person, in whatever group, that an origin
	// gave. They end after the groups have moved on.
	EndedMembers []Membership

	// FirstMembers are the members of groups that may be new themselves.
	FirstMembers []FirstMembers

	// Resources are new and changed resources.
	Resources []ResourceWrite

	NewLinks     []NewLink
	ChangedLinks []*Link
	RemovedLinks []*Link
	// MovedLinks are links of people that get another person.
	MovedLinks []NewLink

	Changes []PendingChange
	Invites []Invite
	// Mailed is how many of them count against what SetupMailsLeft said.
	Mailed int

	// VoidLinks are users whose live set-up links are superseded and whose
	// unsent mails are cancelled.
	VoidLinks []*User
	// EndSessions are users who are signed out everywhere at once.
	EndSessions []*User
}

// Appeared are members whom their groups show from now on, no longer, or otherwise.
type Appeared struct {
	Users  []*User
	Groups []*Group
	At     time.Time
}

// MemberMove gives a membership to another person, or, with a To of 0, ends it. One
// without a key is made.
type MemberMove struct {
	Member KeptMember
	To     UserID
}

// EmailList is a user whose addresses are to be written as they now stand.
type EmailList struct {
	User *User
	// Verified is true when whoever gives the addresses vouches for them: a
	// directory, an admin, a followed link.
	Verified bool
}

// VerifiedEmail are addresses of a user, in comparison form.
type VerifiedEmail struct {
	User *User
	Keys []string
}

// NewPassword is a password that a person has from now on.
type NewPassword struct {
	User *User
	Hash string
}

// FirstMembers are what an origin asserts of a group's members from the start.
type FirstMembers struct {
	Group  *Group
	Origin OriginID
	Users  []UserID
	Groups []GroupID
}

// NewLink is a link to be written for a record that may be new itself.
type NewLink struct {
	Link  *Link
	User  *User
	Group *Group
}

// PendingChange is a change row for a record that may be new itself.
type PendingChange struct {
	Change   *Change
	User     *User
	Group    *Group
	Resource *Resource
	// Into is who took the user's place, nil unless somebody did.
	Into *User
}

// ResourceWrite is a resource, new if it has no key yet, with the unique values
// it holds from now on.
type ResourceWrite struct {
	Resource *Resource
	Unique   []UniqueValue
}

// Invite is a set-up link and its mail, to be written together.
type Invite struct {
	User      *User
	UID       string
	Purpose   string
	TokenHash []byte
	Address   string
	MessageID string
	MailKind  string
	Held      bool
	// Follows is true when the invite is a consequence of the person's record:
	// where it supersedes a held one, it is held too. An admin's own word is no
	// such consequence.
	Follows   bool
	CreatedAt time.Time
	ExpiresAt time.Time
}

// empty reports whether there is nothing to save.
func (w *Writes) empty() bool {
	return len(w.NewUsers)+len(w.ChangedUsers)+len(w.Emails)+len(w.WipePassword)+len(w.Passwords)+len(w.NewGroups)+
		len(w.ChangedGroups)+len(w.NewLinks)+len(w.ChangedLinks)+len(w.RemovedLinks)+len(w.Changes)+len(w.Invites)+
		len(w.VoidLinks)+len(w.EndSessions)+len(w.Resources)+len(w.VerifiedEmails)+len(w.Seen)+len(w.Erased)+len(w.MovedLinks)+
		len(w.KeepKeys)+len(w.FreeKeys)+len(w.Merges)+len(w.Unmerged) == 0
}

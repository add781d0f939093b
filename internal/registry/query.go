package registry

import "time"

// RunQuery asks for runs, the newest first unless it says OldestFirst.
type RunQuery struct {
	Source SourceID // 0 for every source
	State  RunState // "" for every state
	Mode   string   // "" for every mode
	// From is the number of the last run of the page before, 0 for the first page.
	From        int64
	OldestFirst bool
	// Since and Until are when it began; zero is any time.
	Since, Until time.Time
	Limit        int
}

// RowQuery asks for the rows of a run's report, in the order they were written.
type RowQuery struct {
	Run     RunID
	After   int64 // the key the page begins behind
	Outcome Outcome
	Action  Action
	Code    Code
	Limit   int
}

// ChangeQuery asks for changes to people, groups and memberships.
type ChangeQuery struct {
	// Run, User and Group narrow the answer; 0 is any.
	Run    RunID
	User   UserID
	Group  GroupID
	Action Action
	Reason string
	Actor  string
	Since  time.Time
	Until  time.Time
	// Before is the key the page ends before, newest first; with Forward, After is
	// the key it begins behind, oldest first.
	Before, After int64
	Forward       bool
	Limit         int
}

// ChangeRow is a change with what people call its record, and its public id.
type ChangeRow struct {
	Change
	Name, PublicID string
}

// PeopleQuery asks for people.
type PeopleQuery struct {
	Name  string // how the userName begins
	Email string // one of the addresses, whole
	State State
	Kind  Kind
	Owner OriginID
	Group GroupID // direct members of it
	// NewestFirst orders by when people were made; else by userName.
	NewestFirst bool
	// AfterKey and AfterID are the last person of the page before.
	AfterKey string
	AfterID  UserID
	Limit    int
}

// GroupQuery asks for living groups by name.
type GroupQuery struct {
	Role     GroupRole
	AfterKey string
	AfterID  GroupID
	Limit    int
}

// MemberQuery asks for a group's members: people by key, then groups.
type MemberQuery struct {
	Group GroupID
	// AfterUser and AfterGroup are the last member of the page before. Groups
	// begin when AfterGroup is not 0, or when there are no more people.
	AfterUser  UserID
	AfterGroup GroupID
	Limit      int
}

// MemberRow is a member with who says so and its public id.
type MemberRow struct {
	GroupMember
	PublicID string
	Since    time.Time
}

// MailQuery asks for mails, the newest first.
type MailQuery struct {
	State  string
	User   UserID
	Before int64
	Limit  int
}

// ScimRequestQuery asks for a connection's requests, the newest first.
type ScimRequestQuery struct {
	Origin OriginID
	Failed bool
	// Method and Status narrow the answer; "" and 0 are any.
	Method string
	Status int
	// Text is part of the path, the record's id or the error, whatever its case, and
	// ID is the id of the request, whole. No index has either: see Bounded.
	Text, ID string
	// Since and Until are when it came in; zero is any time.
	Since, Until time.Time
	BeforeAt     time.Time
	BeforeID     int64
	Limit        int
}

// TextSearch is how far back a request log is searched for words when nobody says
// since when.
const TextSearch = 7 * 24 * time.Hour

// Bounded is the query with a beginning where one is needed: what is looked for by
// words is read row by row, so that a log of any age would be read whole.
func (q ScimRequestQuery) Bounded(now time.Time) ScimRequestQuery {
	if q.Text != "" && q.Since.IsZero() {
		if !q.Until.IsZero() && q.Until.Before(now) {
			now = q.Until
		}
		q.Since = now.Add(-TextSearch)
	}
	return q
}

// PlaceRow is a department or a service contract with how many people it has.
type PlaceRow struct {
	ID     int64
	Name   string // the department's name, the contract's number
	Title  string // the contract's
	People int64
	// CreatedAt is when it was entered, EndedAt when a contract ended.
	CreatedAt, EndedAt time.Time
}

// KeptAnswer is the answer to a request of the API that may be repeated.
type KeptAnswer struct {
	// RequestHash is SHA-256 of what was asked.
	RequestHash []byte
	// Status is 0 while the first request is at work.
	Status                int
	ContentType, Location string
	Body                  []byte
}

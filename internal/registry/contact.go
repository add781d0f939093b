package registry

// Encounter is somebody who turned up without signing in: they wrote a mail or a
// Teams message, or a helpdesk names them for a ticket or an asset.
type Encounter struct {
	// Email is the address as given, "" for none.
	Email string
	// GivenName, FamilyName, DisplayName, Phone and Locale are what whoever is
	// believed says of the person: the helpdesk, not the message.
	GivenName, FamilyName, DisplayName, Phone, Locale string
	// Claim is the name that the message gives its sender. It is kept with the
	// link and shown to nobody as the person's name.
	Claim string
	// TeamsTenant and TeamsObject identify somebody in Microsoft Teams, both or
	// neither.
	TeamsTenant, TeamsObject string
	// Verified is true when the sender is known to be who the address or id says.
	// What is not verified edits nobody.
	Verified bool
	// Reason is why somebody asks, for the record of a contact made by hand.
	Reason string
	// Actor is who asks, in the words of a change: "mail", "admin claire".
	Actor string
}

// Met is who an Encounter was with.
type Met struct {
	// User is the person, nil when it cannot be told who it is.
	User *User
	// New is true for a contact that the encounter made.
	New bool
	// Candidates are who it could be, when it cannot be told.
	Candidates []Candidate
}

// Tie is an object of an origin that stands for a person: a mailbox, a person in
// Teams or in Entra ID.
type Tie struct {
	Origin OriginID
	Anchor string
	// Name is the object's name there, for people to read.
	Name string
	// Claim is what the object says of itself, kept and not believed.
	Claim Attributes
}

// AddressHolder is a living person with an address.
type AddressHolder struct {
	User     UserID
	Key      string // the address in comparison form
	Strong   bool
	Verified bool
	// UserName and PublicID name the person.
	UserName, PublicID string
}

// Meet finds who was met, by the rules below, or else makes a contact: a record
// without sign-in, owned by the door of the batch. A batch has at most one.
//
// Known is who is tied to a clue (an object that is looked up and not tied), else
// to the object (Teams). An address means the one account that has it verified;
// else whom the mailbox was tied to before, if they are still a contact or have
// the address; else the one contact that has it. Where several fit, or object and
// address mean two, it is nobody: refused as ambiguous, with the candidates.
//
// The contact's userName is made from its public id and is no name anybody would
// choose: an address would stand in the way of the directory or the person who
// comes with it as a userName later, and a guessed name would be worse.
type Meet struct {
	// Mailbox ties the address, Object a person of another system; the Origin is 0
	// for none.
	Mailbox, Object Tie
	// Clues are objects of directories that are the same person.
	Clues []Tie
	// Attributes are what a new contact gets, userName left out. Fill are the names
	// of those that somebody believed said, which fill in what a known contact
	// lacks or what was only guessed; Guess are the values that would be guesses.
	Attributes Attributes
	Fill       []string
	Guess      Attributes
	// Verified is true when the sender is who the address says.
	Verified bool
	Reason   string
}

func (Meet) op() {}

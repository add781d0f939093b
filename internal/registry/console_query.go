package registry

import "time"

// UploadQuery asks for uploads, the newest first.
type UploadQuery struct {
	State  UploadState // "" for every state
	Before int64       // the key the page ends before, 0 for the newest
	Limit  int
}

// ContactQuery asks for contacts, those seen last first. A page begins behind
// whom SeenBefore and Before name.
type ContactQuery struct {
	SeenBefore time.Time
	Before     UserID
	Limit      int
}

// IntakeQuery asks for messages, the newest first. A page begins behind the one
// that BeforeAt and Before name.
type IntakeQuery struct {
	Outcome  string // "" for every outcome
	BeforeAt time.Time
	Before   int64
	Limit    int
}

// IntakeRow is a message with whom it was from.
type IntakeRow struct {
	IntakeMessage
	ID   int64
	Door Origin
	// PublicID and Name are the person's, "" for nobody.
	PublicID, Name string
}

// ApplicationQuery asks for applications, the newest first.
type ApplicationQuery struct {
	State  ApplicationState // "" for every state
	Before int64            // the key the page ends before, 0 for the newest
	Limit  int
}

package registry

import "time"

// ScimView is who looks: a connection, and what it may see.
type ScimView struct {
	Origin OriginID
	// Visible is VisibleCompany for everybody living; anything else shows only
	// what the connection is tied to, members and groups included.
	Visible Visibility
}

// ScimPage is which part of an ordered list is wanted.
type ScimPage struct {
	Descending bool
	// Offset counts from 0. Limit 0 asks for the total alone.
	Offset, Limit int
	// Cursor pages by key instead: the list is ordered by key, and begins behind
	// After, the key of the last record of the page before, 0 for the first.
	Cursor bool
	After  int64
	// NoTotal leaves the total out, which costs as much as the list is long.
	NoTotal bool
}

// ScimRef is another record as a resource names it.
type ScimRef struct {
	ID      string `json:"value"` // public id
	Display string `json:"display"`
}

// ScimUser is what a SCIM resource is made of.
type ScimUser struct {
	ID       UserID
	PublicID string
	Owner    OriginID
	// ExternalID is what the connection that looks called the person, "" for
	// none.
	ExternalID string
	Enabled    bool
	// Attributes are the person's present values, emails included.
	Attributes Attributes
	// EmailTypes are the types of the emails, in their order, "" for none.
	EmailTypes []string
	// Document is what a SCIM connection pushed, as JSON; nil for people of
	// other origins.
	Document []byte
	// Groups are those the person is directly in and the connection may see, by
	// name. They are loaded on request only.
	Groups               []ScimRef
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// ScimGroup is what a SCIM resource is made of, without the members.
type ScimGroup struct {
	ID                   GroupID
	PublicID             string
	Owner                OriginID
	ExternalID           string
	DisplayName          string
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// ScimMember is one member of a group.
type ScimMember struct {
	ScimRef
	Group bool // a group, not a user
}

package registry

// ScimView is who looks: a connection, and what it may see.
type ScimView struct {
	Origin OriginID
	// Visible is VisibleCompany for everybody living; anything else shows only
	// what the connection is tied to, members and groups included.
	Visible Visibility
	// Base is the address that locations begin with, without a slash at its end.
	Base string
}

// ScimPage is which part of an ordered list is wanted.
type ScimPage struct {
	Descending bool
	// Offset counts from 0. Limit 0 asks for the total alone.
	Offset, Limit int
	// Cursor pages by key instead: the list is in the order of keys and begins
	// behind After, the key of the last record of the page before, 0 for the
	// first page.
	Cursor bool
	After  int64
	// Position pages a sorted list by key: it begins behind the place that the
	// last record of the page before had, "" for the first page.
	Position string
	// NoTotal spares the total, which costs more the longer the list is.
	NoTotal bool
}

// ScimPlace is a record of some type in a sorted list. Its position leads to what
// comes behind it.
type ScimPlace struct {
	Type     string // the resource type's name
	ID       int64  // a UserID, or a GroupID
	Position string
}

// ScimRef is another record as a resource names it.
type ScimRef struct {
	ID      string // public id
	Display string
}

// ScimUser is what a SCIM resource is made of: of the person the ids, the owner,
// the version and the times, whether they are enabled, and the document with the
// userName, or the attributes of who has none.
type ScimUser struct {
	*User
	// Anchor is that of the link of the connection that looks, "" without one.
	Anchor string
	// Groups are those the person is directly in and the connection may see, in
	// the order of their names.
	Groups []ScimRef
	// Manager is the public id of whom a directory names as the person's manager,
	// "" for nobody whom the connection may see.
	Manager string
	// ManagerName is the name of whoever is their manager, likewise.
	ManagerName string
}

// ScimGroup is what a SCIM resource is made of, without the members.
type ScimGroup struct {
	*Group
	Anchor string // as in ScimUser
}

// ScimMember is one member of a group.
type ScimMember struct {
	ScimRef
	IsGroup bool // a group, not a user
}

// ScimKeys are users and groups by public id.
type ScimKeys struct {
	Users  map[string]UserID
	Groups map[string]GroupID
}

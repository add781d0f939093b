package registry

import "time"

// Company is a tenant: a support provider with its people.
type Company struct {
	ID     CompanyID
	Key    string // short name in URLs and configuration, lower case
	Name   string
	Locale string // language of pages and mails when the person has none
}

// OriginKind says what kind of door an origin is.
type OriginKind string

// The doors people come through.
const (
	OriginSCIM         OriginKind = "scim"
	OriginLDAP         OriginKind = "ldap"
	OriginEntra        OriginKind = "entra"
	OriginRegistration OriginKind = "registration"
	OriginUpload       OriginKind = "upload"
	OriginAdmin        OriginKind = "admin"
	OriginMail         OriginKind = "mail"
	OriginTeams        OriginKind = "teams"
	// OriginAPI is a program with a token of the company's own.
	OriginAPI OriginKind = "api"
	// OriginOIDC is an identity provider that people sign in with; its anchors are
	// subjects, and it owns nobody whom another door brought.
	OriginOIDC OriginKind = "oidc"
)

// OriginKinds are all kinds of doors.
func OriginKinds() []OriginKind {
	return []OriginKind{
		OriginSCIM, OriginLDAP, OriginEntra, OriginRegistration, OriginUpload, OriginAdmin, OriginMail, OriginTeams, OriginAPI, OriginOIDC,
	}
}

// Directory reports whether the origin is a directory or identity provider,
// which may rename its own people and vouches for their addresses.
func (k OriginKind) Directory() bool {
	return k == OriginSCIM || k == OriginLDAP || k == OriginEntra
}

// Pulled reports whether the origin is a directory that is read whole: what has
// an id there is one object, a person or a group, where a SCIM connection gives
// the externalIds of the two apart.
func (k OriginKind) Pulled() bool { return k == OriginLDAP || k == OriginEntra }

// Origin is a door of one company. Every user and group has one owning origin.
type Origin struct {
	ID        OriginID
	Company   CompanyID
	Kind      OriginKind
	Key       string // unique within the company and kind
	RetiredAt time.Time
}

// GroupRole says what a group is for beyond holding members.
type GroupRole string

const (
	// RoleNone is an ordinary group.
	RoleNone GroupRole = ""
	// RoleSupport marks a support group.
	RoleSupport GroupRole = "support"
)

// Group is a named set of users and groups of one company.
type Group struct {
	ID          GroupID
	PublicID    string
	Company     CompanyID
	DisplayName string
	// Document are the extension values that a SCIM connection said of the
	// group, as JSON by URN; nil for none.
	Document   []byte
	Role       GroupRole
	Default    bool // the company's default support group
	Owner      OriginID
	Department DepartmentID
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DeletedAt  time.Time
}

// Link ties a user or a group to its object at an origin.
type Link struct {
	ID      LinkID
	Company CompanyID
	Origin  OriginID
	User    UserID  // 0 for a group's link
	Group   GroupID // 0 for a user's link
	// Anchor is the object's immutable external id at the origin.
	Anchor string
	// Name is the object's name there, for people to read: a DN, a UPN.
	Name string
	// Asserted are the values the origin last gave.
	Asserted    Attributes
	Enabled     bool // the enabled flag the origin last gave
	Fingerprint Fingerprint
	Marker      string // the origin's change marker
	SeenRun     RunID  // the run that last wrote the link
	// MissingSince is when a complete read first lacked the object; zero while
	// it is there.
	MissingSince time.Time
	// RecheckAt is when to look again even if the marker did not move.
	RecheckAt time.Time
}

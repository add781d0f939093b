package registry

import "time"

// ResourceID is the key of a resource.
type ResourceID int64

// Resource is a SCIM resource of a type that the configuration declares: a
// role, an entitlement, a badge. The registry knows what a type is called and
// nothing of what it means.
type Resource struct {
	ID       ResourceID
	PublicID string
	Company  CompanyID
	// Type is the resource type's name.
	Type       string
	ExternalID string // what the owning connection calls it, "" for nothing
	// Document is what the owning connection said, as JSON.
	Document  []byte
	Owner     OriginID
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time
}

// UniqueValue is a value that one living resource of a type may have.
type UniqueValue struct {
	// Attribute is the attribute's full name, with its schema's URN where it is
	// an extension's, in lower case.
	Attribute string
	// Key is the value in the form in which uniqueness compares it.
	Key string
}

// HeldValue is a unique value that a living resource has.
type HeldValue struct {
	UniqueValue
	Resource ResourceID
}

// PutResource is what a connection says of one resource now.
type PutResource struct {
	// Resource is the resource to change, 0 for a new one.
	Resource ResourceID
	Type     string
	// Name is what a report calls it.
	Name       string
	ExternalID string
	Document   []byte
	// Unique are the values that no other living resource of the type may have.
	// The externalId is always one of the connection's own.
	Unique    []UniqueValue
	IfVersion int64 // as in PutUser
}

// DeleteResource ends a resource. The row is kept; its unique values are free.
type DeleteResource struct {
	Resource  ResourceID
	IfVersion int64 // as in PutUser
}

func (PutResource) op()    {}
func (DeleteResource) op() {}

// ScimType is a declared resource type as a query names it.
type ScimType struct {
	Name     string
	Schema   string // URN of the core schema
	Endpoint string // "/Roles"
}

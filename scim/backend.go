package scim

import (
	"context"
	"iter"
	"time"

	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// Resource is a resource as a document: canonical attribute names, values as
// encoding/json gives them with UseNumber (string, bool, json.Number,
// []any, map[string]any), extensions under their URN. Meta and the id stand
// beside it and are merged on the way out.
type Resource struct {
	// Type may be nil in the answer to a query for one type.
	Type       *ResourceType
	ID         string
	ExternalID string
	Attributes map[string]any
	// Later, when set, gives the Attributes when they are written, so that a page
	// need not hold them all.
	Later func() (map[string]any, error)
	Meta  Meta
	// Members, when set, streams a group's members instead of having them in
	// Attributes, so that a group of a million can be written without being
	// held. It is used once or not at all (304), and only when members were
	// asked for: it must hold nothing before its first step. The $ref of each is
	// the server's work.
	Members iter.Seq2[Member, error]
}

// Meta is what RFC 7643 section 3.1 calls meta, less what the server knows.
type Meta struct {
	Created, LastModified time.Time
	// Version is the resource's version, opaque: that of what a write can change.
	Version string
	// View is a digest of what the resource shows of others beside, the groups of a
	// person above all; "" for nothing. It is a part of the entity tag, so that what
	// was read is known to be old when they change. Preconditions of writes pass over
	// it: nothing was written that the writer had not seen.
	View string
}

// tag is what the entity tag is made of.
func (m Meta) tag() string {
	if m.View == "" {
		return m.Version
	}
	return m.Version + viewMark + m.View
}

// viewMark stands between version and view in an entity tag.
const viewMark = "-"

// Member is one member of a group.
type Member struct {
	Value   string // the member's id
	Type    string // "User" or "Group"
	Display string
}

// Precondition is If-Match and If-None-Match as the backend must check them
// inside its transaction: the write goes through only if Match accepts the
// present version, and ends with a PreconditionFailed otherwise.
type Precondition struct {
	Match func(version string) bool // nil: any
}

// Projection says which attributes the answer will show, so that a backend need
// not load the others: members above all. It is advice; the server projects.
type Projection interface {
	// Wants reports whether the attribute may be in the answer: "members", or
	// an extension's with its URN, "urn:…:User:manager".
	Wants(attr string) bool
}

// Query asks for a page of resources.
type Query struct {
	Types []*ResourceType // one, or several for a query at the root
	// Filter is nil for all. It is resolved against the types: an attribute that
	// one of several types lacks is unassigned in its resources.
	Filter     filter.Expr
	SortBy     *filter.Attr // nil for the backend's own stable order
	Descending bool
	// StartIndex counts from 1; Count is the most resources wanted, 0 for the
	// total alone.
	StartIndex, Count int
	// Bytes is about how much of documents makes a page full before Count does; 0
	// for no matter. A page has a resource, if there is one.
	Bytes int
	// Cursor is set for cursor paging (RFC 9865): "" asks for the first page,
	// anything else is a NextCursor or PreviousCursor that this backend gave out
	// for the same filter and order. The server seals cursors and lets them
	// expire: a backend need not.
	Cursor     *string
	Projection Projection
}

// Page is an answer to a Query. Total is every match, not only this page's.
type Page struct {
	Total     int
	Resources []*Resource
	// NextCursor and PreviousCursor are "" where there is no such page.
	NextCursor, PreviousCursor string
}

// Backend keeps resources. A connection's token has decided, before a call,
// whose resources they are: the context carries it, and the backend shows and
// touches nothing else. Every method that writes does so in one transaction.
// Errors are *Error values for what the client did; any other error is answered
// as 500 without its text.
type Backend interface {
	Get(ctx context.Context, t *ResourceType, id string, p Projection) (*Resource, error)
	List(ctx context.Context, q Query) (*Page, error)
	// Create makes a resource. One that was there, inactive, and is the same
	// client's, may be brought back instead: it is answered as created.
	Create(ctx context.Context, t *ResourceType, r *Resource, p Projection) (*Resource, error)
	Replace(ctx context.Context, t *ResourceType, id string, r *Resource, pre Precondition, p Projection) (*Resource, error)
	// Patch applies canonical operations. changed is false for a no-op, which
	// moves neither version nor lastModified.
	Patch(ctx context.Context, t *ResourceType, id string, ops []patch.Operation, pre Precondition, p Projection) (r *Resource, changed bool, err error)
	Delete(ctx context.Context, t *ResourceType, id string, pre Precondition) error
	// Me is the id of the person the token belongs to, "" when it is not a
	// person's.
	Me(ctx context.Context) (t *ResourceType, id string, err error)
}

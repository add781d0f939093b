package scimserver

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/filter"
)

// Query asks for a page of users or of groups.
type Query struct {
	Filter     filter.Expr  // nil for all
	Sort       *filter.Attr // nil for the order of making
	Descending bool
	// Offset and Limit are for paging by index; Limit 0 asks for the total
	// alone.
	Offset, Limit int
	// After, when set, pages by key instead: what follows the record with this
	// key, in the order of making.
	After *int64
}

// UserRecord is a person as a connection may see them.
type UserRecord struct {
	User *registry.User
	// Anchor is that of the connection's link, "" for somebody it has none to.
	Anchor string
	Groups []GroupRef
}

// GroupRef names a group somebody is in.
type GroupRef struct{ ID, Display string }

// GroupRecord is a group as a connection may see it.
type GroupRecord struct {
	Group  *registry.Group
	Anchor string // as in UserRecord
}

// Records is how a connection reads: it shows what the connection may see and
// nothing else. Somebody not to be seen is registry.ErrNotFound.
type Records interface {
	Users(ctx context.Context, q Query, groups bool) (page []UserRecord, total int, err error)
	Groups(ctx context.Context, q Query) (page []GroupRecord, total int, err error)
	User(ctx context.Context, publicID string, groups bool) (UserRecord, error)
	Group(ctx context.Context, publicID string) (GroupRecord, error)
	// Members streams a group's members.
	Members(ctx context.Context, group registry.GroupID, fn func(Member) error) error
	// Keys finds users and groups of the company by public id; what does not
	// exist, or may not be seen, is left out.
	Keys(ctx context.Context, publicIDs []string) (map[string]Key, error)
}

// Member is a member of a group.
type Member struct {
	ID, Display string
	Group       bool
}

// Key is a user or a group.
type Key struct {
	User  registry.UserID
	Group registry.GroupID
}

// Connections is what the way in needs. internal/store implements it.
type Connections interface {
	// TokenByHash finds a live token and its connection; registry.ErrNotFound
	// for any other.
	TokenByHash(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error)
	// UseTokens records when tokens were last used.
	UseTokens(ctx context.Context, used map[registry.CompanyID]map[registry.TokenID]time.Time) error
	// LogRequests appends to the request log.
	LogRequests(ctx context.Context, company registry.CompanyID, rows []registry.ScimRequest) error
	// Records opens what a connection may see.
	Records(c registry.Connection) Records
}

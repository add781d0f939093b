package scimserver

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/filter"
)

// Records is how a connection reads its company: it shows what the view lets see
// and nothing else. What is not to be seen is registry.ErrNotFound.
// internal/store implements it.
type Records interface {
	ScimUsers(ctx context.Context, v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]registry.UserID, int, error)
	ScimGroups(ctx context.Context, v registry.ScimView, q filter.Selection, p registry.ScimPage) ([]registry.GroupID, int, error)
	// ScimSorted lists records of several types, or of one, in one order; kinds[i]
	// is the type of parts[i].
	ScimSorted(ctx context.Context, v registry.ScimView, kinds []registry.ScimType, parts []filter.Selection, p registry.ScimPage) ([]registry.ScimPlace, error)
	ScimUserRecords(ctx context.Context, v registry.ScimView, ids []registry.UserID, others bool) ([]registry.ScimUser, error)
	ScimGroupRecords(ctx context.Context, v registry.ScimView, ids []registry.GroupID) ([]registry.ScimGroup, error)
	ScimUserByID(ctx context.Context, v registry.ScimView, publicID string, others bool) (registry.ScimUser, error)
	ScimGroupByID(ctx context.Context, v registry.ScimView, publicID string) (registry.ScimGroup, error)
	// ScimMembers streams a group's members.
	ScimMembers(ctx context.Context, v registry.ScimView, group registry.GroupID, fn func(registry.ScimMember) error) error
	// ScimKeys finds users and groups by public id; what does not exist, or may
	// not be seen, is left out. With gone, what was deleted or may not be seen is
	// there, too: nobody is to learn of it.
	ScimKeys(ctx context.Context, v registry.ScimView, publicIDs []string, gone bool) (registry.ScimKeys, error)
	// ScimResources, ScimResourceRecords and ScimResourceByID are for resources
	// of declared types what the others are for people.
	ScimResources(ctx context.Context, v registry.ScimView, k registry.ScimType, q filter.Selection, p registry.ScimPage) ([]registry.ResourceID, int, error)
	ScimResourceRecords(ctx context.Context, v registry.ScimView, k registry.ScimType, ids []registry.ResourceID) ([]registry.Resource, error)
	ScimResourceByID(ctx context.Context, v registry.ScimView, k registry.ScimType, publicID string) (registry.Resource, error)
	// ContactWith finds the contact who alone in the company has one of these
	// addresses verified, in comparison form; registry.ErrNotFound for none.
	ContactWith(ctx context.Context, addresses []string) (registry.UserID, error)
	// LogScimRequests appends to the request log.
	LogScimRequests(ctx context.Context, rows []registry.ScimRequest) error
	// IssueToken keeps a token that is given to an OAuth client:
	// registry.ErrNotFound when the client is not live, registry.ErrSpent when
	// its proof was spent before.
	IssueToken(ctx context.Context, k registry.IssuedToken) error
}

// Tokens is how a request's token, or its client, leads to its connection. internal/store
// implements it.
type Tokens interface {
	// TokenByHash finds a live token and its connection; registry.ErrNotFound
	// for any other.
	TokenByHash(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error)
	// EndedToken finds a token that opens its connection no more, for the log to
	// say so; registry.ErrNotFound for any other.
	EndedToken(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error)
	// UseTokens records when tokens were last used.
	UseTokens(ctx context.Context, used map[registry.CompanyID]map[registry.TokenID]time.Time) error
	// OAuthClient finds a live client by its client_id, and its connection;
	// registry.ErrNotFound for any other.
	OAuthClient(ctx context.Context, name string) (registry.OAuthClient, registry.Connection, error)
}

// caller is who asks: a connection, with what it may see.
type caller struct {
	Records
	registry.Connection
	view registry.ScimView
}

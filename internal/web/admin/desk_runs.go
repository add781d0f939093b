package admin

import (
	"context"

	"github.com/usherd/usher/internal/registry"
)

// MatchDesk is what is done about records whose person is not known for sure.
type MatchDesk interface {
	// Named names people by their keys, the deleted too.
	Named(ctx context.Context, users []registry.UserID) (map[registry.UserID]registry.Candidate, error)
	// AnchorOf is a person's id at an origin, "" for none.
	AnchorOf(ctx context.Context, origin registry.OriginID, user registry.UserID) (string, error)
	// Tied says which of these ids of a source's records are tied to somebody.
	Tied(ctx context.Context, origin registry.OriginID, anchors []string) (map[string]registry.UserID, error)
	// Waiting is how many applicants wait for an admin, limit at most.
	Waiting(ctx context.Context, limit int) (int, error)
	// Suggested are people as somebody who chooses among them wants to see them.
	Suggested(ctx context.Context, users []registry.UserID) (map[registry.UserID]PersonRow, error)
	// Tie says that a record of a source is a person, found by userName, verified
	// address or id.
	Tie(ctx context.Context, source, anchor, who, actor string, endPassword bool) error
}

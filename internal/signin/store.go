package signin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Factor is a second factor as it is kept.
type Factor struct {
	ID      int64
	Company registry.CompanyID
	User    registry.UserID
	Kind    auth.FactorKind
	Name    string
	// Secret is sealed; of a recovery code it is the keyed hash.
	Secret []byte
	// CredentialID and Data are a passkey's.
	CredentialID []byte
	Data         json.RawMessage
	// LastStep is the time step of the last code taken.
	LastStep              int64
	CreatedAt, LastUsedAt time.Time
}

// Store keeps factors and ties. Each method is one transaction within the
// company. Reading a record that does not exist gives registry.ErrNotFound.
type Store interface {
	// User reads a person, a deleted one too.
	User(ctx context.Context, company registry.CompanyID, user registry.UserID) (registry.User, error)
	// UserByAnchor finds who is tied to the id at the origin.
	UserByAnchor(ctx context.Context, company registry.CompanyID, origin registry.OriginID, anchor string) (registry.UserID, error)
	// UsersByMail finds the living strong users who hold the verified address with
	// this key, at most two of them.
	UsersByMail(ctx context.Context, company registry.CompanyID, key string) ([]registry.UserID, error)
	// Origin finds or makes the origin of a provider.
	Origin(ctx context.Context, company registry.CompanyID, key string) (registry.Origin, error)

	// Factors are everything the person has, recovery codes too, the oldest first.
	Factors(ctx context.Context, company registry.CompanyID, user registry.UserID) ([]Factor, error)
	// FactorByCredential finds a passkey by its own id.
	FactorByCredential(ctx context.Context, company registry.CompanyID, id []byte) (Factor, error)
	// AddFactor keeps a factor. The first of a person comes with recovery codes;
	// it says whether it was.
	AddFactor(ctx context.Context, f Factor, recovery [][]byte) (first bool, err error)
	// UseStep notes that the code of a step was taken; false when it, or a later
	// one, was taken before.
	UseStep(ctx context.Context, f Factor, step int64, now time.Time) (bool, error)
	// UsePasskey keeps a passkey as it is after its use; false when it is gone.
	UsePasskey(ctx context.Context, f Factor, now time.Time) (bool, error)
	// SpendRecovery takes a recovery code; false when there is none such.
	SpendRecovery(ctx context.Context, company registry.CompanyID, user registry.UserID, hash []byte) (bool, error)
	// ReplaceRecovery puts new recovery codes in the place of all there are.
	ReplaceRecovery(ctx context.Context, company registry.CompanyID, user registry.UserID, hashes [][]byte, now time.Time) error
	// RemoveFactor takes a factor away, with the last one the recovery codes too.
	// Where keep is true the last one stays, with auth.ErrLastFactor.
	RemoveFactor(ctx context.Context, company registry.CompanyID, user registry.UserID, id int64, keep bool) (Factor, error)
	// ResetFactors takes everything away, signs the person out everywhere and says
	// how many factors there were.
	ResetFactors(ctx context.Context, company registry.CompanyID, user registry.UserID) (int, error)

	ListSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, now time.Time) ([]auth.Session, error)
	EndSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, except string) (int, error)
	Audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error
}

// Writer is the registry: the only way to write to people.
type Writer interface {
	Apply(ctx context.Context, b registry.Batch) ([]registry.Result, error)
}

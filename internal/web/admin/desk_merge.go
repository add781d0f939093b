package admin

import (
	"context"
	"io"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// MergeDesk is what is done with people who are one, and with those who ask what is
// held on them or have it erased.
type MergeDesk interface {
	// PreviewMerge says what merging the loser into the survivor would do.
	PreviewMerge(ctx context.Context, survivor, loser *registry.User) (*MergePreview, error)
	// Merge has the survivor take the loser's place, on evidence in the actor's words.
	Merge(ctx context.Context, actor string, survivor, loser *registry.User, evidence string) error
	// Merges are those that a person was in, the newest first.
	Merges(ctx context.Context, user registry.UserID) ([]Merge, error)
	UndoMerge(ctx context.Context, actor, merge string) error
	// ExportPerson writes everything that is held on a person as one JSON document.
	ExportPerson(ctx context.Context, u *registry.User, to io.Writer) error
	// Erase empties whatever is personal of somebody, LiftErasure lets them be created
	// anew.
	Erase(ctx context.Context, actor string, u *registry.User) error
	LiftErasure(ctx context.Context, actor string, u *registry.User) error
	// Kept is how many ids, names and addresses keep somebody erased away.
	Kept(ctx context.Context, user registry.UserID) (int64, error)
}

// MergePreview is what merging two people would do.
type MergePreview struct {
	Survivor, Loser *registry.User
	// Refused is why they cannot be merged, nil when they can.
	Refused *Refusal
	// Owner is who owns the person afterwards, WasOwner who owns the survivor now.
	Owner, WasOwner registry.Origin
	Values          []MergedValue
	// Ties and Groups move from the loser, SignIns end.
	Ties, SignIns []Tie
	Groups        []string
	// Names are the userNames that nobody else gets.
	Names []string
	// Sessions end, Mails are not sent any more; EndsPassword says that the
	// survivor's password ends too.
	Sessions, Mails int
	EndsPassword    bool
	UndoUntil       time.Time
}

// MergedValue is one value of somebody merged: afterwards, the survivor's and the
// loser's.
type MergedValue struct {
	Attribute           string
	Values, Was, Theirs []string
}

// Changes reports whether the merge gives the survivor another value.
func (m MergedValue) Changes() bool {
	return len(m.Values) != len(m.Was) || len(m.Values) > 0 && m.Values[0] != m.Was[0]
}

// Merge is a merge as a list shows it.
type Merge struct {
	ID, Actor, Evidence                          string
	SurvivorName, SurvivorID, LoserName, LoserID string
	At, UndoUntil, UndoneAt                      time.Time
	UndoneBy                                     string
	Undoable                                     bool
	// Stayed names what undoing it left with the survivor, because somebody changed
	// it since.
	Stayed []string
}

package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// CodeTwin: the person is one whom a directory of another kind owns.
const CodeTwin registry.Code = "owned_by_twin"

// matchTwins recognises people whom a directory of another kind brought already:
// Active Directory's in Entra ID and the other way round, by Active Directory's
// objectGUID. Whoever came first owns them. This source may say who they are a
// member with; anything else about them is the owner's to say.
func (r *run) matchTwins(ctx context.Context, strangers []int32) error {
	if len(strangers) == 0 {
		return nil
	}
	there, err := r.anyTwins(ctx)
	if err != nil || !there {
		return err
	}
	byID := map[uint64]int32{}
	for _, i := range strangers {
		rec, err := r.snap.record(i)
		if err != nil {
			return err
		}
		byID[r.snap.short(cmp.Or(rec.Twin, r.snap.Users[i].Anchor))] = i
	}
	r.snap.twins = map[int32]bool{}
	err = r.ledger.Twins(ctx, r.src.State.Origin, func(c registry.Candidate) error {
		i, ok := byID[r.snap.short(c.Value)]
		if !ok {
			return nil
		}
		r.found(i, c)
		r.snap.twins[i] = true
		r.report.skipped(ctx, registry.RunItem{Code: CodeTwin, Anchor: r.snap.Users[i].Anchor, Name: r.snap.name(i), User: c.User,
			Message: registry.Say("another directory brought and owns this person, %s; memberships in this one's groups count, nothing else is changed", c.UserName)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for people of other directories: %w", err)
	}
	return nil
}

// anyTwins reports whether there are such people at all, before everybody's record
// is fetched for nothing.
func (r *run) anyTwins(ctx context.Context) (found bool, err error) {
	err = r.ledger.Twins(ctx, r.src.State.Origin, func(registry.Candidate) error {
		found = true
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return false, fmt.Errorf("look for people of other directories: %w", err)
	}
	return found, nil
}

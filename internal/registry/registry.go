package registry

import (
	"context"
	"fmt"
	"time"
)

// LinkMinter makes the stored form of a set-up link's token. The token itself
// is derived from the server's key and the link's uid, so that a repeated mail
// carries the same link.
type LinkMinter interface {
	// LinkHash is the hash of the token for this uid and purpose.
	LinkHash(uid, purpose string) []byte
}

// PurposeSetup is the purpose of the first link a person gets.
const PurposeSetup = "setup"

// MailKindSetup is the kind of mail that carries it.
const MailKindSetup = "setup"

// Registry applies the rules. All fields but Blind, ChosenName and Saved must be set; it is
// safe for concurrent use.
type Registry struct {
	Store Store
	Now   func() time.Time
	// NewID makes public ids: UUIDv7 in text form.
	NewID  func() string
	Minter LinkMinter
	// LinkLife is how long a set-up link lives.
	LinkLife time.Duration
	// MessageDomain is the right side of Message-IDs.
	MessageDomain string
	// Blind is a keyed hash under the server's key. Without it, the names of people
	// who were merged are free again, and who was erased comes back with the next
	// sync.
	Blind func(value string) []byte
	// ChosenName is what is kept for ever of a name that somebody chose at
	// registration. Without it, such names are given again.
	ChosenName func(name string) []byte
	// Saved, when set, is told of the changes of every transaction that was
	// committed.
	Saved func(ctx context.Context, changes []PendingChange)
}

// Apply decides and writes a batch in one transaction. The error is about the
// transaction as a whole (the store failed, the fence is gone): then nothing was
// written. What a rule refused is in that operation's Result.
func (r *Registry) Apply(ctx context.Context, b Batch) ([]Result, error) {
	var results []Result
	var changes []PendingChange
	err := r.Store.Write(ctx, b.Company, b.Fence, func(tx Tx) error {
		u, err := r.decide(ctx, tx, &b)
		if err != nil {
			return err
		}
		if !u.w.empty() {
			if err := tx.Save(ctx, &u.w); err != nil {
				return fmt.Errorf("save batch: %w", err)
			}
		}
		results, changes = u.finish(), u.w.Changes
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.Saved != nil && len(changes) > 0 {
		r.Saved(ctx, changes)
	}
	return results, nil
}

// Preview decides a batch as Apply would and writes nothing. Keys of records
// that would be created are 0 in the results.
func (r *Registry) Preview(ctx context.Context, b Batch) ([]Result, error) {
	var results []Result
	err := r.Store.Read(ctx, b.Company, func(tx Tx) error {
		u, err := r.decide(ctx, tx, &b)
		if err != nil {
			return err
		}
		results = u.finish()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// decide loads what the batch speaks of and runs every operation against it.
func (r *Registry) decide(ctx context.Context, tx Tx, b *Batch) (*unit, error) {
	if b.Origin.Company != b.Company {
		return nil, fmt.Errorf("origin %d belongs to company %d, not to company %d", b.Origin.ID, b.Origin.Company, b.Company)
	}
	u := newUnit(r, b)
	u.request = RequestID(ctx)
	u.screen()
	if err := u.load(ctx, tx); err != nil {
		return nil, fmt.Errorf("load batch: %w", err)
	}
	u.rules()
	u.settleNames()
	if err := u.loadPlaces(ctx, tx); err != nil {
		return nil, fmt.Errorf("load departments and contracts: %w", err)
	}
	for i := range b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		if err := u.do(ctx, tx, i); err != nil {
			return nil, err
		}
	}
	return u, nil
}

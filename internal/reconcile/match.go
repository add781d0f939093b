package reconcile

import (
	"context"
	"fmt"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// joinAttribute says which value of a person a join rule looks up.
var joinAttribute = map[string]string{
	"userName": registry.AttrUserName, "email": registry.AttrEmails, "employeeNumber": registry.AttrEmployeeNumber,
}

// matchBatch is how many people one look-up asks for.
const matchBatch = 500

// match looks, for everyone who is not tied to the source yet, for an existing
// person by the source's join rules, in their order. The first rule that finds
// anybody decides; finding several decides nothing.
func (r *run) match(ctx context.Context, state *plan.State) error {
	if len(r.src.Join) == 0 {
		return nil
	}
	tied := make(map[string]bool, len(state.Users))
	for _, k := range state.Users {
		tied[k.Anchor] = true
	}
	var strangers []int32
	for i := range r.snap.Users {
		if x := &r.snap.Users[i]; x.Standing == plan.Mapped && state.Same[i] == 0 && !tied[x.Anchor] {
			strangers = append(strangers, int32(i))
		}
	}
	for len(strangers) > 0 {
		n := min(matchBatch, len(strangers))
		if err := r.matchSome(ctx, strangers[:n]); err != nil {
			return err
		}
		strangers = strangers[n:]
	}
	r.unmatchShared()
	return nil
}

// matchSome matches a batch.
func (r *run) matchSome(ctx context.Context, batch []int32) error {
	records := make(map[int32]*record, len(batch))
	for _, i := range batch {
		rec, err := r.snap.record(i)
		if err != nil {
			return err
		}
		records[i] = rec
	}
	for _, rule := range r.src.Join {
		wanted := map[string][]int32{}
		var values []string
		for _, i := range batch {
			if x := &r.snap.Users[i]; x.Join != 0 || x.Ambiguous {
				continue
			}
			for _, v := range records[i].Attributes[joinAttribute[rule]] {
				if rule != "employeeNumber" {
					v = registry.Key(v)
				}
				if wanted[v] == nil {
					values = append(values, v)
				}
				wanted[v] = append(wanted[v], i)
			}
		}
		found, err := r.ledger.Candidates(ctx, rule, values)
		if err != nil {
			return fmt.Errorf("match by %s: %w", rule, err)
		}
		for _, c := range found {
			for _, i := range wanted[c.Value] {
				x := &r.snap.Users[i]
				if x.Join != 0 && x.Join != c.User {
					x.Ambiguous = true
				}
				x.Join = c.User
			}
		}
	}
	return nil
}

// unmatchShared makes two entries that match one person both ambiguous.
func (r *run) unmatchShared() {
	first := map[registry.UserID]int32{}
	for i := range r.snap.Users {
		x := &r.snap.Users[i]
		if x.Join == 0 || x.Ambiguous {
			continue
		}
		if j, ok := first[x.Join]; ok {
			x.Ambiguous, r.snap.Users[j].Ambiguous = true, true
			continue
		}
		first[x.Join] = int32(i)
	}
}

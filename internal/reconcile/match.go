package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/mapping"
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
	if len(r.src.Join) == 0 && r.src.TeamsTenant == "" && !r.src.State.Origin.Kind.Pulled() {
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
	if err := r.matchTwins(ctx, strangers); err != nil {
		return err
	}
	for len(strangers) > 0 && (len(r.src.Join) > 0 || r.src.TeamsTenant != "") {
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
	if err := r.matchTeams(ctx, batch); err != nil {
		return err
	}
	records := make(map[int32]*record, len(batch))
	for _, i := range batch {
		rec, err := r.snap.record(i)
		if err != nil {
			return err
		}
		records[i] = rec
	}
	for n, rule := range r.src.Join {
		wanted := map[string][]int32{}
		var values []string
		for _, i := range batch {
			if x := &r.snap.Users[i]; x.Join != 0 || x.Ambiguous {
				continue
			}
			for _, v := range joinValues(n, rule, records[i]) {
				if wanted[v] == nil {
					values = append(values, v)
				}
				wanted[v] = append(wanted[v], i)
			}
		}
		if len(values) == 0 {
			continue
		}
		found, err := r.ledger.Candidates(ctx, rule.Attribute, values)
		if err != nil {
			return fmt.Errorf("match by %s: %w", rule.Attribute, err)
		}
		for _, c := range found {
			for _, i := range wanted[c.Value] {
				r.found(i, c)
			}
		}
	}
	return nil
}

// matchTeams finds the contacts who wrote in Teams under the same object id. That
// is no guess, and needs no rule.
func (r *run) matchTeams(ctx context.Context, batch []int32) error {
	if r.src.TeamsTenant == "" {
		return nil
	}
	wanted, values := map[string]int32{}, make([]string, len(batch))
	for n, i := range batch {
		values[n] = strings.ToLower(r.src.TeamsTenant + "/" + r.snap.Users[i].Anchor)
		wanted[values[n]] = i
	}
	found, err := r.ledger.Candidates(ctx, "teams", values)
	if err != nil {
		return fmt.Errorf("match by Teams id: %w", err)
	}
	for _, c := range found {
		r.found(wanted[c.Value], c)
	}
	return nil
}

// joinValues are what a rule looks up for somebody, in comparison form.
func joinValues(n int, rule mapping.JoinRule, rec *record) []string {
	values := rec.Attributes[joinAttribute[rule.Attribute]]
	if rule.Value != "" {
		if values = nil; n < len(rec.Join) && rec.Join[n] != "" {
			values = []string{rec.Join[n]}
		}
	}
	if rule.Attribute == "employeeNumber" {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = registry.Key(v)
	}
	return out
}

// found enters whom a rule found for somebody.
func (r *run) found(i int32, c registry.Candidate) {
	x := &r.snap.Users[i]
	if r.snap.candidates == nil {
		r.snap.candidates = map[int32][]registry.Candidate{}
	}
	if x.Join != 0 && x.Join != c.User {
		x.Ambiguous = true
	}
	if x.Join != c.User && !slices.ContainsFunc(r.snap.candidates[i], func(o registry.Candidate) bool { return o.User == c.User }) {
		r.snap.candidates[i] = append(r.snap.candidates[i], c)
	}
	x.Join = c.User
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

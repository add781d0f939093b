package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// consoleRunsClimbed are the methods of Tenant that TestConsoleRunsFence tries.
var consoleRunsClimbed = []string{"CountItems"}

// TestConsoleRunsFence: the rows of A's run are counted for A by what they say,
// and through B there are none.
func TestConsoleRunsFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		must(t, c.a.AddItems(t.Context(), c.fence, c.run.ID, []registry.RunItem{
			{Outcome: registry.OutcomeSkipped, Code: "user_name_missing", Anchor: "7", At: c.now},
			{Outcome: registry.OutcomeSkipped, Code: "user_name_missing", Anchor: "8", At: c.now},
			{Outcome: registry.OutcomeFailed, Code: "user_name_missing", Anchor: "9", At: c.now},
		}))
		for _, x := range []struct {
			who  string
			t    *store.Tenant
			of   registry.CompanyID
			want []store.CodeCount
		}{
			{"A", c.a, c.src.Company, []store.CodeCount{
				{Outcome: registry.OutcomeFailed, Count: 1}, // the climber's own
				{Outcome: registry.OutcomeFailed, Code: "user_name_missing", Count: 1},
				{Outcome: registry.OutcomeSkipped, Code: "user_name_missing", Count: 2},
			}},
			{"B", c.b, c.beta.Company, nil},
		} {
			counts, err := x.t.CountItems(store.OnlyCompany(t.Context(), int64(x.of)), c.run.ID)
			must(t, err)
			if d := cmp.Diff(x.want, counts); d != "" {
				t.Errorf("%s counts the rows of A's run (-want +got):\n%s", x.who, d)
			}
		}
	})
}

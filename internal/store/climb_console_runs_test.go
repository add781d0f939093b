package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// consoleRunsClimbed are the methods of Tenant that TestConsoleRunsFence tries.
var consoleRunsClimbed = []string{"CountItems", "SignedIn"}

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

// TestSignedInFence: when A's people signed in last is known to A, and through B
// nobody ever did.
func TestSignedInFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		users := []registry.UserID{c.user, c.user + 1000}
		for i, at := range []time.Time{c.now, c.now.Add(-time.Hour)} {
			must(t, s.SaveSession(t.Context(), auth.Session{ID: string(rune('a' + i)), Company: c.src.Company, User: c.user, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(time.Hour)}))
		}
		came, err := c.a.SignedIn(store.OnlyCompany(t.Context(), int64(c.src.Company)), users)
		if err != nil || len(came) != 1 || !came[c.user].Equal(c.now) {
			t.Errorf("A's: %v, %v", came, err)
		}
		if came, err = c.b.SignedIn(store.OnlyCompany(t.Context(), int64(c.beta.Company)), users); err != nil || len(came) != 0 {
			t.Errorf("B's: %v, %v", came, err)
		}
	})
}

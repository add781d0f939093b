package entra_test

import (
	"strings"
	"testing"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// TestFind: people are found by what one types, those out of scope with the
// reason.
func TestFind(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{}, func(c *entra.Config) { c.UserTypes = []string{"member"} })
	id, err := w.tenant.CreateUser(graphfake.User{UserPrincipalName: "o'hara@contoso.example", DisplayName: "Scarlett O'Hara", Mail: "s@contoso.example",
		EmployeeID: "E-77", UserType: "Guest"})
	if err != nil {
		t.Fatal(err)
	}
	s := w.source()
	for _, who := range []string{id, strings.ToUpper(id), "O'HARA@contoso.example", "s@contoso.example", " E-77 ", "scarlett o'hara"} {
		got, err := s.Find(t.Context(), who, 5)
		if err != nil || len(got) != 1 || got[0].Anchor != id || !strings.Contains(got[0].Excluded.String(), "guest") || !got[0].Disabled || len(got[0].Values) == 0 {
			t.Errorf("%q: %v, %+v", who, err, got)
		}
	}
	for _, who := range []string{"", "nobody", "no@body.example", "') or (id eq '", strings.Repeat("x", 2000)} {
		if got, err := s.Find(t.Context(), who, 5); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %+v", who, err, got)
		}
	}
	var ids []string
	for n := range 120 {
		ids = append(ids, w.tenant.UserID(n))
	}
	seen := map[string]bool{}
	if err := s.Fetch(t.Context(), append(ids, "nonsense", "00000000-0000-0000-0000-000000000001"), func(e source.Entry) error {
		seen[e.Anchor] = true
		return nil
	}); err != nil || len(seen) != 120 {
		t.Errorf("%d fetched, %v", len(seen), err)
	}
}

// TestSample: a sample shows people in scope and ends.
func TestSample(t *testing.T) {
	w := newWorld(t, small, graphfake.Options{DeltaPage: 3}, func(c *entra.Config) { c.UserTypes = []string{"Member"} })
	got, err := w.source().Sample(t.Context(), 5)
	if err != nil || len(got) != 5 || got[0].Values["userprincipalname"] == nil {
		t.Errorf("%d, %v", len(got), err)
	}
	w.cfg.Groups = []string{w.tenant.GroupID(0)}
	if got, err := w.source().Sample(t.Context(), 5); err != nil || len(got) != 5 {
		t.Errorf("of a group %d, %v", len(got), err)
	}
}

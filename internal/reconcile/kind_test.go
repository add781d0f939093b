package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// TestKindsOfRows: a row says what it is about, also of what has no key yet, or
// never gets one.
func TestKindsOfRows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var mails []string
		for i := range 300 {
			mails = append(mails, fmt.Sprintf("hug%d@example.com", i))
		}
		w.dir.addPerson("hug", attrs{"mail": mails})
		w.dir.addPeople("ann")
		w.dir.addGroup("team", "ann")
		kinds := func(run *registry.Run) (out []string) {
			t.Helper()
			err := w.s.For(run.Company).Items(t.Context(), run.ID, func(it registry.RunItem) error {
				out = append(out, fmt.Sprintf("%s %s %s %s", it.Kind(), it.Outcome, it.Action, it.Name))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(out)
			return out
		}
		want(t, "preview", kinds(w.preview()), []string{
			"group planned create team", "group planned members team", "user conflict create hug", "user planned create ann",
		})
		want(t, "run", kinds(w.run(registry.RunPartial)), []string{"user conflict create hug"})
	})
}

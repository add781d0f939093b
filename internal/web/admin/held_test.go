package admin

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// TestBesideOf sets plans beside the runs before them.
func TestBesideOf(t *testing.T) {
	done := func(number int64, c registry.Counts) *registry.Run {
		return &registry.Run{Number: number, State: registry.RunDone, Counts: c}
	}
	rejected := done(3, registry.Counts{Deactivated: 500})
	rejected.State = registry.RunRejected
	recent := []*registry.Run{
		done(9, registry.Counts{Deactivated: 900}), // after the held one
		done(6, registry.Counts{Deactivated: 2, Updated: 7}), done(5, registry.Counts{Deactivated: 5}), done(4, registry.Counts{Updated: 90}), rejected,
		done(1, registry.Counts{Created: 300}),
	}
	got, n := besideOf(&registry.Run{Number: 7, State: registry.RunHeld, Counts: registry.Counts{Created: 10, Updated: 8, Deactivated: 40, Mailed: 10}}, recent)
	want := []beside{
		{count: count{"deactivated", 40, "−"}, Usual: 2, Most: 5, Run: 5},
		{count: count{"created", 10, "+"}, Most: 300, Run: 1},
		{count: count{"updated", 8, "~"}, Usual: 7, Most: 90, Run: 4},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(beside{})); d != "" || n != 4 {
		t.Errorf("beside %d runs, want 4: %s", n, d)
	}
	if !got[0].Unusual() || got[1].Unusual() || got[2].Unusual() {
		t.Error("only the deactivations are more than ever")
	}
	if got, n = besideOf(&registry.Run{Number: 1, Counts: registry.Counts{Created: 1}}, recent); n != 0 || len(got) != 1 || got[0].Most != 0 {
		t.Errorf("a first run is beside %d: %+v", n, got)
	}
}

// TestHeldPage reads what an admin judges by, and whose rows come first.
func TestHeldPage(t *testing.T) {
	s := newRunsSite(t)
	body := s.get(t, "/runs/4", "en").Body.String()
	for _, want := range []string{
		"40 people would be deactivated or deleted, 43 records changed in all",
		"Who would be deactivated, 40 in all", "A complete read of the source did not show the record any more",
		"and 1 group would lose more members than allowed", "No run before this one was carried out",
		`href="/admin/acme/runs/4?outcome=held&amp;action=deactivate#rows"`, "report?action=&amp;code=&amp;outcome=held&amp;format=csv",
		`<option value="held" selected>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of a held run lacks %q", want)
		}
	}
	if all := s.get(t, "/runs/4?outcome=", "en").Body.String(); strings.Contains(all, `<option value="held" selected>`) {
		t.Error("a held run's other rows cannot be asked for")
	}
	// A form that is refused shows what was shown before.
	again := s.post(t, "/runs/4/approve", url.Values{"count": {"43"}, "note": {""}, "plan": {"plan"}}).Body.String()
	if !strings.Contains(again, "Who would be deactivated") || !strings.Contains(again, "Please say why") {
		t.Error("a refused decision loses the page")
	}
	s.desk.runs = s.desk.runs[:4] // none is newer: here it is decided
	again = s.post(t, "/runs/4/approve", url.Values{"count": {"43"}, "note": {""}, "plan": {"plan"}}).Body.String()
	if approve, reject, ok := strings.Cut(again, "/runs/4/reject"); !ok || !strings.Contains(approve, `id="note-error"`) || !strings.Contains(approve, `value="43"`) || strings.Contains(reject, "note-error") {
		t.Error("what was typed is lost, or the error is not beside its field")
	}
	again = s.post(t, "/runs/4/reject", url.Values{"note": {""}, "pause": {"1"}, "plan": {"plan"}}).Body.String()
	if approve, reject, _ := strings.Cut(again, "/runs/4/reject"); !strings.Contains(reject, `id="why-error"`) || !strings.Contains(reject, `value="1" checked`) || strings.Contains(approve, "note-error") {
		t.Error("a rejection without a reason is not told beside the reason")
	}
	s = newRunsSite(t)
	if over := s.get(t, "/", "en").Body.String(); !strings.Contains(over, "admin/acme/runs/8") {
		t.Error("the overview does not lead to the run")
	}
}

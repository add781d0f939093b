package reconcile_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// guarded is a world of 20 people in a group, with limits that hold more than
// two leavers.
func guarded(t *testing.T, w *world) []string {
	t.Helper()
	w.adjust = func(s *reconcile.Source) { s.Limits.Deactivate = plan.Threshold{Count: 2, Percent: 100} }
	names := uids(20)
	w.dir.addPeople(names...)
	w.dir.addGroup("all", names...)
	w.run(registry.RunDone)
	return names
}

// approval is what an admin asks for.
func approval(held *registry.Run) reconcile.Request {
	return reconcile.Request{Mode: registry.ModeRun, Trigger: "approval", Actor: "claire", Note: "they moved", Approved: held}
}

// word is an admin's decision.
func word(state registry.RunState, by string) registry.Decision {
	return registry.Decision{State: state, By: by, Note: "no"}
}

// approve lets a held run through and carries it out.
func (w *world) approve(held *registry.Run, state registry.RunState) *registry.Run {
	w.t.Helper()
	return w.runSource("corp", approval(w.stored(held)), state)
}

// stored reads a run back.
func (w *world) stored(run *registry.Run) *registry.Run {
	w.t.Helper()
	out, err := w.s.For(run.Company).Run(w.t.Context(), run.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestHoldAndApprove(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := guarded(t, w)
		before := w.footprint()
		w.dir.remove(names[:4]...)
		w.dir.set("u010", attrs{"title": {"Boss"}})
		w.dir.addPeople("new")
		held := w.run(registry.RunHeld)
		want(t, "limits", registry.InEnglish(held.Limits), []registry.Limit{{Name: "deactivate", Count: 4, Of: 20, Rule: "more than 2", Reasons: []registry.Said{"4 missing"}}})
		want(t, "held rows", w.items(held, registry.OutcomeHeld, registry.OutcomePlanned), []string{
			"held deactivate missing u000", "held deactivate missing u001", "held deactivate missing u002", "held deactivate missing u003",
			"held members all +0 -4", "planned create new", "planned update u010",
		})
		if !strings.Contains(held.Message.String(), "4 deactivations of 20") {
			t.Errorf("message %q", held.Message)
		}
		want(t, "what a held run left behind", w.footprint(), before)

		// Two more leave before the approval: two are within the limit on their own.
		w.dir.remove("u004", "u005")
		run := w.approve(held, registry.RunDone)
		want(t, "resumes", w.stored(run).Resumes, held.ID)
		want(t, "the held run", w.stored(held).State, registry.RunApproved)
		want(t, "changes", w.changes(run), []string{
			"create new", "deactivate u000 missing", "deactivate u001 missing", "deactivate u002 missing", "deactivate u003 missing",
			"deactivate u004 missing", "deactivate u005 missing", "members all +0 -6", "update u010",
		})
		w.idle()
		if err := w.engine.Decide(t.Context(), w.stored(held), word(registry.RunApproved, "bob")); !errors.Is(err, reconcile.ErrNotHeld) {
			t.Errorf("second approval: %v", err)
		}
	})
}

// TestApprovalIsNotSpentOnABusySource: an approval that finds another process at
// work leaves the run held, to be approved again.
func TestApprovalIsNotSpentOnABusySource(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := guarded(t, w)
		w.dir.remove(names[:4]...)
		held := w.run(registry.RunHeld)
		src := w.source("corp").State
		tenant := w.s.For(src.Company)
		fence, _, err := tenant.AcquireLease(t.Context(), src.ID, "another process")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Run(t.Context(), w.source("corp"), approval(w.stored(held))); !errors.Is(err, registry.ErrLeased) {
			t.Fatalf("approval beside another process: %v", err)
		}
		want(t, "the held run", w.stored(held).State, registry.RunHeld)
		if err := tenant.ReleaseLease(t.Context(), fence); err != nil {
			t.Fatal(err)
		}
		w.approve(held, registry.RunDone)
		got := w.stored(held)
		if _, err := w.engine.Run(t.Context(), w.source("corp"), approval(w.stored(held))); !errors.Is(err, reconcile.ErrNotHeld) {
			t.Errorf("a run approved twice: %v", err)
		}
		want(t, "decision", []string{string(got.State), got.DecidedBy, got.DecisionNote}, []string{"approved", "claire", "they moved"})
	})
}

func TestApprovalCoversNobodyElse(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	held := w.run(registry.RunHeld)
	before := w.footprint()
	w.dir.remove(names[4:8]...) // four more than anybody approved
	w.dir.must(restore(w.dir, "u000", w.rows(`SELECT anchor FROM links l JOIN users u ON u.id = l.user_id WHERE user_name = 'u000'`)[0]))
	again := w.approve(held, registry.RunHeld)
	want(t, "limits", registry.InEnglish(again.Limits), []registry.Limit{{Name: "deactivate", Count: 4, Of: 20, Rule: "more than 2", Reasons: []registry.Said{"4 missing"}}})
	want(t, "held rows", len(w.items(again, registry.OutcomeHeld)), 7+1)
	want(t, "what it left behind", w.footprint(), before)

	// The approval is used up; the new run has its own.
	w.run(registry.RunHeld)
	if err := w.engine.Decide(t.Context(), w.stored(again), word(registry.RunApproved, "claire")); !errors.Is(err, reconcile.ErrSuperseded) {
		t.Errorf("approval of an older run: %v", err)
	}
}

func TestReject(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	held := w.run(registry.RunHeld)
	if err := w.engine.Decide(t.Context(), held, word(registry.RunRejected, "claire")); err != nil {
		t.Fatal(err)
	}
	got := w.stored(held)
	want(t, "decision", []string{string(got.State), got.DecidedBy, got.DecisionNote}, []string{"rejected", "claire", "no"})
	for _, state := range []registry.RunState{registry.RunApproved, registry.RunRejected} {
		if err := w.engine.Decide(t.Context(), w.stored(held), word(state, "bob")); !errors.Is(err, reconcile.ErrNotHeld) {
			t.Errorf("%s after a rejection: %v", state, err)
		}
	}
	if _, err := w.engine.Run(t.Context(), w.source("corp"), approval(w.stored(held))); !errors.Is(err, reconcile.ErrNotHeld) {
		t.Errorf("carrying out a rejected run: %v", err)
	}
	want(t, "people", len(w.rows(`SELECT id FROM users WHERE enabled`)), 20)
}

// TestRejectedGoesOnWithoutRemovals: until the guard lets a whole plan through.
func TestRejectedGoesOnWithoutRemovals(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := guarded(t, w)
		anchors := w.rows(`SELECT anchor FROM links l JOIN users u ON u.id = l.user_id ORDER BY user_name`)
		w.dir.remove(names[:4]...)
		held := w.run(registry.RunHeld)
		if err := w.engine.Decide(t.Context(), held, word(registry.RunRejected, "claire")); err != nil {
			t.Fatal(err)
		}
		for night := range 2 {
			w.dir.addPeople("new" + strconv.Itoa(night))
			run := w.run(registry.RunDone)
			want(t, "changes", w.changes(run), []string{"create new" + strconv.Itoa(night)})
			if !strings.Contains(strings.Join(registry.English(run.Notes), " "), "8 removals were left out") {
				t.Errorf("notes %q", run.Notes)
			}
		}
		for i := 1; i < 4; i++ { // three come back: one leaver is no reason to hold anything
			w.dir.must(restore(w.dir, names[i], anchors[i]))
		}
		run := w.run(registry.RunDone)
		want(t, "changes", w.changes(run), []string{"deactivate u000 missing", "members all +0 -1"})
		w.dir.remove(names[10:14]...)
		w.run(registry.RunHeld) // and it is as before
	})
}

// TestRejectAndPause: the schedule stops, a run by hand goes, and is judged as
// ever.
func TestRejectAndPause(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := guarded(t, w)
		w.dir.remove(names[:4]...)
		held := w.run(registry.RunHeld)
		d := word(registry.RunRejected, "claire")
		d.Pause = true
		if err := w.engine.Decide(t.Context(), held, d); err != nil {
			t.Fatal(err)
		}
		h := w.source("corp").State.Health
		want(t, "state", h.State(w.stored(held)), registry.Paused)
		want(t, "by", []string{h.PausedBy, h.PausedReason}, []string{"claire", "no"})
		w.run(registry.RunHeld)
		if h := w.source("corp").State.Health; h.NoRemovals || h.PausedAt.IsZero() {
			t.Errorf("after a run by hand: %+v", h)
		}
	})
}

// TestDecisionNeedsAReason: a name, a note, and the plan that was looked at.
func TestDecisionNeedsAReason(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	held := w.stored(w.run(registry.RunHeld))
	for name, tc := range map[string]struct {
		d    registry.Decision
		want error
	}{
		"no note":      {registry.Decision{State: registry.RunApproved, By: "claire", Note: " "}, reconcile.ErrNoNote},
		"no name":      {registry.Decision{State: registry.RunRejected, Note: "no"}, reconcile.ErrNoNote},
		"another plan": {registry.Decision{State: registry.RunApproved, By: "claire", Note: "yes", PlanHash: "abc"}, reconcile.ErrOtherPlan},
	} {
		mine := *held
		if err := w.engine.Decide(t.Context(), &mine, tc.d); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if err := w.engine.Decide(t.Context(), held, registry.Decision{State: registry.RunApproved, By: "claire", Note: "yes", PlanHash: held.PlanHash}); err != nil {
		t.Errorf("this plan: %v", err)
	}
}

func TestApprovalExpires(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	held := w.run(registry.RunHeld)
	w.clock.forward(reconcile.ApprovalLife + time.Minute)
	if err := w.engine.Decide(t.Context(), w.stored(held), word(registry.RunApproved, "claire")); !errors.Is(err, reconcile.ErrExpired) {
		t.Errorf("late approval: %v", err)
	}
	if err := w.engine.Decide(t.Context(), w.stored(held), word(registry.RunRejected, "claire")); err != nil {
		t.Errorf("late rejection: %v", err)
	}
}

func TestSupersededByAnyNewerRun(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	held := w.run(registry.RunHeld)
	for range 25 { // previews and other sources' runs are no reason
		w.preview()
	}
	if err := w.engine.Decide(t.Context(), w.stored(w.run(registry.RunHeld)), word(registry.RunRejected, "claire")); err != nil {
		t.Fatal(err)
	}
	for range 25 {
		w.preview()
	}
	if err := w.engine.Decide(t.Context(), w.stored(held), word(registry.RunApproved, "claire")); !errors.Is(err, reconcile.ErrSuperseded) {
		t.Errorf("approval of an older run: %v", err)
	}
}

// TestTwoDecideAtOnce: one wins.
func TestTwoDecideAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := guarded(t, w)
		w.dir.remove(names[:4]...)
		held := w.stored(w.run(registry.RunHeld))
		results := make(chan error, 8)
		for range cap(results) {
			mine := *held
			go func() { results <- w.engine.Decide(t.Context(), &mine, word(registry.RunApproved, "claire")) }()
		}
		won := 0
		for range cap(results) {
			if err := <-results; err == nil {
				won++
			} else if !errors.Is(err, reconcile.ErrNotHeld) {
				t.Error(err)
			}
		}
		want(t, "decisions taken", won, 1)
	})
}

// TestGuardOfEachKind holds by each limit and lets it through.
func TestGuardOfEachKind(t *testing.T) {
	for _, tc := range []struct {
		limit  string
		limits func(*plan.Limits)
		change func(*world)
	}{
		{"deactivate", func(l *plan.Limits) { l.Deactivate = plan.Threshold{Count: 99, Percent: 10, Floor: 1} },
			func(w *world) { w.dir.remove("u000", "u001", "u002") }},
		{"deactivate", func(l *plan.Limits) { l.Deactivate = plan.Threshold{Count: 1, Percent: 100} },
			func(w *world) {
				w.dir.set("u000", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
				w.dir.set("u001", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
			}},
		{"delete", func(l *plan.Limits) { l.Delete = plan.Threshold{Count: 2, Percent: 100} },
			func(w *world) {
				for _, uid := range []string{"u000", "u001", "u002"} {
					w.dir.remove(uid)
					w.run(registry.RunDone)
				}
				w.clock.forward(2 * grace)
			}},
		{"group_delete", func(l *plan.Limits) { l.GroupDelete = plan.Threshold{Count: 0, Percent: 100} },
			func(w *world) { w.dir.must(w.dir.s.Delete(w.dir.group("some"))) }},
		{"empty", func(*plan.Limits) {}, func(w *world) { w.dir.must(w.dir.s.Delete(w.dir.group("some"), w.dir.group("all"))) }},
		{"membership_remove", func(l *plan.Limits) { l.MembershipRemove = plan.Threshold{Count: 99, Percent: 20, Floor: 3} },
			func(w *world) { w.dir.setMembers("all", uids(10)[:4]...) }},
		{"membership_remove_per_group", func(l *plan.Limits) { l.MembershipRemovePerGroup = plan.Threshold{Count: 99, Percent: 50, Floor: 1} },
			func(w *world) { w.dir.setMembers("some", "u000"); w.dir.setMembers("all", uids(10)[:8]...) }},
		{"rename", func(l *plan.Limits) { l.Rename = plan.Threshold{Count: 1, Percent: 100} },
			func(w *world) {
				for _, uid := range []string{"u000", "u001"} {
					w.dir.must(w.dir.s.Rename(w.dir.dn(uid), "uid=x"+uid, ""))
				}
				w.dir.setMembers("some", "xu000", "xu001", "u002")
				w.dir.setMembers("all", append([]string{"xu000", "xu001"}, uids(10)[2:]...)...)
			}},
		{"mail_change", func(l *plan.Limits) { l.MailChange = plan.Threshold{Count: 1, Percent: 100} },
			func(w *world) {
				w.dir.set("u000", attrs{"mail": {"other@example.com"}})
				w.dir.set("u001", attrs{"mail": nil})
				w.dir.set("u002", attrs{"mail": {"U002@example.com"}}) // the same address
			}},
		{"create", func(l *plan.Limits) { l.Create = plan.Threshold{Count: 1, Percent: 100} },
			func(w *world) { w.dir.addPeople("new", "newer") }},
		{"adopt", func(l *plan.Limits) { l.Adopt = plan.Threshold{Count: 1, Percent: 100} },
			func(w *world) {
				limits := w.adjust
				w.adjust = func(s *reconcile.Source) { limits(s); s.Recreate = plan.RecreateAdopt }
				w.dir.remove("u000", "u001")
				w.dir.addPeople("u000", "u001")
				w.dir.setMembers("some", uids(3)...)
				w.dir.setMembers("all", uids(10)...)
			}},
		{"minimum_population", func(l *plan.Limits) { l.Minimum = plan.Threshold{Percent: 90} },
			func(w *world) { w.dir.remove("u000", "u001") }},
	} {
		t.Run(tc.limit, func(t *testing.T) {
			w := sqlite(t)
			w.adjust = func(s *reconcile.Source) { tc.limits(&s.Limits) }
			w.dir.addPeople(uids(10)...)
			w.dir.addGroup("all", uids(10)...)
			w.dir.addGroup("some", uids(3)...)
			w.run(registry.RunDone)
			tc.change(w)
			before := w.footprint()
			held := w.run(registry.RunHeld)
			want(t, "limits", len(held.Limits), 1)
			want(t, "limit", held.Limits[0].Name, tc.limit)
			want(t, "what it left behind", w.footprint(), before)
			run := w.approve(held, registry.RunDone)
			want(t, "carried out as listed", w.changes(run), asChanges(w.items(held)))
			w.idle()
		})
	}
}

// asChanges turns the rows of a held run or a preview into what a run's changes
// read like.
func asChanges(items []string) (out []string) {
	for _, it := range items {
		for _, outcome := range []string{"held ", "planned "} {
			if s, ok := strings.CutPrefix(it, outcome); ok {
				f := strings.Fields(s)
				for _, reason := range []string{"missing", "grace_over", "out_of_scope", "adopted"} {
					if len(f) > 2 && f[1] == reason { // the code stands before the name there
						f[1], f[2] = f[2], f[1]
					}
				}
				out = append(out, strings.Join(f, " "))
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestPreviewIsTheTruth compares a preview with the run that follows, on a day
// on which everything happens and names go round in circles across more people
// than one transaction takes.
func TestPreviewIsTheTruth(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := uids(300)
		w.dir.addPeople(names...)
		for _, g := range []string{"all", "old", "some"} {
			w.dir.addGroup(g, names[:50]...)
		}
		first := w.preview()
		run := w.run(registry.RunDone)
		want(t, "counts of the first run", run.Counts, first.Counts)
		want(t, "the first run", w.changes(run), asChanges(w.items(first)))
		w.dir.remove("u299")
		w.run(registry.RunDone)
		w.clock.forward(2 * grace)

		w.dir.remove(names[:5]...)
		for i := 10; i < 290; i++ { // all move up by one, the last to the first
			w.dir.set(names[i], attrs{"sn": {"New"}})
		}
		w.spec = nil
		w.dir.must(rotate(w.dir, names[10:290]))
		w.dir.addPerson("fresh", nil)
		w.dir.must(w.dir.s.Rename(w.dir.dn("u295"), "uid=freed", ""))
		w.dir.addPerson("u295", nil) // takes the name of one who was renamed
		w.dir.addPerson("u299", nil) // and of one whose grace is over
		w.dir.must(w.dir.s.Delete(w.dir.group("old")))
		w.dir.must(w.dir.s.Rename(w.dir.group("some"), "cn=renamed", ""))
		w.dir.setMembers("all", "u295", "fresh", "u020")
		stranger := w.door(registry.OriginRegistration, "registration")
		w.put(stranger, registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"taken"}}})
		w.dir.addPerson("taken", nil)
		w.dir.setMembers("renamed", "taken", "u006")

		p := w.preview()
		run = w.run(registry.RunPartial)
		want(t, "the run", w.changes(run), asChanges(w.items(p)))
		want(t, "its conflicts", w.items(run), w.items(p, registry.OutcomeConflict, registry.OutcomeWarning, registry.OutcomeFailed))
		want(t, "its counts", run.Counts, p.Counts)
		want(t, "its plan", run.PlanHash, p.PlanHash)
		if run.Counts.Renamed != 281 {
			t.Errorf("%d renamed", run.Counts.Renamed)
		}
		w.idle()
	})
}

package reconcile_test

import (
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// locked disables an entry.
var locked = attrs{"pwdAccountLockedTime": {"000001010000Z"}}

// promote makes somebody a company admin.
func (w *world) promote(name string) {
	w.t.Helper()
	w.exec(`UPDATE users SET company_admin = true WHERE user_name = '%s'`, name)
}

// remake gives people's entries new ids.
func (w *world) remake(uids ...string) {
	w.t.Helper()
	w.dir.remove(uids...)
	w.dir.addPeople(uids...)
}

// refused is a change that the guard would count and the registry never carries
// out, or not as the plan has it. The source adopts, joins by address and has five
// people in a group of whom those called gone are out of scope.
type refused struct {
	name string
	// limits are passed by the least change they count.
	limits func(*plan.Limits)
	change func(*world)
	// held is true where something that is carried out passes the limit, too.
	held bool
	want []string // the report of the run that is not held
}

func none(limits ...func(*plan.Limits) *plan.Threshold) func(*plan.Limits) {
	return func(l *plan.Limits) {
		for _, limit := range limits {
			*limit(l) = plan.Threshold{}
		}
	}
}

func ofAdopt(l *plan.Limits) *plan.Threshold      { return &l.Adopt }
func ofDeactivate(l *plan.Limits) *plan.Threshold { return &l.Deactivate }
func ofDelete(l *plan.Limits) *plan.Threshold     { return &l.Delete }
func ofRename(l *plan.Limits) *plan.Threshold     { return &l.Rename }
func ofMail(l *plan.Limits) *plan.Threshold       { return &l.MailChange }
func ofCreate(l *plan.Limits) *plan.Threshold     { return &l.Create }

var refusals = []refused{
	{name: "an admin is adopted", limits: none(ofAdopt, ofDeactivate), change: func(w *world) { w.promote("u000"); w.remake("u000") },
		want: []string{"conflict update protected_admin u000"}},
	{name: "an admin and another are adopted", limits: none(ofAdopt), change: func(w *world) { w.promote("u000"); w.remake("u000", "u001") }, held: true,
		want: []string{"join u001 adopted", "conflict update protected_admin u000"}},
	{name: "an admin goes missing", limits: none(ofDeactivate), change: func(w *world) { w.promote("u000"); w.dir.remove("u000") },
		want: []string{"conflict deactivate protected_admin u000"}},
	{name: "an admin and another go missing", limits: none(ofDeactivate), change: func(w *world) { w.promote("u000"); w.dir.remove("u000", "u001") }, held: true,
		want: []string{"deactivate u001 missing", "conflict deactivate protected_admin u000"}},
	{name: "an admin leaves the scope", limits: none(ofDeactivate), change: func(w *world) { w.promote("u000"); w.dir.set("u000", attrs{"title": {"gone"}}) },
		want: []string{"conflict deactivate protected_admin u000"}},
	{name: "who is adopted is disabled", limits: none(ofDeactivate), change: func(w *world) { w.remake("u000"); w.dir.set("u000", locked) }, held: true,
		want: []string{"join u000 adopted"}},
	{name: "who is adopted is disabled, and adoptions are held, too", limits: none(ofDeactivate, ofAdopt),
		change: func(w *world) { w.remake("u000"); w.dir.set("u000", locked) }, held: true, want: []string{"join u000 adopted"}},
	{name: "who is adopted is disabled and protected", limits: none(ofDeactivate, ofAdopt), change: func(w *world) {
		w.exec(`UPDATE users SET protected = true WHERE user_name = 'u000'`)
		w.remake("u000")
		w.dir.set("u000", locked)
	}, want: []string{"conflict deactivate protected u000"}},
	{name: "who is adopted has another name", limits: none(ofRename), change: func(w *world) {
		w.dir.remove("u000")
		w.dir.addPerson("x000", attrs{"mail": {"u000@example.com"}})
	}, held: true, want: []string{"join x000 adopted"}},
	{name: "a stranger has the name", limits: none(ofCreate), change: func(w *world) { w.stranger("taken"); w.dir.addPeople("taken") },
		want: []string{"conflict create user_name_taken taken"}},
	{name: "a stranger has the name that somebody is to get", limits: none(ofRename), change: func(w *world) {
		w.stranger("taken")
		w.dir.must(w.dir.s.Rename(w.dir.dn("u000"), "uid=taken", ""))
	}, want: []string{"conflict rename user_name_taken u000"}},
	{name: "somebody out of scope has the name", limits: none(ofCreate), change: func(w *world) {
		w.dir.set("u000", attrs{"title": {"gone"}})
		w.run(registry.RunDone)
		w.dir.add("ou=b,"+w.dir.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"b"}})
		w.dir.add("uid=u000,ou=b,"+w.dir.people(), person("u000", attrs{"mail": nil}))
	}, want: []string{"conflict create user_name_taken u000"}},
	{name: "an address that is not written", limits: none(ofMail), change: func(w *world) {
		w.exec(`UPDATE emails SET address = 'hand@example.com', address_key = 'hand@example.com' WHERE user_id = %s`, w.id("u000"))
		w.dir.set("u000", attrs{"mail": {"other@example.com"}})
	}},
	{name: "another address of somebody who is another's", limits: none(ofMail), change: func(w *world) {
		w.exec(`UPDATE users SET owner_id = %d WHERE user_name = 'u000'`, w.door(registry.OriginLDAP, "branch").ID)
		w.dir.set("u000", attrs{"mail": {"other@example.com"}})
	}},
	{name: "the grace of an admin is over", limits: none(ofDelete), change: func(w *world) {
		w.dir.remove("u000")
		w.run(registry.RunDone)
		w.promote("u000")
		w.clock.forward(2 * grace)
	}, held: true, want: []string{"delete u000 grace_over"}},
}

func (w *world) stranger(name string) {
	w.t.Helper()
	w.put(w.door(registry.OriginRegistration, "registration"), registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {name}}})
}

// TestApprovalLiftsAnyHold: a held run that is approved and finds the same is not held
// again, and what is never carried out holds nothing, tonight or any other night.
func TestApprovalLiftsAnyHold(t *testing.T) {
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			w := sqlite(t)
			w.spec = scoped(`title != "gone"`)
			w.adjust = func(s *reconcile.Source) {
				s.Recreate, s.Join, s.Write = plan.RecreateAdopt, rules("email"), map[string]registry.WriteMode{registry.AttrEmails: registry.WriteIfEmpty}
			}
			w.dir.addPeople(uids(5)...)
			w.dir.addGroup("all", "u004")
			w.run(registry.RunDone)
			tc.change(w)
			source := w.adjust
			w.adjust = func(s *reconcile.Source) { source(s); tc.limits(&s.Limits) }

			run, err := w.engine.Run(t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "held", run.State == registry.RunHeld, tc.held)
			if run.State == registry.RunHeld {
				if run, err = w.engine.Run(t.Context(), w.source("corp"), approval(w.stored(run))); err != nil {
					t.Fatal(err)
				}
			}
			if run.State == registry.RunHeld {
				t.Fatalf("still held: %s\n%v", run.Message, w.items(run))
			}
			want(t, "report", w.report(run), tc.want)
			w.idle()
			want(t, "the night after", w.preview().Limits, nil)
		})
	}
}

// TestApprovalFromBefore: rows of adoptions had the code recreated once.
func TestApprovalFromBefore(t *testing.T) {
	w := sqlite(t)
	w.adjust = func(s *reconcile.Source) { s.Recreate = plan.RecreateAdopt }
	w.dir.addPeople(uids(5)...)
	w.run(registry.RunDone)
	w.adjust = func(s *reconcile.Source) { s.Recreate, s.Limits.Adopt = plan.RecreateAdopt, plan.Threshold{} }
	w.remake("u000")
	held := w.run(registry.RunHeld)
	w.exec(`UPDATE run_items SET code = 'recreated' WHERE run_id = %d AND code = 'adopted'`, held.ID)
	want(t, "report", w.report(w.approve(held, registry.RunDone)), []string{"join u000 adopted"})
}

// TestRefusedWithoutRemovals: when the removals are left out, who waits for a name
// that one of them would free is refused, and holds nothing.
func TestRefusedWithoutRemovals(t *testing.T) {
	w := sqlite(t)
	w.adjust = func(s *reconcile.Source) { s.Recreate = plan.RecreateNew }
	w.dir.addPeople(uids(5)...)
	w.run(registry.RunDone)
	w.dir.remove("u000")
	w.run(registry.RunDone)
	w.clock.forward(2 * grace)
	w.dir.addPeople("u000")
	w.adjust = func(s *reconcile.Source) {
		s.Recreate, s.Limits.Delete, s.Limits.Create = plan.RecreateNew, plan.Threshold{}, plan.Threshold{}
	}
	held := w.run(registry.RunHeld)
	want(t, "held rows", w.items(held), []string{"held create u000", "held delete grace_over u000"})
	if err := w.engine.Decide(t.Context(), held, word(registry.RunRejected, "claire")); err != nil {
		t.Fatal(err)
	}
	want(t, "report", w.report(w.run(registry.RunPartial)), []string{"conflict create user_name_taken u000"})
	w.idle()
}

package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestUnvouchedMails: a company that nobody vouched for has so many people mailed a
// day, whichever door brings them: what a connection or a file brings beyond that
// waits, what is done by hand is refused, who registers is not counted.
func TestUnvouchedMails(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.sql(`UPDATE companies SET managed = false, verified_at = 0 WHERE id = %d`, w.src.Company)
		scim := w.door(registry.OriginSCIM, "okta")
		push := func(from, to int) (withheld int) {
			t.Helper()
			var ops []registry.Op
			for i := from; i < to; i++ {
				op := person(fmt.Sprint("a", i), fmt.Sprint("p", i))
				op.SetupMail = registry.SetupSend
				ops = append(ops, op)
			}
			for _, res := range w.putAs(scim, ops...) {
				if res.Refused != nil || !res.Mailed {
					t.Fatalf("push: %+v", res)
				}
				if res.Withheld {
					withheld++
				}
			}
			return withheld
		}
		state := func(state string) int64 { return w.number(`SELECT count(*) FROM mails WHERE state = '` + state + `'`) }
		made := func(name string, mail registry.SetupMail) registry.Code {
			return codes([]registry.Result{w.putAs(w.door(registry.OriginAdmin, "admin"), registry.CreateUser{SetupMail: mail, Attributes: registry.Attributes{
				registry.AttrUserName: {name}, registry.AttrEmails: {name + "@home.example"},
			}})[0]})[0]
		}
		want(t, "by hand, the first", made("first", registry.SetupSend), "")
		want(t, "withheld of eight", push(0, 8), 0)
		want(t, "withheld of the next five", push(8, 13), 4)
		want(t, "queued", state("queued"), registry.UnvouchedMails)
		want(t, "held", state("held"), 4)
		want(t, "by hand, too many", made("many", registry.SetupSend), registry.CodeUnvouched)
		want(t, "by hand, held", made("held", registry.SetupHold), "")
		res := w.putAs(w.door(registry.OriginRegistration, "registration"), registry.CreateUser{SetupMail: registry.SetupSend, Attributes: registry.Attributes{
			registry.AttrUserName: {"self"}, registry.AttrEmails: {"self@home.example"},
		}})
		want(t, "who registers is mailed", res[0].Withheld || !res[0].Mailed, false)
		w.sql(`UPDATE throttles SET moved_at = moved_at - %d`, (48 * time.Hour).Microseconds())
		want(t, "withheld after two days", push(20, 32), 2)
		if _, err := s.For(w.src.Company).Vouch(t.Context(), "operator ann"); err != nil {
			t.Fatal(err)
		}
		want(t, "withheld once somebody vouched", push(40, 55), 0)
		want(t, "by hand then", made("many", registry.SetupSend), "")
	})
}

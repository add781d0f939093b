package reconcile_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// vault seals as auth.Vault does, which this room is not to know.
type vault struct{ cipher.AEAD }

func newVault(key string) vault {
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return vault{gcm}
}

func (v vault) Seal(purpose string, secret []byte) ([]byte, error) {
	return v.AEAD.Seal(nil, nil, secret, []byte(purpose)), nil
}

func (v vault) Open(purpose string, sealed []byte) ([]byte, error) {
	return v.AEAD.Open(nil, nil, sealed, []byte(purpose))
}

// forbidden is an answer that ends a read at once.
func forbidden() graphfake.Effect {
	return graphfake.Fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges.")
}

// pages are how many pages of reads wait.
func (w *world) pages() int { return len(w.rows(`SELECT id FROM read_pages`)) }

// rounds are the requests for pages of the two delta queries since the last Forget.
func (s *graphSite) rounds() (out []string) {
	for _, r := range s.Requests() {
		if strings.Contains(r.Path, "/delta") && r.Status == http.StatusOK {
			out = append(out, r.Path+"?"+r.Query)
		}
	}
	return out
}

// largeTenant is a tenant whose reads have several pages.
func largeTenant(t *testing.T, database string) (*world, *graphSite, []*human) {
	t.Helper()
	w, s := newGraphWorld(t, databases[database](t), graphfake.Options{DeltaPage: 6, MemberPage: 9})
	people := make([]*human, 20)
	for i, uid := range uids(len(people)) {
		people[i] = &human{uid: uid, mail: uid + "@example.com", there: true}
		w.must(s.hire(people[i]))
	}
	g := &team{cn: "all"}
	w.must(s.found(g))
	w.must(s.write([]roster{{team: g, people: people}}))
	return w, s, people
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestReadGoesOn: a run whose read ends at the n-th page, for every n, is gone on with
// by the next one: no page is asked for again, nothing that waits can be read by who
// has the database, and nothing waits after a run that ended. Whole reads and rounds
// of changes, runs and previews, both databases.
func TestReadGoesOn(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		for name, every := range map[string]time.Duration{"whole": 0, "changes": 100 * 365 * 24 * time.Hour} {
			t.Run(name+" "+database, func(t *testing.T) {
				t.Parallel()
				w, s, people := largeTenant(t, database)
				w.adjust = func(src *reconcile.Source) { src.FullEvery = every }
				if name == "changes" {
					w.run(registry.RunDone)
				}
				n := 1
				for s.cutAt(people, n) {
					n++
				}
				if n < 4 {
					t.Errorf("only %d pages", n)
				}
				w.run(registry.RunDone)
				w.idle()
			})
		}
	}
}

// cutAt has a preview end at its n-th page, and a run go on. It reports whether there
// was such a page.
func (s *graphSite) cutAt(people []*human, n int) bool {
	w := s.w
	w.t.Helper()
	for i, h := range people[:15] {
		h.title = fmt.Sprint("title ", n, i)
		w.must(s.retitle(h))
	}
	s.Forget()
	s.Fault(graphfake.Match{Path: "/v1.0/", Nth: n}, forbidden())
	before := w.footprint()
	p := w.preview()
	s.Heal()
	was := s.rounds()
	if p.State != registry.RunFailed {
		return false
	}
	if w.pages() < n-1 {
		return w.pages() > 0 // in the reading by ids, which nobody goes on with
	}
	want(w.t, "what a cut preview changed", w.footprint(), before)
	for _, body := range w.rows(`SELECT CAST(body AS TEXT) FROM read_pages`) {
		if strings.Contains(body, "title") || strings.Contains(body, "example") || strings.Contains(body, "u00") {
			w.t.Error("a page that waits can be read")
		}
	}
	s.Forget()
	run := w.run(registry.RunDone)
	for _, q := range s.rounds() {
		if slices.Contains(was[:n-1], q) {
			w.t.Errorf("cut off at page %d: asked again for %s", n, q)
		}
	}
	want(w.t, "told", strings.Contains(fmt.Sprint(run.Notes), "cut off"), n > 1)
	want(w.t, "pages after the run", w.pages(), 0)
	want(w.t, "titles", len(w.rows(`SELECT id FROM users WHERE CAST(attributes AS TEXT) LIKE '%%title %d%%'`, n)), 15)
	return true
}

// TestKilledReadGoesOn: the same for a process that is killed.
func TestKilledReadGoesOn(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			w, s, people := largeTenant(t, database)
			for _, n := range []int{2, 4} {
				before := w.pages()
				s.Fault(graphfake.Match{Path: "/v1.0/", Nth: n}, graphfake.Delay(time.Hour))
				cmd, words := w.spawn()
				eventually(t, "the pages before", func() bool { return w.pages() == before+n-1 })
				w.must(cmd.Process.Kill())
				for range words {
				}
				_ = cmd.Wait()
				w.expireLease()
				s.Heal()
			}
			w.must(s.leave(people[0]))
			s.Forget()
			run := w.run(registry.RunDone)
			want(t, "people", run.Counts.Created, 19)
			want(t, "told", run.Notes[0].String(), "Went on where an earlier read was cut off: 4 pages were not asked for again")
			want(t, "pages after the run", w.pages(), 0)
			w.sound()
			w.idle()
		})
	}
}

// TestReadBeginsAnew: what waits is of no use to other settings, after a day, to
// another key, after an erasure, and where Graph does not know it any more: then it
// goes, and everything is read.
func TestReadBeginsAnew(t *testing.T) {
	for name, spoil := range map[string]func(w *world, s *graphSite){
		"other settings": func(w *world, _ *graphSite) { w.adjust = func(src *reconcile.Source) { src.SettingsHash = "other" } },
		"a day later":    func(w *world, _ *graphSite) { w.clock.forward(registry.PagesLife) },
		"a page gone":    func(w *world, _ *graphSite) { w.exec(`DELETE FROM read_pages WHERE number = 1`) },
		"another key":    func(w *world, _ *graphSite) { w.engine.Sealer = newVault("another key of thirty-two bytes.") },
		"tokens expired": func(_ *world, s *graphSite) { s.ExpireTokens() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, _ := largeTenant(t, "sqlite")
			s.Fault(graphfake.Match{Path: "/v1.0/", Nth: 5}, forbidden())
			w.run(registry.RunFailed)
			want(t, "pages that wait", w.pages(), 4)
			s.Heal()
			s.Forget()
			spoil(w, s)
			run := w.run(registry.RunDone)
			want(t, "people", run.Counts.Created, 20)
			want(t, "went on", strings.Contains(fmt.Sprint(run.Notes), "Went on"), false)
			want(t, "pages after the run", w.pages(), 0)
		})
	}
}

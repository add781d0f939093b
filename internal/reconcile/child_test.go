package reconcile_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// childEnv makes the test binary a process that runs a source once: its value
// is the address of the database, the server's URL, the subtree and the time,
// and for a tenant of Entra ID its address, certificates and id, separated by
// tabs.
const childEnv = "USHER_RECONCILE_CHILD"

// child is that process. It says on standard output how far it is.
func child() int {
	parts := strings.Split(os.Getenv(childEnv), "\t")
	ctx := context.Background()
	c := newClock()
	if us, err := strconv.ParseInt(parts[3], 10, 64); err == nil {
		c.at.Store(us)
	}
	s, err := store.Open(ctx, parts[0], store.Options{Synchronous: "OFF", Now: c.now})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	defer func() { _ = s.Close() }()
	w := &world{s: s, dir: &directory{s: &slapd.Server{URL: parts[1]}, base: parts[2]}}
	if len(parts) > 4 {
		w.readTenant(tenantAddress{parts[4], parts[5], parts[6]})
	}
	src, err := w.openSource(ctx, "corp")
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	_, engine := newEngine(s, c, fmt.Sprint("child ", os.Getpid()))
	run, err := engine.Run(ctx, src, reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
		fmt.Println(p.Phase, p.Done)
	}})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	fmt.Println("ended", run.State, run.Code, run.Message)
	return 0
}

// spawn starts a child for the world's source and gives its words as they come.
func (w *world) spawn() (*exec.Cmd, <-chan string) {
	w.t.Helper()
	cmd := exec.Command(os.Args[0])
	parts := []string{w.address, w.dir.s.URL, w.dir.base, fmt.Sprint(w.clock.at.Load())}
	if a := w.tenant; a != (tenantAddress{}) {
		parts = append(parts, a.url, a.ca, a.tenant)
	}
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(parts, "\t"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	words := make(chan string, 1024)
	go func() {
		defer close(words)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			words <- lines.Text()
		}
	}()
	return cmd, words
}

// killed starts a child, kills it at a random point of the given phase, and
// tells in which state its run was left.
func (w *world) killed(rng *rand.Rand, phase reconcile.Phase, steps int) string {
	w.t.Helper()
	cmd, words := w.spawn()
	defer func() { _ = cmd.Wait() }()
	for left := rng.IntN(steps) + 1; left > 0; {
		word, ok := <-words
		if !ok {
			return w.lastRun()
		}
		if strings.HasPrefix(word, "failed") {
			w.t.Fatal(word)
		}
		if strings.HasPrefix(word, string(phase)) {
			left--
		}
	}
	// A little further, into the transaction or the page that comes next.
	<-time.After(time.Duration(rng.IntN(8000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	for range words {
	}
	return w.lastRun()
}

func (w *world) lastRun() string {
	w.t.Helper()
	return w.rows(`SELECT state FROM runs ORDER BY id DESC LIMIT 1`)[0]
}

// sound checks what must hold at every moment, however the last run ended.
func (w *world) sound() {
	w.t.Helper()
	for what, q := range map[string]string{
		"two living people with one name":      `SELECT user_name_key FROM users WHERE deleted_at = 0 GROUP BY company_id, user_name_key HAVING count(*) > 1`,
		"people without exactly one link":      `SELECT u.id FROM users u LEFT JOIN links l ON l.user_id = u.id GROUP BY u.id HAVING count(l.id) <> 1`,
		"links to nothing":                     `SELECT l.id FROM links l LEFT JOIN users u ON u.id = l.user_id LEFT JOIN "groups" g ON g.id = l.group_id WHERE u.id IS NULL AND g.id IS NULL`,
		"people not created exactly once":      `SELECT u.id FROM users u LEFT JOIN changes c ON c.user_id = u.id AND c.action = 'create' GROUP BY u.id HAVING count(c.id) <> 1`,
		"groups not created exactly once":      `SELECT g.id FROM "groups" g LEFT JOIN changes c ON c.group_id = g.id AND c.action = 'create' GROUP BY g.id HAVING count(c.id) <> 1`,
		"versions that no change row tells of": `SELECT u.id FROM users u JOIN changes c ON c.user_id = u.id GROUP BY u.id, u.version HAVING max(c.version) <> u.version`,
		"two live set-up links":                `SELECT user_id FROM setup_links WHERE used_at = 0 AND superseded_at = 0 GROUP BY user_id HAVING count(*) > 1`,
		"links without exactly one mail":       `SELECT s.id FROM setup_links s LEFT JOIN mails m ON m.link_uid = s.uid GROUP BY s.id HAVING count(m.id) <> 1`,
		"mails that wait for a dead link":      `SELECT m.id FROM mails m LEFT JOIN setup_links s ON s.uid = m.link_uid AND s.superseded_at = 0 WHERE m.state = 'queued' AND s.id IS NULL`,
		"the invited without a live link":      `SELECT u.id FROM users u LEFT JOIN setup_links s ON s.user_id = u.id AND s.superseded_at = 0 WHERE u.credential = 'invited' AND s.id IS NULL`,
		"an address twice":                     `SELECT user_id FROM emails GROUP BY user_id, address_key HAVING count(*) > 1`,
		"a membership twice":                   `SELECT group_id FROM memberships GROUP BY group_id, user_id, member_group_id, origin_id HAVING count(*) > 1`,
		"more than one run at work":            `SELECT source_id FROM runs WHERE state IN ('reading', 'planning', 'applying') GROUP BY source_id HAVING count(*) > 1`,
	} {
		if rows := w.rows("%s", q); len(rows) > 0 {
			w.t.Errorf("%s: %v", what, rows)
		}
	}
}

// TestKilled kills a process with SIGKILL at random points of first runs and of
// days of change, lets the next one go on, and looks at what there is.
func TestKilled(t *testing.T) {
	for name, seeds := range map[string][]uint64{"sqlite": {1, 2}, "postgres": {3}} {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, databases[name](t), newDirectory(t))
				kill(t, w, rand.New(rand.NewPCG(seed, 9)))
			})
		}
	}
}

func kill(t *testing.T, w *world, rng *rand.Rand) {
	const people = 1200
	names := uids(people)
	w.dir.addPeople(names...)
	for g := range 6 {
		w.dir.addGroup(fmt.Sprintf("g%d", g), names[g*100:g*100+150]...)
	}
	states := map[string]int{}
	one := func(phase reconcile.Phase, steps int) {
		t.Helper()
		states[w.killed(rng, phase, steps)]++
		w.sound()
		w.expireLease()
	}
	for round := range 3 {
		if round > 0 { // a day on which everybody changes
			w.dir.must(rotate(w.dir, names[:300]))
			for i, uid := range names {
				a := attrs{"title": {fmt.Sprint("round ", round)}}
				if i%3 == 0 {
					a["mail"] = []string{fmt.Sprintf("%s@round%d.example.com", uid, round)}
				}
				w.dir.set(uid, a)
			}
			w.dir.setMembers("g0", names[round*200:round*200+300]...)
		}
		one(reconcile.PhaseRead, 3)
		one(reconcile.PhasePlan, 1)
		for range 5 {
			one(reconcile.PhaseApply, 3)
		}
		last := w.rows(`SELECT id FROM runs WHERE state IN ('reading', 'planning', 'applying')`)
		run := w.run(registry.RunDone)
		if len(last) == 1 {
			want(t, "resumes", fmt.Sprint(w.stored(run).Resumes), last[0])
		}
		w.sound()
		w.idle()
		want(t, "people", w.rows(`SELECT count(*) FROM users WHERE enabled`), []string{fmt.Sprint(people)})
		want(t, "mails in the queue", w.rows(`SELECT count(*) FROM mails WHERE state = 'queued'`), []string{fmt.Sprint(people)})
		want(t, "titles", w.rows(`SELECT count(*) FROM users WHERE CAST(attributes AS TEXT) LIKE '%%round %d%%'`, round), map[bool][]string{true: {"0"}, false: {fmt.Sprint(people)}}[round == 0])
	}
	want(t, "mails, one for each address anybody had", w.rows(`SELECT count(*) FROM mails`), []string{fmt.Sprint(people + 2*people/3)})
	if states["applying"] < 3 {
		t.Errorf("the kills left runs %v: too few were hit while they wrote", states)
	}
}

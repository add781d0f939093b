package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// serveEnv makes this test's binary a server with the configuration file it
// names: a process of its own, to be killed.
const serveEnv = "USHER_TEST_SERVE"

func TestMain(m *testing.M) {
	if file := os.Getenv(serveEnv); file != "" {
		if err := serveFile(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serveFile(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load(file, func(string) (string, bool) { return "", false })
	if err != nil {
		return err
	}
	s, err := app.New(ctx, cfg, app.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return s.Stop(context.Background())
}

// process is a server of its own.
type process struct {
	cmd    *exec.Cmd
	health string
	out    lines
}

func spawn(t *testing.T, s settings) *process {
	t.Helper()
	s.Telemetry = free(t)
	p := &process{cmd: exec.Command(os.Args[0]), health: "http://" + s.Telemetry}
	p.cmd.Env = append(os.Environ(), serveEnv+"="+write(t, s))
	p.cmd.Stderr = &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("process %d:\n%s", p.cmd.Process.Pid, p.out.b.String())
		}
	})
	until(t, "the process is ready", func() bool { code, _ := get(t, p.health+"/readyz"); return code == 200 })
	return p
}

// TestTwoProcesses lets two servers share a database and a schedule that comes
// up every minute. One of them makes the run; it is killed in the middle; the
// other takes the run over. Nobody is created or mailed twice.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	const people, mailed = 2000, 300 // the others have no address
	dsn := postgres.New(t)
	dir, box := directory(t, people, 20), mailbox(t, "127.0.0.1:0")
	s := defaults(t, settings{Database: dsn, LDAP: dir.URL, SMTP: box.Addr(), Schedule: "* * * * *", Emails: `uid < "u0000300" ? mail : nil`})
	watch, err := app.Open(t.Context(), configure(t, s), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := watch.Close(); err != nil {
			t.Error(err)
		}
	})
	// Both find the source due already.
	if _, err := watch.Store.WriteDB().Exec(`UPDATE sources SET next_due = 1`); err != nil {
		t.Fatal(err)
	}
	processes := []*process{spawn(t, s), spawn(t, s)}
	holder := dieInTheMiddle(t, watch, processes)
	survivor := processes[1-holder]
	killed := time.Now()
	until(t, "the other takes the run over", func() bool { return resumed(t, watch) != nil })
	t.Logf("taken over after %s", time.Since(killed).Round(time.Second))
	until(t, "everybody has a mail", func() bool { return len(box.Messages()) >= mailed })
	checkPeople(t, watch, people, mailed)
	if n := onceEach(t, box); n != mailed {
		t.Errorf("%d people got a mail, want %d", n, mailed)
	}
	for _, r := range runs(t, watch) {
		if r.State == registry.RunFailed || r.State == registry.RunPartial {
			t.Errorf("run %d is %s: %s", r.Number, r.State, r.Message)
		}
	}
	if code, _ := get(t, survivor.health+"/readyz"); code != 200 {
		t.Errorf("the survivor answers %d", code)
	}
}

// dieInTheMiddle waits until a run has created some people and kills the
// process that makes it.
func dieInTheMiddle(t *testing.T, watch *app.Core, processes []*process) (holder int) {
	t.Helper()
	until(t, "a run is in its middle", func() bool {
		r := lastRun(t, watch)
		return r.State == registry.RunApplying && count(t, watch, `SELECT count(*) FROM users`) > 0
	})
	var name string
	if err := watch.Store.WriteDB().QueryRow(`SELECT lease_holder FROM sources`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	for i, p := range processes {
		if strings.Contains(name, fmt.Sprintf("/%d/", p.cmd.Process.Pid)) {
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = p.cmd.Wait()
			if n := len(runs(t, watch)); n != 1 {
				t.Errorf("%d runs were made at once, want 1", n)
			}
			return i
		}
	}
	t.Fatalf("nobody of us holds the lease: %q", name)
	return 0
}

// resumed is the finished run that took up the interrupted one, if any.
func resumed(t *testing.T, watch *app.Core) *registry.Run {
	t.Helper()
	for _, r := range runs(t, watch) {
		if r.Resumes != 0 && r.State == registry.RunDone {
			return r
		}
	}
	return nil
}

func count(t *testing.T, core *app.Core, query string) (n int) {
	t.Helper()
	if err := core.Store.WriteDB().QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkPeople fails unless everybody is there once, with one link that works.
func checkPeople(t *testing.T, core *app.Core, people, mailed int) {
	t.Helper()
	for query, want := range map[string]int{
		`SELECT count(*) FROM users`:                            people,
		`SELECT count(DISTINCT user_name_key) FROM users`:       people,
		`SELECT count(*) FROM setup_links`:                      mailed,
		`SELECT count(DISTINCT user_id) FROM setup_links`:       mailed,
		`SELECT count(*) FROM mails`:                            mailed,
		`SELECT count(*) FROM groups`:                           20,
		`SELECT count(*) FROM memberships`:                      20 * 20,
		`SELECT count(*) FROM changes WHERE action = 'create'`:  people + 20,
		`SELECT count(*) FROM runs WHERE state = 'interrupted'`: 1,
		`SELECT count(*) FROM links WHERE user_id IS NOT NULL`:  people,
	} {
		if n := count(t, core, query); n != want {
			t.Errorf("%s gives %d, want %d", query, n, want)
		}
	}
}

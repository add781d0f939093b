package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/postgres"
	"github.com/usherd/usher/internal/testkit/tcpfault"
)

func TestServesAndStops(t *testing.T) {
	leakFree(t)
	s, stop := start(t, configure(t, settings{}), app.Options{})
	pages, health := "http://"+s.Addr(), "http://"+s.TelemetryAddr()
	for _, c := range []struct {
		url  string
		code int
		says string
	}{
		{pages + "/c/acme/login", 200, "<h1"},
		{pages + "/metrics", 404, ""},
		{health + "/livez", 200, "ok"},
		{health + "/readyz", 200, "ok"},
		{health + "/metrics", 200, "go_goroutines"},
		{health + "/", 404, ""},
	} {
		if code, body := get(t, c.url); code != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %.200s", c.url, code, body)
		}
	}
	stop()
	if code, _ := get(t, health+"/livez"); code != 0 {
		t.Error("it answers after its end")
	}
}

func TestNotReadyWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	s, err := app.New(t.Context(), configure(t, settings{}), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, "http://"+s.TelemetryAddr()+"/readyz")
	if code != 503 || body != "the database does not answer\n" {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, "http://"+s.TelemetryAddr()+"/livez"); code != 200 {
		t.Errorf("alive: %d", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.Stop(ctx) // it cannot take its leave from a database that is gone
}

func TestTakenPortsAreNamed(t *testing.T) {
	leakFree(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for setting, s := range map[string]settings{
		"listen": {Listen: l.Addr().String()}, "telemetry": {Telemetry: l.Addr().String()},
	} {
		_, err := app.New(t.Context(), configure(t, s), app.Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasPrefix(err.Error(), setting+": ") || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// Two processes may share a PostgreSQL database while they agree on the file.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	dsn := postgres.New(t)
	start(t, configure(t, settings{Database: dsn}), app.Options{})
	start(t, configure(t, settings{Database: dsn}), app.Options{})
	other := configure(t, settings{Database: dsn, PublicURL: "https://elsewhere.example.com"})
	for _, serve := range []bool{true, false} {
		_, err := app.Open(t.Context(), other, app.Options{Serve: serve, Log: slog.New(slog.DiscardHandler)})
		if !errors.Is(err, store.ErrOtherConfig) {
			t.Errorf("serving %v: %v", serve, err)
		}
	}
	core, err := app.Open(t.Context(), configure(t, settings{Database: dsn}), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if !core.Served(t.Context()) {
		t.Error("a command does not see the servers")
	}
	if err := core.Close(); err != nil {
		t.Error(err)
	}
}

// A PostgreSQL database has no file beside which a key could lie.
func TestKeyIsAskedFor(t *testing.T) {
	cfg := configure(t, settings{})
	cfg.SecretKey = config.Secret{}
	cfg.Database = config.Database{Driver: config.Postgres}
	_, err := app.Open(t.Context(), cfg, app.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "secret_key_file: missing") {
		t.Error(err)
	}
}

// A stop in the middle of a run ends it, and the next start takes it further.
func TestStopDuringARun(t *testing.T) {
	leakFree(t)
	dir := directory(t, 30, 2)
	slow, err := tcpfault.Start(dir.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slow.Close)
	cfg := configure(t, settings{LDAP: "ldap://" + slow.Addr()})
	slow.Break(2000, tcpfault.Stall)
	s, stop := start(t, cfg, app.Options{})
	if err := s.RunSoon(t.Context(), "corp", "manual"); err != nil {
		t.Fatal(err)
	}
	<-slow.Broke()
	began := time.Now()
	stop()
	if took := time.Since(began); took > soon {
		t.Errorf("the stop took %s", took)
	}
	slow.Break(-1, tcpfault.Stall)
	s, _ = start(t, cfg, app.Options{})
	until(t, "the run goes on", func() bool { return lastRun(t, s.Core).State == registry.RunDone })
	if n := lastRun(t, s.Core).Counts.Created; n != 30 {
		t.Errorf("%d created", n)
	}
}

// lastRun is the newest run of the only company, or an empty one.
func lastRun(t *testing.T, core *app.Core) *registry.Run {
	t.Helper()
	all := runs(t, core)
	if len(all) == 0 {
		return &registry.Run{}
	}
	return all[0]
}

func runs(t *testing.T, core *app.Core) []*registry.Run {
	t.Helper()
	c, err := core.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := core.Store.For(c.ID).Runs(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What was missed while everything was down is made up once.
func TestMissedScheduleIsMadeUpOnce(t *testing.T) {
	t.Parallel()
	dir := directory(t, 3, 0)
	cfg := configure(t, settings{LDAP: dir.URL, Schedule: "CRON_TZ=Europe/Rome 30 2 * * *"})
	now := time.Now()
	_, stop := start(t, cfg, app.Options{Now: func() time.Time { return now }})
	stop()
	later := now.Add(5 * 24 * time.Hour)
	s, _ := start(t, cfg, app.Options{Now: func() time.Time { return later }})
	until(t, "the run is made", func() bool { return lastRun(t, s.Core).State == registry.RunDone })
	src, err := s.Store.SourceByKey(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	if all := runs(t, s.Core); len(all) != 1 || all[0].Trigger != "schedule" || !src.NextDue.After(later) {
		t.Errorf("%d runs, next due %s", len(all), src.NextDue)
	}
}

// The mail server is down for the whole run and comes back: everybody gets one
// mail, and the tries can be seen.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	dir := directory(t, 60, 2)
	smtp := free(t)
	clock := newClock()
	var log lines
	s, _ := start(t, configure(t, settings{LDAP: dir.URL, SMTP: smtp}),
		app.Options{Now: clock.now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	run, err := s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"})
	if err != nil || run.Counts.Mailed != 60 {
		t.Fatal(run, err)
	}
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the trouble can be seen", func() bool {
		mails, err := s.Store.For(c.ID).Mails(t.Context(), "queued", 100)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range mails {
			if strings.Contains(m.Message.String(), "cannot be reached") && m.NextTry.After(clock.now()) {
				n++
			}
		}
		return n == 60
	})
	if n := log.count("mails wait"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
	box := mailbox(t, smtp)
	clock.add(10 * time.Minute)
	until(t, "all mails arrive", func() bool { return len(box.Messages()) >= 60 })
	until(t, "all are known to be sent", func() bool {
		n, err := s.WaitingMails(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	if n := onceEach(t, box); n != 60 {
		t.Errorf("%d people got a mail", n)
	}
	mails, err := s.Store.For(c.ID).Mails(t.Context(), "sent", 100)
	if err != nil || len(mails) != 60 || len(mails[0].Attempts) != 1 {
		t.Errorf("%d sent, %v", len(mails), err)
	}
	if n := box.Connections(); n > 6 {
		t.Errorf("%d connections for 60 mails", n)
	}
}

// A server whose start has returned is ready, at the first look. How soon that is,
// `make bench` prints.
func TestReadyOnceStarted(t *testing.T) {
	dir := t.TempDir()
	d, err := app.NewDemo(t.Context(), dir, "usher", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		cfg, err := config.Load(d.ConfigFile, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listen, cfg.Telemetry = "127.0.0.1:0", "127.0.0.1:0"
		s, stop := start(t, cfg, app.Options{})
		if code, body := get(t, "http://"+s.TelemetryAddr()+"/readyz"); code != 200 {
			t.Fatal(code, body)
		}
		stop()
	}
}

// Behind a proxy the sessions know the visitor's own address.
func TestTrustedProxies(t *testing.T) {
	cfg := configure(t, settings{More: "trusted_proxies: [127.0.0.0/8]"})
	if fmt.Sprint(cfg.TrustedProxies) != "[127.0.0.0/8]" {
		t.Fatal(cfg.TrustedProxies)
	}
	start(t, cfg, app.Options{})
}

package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/certs"
	"github.com/usherd/usher/internal/testkit/dirgen"
)

// found is what a doctor says of one check, by its name.
func found(t *testing.T, cfg *config.Config, o app.DoctorOptions, name string) app.Finding {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	all := app.Examine(t.Context(), cfg, o)
	i := slices.IndexFunc(all, func(f app.Finding) bool { return f.Name.String() == name })
	if i < 0 {
		t.Fatalf("no check %q among %+v", name, all)
	}
	for n, f := range all {
		if f.Number != n+1 {
			t.Errorf("check %s has number %d", f.Name, f.Number)
		}
		if (f.State == app.CheckFail || f.State == app.CheckWarn) != (f.Mend != "") {
			t.Errorf("%+v: what is wrong has a mend, and nothing else", f)
		}
	}
	return all[i]
}

func says(t *testing.T, f app.Finding, state, text string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Says.String(), text) {
		t.Errorf("%s is %s: %s; want %s: %s", f.Name, f.State, f.Says, state, text)
	}
}

// TestDoctorOnTLS goes to a public address as a browser does.
func TestDoctorOnTLS(t *testing.T) {
	t.Parallel()
	files, err := certs.Make(t.TempDir(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(http.NotFoundHandler())
	site.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	site.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	site.StartTLS()
	t.Cleanup(site.Close)
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(files.CA)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	port := site.URL[strings.LastIndex(site.URL, ":"):]
	end := pair.Leaf.NotAfter
	for name, c := range map[string]struct {
		host  string
		roots *x509.CertPool
		now   time.Time
		state string
		says  string
	}{
		"good":               {"localhost", roots, end.Add(-60 * 24 * time.Hour), app.CheckOK, "is good until"},
		"ends soon":          {"localhost", roots, end.Add(-5 * 24 * time.Hour), app.CheckWarn, "ends in 5 days"},
		"of nobody we trust": {"localhost", nil, time.Now(), app.CheckFail, "browsers would refuse it"},
		"for another name":   {"127.0.0.1", roots, time.Now(), app.CheckFail, "browsers would refuse it"},
	} {
		cfg := configure(t, settings{PublicURL: "https://" + c.host + port, More: "tls: {cert_file: " + files.Cert + ", key_file: " + files.Key + "}"})
		o := app.DoctorOptions{Roots: c.roots, Now: func() time.Time { return c.now }}
		says(t, found(t, cfg, o, "public address"), c.state, c.says)
		own := map[string]string{"good": app.CheckOK, "ends soon": app.CheckWarn, "for another name": app.CheckWarn}[name]
		if own != "" {
			says(t, found(t, cfg, o, "own certificate"), own, "")
		}
	}
	cfg := configure(t, settings{More: "tls: {cert_file: gone.pem, key_file: gone.key}"})
	says(t, found(t, cfg, app.DoctorOptions{}, "own certificate"), app.CheckFail, "gone.pem")
}

// TestDoctorOnWork: what stands still, waits or ends is told.
func TestDoctorOnWork(t *testing.T) {
	t.Parallel()
	dir := directory(t, 30, 0)
	cfg := configure(t, settings{LDAP: dir.URL, Schedule: "@daily"})
	now := time.Now()
	s, stop := start(t, cfg, app.Options{Version: "v1", Now: func() time.Time { return now }})
	ctx := t.Context()
	c, err := s.Company(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateConnection(ctx, c.ID, "okta", registry.DefaultConnection()); err != nil {
		t.Fatal(err)
	}
	o := app.DoctorOptions{Version: "v1", Now: func() time.Time { return now }}
	says(t, found(t, cfg, o, "processes"), app.CheckOK, "1, of this version")
	says(t, found(t, cfg, o, "schedules"), app.CheckOK, "next: corp at ")
	says(t, found(t, cfg, o, "runs"), app.CheckOK, "no source")
	says(t, found(t, cfg, o, "SCIM connections"), app.CheckOK, "1, none quiet")
	says(t, found(t, cfg, o, "mail server"), app.CheckFail, "connection refused")

	run := func() registry.RunState {
		r, err := s.RunSource(ctx, "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"})
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	if state := run(); state != registry.RunDone {
		t.Fatal(state)
	}
	o.Now = func() time.Time { return now.Add(30 * time.Minute) }
	says(t, found(t, cfg, o, "mails"), app.CheckFail, "30 mails wait, the oldest for 30 minutes")
	o.Version = "v2"
	says(t, found(t, cfg, o, "processes"), app.CheckWarn, "runs v1")
	o.Now = func() time.Time { return now.Add(8 * 24 * time.Hour) }
	says(t, found(t, cfg, o, "SCIM connections"), app.CheckWarn, "acme/okta is quiet for 8 days")
	says(t, found(t, cfg, o, "schedules"), app.CheckFail, "corp was due ")
	for i := range 20 {
		if err := dir.Delete(dirgen.Options{}.PersonDN(i)); err != nil {
			t.Fatal(err)
		}
	}
	if state := run(); state != registry.RunHeld {
		t.Fatal(state)
	}
	o.Now = func() time.Time { return now.Add(2 * time.Hour) }
	held := found(t, cfg, o, "runs")
	says(t, held, app.CheckWarn, "run 2 of corp waits for 2 hours with 20 changes")
	if held.Command != "usher sync show 2" {
		t.Errorf("run %q", held.Command)
	}
	dir.Stop()
	if state := run(); state != registry.RunFailed {
		t.Fatal(state)
	}
	says(t, found(t, cfg, o, "runs"), app.CheckWarn, "corp failed 1 times in a row")
	says(t, found(t, cfg, o, "source corp"), app.CheckFail, "")
	stop()
	says(t, found(t, cfg, o, "processes"), app.CheckWarn, "none runs")
	cfg.Database = config.Database{Driver: config.Postgres, URL: config.NewSecret("postgres://nobody:hush@127.0.0.1:1/none")}
	gone := found(t, cfg, o, "database")
	if says(t, gone, app.CheckFail, "refused"); strings.Contains(gone.Says.String()+gone.Command, "hush") {
		t.Errorf("it tells the password: %+v", gone)
	}
}

// TestDoctorOnMail: the mail server is greeted and sent nothing.
func TestDoctorOnMail(t *testing.T) {
	t.Parallel()
	box := mailbox(t, "127.0.0.1:0")
	says(t, found(t, configure(t, settings{SMTP: box.Addr()}), app.DoctorOptions{}, "mail server"), app.CheckOK, "in the clear")
	if n := len(box.Messages()); n != 0 {
		t.Errorf("the check sent %d mails", n)
	}
}

// TestSupportTellsNobody: what is shown to strangers names nobody.
func TestSupportTellsNobody(t *testing.T) {
	cfg := configure(t, settings{})
	text := app.Support(cfg, "v1", []app.Finding{
		{Number: 1, Name: "source corp", State: app.CheckFail, Says: "bind as cn=reader,ou=Service Accounts,dc=example,dc=com at ldaps://dc1.corp.example.com:636: refused"},
		{Number: 2, Name: "mail server", State: app.CheckFail, Says: "smtp://mail.example.com:587: dial tcp 192.0.2.7:587: no answer; [2001:db8::1]:25 neither, for ada@example.com"},
		{Number: 3, Name: "SCIM connections", State: app.CheckWarn, Says: "acme/okta is quiet for 8 days"},
		{Number: 4, Name: "schedules", State: app.CheckOK, Says: "next: corp at 2026-03-01 02:30 UTC"},
		{Number: 5, Name: "disk space", State: app.CheckOK, Says: "52557 MB are free where /srv/Acme/usher.db lies, on db01.internal"},
		{Number: 6, Name: "processes", State: app.CheckWarn, Says: "web-7.example.net/4711/ABC runs v1.2.3"},
	})
	for _, secret := range []string{"corp", "acme", "Acme", "example", "reader", "Service", "192.0.2", "2001:db8", "ada", "okta", "db01", "web-7", "/srv"} {
		if strings.Contains(text, secret) {
			t.Errorf("it tells %q:\n%s", secret, text)
		}
	}
	for _, kept := range []string{"usher v1, go", "sources: ldap 1, entra 0", "fail", "refused", "quiet for 8 days", "2026-03-01 02:30 UTC", "52557 MB"} {
		if !strings.Contains(text, kept) {
			t.Errorf("it lacks %q:\n%s", kept, text)
		}
	}
}

// TestBackupAndCopyAsk: files that are there and databases that are not.
func TestBackupAndCopyAsk(t *testing.T) {
	cfg := configure(t, settings{})
	if _, err := app.Backup(t.Context(), cfg, filepath.Join(t.TempDir(), "b"), time.Now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no database: %v", err)
	}
	if _, err := os.Stat(cfg.Database.Path); err == nil {
		t.Error("a database was made")
	}
	for _, to := range []string{"postgres://u:p@h/d", "postgres://u@h/d?password=p", "mysql://h", ""} {
		var m *app.MistakeError
		if _, err := app.CopyTarget(to); !errors.As(err, &m) {
			t.Errorf("%q: %v", to, err)
		}
	}
	if d, err := app.CopyTarget("postgres://u@h/d"); err != nil || d.Driver != config.Postgres {
		t.Errorf("%v %v", d, err)
	}
}

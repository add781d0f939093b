package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"go.uber.org/goleak"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// soon bounds whatever a test waits for. It ends a hang; it judges no speed.
const soon = 5 * time.Minute

// settings are what the tests' configuration files differ in.
type settings struct {
	Listen, Telemetry, PublicURL, Database, SMTP, LDAP, Schedule, Emails, Source, More, Companies, Company string
}

var file = template.Must(template.New("").Parse(`listen: {{.Listen}}
telemetry: {{.Telemetry}}
public_url: {{.PublicURL}}
database: {{.Database}}
secret_key: 0123456789abcdef0123456789abcdef
{{.More}}
mail:
  smtp: smtp://{{.SMTP}}
  from: "Acme Helpdesk <helpdesk@example.com>"
companies:
  acme: {name: Acme, locale: en{{.Company}}}
{{.Companies}}
sources:
  corp:
    company: acme
    kind: ldap
    url: {{.LDAP}}
    bind_dn: cn=reader,dc=example,dc=com
    bind_password: reader-secret
    schedule: "{{.Schedule}}"
    users:
      base: ou=people,dc=example,dc=com
      filter: (objectClass=inetOrgPerson)
      attributes: {userName: uid, emails: {{printf "%q" .Emails}}, givenName: givenName, familyName: sn, displayName: cn, title: title, locale: preferredLanguage}
    groups: {base: "ou=groups,dc=example,dc=com", filter: (objectClass=groupOfNames)}
    guard: {deactivate: {count: 1, percent: 100, floor: 5}}
{{.Source}}
`))

// defaults fill in what a test does not care about.
func defaults(t *testing.T, s settings) settings {
	t.Helper()
	for _, d := range []struct {
		field *string
		value string
	}{
		{&s.Listen, "127.0.0.1:0"}, {&s.Telemetry, "127.0.0.1:0"}, {&s.PublicURL, "https://people.example.com"},
		{&s.SMTP, "127.0.0.1:1"}, {&s.LDAP, "ldap://127.0.0.1:1"}, {&s.Emails, "mail"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if s.Database == "" {
		s.Database = "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	}
	return s
}

// write makes a configuration file.
func write(t *testing.T, s settings) string {
	t.Helper()
	var b bytes.Buffer
	if err := file.Execute(&b, defaults(t, s)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "usher.yaml")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// configure makes and loads a configuration.
func configure(t *testing.T, s settings) *config.Config {
	t.Helper()
	cfg, err := config.Load(write(t, s), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a server until the test ends, or until the returned function ends
// it within a second and a half.
func start(t *testing.T, cfg *config.Config, o app.Options) (*app.Server, func()) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := app.New(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, stop
}

// until waits for something to become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !true(); <-time.After(25 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// get asks a server for a page.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// directory is a real directory with generated people and groups.
func directory(t *testing.T, people, groups int) *slapd.Server {
	t.Helper()
	return slapd.Start(t, slapd.Options{LDIF: func(w io.Writer) error {
		return dirgen.LDIF(w, dirgen.Options{People: people, Groups: groups, Members: 20, Seed: 1})
	}})
}

// mailbox is a mail server on an address of its own, or on a given one.
func mailbox(t *testing.T, addr string) *mailcatcher.Catcher {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := mailcatcher.Start(l, mailcatcher.Options{})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// onceEach fails unless every recipient got exactly one mail, and returns how
// many there were.
func onceEach(t *testing.T, c *mailcatcher.Catcher) int {
	t.Helper()
	seen := map[string]int{}
	for _, m := range c.Messages() {
		for _, to := range m.To {
			seen[to]++
		}
	}
	for to, n := range seen {
		if n != 1 {
			t.Errorf("%s got %d mails", to, n)
		}
	}
	return len(seen)
}

// leakFree fails when the test leaves a goroutine behind.
func leakFree(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil && !strings.Contains(err.Error(), "no leaks") {
			t.Error(err)
		}
	})
}

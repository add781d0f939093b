package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// password is the secret of every file under testdata; no output may show it.
const password = "hunter2"

// env makes a lookup of these variables.
func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// files makes a reader of these files.
func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := content[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func load(t *testing.T, path string, vars map[string]string) *config.Config {
	t.Helper()
	c, err := config.Load(path, env(vars))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFaults(t *testing.T) {
	paths, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(filepath.Base(path), data, env(map[string]string{"MAILHOST": "mail"}), files(nil))
			if err == nil {
				t.Fatal("no fault found")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("a fault shows the password:\n%v", err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestSample(t *testing.T) {
	c := load(t, "testdata/sample.yaml", map[string]string{"LDAP_PASSWORD": password})
	corp := c.Sources["corp"]
	want := config.Source{
		Company:       "acme",
		Kind:          config.KindLDAP,
		Schedule:      "CRON_TZ=Europe/Rome 30 2 * * *",
		Join:          []config.JoinRule{},
		OnRecreate:    config.RecreateConflict,
		Policy:        config.PolicySync,
		KindOfUser:    "end_user",
		OnMissing:     config.MissingDeactivate,
		DeleteAfter:   config.Duration(30 * 24 * time.Hour),
		SetupMail:     config.SetupMailNow,
		FullReadEvery: config.Interval(7 * 24 * time.Hour),
		Guard: config.Guard{
			Deactivate:       config.Limit{Count: 50, Percent: 10, Floor: 5},
			GroupDelete:      config.Limit{Count: 5, Percent: 10, Floor: 1},
			MembershipRemove: config.Limit{Count: 200, Percent: 20, Floor: 10},

			Delete:                   config.Limit{Count: 50, Percent: 10, Floor: 5},
			MembershipRemovePerGroup: config.Limit{Count: 100, Percent: 50, Floor: 10},
			Rename:                   config.Limit{Count: 100, Percent: 10, Floor: 10},
			MailChange:               config.Limit{Count: 100, Percent: 10, Floor: 10},
			Create:                   config.Limit{Count: 500, Percent: 50, Floor: 50},
			Adopt:                    config.Limit{Count: 50, Percent: 10, Floor: 5},
			Minimum:                  config.Limit{Percent: 50, Floor: 5},
			SettingsChange:           config.SettingsHold,
		},
		LDAP: &config.LDAP{
			URLs:         config.URLs{"ldap://127.0.0.1:3890"},
			BindDN:       "cn=reader,dc=example,dc=com",
			BindPassword: config.NewSecret(password),
			Users: config.LDAPUsers{
				Base:   "ou=people,dc=example,dc=com",
				Filter: "(objectClass=inetOrgPerson)",
				Mapped: config.Mapped{
					Scope: `title != "Contractor"`,
					Attributes: map[string]config.Attribute{
						"userName": {Value: "uid"}, "emails": {Value: "mail"}, "givenName": {Value: "givenName"}, "familyName": {Value: "sn"},
						"displayName": {Value: `cn ?? (givenName + " " + sn)`},
					},
				},
			},
			Groups: config.LDAPGroups{Base: "ou=groups,dc=example,dc=com", Filter: "(objectClass=groupOfNames)", Nested: config.NestedFlatten, OnlyMapped: true},
		},
	}
	if diff := cmp.Diff(want, corp); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]config.Company{"acme": {Name: "Acme", Locale: "it"}}, c.Companies); diff != "" {
		t.Errorf("companies (-want +got):\n%s", diff)
	}
}

// TestDefaults proves that the settings of the sample that are defaults hold
// where a file leaves them out, and that a guard may be changed in part.
func TestDefaults(t *testing.T) {
	sample := load(t, "testdata/sample.yaml", map[string]string{"LDAP_PASSWORD": password})
	c := load(t, "testdata/minimal.yaml", nil)
	got, want := c.Sources["corp"], sample.Sources["corp"]
	want.Guard.Deactivate.Count, want.Guard.Delete.Count, want.Guard.Adopt.Count = 7, 7, 7
	want.Schedule, want.Join, want.LDAP = "", nil, nil
	ldap := got.LDAP
	got.LDAP = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(config.URLs{"ldaps://one.example.com", "ldaps://two.example.com"}, ldap.URLs); diff != "" {
		t.Errorf("url (-want +got):\n%s", diff)
	}
	if c.Listen != sample.Listen || c.Telemetry != sample.Telemetry || c.Database.String() != "sqlite:usher.db" {
		t.Errorf("listen %q, telemetry %q, database %q", c.Listen, c.Telemetry, c.Database)
	}
	if c.PublicURL != "http://localhost:8080" {
		t.Errorf("public_url = %q, want it without the slash", c.PublicURL)
	}
	if diff := cmp.Diff(config.Company{Name: "acme", Locale: "en"}, c.Companies["acme"]); diff != "" {
		t.Errorf("company (-want +got):\n%s", diff)
	}
}

func TestRetentionOf(t *testing.T) {
	text := `public_url: http://localhost:8080
mail: {smtp: "smtp://localhost:25", from: a@example.com}
retention: 30d
companies: {acme: {retention: never}, beta: {retention: 7d}, gamma: {}}
`
	c, err := config.Parse("x.yaml", []byte(text), env(nil), files(nil))
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for company, want := range map[string]time.Duration{"acme": 0, "beta": 7 * day, "gamma": 30 * day} {
		if got := c.RetentionOf(company); got != want {
			t.Errorf("retention of %s = %s, want %s", company, got, want)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	type holder struct {
		Open   config.Secret
		hidden config.Secret
	}
	s := config.NewSecret(password)
	text, err := json.Marshal(holder{Open: s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", holder{s, s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "holder", holder{s, s})
	shown := []string{string(text), log.String(), s.String(), s.GoString(), fmt.Sprintf("%x %X", password, s)[len(password)*2:]}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, holder{s, s}))
	}
	for _, text := range shown {
		if strings.Contains(text, password) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", password)) {
			t.Errorf("shown: %s", text)
		}
	}
	if s.Reveal() != password || !s.IsSet() || (config.Secret{}).IsSet() {
		t.Error("the secret is lost")
	}
}

func TestLoadUnreadableFile(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), env(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("# filler\n", 1<<18)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big, env(nil)); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("oversized file: %v", err)
	}
}

func TestFaultOfAnotherRoom(t *testing.T) {
	c := load(t, "testdata/sample.yaml", map[string]string{"LDAP_PASSWORD": password})
	f := c.Fault("sources.corp.users.attributes.displayName", "unknown name cnn", "did you mean cn?")
	want := "testdata/sample.yaml:23:"
	if !strings.HasPrefix(f.Error(), want) {
		t.Errorf("%v, want it at %s", f, want)
	}
	if f = c.Fault("sources.corp.users.attributes.title", "x", ""); f.Line != 23 {
		t.Errorf("a setting the file lacks is at %d:%d, want the nearest around it", f.Line, f.Column)
	}
}

func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	more, errMore := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || errMore != nil {
		f.Fatal(err, errMore)
	}
	for _, path := range append(paths, more...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			// The YAML parser's time grows with the square of the nesting. The
			// file is written by whoever runs usher: that is no attack.
			t.Skip("longer than a deeply nested file may be")
		}
		c, err := config.Parse("fuzz.yaml", data, env(map[string]string{"LDAP_PASSWORD": password}), files(nil))
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", c, err)
		}
		if err != nil {
			for _, fault := range errors.Join(err).(interface{ Unwrap() []error }).Unwrap() {
				if fault.Error() == "" {
					t.Error("a fault without words")
				}
			}
			return
		}
		if c.Hash() == "" || c.Validate() != nil {
			t.Error("an accepted configuration does not hold")
		}
	})
}

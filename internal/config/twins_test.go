package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/config"
)

// base is a complete file to which the tests here add lines.
const base = `public_url: https://people.example.com
mail:
  from: helpdesk@example.com
  smtp: smtp://user@mail.example.com:587
companies: {acme: {}}
`

const source = `sources:
  north-east:
    company: acme
    kind: ldap
    url: ldap://localhost
    bind_dn: cn=reader
    users: {base: "ou=people"}
`

var key = strings.Repeat("k", 32)

func TestSecretTwins(t *testing.T) {
	smtp := func(c *config.Config) string { return c.Mail.SMTP.Password.Reveal() }
	bind := func(c *config.Config) string { return c.Sources["north-east"].LDAP.BindPassword.Reveal() }
	database := func(c *config.Config) string { return c.Database.URL.Reveal() }
	secretKey := func(c *config.Config) string { return c.SecretKey.Reveal() }
	withSMTP := map[string]string{"USHER_SMTP_PASSWORD": "p"}
	tests := map[string]struct {
		add  string
		vars map[string]string
		get  func(*config.Config) string
		want string
	}{
		"setting":               {"  smtp_password: p\n", nil, smtp, "p"},
		"setting from variable": {"  smtp_password: ${P}\n", map[string]string{"P": "p: [#"}, smtp, "p: [#"},
		"file":                  {"  smtp_password_file: line\n", nil, smtp, "p"},
		"variable":              {"", withSMTP, smtp, "p"},
		"variable file":         {"", map[string]string{"USHER_SMTP_PASSWORD_FILE": "crlf"}, smtp, "p"},
		"only one newline goes": {"  smtp_password_file: lines\n", nil, smtp, "p\n"},
		"source variable":       {source, map[string]string{"USHER_SOURCE_NORTH_EAST_BIND_PASSWORD": "b", "USHER_SMTP_PASSWORD": "p"}, bind, "b"},
		"source file":           {source + "    bind_password_file: line\n", withSMTP, bind, "p"},
		"escaped":               {source + "    bind_password: a$${b}\n", withSMTP, bind, "a${b}"},
		"database":              {"", map[string]string{"USHER_DATABASE": "postgres://u@db/usher", "USHER_SECRET_KEY": key, "USHER_SMTP_PASSWORD": "p"}, database, "postgres://u@db/usher"},
		"database password":     {"database: postgres://u@db/usher\n", map[string]string{"USHER_DATABASE_PASSWORD": "p@/", "USHER_SECRET_KEY": key, "USHER_SMTP_PASSWORD": "p"}, database, "postgres://u:p%40%2F@db/usher"},
		"secret key file":       {"secret_key_file: key\n", withSMTP, secretKey, key},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse("usher.yaml", with(tt.add), env(tt.vars), secretFiles())
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.get(c); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// with adds lines to the base: indented ones to mail, others at the end.
func with(lines string) []byte {
	if strings.HasPrefix(lines, " ") {
		return []byte(strings.Replace(base, "mail:\n", "mail:\n"+lines, 1))
	}
	return []byte(base + lines)
}

func secretFiles() func(string) ([]byte, error) {
	return files(map[string]string{"line": "p\n", "crlf": "p\r\n", "lines": "p\n\n", "empty": "\n", "key": key + "\n"})
}

func TestSecretSetTwice(t *testing.T) {
	tests := map[string]struct {
		add  string
		vars map[string]string
		want string
	}{
		"setting and file":      {"  smtp_password: p\n  smtp_password_file: line\n", nil, "set more than once: mail.smtp_password, mail.smtp_password_file"},
		"setting and variable":  {"  smtp_password: p\n", map[string]string{"USHER_SMTP_PASSWORD": "p"}, "set more than once: USHER_SMTP_PASSWORD, mail.smtp_password"},
		"both variables":        {"", map[string]string{"USHER_SMTP_PASSWORD": "p", "USHER_SMTP_PASSWORD_FILE": "line"}, "set more than once: USHER_SMTP_PASSWORD, USHER_SMTP_PASSWORD_FILE"},
		"database twice":        {"database: sqlite:a.db\n", map[string]string{"USHER_DATABASE": "sqlite:b.db"}, "USHER_DATABASE is set too"},
		"password for a file":   {"", map[string]string{"USHER_DATABASE_PASSWORD": "p"}, "takes none"},
		"wrong database":        {"", map[string]string{"USHER_DATABASE": "usher.db"}, "USHER_DATABASE: not a database"},
		"empty file":            {"  smtp_password_file: empty\n", nil, "is empty"},
		"no file":               {"  smtp_password_file: none\n", nil, "open none: file does not exist"},
		"password without user": {source, map[string]string{"USHER_SMTP_PASSWORD": "p", "USHER_SOURCE_NORTH_EAST_BIND_PASSWORD": ""}, "sources.north-east.bind_dn: bind_dn and bind_password go together"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("usher.yaml", with(tt.add), env(tt.vars), secretFiles())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestHash(t *testing.T) {
	data, err := os.ReadFile("testdata/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hash := func(old, new string) string {
		t.Helper()
		text := strings.Replace(string(data), old, new, 1)
		if text == string(data) && old != new {
			t.Fatalf("%q is not in the sample", old)
		}
		c, err := config.Parse("usher.yaml", []byte(text), env(map[string]string{"LDAP_PASSWORD": password, "OTHER": "other"}), secretFiles())
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash()
	}
	want := hash("", "")
	tests := []struct {
		old, new string
		same     bool
	}{
		{"listen: 127.0.0.1:8080", "listen: 127.0.0.1:8090", true},
		{"telemetry: 127.0.0.1:9090", "telemetry: 127.0.0.1:9091", true},
		{"# The sample", "# A sample", true},
		{"${LDAP_PASSWORD}", "${OTHER}", true},
		{"people.example.com", "persons.example.com", false},
		{"locale: it", "locale: ru", false},
		{"uid", "cn", false},
		{"count: 50", "count: 51", false},
		{"720h", "721h", false},
		{"720h", "never", false},
		{"setup_mail: true", "setup_mail: hold-first", false},
		{"listen:", "secret_key_file: key\nlisten:", false},
	}
	for _, tt := range tests {
		if got := hash(tt.old, tt.new); (got == want) != tt.same {
			t.Errorf("%q to %q: same hash is %v, want %v", tt.old, tt.new, got == want, tt.same)
		}
	}
}

func TestSMTP(t *testing.T) {
	secret := config.NewSecret("p")
	tests := map[string]config.SMTP{
		"smtp://mail":                       {Host: "mail", Port: 25, StartTLS: config.StartTLSOptional},
		"smtp://[::1]:2525":                 {Host: "::1", Port: 2525, StartTLS: config.StartTLSOptional},
		"smtps://mail":                      {Host: "mail", Port: 465, Implicit: true, StartTLS: config.StartTLSOptional},
		"smtp://u:p@mail:587":               {Host: "mail", Port: 587, StartTLS: config.StartTLSRequired, Username: "u", Password: secret},
		"smtp://u:p@mail:25?starttls=never": {Host: "mail", Port: 25, StartTLS: config.StartTLSNever, Username: "u", Password: secret},
		"smtp://mail/?starttls=required":    {Host: "mail", Port: 25, StartTLS: config.StartTLSRequired},
		"smtps://mail?ca_file=/a%20b.pem&hello=us": {
			Host: "mail", Port: 465, Implicit: true, StartTLS: config.StartTLSOptional, CAFile: "/a b.pem", Hello: "us",
		},
	}
	for text, want := range tests {
		var got config.SMTP
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"mail", "http://mail", "smtp://", "smtp://mail:0", "smtp://mail:65536", "smtp://mail/x", "smtp://mail?tls=1", "smtp://mail?starttls=", "smtps://mail?starttls=required"} {
		var got config.SMTP
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", text, got)
		}
	}
}

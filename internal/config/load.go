package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// maxSize is the most that is read of a file, in bytes: far more than any
// configuration or secret, and little enough for the YAML parser.
const maxSize = 1 << 20

// Load reads the file at path and returns the configuration with its secrets.
// env looks up an environment variable, as os.LookupEnv does. Files named in
// the configuration are relative to the working directory. The error is either
// about reading the file or Faults: everything that is wrong with it at once.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, env, readFile)
}

// Parse is Load for a file that is read already. It reads the files of secrets
// through read. file is the name to show in faults.
func Parse(file string, data []byte, env func(string) (string, bool), read func(string) ([]byte, error)) (*Config, error) {
	w := &walker{places: places{file: file, at: map[string]token.Position{}}, env: env}
	if !utf8.Valid(data) {
		return nil, Faults{{File: file, Problem: "not UTF-8 text", Fix: "save the file as UTF-8"}}
	}
	c := Default()
	if !w.document(bytes.TrimPrefix(data, []byte("\uFEFF")), reflect.ValueOf(c).Elem()) {
		return nil, w.faults.err()
	}
	c.places = w.places
	w.secrets(c, read)
	c.Tracing.fromEnvironment(env)
	c.complete()
	faults := w.faults
	var more Faults
	if errors.As(c.Validate(), &more) {
		faults = append(faults, more...)
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// complete fills in what follows from other settings.
func (c *Config) complete() {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	for key, company := range c.Companies {
		company.Name = cmp.Or(company.Name, key)
		company.Locale = cmp.Or(company.Locale, "en")
		c.Companies[key] = company
	}
	for key, source := range c.Sources {
		source.Guard.complete()
		c.Sources[key] = source
	}
	c.completeSignIn()
}

// Fault reports something wrong with a setting of this configuration that
// another room found, in the form of the faults found here.
func (c *Config) Fault(path, problem, fix string) Fault {
	return c.places.fault(path, problem, fix)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // whoever runs usher names the file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxSize)
	}
	return data, err
}

var variable = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}?`)

// expand replaces ${VAR} by the variable's value; $${ stands for a plain ${.
// What comes in is a value and never read as YAML.
func expand(text string, env func(string) (string, bool)) (string, error) {
	var err error
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		if m == "$${" {
			return "${"
		}
		name, closed := strings.CutSuffix(m[len("${"):], "}")
		if !closed || name == "" {
			err = wrong{"a ${ without a name and }", "write ${NAME}, or $${ for a plain ${"}
			return ""
		}
		value, ok := env(name)
		if !ok {
			err = wrong{"the variable " + strconv.Quote(name) + " is not set", "set it, or write $${ for a plain ${"}
		}
		return value
	})
	return out, err
}

// twin is a secret and the four ways to give it, of which one may be used.
type twin struct {
	path     string // the setting; path_file names a file instead
	value    *Secret
	file     string
	variable string // and variable_FILE
}

func (c *Config) twins() []twin {
	all := []twin{
		{"secret_key", &c.SecretKey, c.SecretKeyFile, "USHER_SECRET_KEY"},
		{"database_password", &c.DatabasePassword, c.DatabasePasswordFile, "USHER_DATABASE_PASSWORD"},
		{"mail.smtp_password", &c.Mail.SMTPPassword, c.Mail.SMTPPasswordFile, "USHER_SMTP_PASSWORD"},
	}
	for key, s := range c.Sources {
		path := "sources." + key + "."
		prefix := "USHER_SOURCE_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_")) + "_"
		if s.LDAP != nil {
			all = append(all, twin{path + "bind_password", &s.LDAP.BindPassword, s.LDAP.BindPasswordFile, prefix + "BIND_PASSWORD"})
		}
		if s.Entra != nil {
			all = append(all, twin{path + "client_secret", &s.Entra.ClientSecret, s.Entra.ClientSecretFile, prefix + "CLIENT_SECRET"},
				twin{path + "certificate_password", &s.Entra.CertificatePassword, s.Entra.CertificatePasswordFile, prefix + "CERTIFICATE_PASSWORD"})
		}
	}
	return append(all, c.providerTwins()...)
}

// secrets fetches every secret from where it is, and puts the passwords that
// stand beside an address into it.
func (w *walker) secrets(c *Config, read func(string) ([]byte, error)) {
	for _, t := range c.twins() {
		w.secret(t, read)
	}
	if url, ok := w.env("USHER_DATABASE"); ok && url != "" {
		if _, both := w.at["database"]; both {
			w.bad("database", "set twice: USHER_DATABASE is set too", "keep one of them")
		} else if err := c.Database.UnmarshalText([]byte(url)); err != nil {
			w.badValue("USHER_DATABASE", err)
		}
	}
	if c.DatabasePassword.IsSet() {
		database, err := c.Database.withPassword(c.DatabasePassword)
		if err != nil {
			w.badValue("database_password", err)
		}
		c.Database = database
	}
	if c.Mail.SMTPPassword.IsSet() {
		if c.Mail.SMTP.Password.IsSet() {
			w.bad("mail.smtp_password", "set twice: mail.smtp has a password too", "keep one of them")
		}
		c.Mail.SMTP.Password = c.Mail.SMTPPassword
	}
}

func (w *walker) secret(t twin, read func(string) ([]byte, error)) {
	inline, _ := w.env(t.variable)
	file, _ := w.env(t.variable + "_FILE")
	var used []string
	for name, set := range map[string]bool{
		t.path: t.value.IsSet(), t.path + "_file": t.file != "", t.variable: inline != "", t.variable + "_FILE": file != "",
	} {
		if set {
			used = append(used, name)
		}
	}
	if len(used) > 1 {
		w.bad(t.path, "set more than once: "+sortedList(used), "keep one of them")
		return
	}
	if inline != "" {
		*t.value = NewSecret(inline)
	}
	if name := t.file + file; name != "" {
		w.secretFile(used[0], name, t.value, read)
	}
}

// secretFile reads a secret and drops the newline that editors leave.
func (w *walker) secretFile(path, name string, value *Secret, read func(string) ([]byte, error)) {
	data, err := read(name)
	if err != nil {
		w.bad(path, "cannot read the secret: "+err.Error(), "create the file, readable for usher's user")
		return
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		w.bad(path, "the file "+strconv.Quote(name)+" is empty", "write the secret into it")
	}
	*value = NewSecret(text)
}

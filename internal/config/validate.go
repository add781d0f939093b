package config

import (
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

// minKey is the shortest secret key, in bytes: as long as the HMAC-SHA-256 it
// feeds (RFC 2104 section 3).
const minKey = 32

type validator struct {
	*Config
	faults Faults
}

func (v *validator) bad(path, problem, fix string) {
	v.faults = append(v.faults, v.Fault(path, problem, fix))
}

// need reports a missing setting.
func (v *validator) need(path, value, fix string) bool {
	if value == "" {
		v.bad(path, "missing", fix)
	}
	return value != ""
}

// oneOf reports a word that is not among those allowed.
func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.bad(path, strconv.Quote(value)+" is not one of "+strings.Join(allowed, ", "), "")
	}
}

// Validate reports everything that is wrong with the settings themselves, as
// Faults. It looks at nothing outside: no file, no network.
func (c *Config) Validate() error {
	v := &validator{Config: c}
	v.server()
	v.publicURL()
	v.mail()
	v.observing()
	for _, key := range slices.Sorted(maps.Keys(c.Companies)) {
		v.company("companies."+key, key, c.Companies[key])
	}
	for _, key := range slices.Sorted(maps.Keys(c.Sources)) {
		v.source("sources."+key, key, c.Sources[key])
	}
	v.scimTypes()
	v.strangers()
	v.signIn()
	v.renames("companies", companyNames(c.Companies))
	v.renames("sources", sourceNames(c.Sources))
	return v.faults.err()
}

func (v *validator) server() {
	v.address("listen", v.Listen)
	if v.Telemetry != "" {
		v.address("telemetry", v.Telemetry)
	}
	if _, port, _ := net.SplitHostPort(v.Listen); v.Telemetry == v.Listen && port != "0" {
		v.bad("telemetry", "the same address as listen", "give it a port of its own")
	}
	if (v.TLS.CertFile == "") != (v.TLS.KeyFile == "") {
		v.bad("tls", "cert_file and key_file go together", "set both or none")
	}
	key := v.SecretKey.Reveal()
	const make32 = "create one with: head -c 32 /dev/urandom | base64"
	if key == "" && v.Database.Driver == Postgres {
		v.bad("secret_key_file", "missing: the processes that share a PostgreSQL database must share a key", make32)
	}
	if key != "" && len(key) < minKey {
		v.bad("secret_key", "shorter than "+strconv.Itoa(minKey)+" bytes", make32)
	}
}

func (v *validator) address(path, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = parseUint16(port)
	}
	if err != nil {
		v.bad(path, "not an address to listen on", "write host:port, as in 127.0.0.1:8080, or :8080 for every interface")
	}
}

func (v *validator) publicURL() {
	const example = "write it as https://people.example.com"
	if !v.need("public_url", v.PublicURL, "every link in a mail starts with it; "+example) {
		return
	}
	u, err := url.Parse(v.PublicURL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		v.bad("public_url", "not an absolute address", example)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		v.bad("public_url", "has more than host and path", example)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		v.bad("public_url", "set-up links would travel unencrypted", "use https; http is for this machine only")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

func (v *validator) mail() {
	m := v.Mail
	if _, err := mail.ParseAddress(m.From); v.need("mail.from", m.From, `write "Acme Helpdesk <helpdesk@example.com>"`) && err != nil {
		v.bad("mail.from", "not a sender", `write "Acme Helpdesk <helpdesk@example.com>"`)
	}
	if !v.need("mail.smtp", m.SMTP.Host, "set-up links go out by mail; write smtp://host:port") {
		return
	}
	if (m.SMTP.Username == "") != !m.SMTP.Password.IsSet() {
		v.bad("mail.smtp", "user and password go together", "write smtp://user@host and set USHER_SMTP_PASSWORD_FILE, or neither")
	}
}

func (v *validator) company(path, key string, c Company) {
	v.key(path, key)
	v.digest(path, c)
	if c.Locale == "" {
		return
	}
	if _, err := language.Parse(c.Locale); err != nil {
		v.bad(path+".locale", "not a language", "write it as it or pt-BR")
	}
}

// keyForm is what keys look like. They stand in addresses, and in the names of
// variables, where a dash becomes an underscore.
var keyForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

func (v *validator) key(path, key string) {
	if !keyForm.MatchString(key) {
		v.bad(path, "not a short name", "use up to 40 of a-z, 0-9 and -, with a letter first")
	}
}

func companyNames(m map[string]Company) map[string]string {
	was := map[string]string{}
	for key, c := range m {
		was[key] = c.Was
	}
	return was
}

func sourceNames(m map[string]Source) map[string]string {
	was := map[string]string{}
	for key, s := range m {
		was[key] = s.Was
	}
	return was
}

// renames checks that every former key is free and claimed once. was holds, by
// present key, the former one or "".
func (v *validator) renames(path string, was map[string]string) {
	claimed := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		former := was[key]
		if former == "" {
			continue
		}
		_, alive := was[former]
		switch other := claimed[former]; {
		case alive:
			v.bad(path+"."+key+".was", strconv.Quote(former)+" is still in the file", "remove it or this line")
		case other != "":
			v.bad(path+"."+key+".was", strconv.Quote(former)+" became "+strconv.Quote(other)+" already", "remove one of the two")
		}
		claimed[former] = key
	}
}

package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time, written as Go writes it (720h), in whole days
// (30d), or as never, which is 0.
type Duration time.Duration

// UnmarshalText reads the form above.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "never" {
		*d = 0
		return nil
	}
	parsed, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n uint16 // in 16 bits no count of days overflows a duration
		n, err = parseUint16(days)
		parsed = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || parsed <= 0 {
		return wrong{"not a length of time", "write it as 720h or 30d, or never"}
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes the duration so that UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) {
	if d == 0 {
		return []byte("never"), nil
	}
	return []byte(time.Duration(d).String()), nil
}

// Interval is a length of time as Duration writes it, or always, which is 0.
type Interval time.Duration

// UnmarshalText reads the form above.
func (i *Interval) UnmarshalText(text []byte) error {
	if string(text) == "always" {
		*i = 0
		return nil
	}
	var d Duration
	if err := d.UnmarshalText(text); err != nil || d == 0 {
		return wrong{"not a length of time", "write it as 168h or 7d, or always"}
	}
	*i = Interval(d)
	return nil
}

// MarshalText writes the interval so that UnmarshalText reads it.
func (i Interval) MarshalText() ([]byte, error) {
	if i == 0 {
		return []byte("always"), nil
	}
	return Duration(i).MarshalText()
}

// SetupMail says when people the source brings are mailed their set-up link.
type SetupMail string

// The answers to setup_mail.
const (
	SetupMailNow       SetupMail = "true"       // as soon as they are created
	SetupMailNever     SetupMail = "false"      //
	SetupMailHoldFirst SetupMail = "hold-first" // the first import waits for an admin
)

// Rate is a number of mails in a time.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText reads a rate such as 10/s, 600/m or 5000/h.
func (r *Rate) UnmarshalText(text []byte) error {
	count, per, _ := strings.Cut(string(text), "/")
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	n, err := parseUint16(strings.TrimSpace(count))
	unit := units[strings.TrimSpace(per)]
	if err != nil || n == 0 || unit == 0 {
		return wrong{"not a rate", "write it as 10/s, 600/m or 5000/h"}
	}
	*r = Rate{Count: int(n), Per: unit}
	return nil
}

// Driver is a kind of database.
type Driver string

// The databases usher runs on.
const (
	SQLite   Driver = "sqlite"
	Postgres Driver = "postgres"
)

// Database is where the registry lives: a file or a PostgreSQL URL.
type Database struct {
	Driver Driver
	// Path is the file, for SQLite.
	Path string
	// URL is the whole connection string with its password, for PostgreSQL.
	URL Secret
}

// UnmarshalText reads sqlite:PATH or postgres://….
func (d *Database) UnmarshalText(text []byte) error {
	s := string(text)
	if path, ok := strings.CutPrefix(s, "sqlite:"); ok && path != "" {
		*d = Database{Driver: SQLite, Path: path}
		return nil
	}
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return wrong{"not a database", "write sqlite:usher.db or postgres://user@host/name"}
	}
	if _, err := parseURL(s); err != nil {
		return err
	}
	*d = Database{Driver: Postgres, URL: NewSecret(s)}
	return nil
}

// String names the database without its password.
func (d Database) String() string {
	if d.Driver == SQLite {
		return "sqlite:" + d.Path
	}
	u, err := url.Parse(d.URL.Reveal())
	if err != nil {
		return hidden
	}
	// libpq also takes the password from the query.
	u.RawQuery = ""
	return u.Redacted()
}

// withPassword returns the database with this password in its URL.
func (d Database) withPassword(p Secret) (Database, error) {
	u, err := parseURL(d.URL.Reveal())
	if err != nil || d.Driver != Postgres {
		return d, wrong{"a password for a database that takes none", "remove it, or set database to a postgres:// URL"}
	}
	if _, has := u.User.Password(); has {
		return d, wrong{"set twice: the database URL has a password too", "keep one of them"}
	}
	u.User = url.UserPassword(u.User.Username(), p.Reveal())
	d.URL = NewSecret(u.String())
	return d, nil
}

// StartTLS says whether an SMTP connection is turned into a TLS one.
type StartTLS string

// The answers to ?starttls=.
const (
	StartTLSRequired StartTLS = "required" // fail without it
	StartTLSOptional StartTLS = "optional" // where the server offers it
	StartTLSNever    StartTLS = "never"
)

// SMTP is the server that takes our mails.
type SMTP struct {
	Host string
	Port int
	// Implicit is TLS from the first byte (smtps://); StartTLS counts otherwise.
	Implicit bool
	StartTLS StartTLS
	Username string
	Password Secret
	// CAFile holds the trusted roots in PEM; "" trusts the system's.
	CAFile string
	// Hello is the name we greet with; "" is the machine's own.
	Hello string
}

// UnmarshalText reads
//
//	smtp://user:password@mail.example.com:587?starttls=required&ca_file=/etc/ssl/mail.pem&hello=people.example.com
//
// or smtps://…. The port is 25 or 465 where none is written. Without a word on
// it, StartTLS is required where there is a password to protect and optional
// where there is none.
func (s *SMTP) UnmarshalText(text []byte) error {
	u, err := parseURL(string(text))
	if err != nil {
		return err
	}
	ports := map[string]int{"smtp": 25, "smtps": 465}
	port, known := ports[u.Scheme]
	if !known || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return wrong{"not a mail server", "write smtp://host:port or smtps://host:port"}
	}
	if u.Port() != "" {
		n, err := parseUint16(u.Port())
		if err != nil || n == 0 {
			return wrong{"the port is not one", "use a number from 1 to 65535"}
		}
		port = int(n)
	}
	*s = SMTP{Host: u.Hostname(), Port: port, Implicit: u.Scheme == "smtps", StartTLS: StartTLSOptional, Username: u.User.Username()}
	if p, ok := u.User.Password(); ok {
		s.Password = NewSecret(p)
	}
	if s.Username != "" {
		s.StartTLS = StartTLSRequired
	}
	return s.readQuery(u.Query())
}

// readQuery takes what stands after the question mark.
func (s *SMTP) readQuery(q url.Values) error {
	for name, values := range q {
		switch name {
		case "starttls":
			s.StartTLS = StartTLS(values[0])
			if s.Implicit {
				return wrong{"smtps:// is encrypted from the start and has no starttls", "leave starttls out, or write smtp://"}
			}
			if !slices.Contains([]StartTLS{StartTLSRequired, StartTLSOptional, StartTLSNever}, s.StartTLS) {
				return wrong{"starttls is not an answer it knows", "write required, optional or never"}
			}
		case "ca_file":
			s.CAFile = values[0]
		case "hello":
			s.Hello = values[0]
		default:
			return wrong{"unknown parameter " + strconv.Quote(name) + " in the address", "there are starttls, ca_file and hello"}
		}
	}
	return nil
}

// String names the server without user and password.
func (s SMTP) String() string {
	scheme := "smtp"
	if s.Implicit {
		scheme = "smtps"
	}
	return scheme + "://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// URLs is one address or a list of them.
type URLs []string

// UnmarshalText reads a single address.
func (u *URLs) UnmarshalText(text []byte) error {
	*u = URLs{string(text)}
	return nil
}

// UnmarshalText reads a cloud by its name.
func (c *Cloud) UnmarshalText(text []byte) error {
	*c = Cloud{Name: string(text)}
	return nil
}

// parseURL reads an address that may hold a password, which the errors of
// net/url would show.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, wrong{"not an address", "check it, and write special characters in a password as %40 for @, %2F for / and so on"}
	}
	return u, nil
}

func parseUint16(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}

package config

import (
	"net/netip"
	"time"
)

// Config is the whole configuration. The fields that Hash leaves out, because
// processes that work together may differ in them, are tagged json:"-".
type Config struct {
	// Listen is the address for SCIM, pages and the API.
	Listen string `yaml:"listen" json:"-"`
	// Telemetry is the address for /livez, /readyz and /metrics; "" for none.
	Telemetry string `yaml:"telemetry" json:"-"`
	// PublicURL is how people reach the pages, without a trailing slash. Every
	// link is built from it and never from a request.
	PublicURL string `yaml:"public_url"`
	// Database is where the registry lives.
	Database Database `yaml:"database" json:"-"`
	// DatabasePassword and its file are for a PostgreSQL URL without one; Load
	// puts it into Database.
	DatabasePassword     Secret `yaml:"database_password" json:"-"`
	DatabasePasswordFile string `yaml:"database_password_file" json:"-"`
	// SecretKey is what set-up links and sessions are derived from, at least 32
	// bytes; Load reads it from SecretKeyFile. It may be missing with SQLite.
	SecretKey     Secret `yaml:"secret_key" json:"-"`
	SecretKeyFile string `yaml:"secret_key_file" json:"-"`
	// TLS is set when usher itself serves HTTPS.
	TLS TLS `yaml:"tls" json:"-"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" json:"-"`
	Mail           Mail           `yaml:"mail"`
	Webhooks       Webhooks       `yaml:"webhooks" json:",omitzero"`
	// Retention is how long the report rows of a run that changed nothing, the
	// SCIM request log and attempts at mails are kept; 0 keeps them for ever.
	Retention Duration `yaml:"retention"`
	// Companies and Sources are keyed by their short names.
	Companies map[string]Company `yaml:"companies"`
	Sources   map[string]Source  `yaml:"sources"`
	// SecondFactor is whether whoever has rights must show a second factor.
	SecondFactor SecondFactor `yaml:"second_factor"`
	// OIDC is, by company, how people sign in with identity providers.
	OIDC map[string]SignIn `yaml:"oidc" json:",omitempty"`
	// Schemas and ResourceTypes are what SCIM knows beside the RFC's users and
	// groups, keyed by URN and by name.
	Schemas       map[string]Schema       `yaml:"schemas" json:",omitempty"`
	ResourceTypes map[string]ResourceType `yaml:"resource_types" json:",omitempty"`
	// Intake, Teams and Contacts are about people without an account.
	Intake   Intake   `yaml:"intake" json:",omitzero"`
	Teams    Teams    `yaml:"teams" json:",omitzero"`
	Contacts Contacts `yaml:"contacts" json:",omitzero"`

	// Log and Tracing say what is told of the work; see their types.
	Log     Log     `yaml:"log" json:"-"`
	Tracing Tracing `yaml:"tracing" json:"-"`

	// Registration says who may make an account themselves.
	Registration Registration `yaml:"registration"`

	places places
}

// TLS names the certificate and its key, both PEM files.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Mail says how mails leave.
type Mail struct {
	SMTP SMTP `yaml:"smtp" json:"-"`
	// SMTPPassword and its file are for an SMTP URL without one; Load puts it
	// into SMTP.
	SMTPPassword     Secret `yaml:"smtp_password" json:"-"`
	SMTPPasswordFile string `yaml:"smtp_password_file" json:"-"`
	// From is the sender, as in "Acme Helpdesk <helpdesk@example.com>".
	From string `yaml:"from"`
	// Rate is the most mails sent in a time; zero for no limit.
	Rate Rate `yaml:"rate"`
}

// Company is a tenant that the file declares.
type Company struct {
	// Name is for people to read; the key when not written.
	Name string `yaml:"name"`
	// Locale is the language of pages and mails for people who have none, as a
	// BCP 47 tag; English when not written.
	Locale string `yaml:"locale"`
	// Was is the key the company had before it was renamed.
	Was string `yaml:"was"`
	// Retention is the company's own; nil is the installation's.
	Retention *Duration `yaml:"retention"`
	// Digest is when the admins are mailed what happened since the last one, a
	// schedule as a source has; "" for never. DigestEmpty mails it even when
	// nothing happened and nothing waits.
	Digest      string `yaml:"digest" json:",omitempty"`
	DigestEmpty bool   `yaml:"digest_empty" json:",omitempty"`
}

// SourceKind says which protocol a source speaks.
type SourceKind string

// The kinds of sources.
const (
	KindLDAP  SourceKind = "ldap"
	KindEntra SourceKind = "entra"
)

// Source is a directory that is pulled. Exactly one of LDAP and Entra is set,
// the one that Kind names.
type Source struct {
	Company string     `yaml:"company"`
	Kind    SourceKind `yaml:"kind"`
	// Schedule is a cron expression of five fields or a descriptor such as
	// @daily, with an optional CRON_TZ= prefix; "" for runs by hand only.
	Schedule string `yaml:"schedule"`
	// Join lists the rules by which a new person may be tied to an existing user,
	// strongest first; none joins by the anchor only.
	Join []JoinRule `yaml:"join"`
	// OnRecreate says what becomes of a new entry with the name of somebody whose
	// own entry is gone.
	OnRecreate OnRecreate `yaml:"on_recreate"`
	// Policy is how much of what a run finds it carries out.
	Policy Policy `yaml:"policy"`
	// Protect is a condition over a person's entry, or "": who fits is deactivated
	// and deleted by no run.
	Protect string `yaml:"protect"`
	// KindOfUser is end_user, support_staff or an expression; Department and
	// Contract are expressions or "".
	KindOfUser string `yaml:"kind_of_user"`
	Department string `yaml:"department"`
	Contract   string `yaml:"contract"`
	// OnMissing says what happens to a person the directory no longer has.
	OnMissing OnMissing `yaml:"on_missing"`
	// DeleteAfter is how long a deactivated person is kept; 0 for ever.
	DeleteAfter Duration  `yaml:"delete_after"`
	SetupMail   SetupMail `yaml:"setup_mail"`
	// FullReadEvery is after how long a run reads everything whole again; those
	// between go by change markers where the directory has some. 0 is always.
	FullReadEvery Interval `yaml:"full_read_every"`
	Guard         Guard    `yaml:"guard"`
	// Was is the key the source had before it was renamed.
	Was string `yaml:"was"`

	LDAP  *LDAP  `yaml:",inline" json:",omitempty"`
	Entra *Entra `yaml:",inline" json:",omitempty"`
}

// shape makes a source with the defaults of its kind, so that each kind knows
// only its own settings.
func (s *Source) shape(kind string) error {
	*s = Source{
		KindOfUser:  "end_user",
		OnMissing:   MissingDeactivate,
		DeleteAfter: Duration(720 * time.Hour),
		SetupMail:   SetupMailNow,
		OnRecreate:  RecreateConflict,
		Policy:      PolicySync,
		// A week is as long as a change that a marker does not show may stay unseen.
		FullReadEvery: Interval(7 * 24 * time.Hour),
		Guard:         defaultGuard(),
	}
	switch SourceKind(kind) {
	case KindLDAP:
		s.LDAP = &LDAP{Groups: LDAPGroups{Nested: NestedFlatten, OnlyMapped: true}}
	case KindEntra:
		s.Entra = &Entra{
			Cloud:     Cloud{Name: "global"},
			Groups:    EntraGroups{Nested: NestedFlatten, OnlyMapped: true},
			UserTypes: []string{"member"},
		}
	default:
		return wrong{"not a kind of source", "write ldap or entra"}
	}
	return nil
}

// OnMissing is what happens to people the directory no longer has.
type OnMissing string

// The answers to on_missing.
const (
	MissingKeep       OnMissing = "keep"
	MissingDeactivate OnMissing = "deactivate"
)

// Nested is what happens to groups inside groups.
type Nested string

// The answers to groups.nested.
const (
	NestedFlatten Nested = "flatten" // members of members become members
	NestedKeep    Nested = "keep"    // a group may be a member
	NestedIgnore  Nested = "ignore"  // only people are members
)

// LDAP are the settings of a source of kind ldap.
type LDAP struct {
	// URLs are the servers, ldap:// or ldaps://, tried in this order.
	URLs             URLs       `yaml:"url"`
	StartTLS         bool       `yaml:"starttls"`
	CAFile           string     `yaml:"ca_file" json:"-"`
	BindDN           string     `yaml:"bind_dn"`
	BindPassword     Secret     `yaml:"bind_password" json:"-"`
	BindPasswordFile string     `yaml:"bind_password_file" json:"-"`
	Users            LDAPUsers  `yaml:"users"`
	Groups           LDAPGroups `yaml:"groups"`
}

// LDAPUsers says which entries are people and what of them is kept.
type LDAPUsers struct {
	// Base is a DN and Filter an RFC 4515 filter, checked by source/ldap.
	Base   string `yaml:"base"`
	Filter string `yaml:"filter"`
	// Anchor names the attribute that identifies a person for good, instead of
	// the directory's usual one, e.g. ms-DS-ConsistencyGuid across forests.
	Anchor string `yaml:"anchor"`
	Mapped `yaml:",inline"`
	// Manager is the attribute that names a person's manager by DN; "" for none.
	Manager string `yaml:"manager"`
}

// Mapped are the expressions over a person's entry, compiled by
// internal/mapping.
type Mapped struct {
	// Scope is true for the people to take; "" takes all.
	Scope string `yaml:"scope"`
	// Attributes gives each user attribute an expression.
	Attributes map[string]Attribute `yaml:"attributes"`
}

// LDAPGroups says which entries are groups. No Base means no groups.
type LDAPGroups struct {
	Base   string `yaml:"base"`
	Filter string `yaml:"filter"`
	Nested Nested `yaml:"nested"`
	// Scope is a condition over a group's entry; "" takes all.
	Scope string `yaml:"scope"`
	// Map says by DN or by name what a group becomes. With a map and OnlyMapped,
	// which is the default, no other group is taken.
	Map        map[string]GroupTarget `yaml:"map"`
	OnlyMapped bool                   `yaml:"only_mapped"`
}

// Entra are the settings of a source of kind entra.
type Entra struct {
	Cloud    Cloud  `yaml:"cloud"`
	TenantID string `yaml:"tenant_id"`
	ClientID string `yaml:"client_id"`
	// One of the next four says how to sign in.
	ClientSecret     Secret `yaml:"client_secret" json:"-"`
	ClientSecretFile string `yaml:"client_secret_file" json:"-"`
	CertificateFile  string `yaml:"certificate_file" json:"-"`
	// CertificatePassword opens a certificate_file in PKCS #12.
	CertificatePassword     Secret `yaml:"certificate_password" json:"-"`
	CertificatePasswordFile string `yaml:"certificate_password_file" json:"-"`
	ManagedIdentity         bool   `yaml:"managed_identity"`
	WorkloadIdentity        bool   `yaml:"workload_identity"`

	Users  Mapped      `yaml:"users"`
	Groups EntraGroups `yaml:"groups"`
	// UserTypes are member, guest or both.
	UserTypes []string `yaml:"user_types"`
}

// EntraGroups is the scope of people, the members of the groups in IDs, and says
// which groups are taken.
type EntraGroups struct {
	IDs    []string `yaml:"ids"`
	Nested Nested   `yaml:"nested"`
	// Scope, Map and OnlyMapped are as in LDAPGroups; the map's keys are object ids
	// or names.
	Scope      string                 `yaml:"scope"`
	Map        map[string]GroupTarget `yaml:"map"`
	OnlyMapped bool                   `yaml:"only_mapped"`
}

// Cloud is a Microsoft cloud by its addresses where they are set, else by Name.
type Cloud struct {
	Name      string `yaml:"-"`
	Authority string `yaml:"authority"`
	Graph     string `yaml:"graph"`
	CAFile    string `yaml:"ca_file" json:"-"`
}

// RetentionOf is how long a company keeps what goes with time; 0 is for ever.
func (c *Config) RetentionOf(company string) time.Duration {
	if own := c.Companies[company].Retention; own != nil {
		return time.Duration(*own)
	}
	return time.Duration(c.Retention)
}

// Default returns what holds where the file says nothing. It is not complete:
// people's addresses, the mail server and the directories have no default.
func Default() *Config {
	return &Config{
		Listen:    "127.0.0.1:8080",
		Telemetry: "127.0.0.1:9090",
		Database:  Database{Driver: SQLite, Path: "usher.db"},
		Retention: Duration(90 * 24 * time.Hour),
		Log:       defaultLog(),
		Contacts:  Contacts{Idle: Duration(2 * 365 * 24 * time.Hour), Warn: Duration(30 * 24 * time.Hour)},

		Registration: Registration{Users: true, Staff: true},
	}
}

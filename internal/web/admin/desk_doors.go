package admin

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// DoorDesk is what is done with the ways in and out of a company, beside what
// ScimDesk and ListDesk show. Settings that cannot be are a *Refusal.
type DoorDesk interface {
	ConnectionDesk
	TokenDesk
	HookDesk
	MailDesk
	StandingDesk
}

// ConnectionDesk changes SCIM connections and their credentials.
type ConnectionDesk interface {
	// Profiles are the identity providers whose dialect a connection can speak.
	Profiles() []string
	// TokenURL is where OAuth clients ask for tokens.
	TokenURL() string
	// CreateConnection makes a connection and gives its first token.
	CreateConnection(ctx context.Context, name string, s registry.ConnectionSettings) (secret string, err error)
	// ChangeConnection gives a connection other settings; whether it is paused
	// stays.
	ChangeConnection(ctx context.Context, name string, s registry.ConnectionSettings) error
	PauseConnection(ctx context.Context, name string, paused bool) error
	DeleteConnection(ctx context.Context, name string) error
	Clients(ctx context.Context, connection string) ([]registry.OAuthClient, error)
	// CreateClient makes an OAuth client; one that signs has no secret.
	CreateClient(ctx context.Context, connection string, rules ClientRules, expires time.Time) (registry.OAuthClient, string, error)
	RotateClient(ctx context.Context, client string, overlap time.Duration) (registry.OAuthClient, string, error)
	RevokeClient(ctx context.Context, client string) error
	Traffic(ctx context.Context, origin registry.OriginID) (registry.ScimTraffic, error)
	Request(ctx context.Context, origin registry.OriginID, id int64) (registry.ScimRequest, error)
}

// ClientRules are what the assertions of an OAuth client must say, all "" for a
// client with a secret.
type ClientRules struct{ JWKSURI, Issuer, Subject, Audience string }

// TokenDesk is what is done with the tokens of programs. What is done is audited
// by who does it.
type TokenDesk interface {
	APITokens(ctx context.Context) ([]registry.Token, error)
	CreateAPIToken(ctx context.Context, actor, name string, scopes []string, expires time.Time) (secret string, err error)
	RotateAPIToken(ctx context.Context, actor, prefix string, overlap time.Duration) (secret string, err error)
}

// HookDesk is what is done with webhooks. Each deed says who asks and from where
// and is written down with what it tells of.
type HookDesk interface {
	Webhooks(ctx context.Context) ([]registry.Webhook, error)
	// Webhook finds one by its public id.
	Webhook(ctx context.Context, id string) (registry.Webhook, error)
	CreateWebhook(ctx context.Context, by registry.Deed, name, address string, events []string) (registry.Webhook, string, error)
	ChangeWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, address string, events []string) error
	// RotateWebhook gives a new secret; the one before signs beside it meanwhile.
	RotateWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, overlap time.Duration) (secret string, err error)
	EnableWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, enabled bool) error
	DeleteWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) error
	// TestWebhook sends a test now and says what was answered.
	TestWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) (HookAnswer, error)
	Deliveries(ctx context.Context, h registry.Webhook, q registry.DeliveryQuery) ([]registry.Delivery, error)
	// Replay sends one delivery again by its public id, or all since a time that
	// failed or were dropped; it tells how many.
	Replay(ctx context.Context, h registry.Webhook, by registry.Deed, delivery string, since time.Time) (int, error)
}

// HookAnswer is what a webhook's address answered.
type HookAnswer struct {
	// Status is the answer's, 0 for none.
	Status    int
	Delivered bool
	Message   registry.Said
}

// MailDesk is what is done with mails. A mail whose state stands against it is a
// *Refusal.
type MailDesk interface {
	Mail(ctx context.Context, messageID string) (Mail, error)
	ReleaseMails(ctx context.Context) (int, error)
	ReleaseMail(ctx context.Context, messageID string) error
	CancelMail(ctx context.Context, messageID, actor string) error
	ResendMail(ctx context.Context, messageID string) error
}

// StandingDesk says how things are set and how they stand.
type StandingDesk interface {
	// Settings are what the configuration file says, by chapter; those of the
	// installation only where whole is true. No secrets.
	Settings(whole bool) []Chapter
	// Standing is what can be told at once.
	Standing(ctx context.Context, whole bool) (Standing, error)
	// Examine looks at the company's doors, or at the whole installation, and says
	// what mends what is wrong. It may take a minute. Of the whole
	// installation, support is the same as a text to show to strangers.
	Examine(ctx context.Context, whole bool) (found []Finding, support string, err error)
}

// Chapter are the settings of one area; Name is a key of the words, "admin.chapter."
// before it.
type Chapter struct {
	Name     string
	Settings []Fact
}

// Fact is a setting: what it is (a key of the words, "admin.set." before it), where
// it stands in the file, and its value: as written, in words, or a length of time.
type Fact struct {
	Name, Path string
	Value      string
	Say        *web.Message
	Span       time.Duration
}

// Standing is what is known of the program and what waits.
type Standing struct {
	Version, Go, Platform string
	Database              string
	Processes             int
	// Queues are what waits, by name of the words.
	Queues []Queue
	// LastBackup is the last copy of a SQLite file that was tried, GoodBackup the last
	// one that is whole; of the installation, zero for none.
	LastBackup, GoodBackup registry.Backup
}

// Queue is something that waits to be done.
type Queue struct {
	Name          string
	Waiting, Lost int64
	Oldest        time.Time
}

// Finding is one thing that was looked at; State is ok, warn, fail or skipped.
type Finding struct {
	Number     int
	Name       registry.Said
	State      string
	Says, Mend registry.Said
	Command    string
}

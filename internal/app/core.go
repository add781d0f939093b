package app

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/intake"
	"github.com/usherd/usher/internal/jobs"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/signin"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/telemetry"
)

// setupLife is how long a set-up link lives.
const setupLife = 7 * 24 * time.Hour

// Core is what every command works with: the registry over its database, and
// the sources of the configuration file. Close ends it.
type Core struct {
	Config   *config.Config
	Store    *store.Store
	Registry *registry.Registry
	Engine   *reconcile.Engine
	Access   *signin.Service
	Log      *slog.Logger
	Now      func() time.Time
	// Contacts and Mailroom meet people who have no account.
	Contacts *onboard.Contacts
	Mailroom *intake.Mailroom

	minter  *onboard.Minter
	sources map[string]*source
	process store.Process
	// metrics and traces are nil where nobody looks.
	metrics *telemetry.Metrics
	traces  *telemetry.Traces
	// sparing watches how large runs are.
	sparing sparing
}

// Options are what Open needs beside the configuration.
type Options struct {
	Log     *slog.Logger
	Version string
	// Serve announces this process as one that stays: it may then change what
	// the configuration file says of companies and sources, and another with a
	// different file is kept out.
	Serve bool
	// Synchronous is SQLite's setting; "" is FULL.
	Synchronous string
	// Now is the clock; nil is the real one.
	Now func() time.Time
	// Patience is how long the clients of a server are waited for.
	Patience Patience
}

// Open opens the database, brings it up to date, and settles companies and
// sources. Errors name the setting and what to do.
func Open(ctx context.Context, cfg *config.Config, o Options) (*Core, error) {
	c := &Core{Config: cfg, Log: o.Log, Now: o.Now}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.secretKey(); err != nil {
		return nil, err
	}
	var err error
	if c.minter, err = onboard.NewMinter([]byte(cfg.SecretKey.Reveal())); err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	if c.sources, err = compileSources(cfg); err != nil {
		return nil, err
	}
	if c.Store, err = store.Open(ctx, databaseAddress(cfg), store.Options{Now: c.Now, Synchronous: o.Synchronous, Mapped: o.Serve}); err != nil {
		return nil, err
	}
	if err := c.settle(ctx, o); err != nil {
		return nil, errors.Join(err, c.Store.Close())
	}
	if c.traces, err = newTraces(ctx, cfg, o.Version); err != nil {
		return nil, errors.Join(err, c.Store.Close())
	}
	if err := errors.Join(c.build(), c.buildContacts()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if c.Access, err = c.access(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// databaseAddress is the address in the store's form.
func databaseAddress(cfg *config.Config) string {
	if cfg.Database.Driver == config.SQLite {
		return "sqlite:" + cfg.Database.Path
	}
	return cfg.Database.URL.Reveal()
}

// OpenDatabase opens the database alone, for looking at its migrations.
func OpenDatabase(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	return store.Open(ctx, databaseAddress(cfg), store.Options{})
}

// Migrate brings a database up to date, the queue's tables included.
func Migrate(ctx context.Context, s *store.Store, log *slog.Logger) error {
	return s.Migrate(ctx, func(ctx context.Context, db *sql.DB) error { return jobs.Migrate(ctx, db, s.Postgres(), log) })
}

// settle migrates and makes companies and sources those of the file. A command
// beside a running server leaves them alone, and refuses to work with another
// file than the server's.
func (c *Core) settle(ctx context.Context, o Options) error {
	if err := Migrate(ctx, c.Store, o.Log); err != nil {
		return err
	}
	live, err := c.Store.LiveProcesses(ctx)
	if err != nil {
		return err
	}
	hash := c.Config.Hash()
	if i := slices.IndexFunc(live, func(p store.Process) bool { return p.ConfigHash != hash }); i >= 0 {
		return fmt.Errorf("%w (%s); use the file it uses, or stop it first", store.ErrOtherConfig, live[i].Name)
	}
	if o.Serve {
		host, _ := os.Hostname() // a nameless host is still told apart by the rest
		c.process = store.Process{Name: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6]), Version: o.Version, ConfigHash: hash}
		if err := c.Store.Announce(ctx, c.process); err != nil {
			return err
		}
	} else if len(live) > 0 {
		return nil
	}
	return c.Store.Settle(ctx, c.settled())
}

// settled is what the file says must exist.
func (c *Core) settled() store.Settled {
	out := store.Settled{Next: func(schedule string) (time.Time, error) { return jobs.Next(schedule, c.Now()) }}
	for key, company := range c.Config.Companies {
		name := company.Name
		if name == "" {
			name = key
		}
		out.Companies = append(out.Companies, registry.Company{Key: key, Name: name, Locale: company.Locale})
	}
	for key, src := range c.Config.Sources {
		out.Sources = append(out.Sources, store.SettledSource{
			Key: key, Was: src.Was, CompanyKey: src.Company, Kind: registry.OriginKind(src.Kind), Schedule: src.Schedule,
		})
	}
	slices.SortFunc(out.Sources, func(a, b store.SettledSource) int { return compare(a.Key, b.Key) })
	return out
}

func (c *Core) build() error {
	vault, err := auth.NewVault([]byte(c.Config.SecretKey.Reveal()))
	if err != nil {
		return fmt.Errorf("secret_key: %w", err)
	}
	c.Registry = &registry.Registry{
		ChosenName: func(name string) []byte { return onboard.LoginNameHash(vault, name) },
		Store:      c.Store, Now: c.Now, NewID: newID, Minter: c.minter, LinkLife: setupLife, MessageDomain: messageDomain(c.Config),
		Blind: func(value string) []byte { return vault.Blind("kept key", value) }, Saved: c.logChanges,
	}
	holder := c.process.Name
	if holder == "" {
		holder = fmt.Sprintf("command/%d/%s", os.Getpid(), rand.Text()[:6])
	}
	c.Engine = &reconcile.Engine{
		Registry: c.Registry, Ledger: func(id registry.CompanyID) reconcile.Ledger { return c.Store.For(id) },
		Now: c.Now, NewID: newID, Holder: holder, Heartbeat: store.LeaseTime / 3, Log: c.Log, Sealer: vault,
		Phase: c.traces.Phase, Ended: func(r *registry.Run) { c.metrics.Run(r) },
	}
	return nil
}

// newID makes a public id.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// messageDomain is the right side of Message-IDs: the host people know.
func messageDomain(cfg *config.Config) string {
	if u, err := url.Parse(cfg.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

// secretKey makes sure there is a key. Beside a SQLite file usher keeps its own,
// because the two are backed up and lost together.
func (c *Core) secretKey() error {
	if c.Config.SecretKey.IsSet() {
		return nil
	}
	if c.Config.Database.Driver != config.SQLite {
		return errors.New("secret_key_file: missing; make one with `openssl rand -base64 48`, the same for every process")
	}
	path := c.Config.Database.Path + ".key"
	key, err := os.ReadFile(path) //nolint:gosec // beside the database the operator named
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	c.Config.SecretKey = config.NewSecret(string(key))
	return nil
}

// makeKey writes a new key; of two processes that start at once, one wins.
func makeKey(path string) ([]byte, error) {
	key := []byte(rand.Text() + rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path) //nolint:gosec // as above
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(key); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return key, errors.Join(f.Sync(), f.Close())
}

// Close ends the process's entry and the database.
func (c *Core) Close() error {
	var err error
	if c.Access != nil {
		c.Access.Close()
	}
	if c.process.Name != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = c.Store.Leave(ctx, c.process.Name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if lost := c.traces.Stop(ctx); lost != nil { // a collector that is away is no failure of ours
		c.Log.WarnContext(ctx, "traces are lost", "error", lost)
	}
	return errors.Join(err, c.Store.Close())
}

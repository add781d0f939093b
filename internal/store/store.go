package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/internal/registry"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dialect string
	// write has one connection on SQLite, so that writers queue here and not in
	// the database's busy handler; on PostgreSQL it is the same pool as read.
	write, read *sql.DB
	line        *line         // those who wait for write, on SQLite
	checkpoints *checkpointer // of SQLite's log
	admissions  admissions
	listening   listening
	newID       func() string
	now         func() time.Time
	path        string // SQLite's file
	// migrations opens the pool that migrations run on; see openSQLite.
	migrations func() (*sql.DB, error)
	grown      growth
	// announced is true when this process is one of LiveProcesses.
	announced atomic.Bool
}

// Options are what Open needs beside the address.
type Options struct {
	// Now is the clock for times that are stored; leases use the database's.
	Now func() time.Time
	// Synchronous is SQLite's setting of that name: FULL (the default) answers
	// only when the data is on disk, NORMAL risks the last moments on power loss.
	Synchronous string
	// BusyTimeout is how long SQLite waits for another process that holds the
	// file; 10 seconds when 0.
	BusyTimeout time.Duration
	// Mapped has SQLite's readers see the file as memory instead of copying its
	// pages: for a process that stays, whose requests fall anywhere in a large
	// file. What is mapped is the system's cache and counts as memory only where
	// nobody else wants it.
	Mapped bool
	// NewID makes the public ids of what the store itself writes down to be told;
	// UUIDv7 when nil.
	NewID func() string
	// Driver, when set, replaces the name of the database/sql driver; the tests
	// use it to watch every statement.
	Driver string
}

// Open opens the database at an address of the form sqlite:PATH or postgres://….
// It does not migrate.
func Open(ctx context.Context, address string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default clock
	}
	if o.NewID == nil {
		o.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	s := &Store{now: o.Now, newID: o.NewID}
	var err error
	switch {
	case strings.HasPrefix(address, "sqlite:"):
		err = s.openSQLite(strings.TrimPrefix(address, "sqlite:"), o)
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		err = s.openPostgres(address, o)
	default:
		err = errors.New("the database must be sqlite:PATH or postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// connect makes the first connection. It switches a new SQLite file to WAL, for
// which SQLite would not wait its turn: of two that start at once, one would be
// told that the database is locked.
func (s *Store) connect(ctx context.Context) error {
	if !s.Postgres() {
		unlock, err := s.lockMigration(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	return s.write.PingContext(ctx)
}

// readers is how many connections may read a SQLite file at once.
const readers = 8

func (s *Store) openSQLite(path string, o Options) error {
	if path == "" || path == ":memory:" {
		return errors.New("sqlite: name a file; a database in memory would be lost with its connection")
	}
	synchronous := o.Synchronous
	if synchronous == "" {
		synchronous = "FULL"
	}
	busy := o.BusyTimeout
	if busy == 0 {
		busy = 10 * time.Second
	}
	base := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join([]string{
		fmt.Sprintf("_pragma=busy_timeout(%d)", busy.Milliseconds()), "_pragma=journal_mode(WAL)", "_pragma=foreign_keys(1)",
		"_pragma=synchronous(" + synchronous + ")",
		fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", longestLog),
	}, "&")
	if err := registerFunctions(); err != nil {
		return err
	}
	s.dialect, s.path, s.line = dialect.SQLite, path, newLine()
	var err error
	// Parts of a shared commit stand in savepoints, whose journal would go to a
	// temporary file (temp_store 2 keeps it in memory).
	if s.write, err = openPreparing(orDriver(o.Driver, "sqlite"), base+"&_txlock=immediate&_pragma=cache_size(-32000)&_pragma=temp_store(2)"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	reading := base + "&_pragma=query_only(1)&_pragma=cache_size(-8000)"
	if o.Mapped {
		reading += "&_pragma=mmap_size(1099511627776)" // SQLite's own limit, 2 GB, is lower
	}
	if s.read, err = openPreparing(orDriver(o.Driver, "sqlite"), reading); err != nil {
		return errors.Join(err, s.write.Close())
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.checkpoints = newCheckpointer(s.read)
	// A migration that makes a table anew drops the old one, and with foreign
	// keys in force SQLite would first delete all that hangs on its rows. The
	// switch means nothing inside a transaction: it has to be off from the start.
	s.migrations = func() (*sql.DB, error) {
		pool, err := sql.Open(orDriver(o.Driver, "sqlite"), strings.Replace(base, "foreign_keys(1)", "foreign_keys(0)", 1)+"&_txlock=immediate")
		if err == nil {
			pool.SetMaxOpenConns(1)
		}
		return pool, err
	}
	return nil
}

func (s *Store) openPostgres(dsn string, o Options) error {
	open := openPiped
	if o.Driver != "" {
		open = sql.Open // a test's driver stands over such connections
	}
	pool, err := open(orDriver(o.Driver, "pgx"), dsn)
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(20)
	pool.SetMaxIdleConns(10)
	s.dialect, s.write, s.read = dialect.Postgres, pool, pool
	s.migrations = func() (*sql.DB, error) { return sql.Open(orDriver(o.Driver, "pgx"), dsn) }
	return nil
}

func orDriver(name, fallback string) string {
	if name == "" {
		return fallback
	}
	return name
}

// Close closes the database.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	s.checkpoints.close()
	return errors.Join(s.write.Close(), s.read.Close())
}

// Postgres reports whether the database is PostgreSQL.
func (s *Store) Postgres() bool { return s.dialect == dialect.Postgres }

// WriteDB is the pool that writes, for the durable queue, which keeps tables of
// its own in the same database.
func (s *Store) WriteDB() *sql.DB { return s.write }

// client is Ent over a pool.
func (s *Store) client(pool *sql.DB) *db.Client {
	return db.NewClient(db.Driver(entsql.OpenDB(s.dialect, pool)))
}

// ent is Ent over the pool that reads.
func (s *Store) ent() *db.Client { return s.client(s.read) }

// entTx is Ent inside a transaction.
func (s *Store) entTx(tx *sql.Tx) *db.Client {
	return db.NewClient(db.Driver(inTxDriver{entsql.NewDriver(s.dialect, entsql.Conn{ExecQuerier: tx})}))
}

// inTxDriver keeps Ent in the transaction it was given: some of its statements
// would begin one of their own.
type inTxDriver struct{ dialect.Driver }

// Tx implements dialect.Driver.
func (d inTxDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d.Driver), nil }

// Tenant is the store of one company: the only way to that company's rows.
type Tenant struct {
	s  *Store
	id registry.CompanyID
}

// For opens the fence of one company. Company 0 does not exist: every statement
// of its tenant finds nothing.
func (s *Store) For(company registry.CompanyID) *Tenant { return &Tenant{s: s, id: company} }

// micros is a time as the database keeps it, 0 for never.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the inverse of micros.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

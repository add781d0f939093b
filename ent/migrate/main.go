// Command migrate writes the versioned SQL that leads from the migrations there
// are to the Ent schema there is, for both databases at once, so that the two
// folders never differ in names or dates.
//
//	go run ./ent/migrate add_phone
//
// The files are replayed on empty databases: a SQLite one in memory, and a
// PostgreSQL server started for it, or the empty database named by -postgres.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	entmigrate "github.com/usherd/usher/ent/db/migrate"
	"github.com/usherd/usher/internal/testkit/postgres"
)

func main() {
	dsn := flag.String("postgres", os.Getenv("USHER_DEV_POSTGRES"), "an empty PostgreSQL database to work in")
	dir := flag.String("dir", "ent/migrations", "where the folders are")
	flag.Parse()
	if err := run(*dsn, *dir, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "write migrations:", err)
		os.Exit(1)
	}
}

func run(dsn, dir, name string) (err error) {
	if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(name) {
		return errors.New("give the migration a name of lower-case letters, digits and underscores")
	}
	if dsn == "" {
		ctx := context.Background()
		var server *postgres.Server
		if server, err = postgres.Start(ctx); err != nil {
			return fmt.Errorf("start PostgreSQL, or name an empty database with -postgres: %w", err)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		if dsn, _, err = server.CreateDatabase(ctx); err != nil { // gone with the server
			return err
		}
	}
	if err := diff("sqlite", "file:diff?mode=memory&cache=shared&_pragma=foreign_keys(1)", dialect.SQLite, filepath.Join(dir, "sqlite"), name); err != nil {
		return err
	}
	return diff("pgx", dsn, dialect.Postgres, filepath.Join(dir, "postgres"), name)
}

func diff(driver, dsn, dialectName, dir, name string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return fmt.Errorf("open %s: %w", dialectName, err)
	}
	defer func() { _ = db.Close() }()
	goose, err := sqltool.NewGooseDir(dir)
	if err != nil {
		return fmt.Errorf("open folder %s: %w", dir, err)
	}
	m, err := schema.NewMigrate(entsql.OpenDB(dialectName, db),
		schema.WithDir(goose),
		schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
	)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", dialectName, err)
	}
	before, err := goose.Files()
	if err != nil {
		return fmt.Errorf("list folder %s: %w", dir, err)
	}
	tables, err := tablesFor(dialectName)
	if err != nil {
		return err
	}
	err = m.NamedDiff(context.Background(), name, tables...)
	if err != nil && !errors.Is(err, migrate.ErrNoPlan) {
		return fmt.Errorf("diff %s: %w", dialectName, err)
	}
	after, err := goose.Files()
	if err != nil {
		return fmt.Errorf("list folder %s: %w", dir, err)
	}
	if len(after) == len(before) {
		fmt.Println(dialectName + ": nothing to do")
		return nil
	}
	fmt.Println(dialectName + ": written to " + dir)
	return nil
}

// plainKeys are tables whose keys SQLite need not protect from being given a
// second time: no user and no change is ever deleted, and nothing refers to an
// address by its key. AUTOINCREMENT, which does that, reads and writes a table of
// its own with each row, a third of what an insert costs. Whoever begins to delete
// from one of them has to take it out of this list first.
var plainKeys = []string{"users", "emails", "changes"}

// tablesFor are the tables of the schema as a database is to have them. The diff
// sees a difference only where it makes a table anew.
func tablesFor(dialectName string) ([]*schema.Table, error) {
	tables, err := schema.CopyTables(entmigrate.Tables)
	if err != nil {
		return nil, fmt.Errorf("copy tables: %w", err)
	}
	for _, t := range tables {
		if dialectName == dialect.SQLite && slices.Contains(plainKeys, t.Name) {
			t.PrimaryKey[0].Increment = false
		}
	}
	return tables, nil
}

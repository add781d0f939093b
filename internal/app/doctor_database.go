package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// lookConfig reads the file as a start would.
func lookConfig(_ context.Context, e *exam, note func(Finding)) {
	err := e.Fault
	if err == nil {
		if err = Check(e.cfg); err == nil {
			e.core.sources, err = compileSources(e.cfg)
		}
	}
	if err != nil {
		e.cfg = nil
		note(fail(registry.SaidOf(err), registry.Say("correct what is said about the file"), e.command("config check")))
		return
	}
	note(fine("companies: %d, sources: %d", len(e.cfg.Companies), len(e.cfg.Sources)))
}

// databaseThere makes sure that opening a SQLite file does not make one.
func databaseThere(cfg *config.Config) error {
	if cfg.Database.Driver != config.SQLite {
		return nil
	}
	if _, err := os.Stat(cfg.Database.Path); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

func lookDatabase(ctx context.Context, e *exam, note func(Finding)) {
	limited(ctx, checkTime, func(ctx context.Context) {
		s, err := openForDoctor(ctx, e.cfg)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			note(fail(registry.Say("there is no database at %s", e.cfg.Database.String()), registry.Say("start usher once, or see that it is started in the right folder; a lost file comes back from its backup"), e.command("migrate up")))
		case err != nil && e.cfg.Database.Driver == config.SQLite:
			note(fail(registry.SaidOf(err), registry.Say("let the user that usher runs as read and write the file and its folder"), "ls -l "+e.cfg.Database.Path))
		case err != nil:
			note(fail(registry.SaidOf(err), registry.Say("see that PostgreSQL runs, is reached from here, and lets this user in"), "psql "+e.cfg.Database.String()))
		default:
			e.core.Store = s
			note(fine("%s answers", e.cfg.Database))
		}
	})
}

func lookSchema(ctx context.Context, e *exam, note func(Finding)) {
	limited(ctx, checkTime, func(ctx context.Context) {
		status, err := e.core.Store.MigrationStatus(ctx)
		if err != nil {
			note(fail(registry.SaidOf(err), registry.Say("let the database's user read its tables"), ""))
			return
		}
		pending := slices.IndexFunc(status, func(m store.MigrationStatus) bool { return !m.Applied })
		if pending >= 0 {
			note(fail(registry.Say("%d of %d migrations are pending", len(status)-pending, len(status)), registry.Say("stop every usher process, then bring the database up to date; a start does it, too"), e.command("migrate up")))
			return
		}
		v, err := e.core.vitals(ctx)
		if err != nil {
			note(fail(registry.SaidOf(err), registry.Say("the tables are not what this version expects: was the database migrated by a newer usher?"), e.command("migrate status")))
			return
		}
		e.vitals = &v
		note(fine("all %d migrations are applied", len(status)))
	})
}

func lookWriting(ctx context.Context, e *exam, note func(Finding)) {
	limited(ctx, checkTime, func(ctx context.Context) {
		if err := e.core.Store.CheckWrite(ctx); err != nil {
			note(fail(registry.SaidOf(err), registry.Say("let the user that usher runs as write to the database; on SQLite to the file and to its folder"), ""))
			return
		}
		note(fine("the database takes writes"))
	})
}

const (
	mega = 1 << 20
	giga = 1 << 30
)

// The least space that is left to a database, and the most that SQLite's
// write-ahead log takes when it is carried over as it should be.
const (
	leastSpace = 200 * mega
	littleRoom = 2 * giga
	largeWAL   = 512 * mega
)

func lookDisk(_ context.Context, e *exam, note func(Finding)) {
	path := e.core.Store.Path()
	if path == "" {
		note(fine("PostgreSQL looks after its own"))
		return
	}
	free, err := freeSpace(filepath.Dir(path))
	says := registry.Say("%d MB are free where %s lies", int64(free/mega), path) //nolint:gosec // no disk has so many megabytes
	mend := registry.Say("make room, or move the database: a full disk ends every change, and a backup needs as much again as the file has")
	switch {
	case err != nil:
		note(Finding{State: CheckSkipped, Says: registry.SaidOf(err)})
	case free < leastSpace:
		note(fail(says, mend, "df -h "+filepath.Dir(path)))
	case free < littleRoom:
		note(warn(says, mend, "df -h "+filepath.Dir(path)))
	default:
		note(Finding{State: CheckOK, Says: says})
	}
}

func lookWAL(_ context.Context, e *exam, note func(Finding)) {
	path := e.core.Store.Path()
	if path == "" {
		note(fine("PostgreSQL looks after its own"))
		return
	}
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		note(fine("it is empty"))
	case err != nil:
		note(fail(registry.SaidOf(err), registry.Say("let the user that usher runs as read and write the files beside the database"), "ls -l "+path+"*"))
	case info.Size() > largeWAL:
		note(warn(registry.Say("it has grown to %d MB: something reads for so long that it is not carried over", info.Size()/mega), registry.Say("end what reads the file (another program, a backup that hangs), then restart usher"), "fuser -v "+path))
	default:
		note(fine("%d MB", info.Size()/mega))
	}
}

func lookPages(ctx context.Context, e *exam, note func(Finding)) {
	switch {
	case e.core.Store.Path() == "":
		note(fine("PostgreSQL looks after its own"))
		return
	case !e.Thorough:
		note(Finding{State: CheckSkipped, Says: registry.Say("reading every page takes long; --thorough does it")})
		return
	}
	if err := e.core.Store.CheckFile(ctx); err != nil {
		note(fail(registry.SaidOf(err), registry.Say("stop usher, keep the damaged file, and put the latest backup in its place"), ""))
		return
	}
	note(fine("every page, index and reference is sound"))
}

// lookKey tells a wrong key by a mailed link: its token is derived from the key,
// and the database has the token's hash. No mark of the key itself has to be
// kept.
func lookKey(ctx context.Context, e *exam, note func(Finding)) {
	mend := registry.Say("put the key back that the database was written with, from its backup: with another one no mailed link, no second factor and no webhook secret works")
	where := "secret_key_file"
	if !e.cfg.SecretKey.IsSet() {
		where = e.cfg.Database.Path + ".key"
		key, err := os.ReadFile(where)
		if err != nil {
			note(fail(registry.Say("there is no key: %s", err), mend, "ls -l "+where))
			return
		}
		e.cfg.SecretKey = config.NewSecret(string(key))
	}
	minter, err := onboard.NewMinter([]byte(e.cfg.SecretKey.Reveal()))
	if err != nil {
		note(fail(registry.Say("%s: %s", where, err), mend, ""))
		return
	}
	if e.vitals == nil {
		note(Finding{State: CheckSkipped, Says: registry.Say("the schema has to be up to date first")})
		return
	}
	limited(ctx, checkTime, func(ctx context.Context) {
		uid, purpose, hash, err := e.core.Store.SampleLink(ctx)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			note(fine("there is one; nothing in the database rests on it yet"))
		case err != nil:
			note(fail(registry.SaidOf(err), registry.Say("see the check of the database"), ""))
		case !bytes.Equal(minter.LinkHash(uid, purpose), hash):
			note(fail(registry.Say("the key is not the one that this database was written with (%s)", where), mend, ""))
		default:
			note(fine("it is the one that this database was written with"))
		}
	})
}

// mostSkew is how far two clocks may be apart: sign-in by codes and signed
// assertions allow for about as much.
const mostSkew = 5 * time.Second

func lookClock(ctx context.Context, e *exam, note func(Finding)) {
	limited(ctx, checkTime, func(ctx context.Context) {
		before := e.Now()
		at, err := e.core.Store.Clock(ctx)
		if err != nil {
			note(fail(registry.SaidOf(err), registry.Say("see the check of the database"), ""))
			return
		}
		after := e.Now()
		skew := at.Sub(before.Add(after.Sub(before) / 2))
		if skew.Abs() > mostSkew+after.Sub(before) {
			note(fail(registry.Say("the database's clock is %s off this machine's", skew.Round(time.Second)), registry.Say("have both machines keep time by NTP"), "timedatectl"))
			return
		}
		note(fine("this machine and the database agree"))
	})
}

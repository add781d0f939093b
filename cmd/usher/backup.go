package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
)

func backupCmd(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy a SQLite database that is at work to a file, and check the copy", Args: cobra.ExactArgs(1),
		Long: `Copy a SQLite database to a file while a server works on it, and read the whole
copy to check it. The copy is the database at one moment.

Where usher keeps its own key beside the database, the key is copied too, to
FILE.key: without it no mailed link, second factor or webhook secret of the
backup works. A key that secret_key_file names is not copied; keep it apart.
Both files can be read by their owner only, and neither may be there yet. The
configuration file and the secrets it names are not in it.

To restore, stop usher, put FILE in the place of the database and FILE.key in
that of its .key, remove the files with -wal and -shm at the end, and start.

The database remembers when the last backup was made and how it went; usher
doctor, the console and the metrics tell of it.

PostgreSQL is backed up by pg_dump.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			done, err := app.Backup(cmd.Context(), cfg, args[0], time.Now)
			if err != nil {
				return err
			}
			key := "The key is not in it: keep the one that the configuration names as safe."
			if done.KeyFile != "" {
				key = "Its key is in " + done.KeyFile + ": keep both, they are worth nothing alone."
			}
			if done.Unnoted != "" {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "the backup is good, and the database could not be told of it: "+done.Unnoted)
			}
			return f.say(cmd.OutOrStdout(), done, "%s: %.1f MB, checked. %s", done.File, float64(done.Bytes)/(1<<20), key)
		},
	}
}

func copyCmd(f *flags) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "copy --to ADDRESS", Short: "Copy the registry to another database, from SQLite to PostgreSQL or back", Args: cobra.NoArgs,
		Long: `Copy the registry to another database, which is brought up to date and must be
empty. Everything keeps its keys; every table is read back and compared; the
target has all or nothing. The database copied from is locked meanwhile, and
must not have a server at work. What the server's queue holds stays behind: it
is made anew from what is copied.

The address is postgres://user@host/name or sqlite:PATH. A password for it comes
from PGPASSWORD or ~/.pgpass. The new database needs the same key:
secret_key_file, or the .key file beside a SQLite database.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			target, err := app.CopyTarget(to)
			if err != nil {
				return err
			}
			done, err := app.Copy(cmd.Context(), cfg, target, f.log(cmd.ErrOrStderr()), copyProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return f.printCopied(cmd.OutOrStdout(), cfg, target, done)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "address of an empty database")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// copyProgress tells a terminal how far a copy is.
func copyProgress(w io.Writer) func(string, int64) {
	if !terminal(w) {
		return func(string, int64) {}
	}
	return func(table string, rows int64) { _, _ = fmt.Fprintf(w, "\r\x1b[K%s: %d", table, rows) }
}

func (f *flags) printCopied(w io.Writer, cfg *config.Config, target config.Database, done []app.CopiedTable) error {
	g := &grid{head: []string{"table", "rows", "checksum"}}
	var rows int64
	for _, t := range done {
		g.add(t.Table, fmt.Sprint(t.Rows), t.Checksum)
		rows += t.Rows
	}
	if err := f.print(w, g, done); err != nil || f.output != "table" {
		return err
	}
	key := "the same secret_key_file"
	if !cfg.SecretKey.IsSet() {
		key = "secret_key_file: a copy of " + cfg.Database.Path + ".key"
	}
	_, err := fmt.Fprintln(w, printable(fmt.Sprintf("%s in %s, read back and the same. Now write database: %s and %s.",
		count(rows, "row", "rows"), count(len(done), "table", "tables"), target, key)))
	return err
}

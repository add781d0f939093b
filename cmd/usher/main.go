// Command usher keeps the user registry of a helpdesk true. See the README, or
// `usher help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // schedules name zones, and a container has none

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// version is set by the build.
var version = "dev"

func main() {
	if os.Getenv("GOGC") == "" {
		// A run over a large directory makes much garbage around little that
		// stays; collecting it earlier costs a few per cent of time and saves a
		// quarter of the memory.
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes of design section 7.
const (
	exitOK      = 0
	exitFailed  = 1
	exitChanges = 2 // preview: there is something to do
	exitPartial = 3 // run: done, but some records failed or conflict
	exitHeld    = 4 // the guard holds it, or would
	exitBusy    = 5 // another process is running the source
	exitMisuse  = 64
)

// exitError ends the program with a code; a nil err says nothing more.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit is an exitError without words, or nil for success.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// misuse is a mistake in how the command was called.
func misuse(err error) error { return &exitError{code: exitMisuse, err: err} }

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var e *exitError
	var mistake *app.MistakeError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &mistake), strings.HasPrefix(err.Error(), "required flag(s)"): // the library has no type for it
		e = &exitError{code: exitMisuse, err: err}
	default:
		e = &exitError{code: exitFailed, err: err}
	}
	if e.err != nil {
		complain(stderr, e.err)
	}
	return e.code
}

// complain prints an error. One that is a list of faults is printed as it is, in
// the form that editors recognise.
func complain(w io.Writer, err error) {
	text := err.Error()
	if refused := new(registry.Error); errors.As(err, &refused) {
		text = refused.Message.String()
	}
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if line = printable(line); len(lines) == 1 {
			line = "usher: " + line
		}
		_, _ = fmt.Fprintln(w, line)
	}
}

// newRoot assembles the commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "usher",
		Short: "Keep the user registry of a helpdesk true",
		Long: `usher keeps the user registry of a helpdesk true: it pulls people from
directories, decides who each one is and which door owns them, shows what will
change before it changes, and mails each new person a link to set up their
account.

Try it:  usher demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misuse(err) })
	root.Args = cobra.ArbitraryArgs // strict says what to make of them
	f := &flags{}
	f.define(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return f.check() }
	root.AddCommand(demoCmd(f), serveCmd(f), configCmd(f), sourceCmd(f), syncCmd(f), explainCmd(f), userCmd(f), applicantCmd(f), contactCmd(f), groupCmd(f), departmentCmd(f), contractCmd(f), companyCmd(f), domainCmd(f), operatorCmd(f), uploadCmd(f), mailCmd(f), connectionCmd(f), tokenCmd(f), clientCmd(f), webhookCmd(f), migrateCmd(f), backupCmd(f), copyCmd(f), doctorCmd(f), healthcheckCmd(f), versionCmd())
	strict(root)
	return root
}

// strict makes every command refuse arguments it does not take, and a command
// that only holds others say what it holds, as misuse.
func strict(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		strict(c)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return misuse(fmt.Errorf("%w; usage: %s", err, c.UseLine()))
			}
			return nil
		}
	}
	if cmd.Run == nil && cmd.RunE == nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return misuse(fmt.Errorf("there is no command %q; see `%s --help`", args[0], c.CommandPath()))
		}
	}
}

func versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "usher", version)
			return err
		},
	}
}

// Command bench measures usher and prints tables: a sync against the tools that
// are already there, on a generated directory in a real slapd, what identity
// providers do by SCIM, on a small and on a large registry, and the pages of the
// console over a large report. Absolute times are for orientation; what counts are
// the ratios, taken in one run, and for the pages a tenth of a second each.
//
//	go run ./internal/bench -only ldap -people 100000 -groups 1000 -members 200
//	go run ./internal/bench -only scim -rows 1000000 -postgres
//	go run ./internal/bench -only console -people 100000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/usherd/usher/internal/testkit/dirgen"
)

// options is what a measurement is of.
type options struct {
	dirgen.Options
	runs     int
	rows     int
	window   time.Duration
	postgres bool
	profiles string
	// requests says which kinds are counted, by their names.
	requests *regexp.Regexp
}

func main() {
	var o options
	var only, serve, sync, requests string
	flag.IntVar(&o.People, "people", 100_000, "people in the directory, and rows of the report that the console shows")
	flag.IntVar(&o.Groups, "groups", 1000, "groups in the directory")
	flag.IntVar(&o.Members, "members", 200, "members of each group")
	flag.Uint64Var(&o.Seed, "seed", 1, "what the directory is generated from")
	flag.IntVar(&o.runs, "runs", 3, "how often each thing is timed; the best counts")
	flag.IntVar(&o.rows, "rows", 1_000_000, "people in the large registry, and in its largest group")
	flag.DurationVar(&o.window, "window", 3*time.Second, "how long each kind of request is counted")
	flag.BoolVar(&o.postgres, "postgres", false, "measure on PostgreSQL, too")
	flag.StringVar(&only, "only", "", "ldap, scim or console; all when not said")
	flag.StringVar(&requests, "requests", "", "count only the kinds of SCIM requests whose names this regular expression finds")
	flag.StringVar(&o.profiles, "profiles", "", "a folder for CPU profiles of the SCIM server and of the syncs")
	flag.StringVar(&serve, "serve", "", "used by itself: serve a configuration file with synchronous=NORMAL, or profiled")
	flag.StringVar(&sync, "sync", "", "used by itself: run the source of a configuration file, profiled")
	flag.Parse()
	var err error
	switch o.requests, err = regexp.Compile(requests); {
	case err != nil:
	case serve != "":
		err = serveAs(context.Background(), serve, flag.Args())
	case sync != "":
		err = syncAs(context.Background(), sync, flag.Args())
	default:
		err = run(context.Background(), only, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one measurement at work.
type bench struct {
	options
	dir   string
	usher string
	out   *tabwriter.Writer
}

func run(ctx context.Context, only string, o options) (err error) {
	dir, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o, dir: dir, usher: filepath.Join(dir, "usher"), out: tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.usher, "./cmd/usher").CombinedOutput(); err != nil { //nolint:gosec // our own program
		return fmt.Errorf("build usher: %w: %s", err, out)
	}
	parts := map[string]func(context.Context) error{"ldap": b.ldap, "scim": b.scim, "console": b.console}
	if only != "" {
		if parts[only] == nil {
			return fmt.Errorf("-only %s: write ldap, scim or console", only)
		}
		return parts[only](ctx)
	}
	return errors.Join(b.ldap(ctx), b.scim(ctx), b.console(ctx))
}

package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

// ErrNotInstalled says that this machine has no PostgreSQL server.
var ErrNotInstalled = errors.New("PostgreSQL is not installed (Debian: apt-get install postgresql)")

// role is the superuser of every server started here.
const role = "usher"

// ready is how long a server may take to answer, generous for a busy machine.
const ready = 2 * time.Minute

// supervisor runs the server in $1/data until its standard input ends, which
// happens when the starting process closes it or dies by whatever signal; then
// it stops the server and removes $1. A line on its input crashes the server when
// it runs and starts it when it does not.
const supervisor = `
while
	"$0/postgres" -D "$1/data" -k "$1" >>"$1/log" 2>&1 </dev/null &
	read -r _; more=$?
	kill -QUIT $!
	wait
	[ $more = 0 ] && read -r _
do :; done
rm -rf "$1"`

// settings give up safety against power cuts, and everything tests don't reach.
const settings = `
listen_addresses = ''
max_connections = 200
shared_buffers = 32MB
fsync = off
synchronous_commit = off
full_page_writes = off
jit = off
`

// Server is a PostgreSQL server in which databases can be made.
type Server struct {
	admin *url.URL // a database to connect to for making others
	cmd   *exec.Cmd
	stdin io.WriteCloser
	// fill makes the database that those of Filled are copies of.
	fill    sync.Once
	fillErr error
}

// Use takes a server that runs already. dsn is a postgres:// URL whose user may
// create databases.
func Use(dsn string) (*Server, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("the DSN is not a URL") // the error would show the password
	}
	return &Server{admin: u}, nil
}

// Start starts a server of its own and returns when it answers. It returns
// ErrNotInstalled where there is none to start. The caller stops it; if the
// process ends without, the server ends too.
func Start(ctx context.Context) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(socketRoot(), "usher-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s, err := start(ctx, bin, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func start(ctx context.Context, bin, dir string) (*Server, error) {
	attr, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"), //nolint:gosec // a test server in a folder of ours
		"--username="+role, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	conf, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // as above
	if err != nil {
		return nil, fmt.Errorf("open settings: %w", err)
	}
	_, err = conf.WriteString(settings)
	if err = errors.Join(err, conf.Close()); err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	// Not CommandContext: the server outlives the context it was started with.
	cmd := exec.Command("/bin/sh", "-c", supervisor, bin, dir) //nolint:gosec // as above
	cmd.Dir, cmd.SysProcAttr = dir, attr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	q := url.Values{"host": {dir}, "sslmode": {"disable"}}
	s := &Server{admin: &url.URL{Scheme: "postgres", User: url.User(role), Path: "/postgres", RawQuery: q.Encode()}, cmd: cmd, stdin: stdin}
	if err := s.wait(ctx); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // as above
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, log), s.Stop())
	}
	return s, nil
}

// binaries finds the folder of the server's programs, the newest where
// distributions keep several.
func binaries() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", ErrNotInstalled
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// socketRoot is the temporary folder, unless a socket in it would have a longer
// name than the kernel takes (108 bytes, unix(7)).
func socketRoot() string {
	if len(os.TempDir()) > 60 {
		return "/tmp"
	}
	return os.TempDir()
}

// unprivileged gives dir to the user the server is to run as, because
// PostgreSQL refuses to run as root, and says how to become that user. The
// process group keeps a Ctrl-C meant for the tests away from the supervisor,
// which would then leave the folder behind.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("find a user to run as: %w", err)
		}
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, fmt.Errorf("read user %s: %w", u.Username, err)
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, fmt.Errorf("give the folder away: %w", err)
	}
	return attr, nil
}

// wait returns when the server answers.
func (s *Server) wait(ctx context.Context) error {
	return s.until(ctx, func(err error) bool { return err == nil })
}

// until tries to connect until that ends as wanted.
func (s *Server) until(ctx context.Context, done func(error) bool) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.exec(ctx, "SELECT 1")
		if done(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return cmp.Or(err, ctx.Err())
		case <-tick.C:
		}
	}
}

// exec runs one statement on a connection of its own: while databases are made
// and dropped, nothing else may be connected.
func (s *Server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", s.admin.String())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// CreateDatabase makes an empty database and returns its URL, and a function
// that drops it again with everybody who is still connected.
func (s *Server) CreateDatabase(ctx context.Context) (dsn string, drop func(context.Context) error, err error) {
	return s.create(ctx, "template0")
}

func (s *Server) create(ctx context.Context, template string) (dsn string, drop func(context.Context) error, err error) {
	name := "usher_" + strings.ToLower(rand.Text())
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", nil, fmt.Errorf("create database: %w", err)
	}
	u := *s.admin
	u.Path = "/" + name
	drop = func(ctx context.Context) error {
		return s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	}
	return u.String(), drop, nil
}

// Crash ends a server that Start started as a power cut would, and returns when
// nobody can connect any more. Its databases stay.
func (s *Server) Crash(ctx context.Context) error {
	return s.tell(ctx, func(err error) bool { return err != nil })
}

// Resume starts a server that was crashed and returns when it answers.
func (s *Server) Resume(ctx context.Context) error {
	return s.tell(ctx, func(err error) bool { return err == nil })
}

// tell gives the supervisor its word and returns when a connection ends so.
func (s *Server) tell(ctx context.Context, done func(error) bool) error {
	if _, err := io.WriteString(s.stdin, "\n"); err != nil {
		return fmt.Errorf("tell the supervisor: %w", err)
	}
	return s.until(ctx, done)
}

// Stop ends a server that Start started and removes what it kept.
func (s *Server) Stop() error {
	if s.cmd == nil {
		return nil
	}
	return errors.Join(s.stdin.Close(), s.cmd.Wait())
}

package postgres

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/usherd/usher/internal/testkit/need"
)

// UseEnv names the environment variable with the URL of a server to use
// instead of starting one.
const UseEnv = "USHER_TEST_POSTGRES"

// shared is the one server of a test binary. It is a package variable because
// the tests of a binary have nothing else in common, and starting a server for
// each would take a second each.
var shared = sync.OnceValues(func() (*Server, error) {
	if dsn := os.Getenv(UseEnv); dsn != "" {
		return Use(dsn)
	}
	return Start(context.Background())
})

// New returns the URL of an empty database that is dropped after the test. It
// skips the test where there is no PostgreSQL, or fails it where
// need.RequireEnv is 1.
func New(tb need.TB) string {
	tb.Helper()
	return create(tb, running(tb), "template0")
}

// Filled is New with what fill makes in the database. All tests of a binary fill
// alike: fill is called once, and the databases are copies of that one. On a server
// that stays it is called for each, so that nothing stays there.
func Filled(tb need.TB, fill func(dsn string) error) string {
	tb.Helper()
	s := running(tb)
	if s.cmd == nil {
		dsn := create(tb, s, "template0")
		if err := fill(dsn); err != nil {
			tb.Fatalf("fill database: %v", err)
		}
		return dsn
	}
	s.fill.Do(func() {
		u := *s.admin
		u.Path = "/" + filled
		if s.fillErr = s.exec(context.Background(), "CREATE DATABASE "+filled+" TEMPLATE template0"); s.fillErr == nil {
			s.fillErr = fill(u.String())
		}
	})
	if s.fillErr != nil {
		tb.Fatalf("fill database: %v", s.fillErr)
	}
	return create(tb, s, filled)
}

// filled is the database that those of Filled are copies of.
const filled = "usher_filled"

// running is the server of the test binary.
func running(tb need.TB) *Server {
	tb.Helper()
	s, err := shared()
	if errors.Is(err, ErrNotInstalled) && os.Getenv(need.RequireEnv) != "1" {
		tb.Skipf("%v", err)
	}
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	return s
}

// create makes a database that is dropped after the test.
func create(tb need.TB, s *Server, template string) string {
	tb.Helper()
	dsn, drop, err := s.create(context.Background(), template)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if err := drop(context.Background()); err != nil {
			tb.Logf("drop database: %v", err)
		}
	})
	return dsn
}

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
	s, err := shared()
	if errors.Is(err, ErrNotInstalled) && os.Getenv(need.RequireEnv) != "1" {
		tb.Skipf("%v", err)
	}
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	dsn, drop, err := s.CreateDatabase(context.Background())
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

// Package need finds the programs a test starts and decides what happens when
// they are missing: a skip that names them, or a failure where a skip would
// hide something (in CI).
//
// It owns that decision and nothing else; how a program is started is for the
// package that starts it.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// RequireEnv is the environment variable that turns a missing program into a
// failure when it is set to "1".
const RequireEnv = "USHER_REQUIRE_SERVERS"

// TB is the part of testing.TB the test servers use. It is declared here so
// that programs other than tests (the benchmark) do not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// sbin are the places where servers live that an ordinary user's PATH lacks.
var sbin = []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/lib/openldap"}

// Look finds a program on PATH or in the system directories.
func Look(name string) (string, bool) {
	if p, err := exec.LookPath(name); err == nil {
		return p, true
	}
	for _, dir := range sbin {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}

// Programs skips the test when one of the programs is missing, naming all that
// are and the Debian package that has them; with RequireEnv=1 it fails instead.
func Programs(tb TB, debian string, names ...string) {
	tb.Helper()
	var missing []string
	for _, n := range names {
		if _, ok := Look(n); !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return
	}
	Missing(tb, "not installed: %s (Debian: apt-get install %s)", strings.Join(missing, ", "), debian)
}

// Missing ends the test because something it needs is not there: by a skip, or
// with RequireEnv=1 by a failure.
func Missing(tb TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(RequireEnv) == "1" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

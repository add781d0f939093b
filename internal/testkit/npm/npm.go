// Package npm finds what the tests have from npm, where deploy/test-servers.sh put
// it. It installs nothing and runs nothing.
package npm

import (
	"os"
	"path/filepath"

	"github.com/usherd/usher/internal/testkit/need"
)

// folderEnv names the folder that has node_modules, where it is not in the place
// that deploy/test-servers.sh chooses.
const folderEnv = "USHER_TEST_NPM"

// File is the path of a file of a package, e.g. File(t, "axe-core", "axe.min.js").
// Without it the test is skipped, or fails where a skip would hide something
// (package need).
func File(tb need.TB, pkg string, name ...string) string {
	tb.Helper()
	folder := os.Getenv(folderEnv)
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			tb.Fatalf("find the cache's folder: %v", err)
		}
		folder = filepath.Join(cache, "usher-test")
	}
	file := filepath.Join(append([]string{folder, "node_modules", pkg}, name...)...)
	if _, err := os.Stat(file); err != nil {
		need.Missing(tb, "not installed: "+pkg+" (deploy/test-servers.sh installs it)")
	}
	return file
}

package walls_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/usherd/usher/"
	root   = "../.."
)

// use is one import line.
type use struct {
	folder string // of the file that imports, from the module's root
	test   bool   // in a _test.go file, or in a suite for tests
	path   string // what is imported; ours without the module's name
	ours   bool
}

// TestWalls reads the sources and not `go list`, so that it points at lines,
// sees the files of every platform, and runs again when one of them changes.
func TestWalls(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if d.IsDir() {
			if slices.Contains([]string{".git", "testdata", "bin"}, d.Name()) || rel == "ent/db" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			checkFile(t, path, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path, rel string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("parse %s: %v", rel, err)
		return
	}
	folder := filepath.ToSlash(filepath.Dir(rel))
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		u := use{folder: folder, test: strings.HasSuffix(rel, "_test.go") || suite(folder)}
		u.path, u.ours = strings.CutPrefix(imported, module)
		if reason := crossed(u); reason != "" {
			t.Errorf("%s:%d: %s may not import %s: %s", rel, files.Position(spec.Pos()).Line, folder, imported, reason)
		}
	}
}

// crossed returns why the import is not allowed, or "".
func crossed(u use) string {
	if u.ours {
		return crossedWall(u)
	}
	if u.test {
		return ""
	}
	for _, p := range parts {
		if below(u.path, p.path) && !inAny(u.folder, p.rooms) {
			return p.why
		}
	}
	if inAny(u.folder, pure) {
		outside := strings.Contains(strings.Split(u.path, "/")[0], ".")
		if slices.Contains(effects, u.path) || (outside && !inAny(u.path, pureParts)) {
			return "this room gets values and returns values; effects are for those who call it"
		}
	}
	return ""
}

func crossedWall(u use) string {
	r, ok := roomOf(u.folder)
	if !ok {
		return "the folder has no row in internal/walls/rules_test.go that says what it may import"
	}
	if suite(u.path) && !u.test {
		return "it is a suite for tests"
	}
	if inAny(u.path, forTests) && !u.test && !inAny(u.folder, forTestsUsers) {
		return "it is for tests"
	}
	if other, _ := roomOf(u.path); other.path == r.path || inAny(u.path, r.may) {
		return ""
	}
	if u.test && !inAny(u.folder, alone) && (inAny(u.path, testRooms) || inAny(u.path, testPairs[r.path]) || suite(u.path)) {
		return ""
	}
	return r.why
}

// suite reports whether a folder holds the tests that a port comes with.
func suite(folder string) bool {
	return strings.HasSuffix(folder, "test")
}

// roomOf finds the room a folder belongs to: the longest row that it is below.
func roomOf(folder string) (room, bool) {
	var found room
	for _, r := range rooms {
		if below(folder, r.path) && len(r.path) > len(found.path) {
			found = r
		}
	}
	return found, found.path != ""
}

func inAny(folder string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return below(folder, p) })
}

// below reports whether path is parent or under it.
func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// TestCrossed proves that the walls stand.
func TestCrossed(t *testing.T) {
	tests := []struct {
		use  use
		want bool
	}{
		{use{folder: "internal/store", path: "internal/registry", ours: true}, false},
		{use{folder: "internal/store", path: "ent/db/user", ours: true}, false},
		{use{folder: "internal/registry", path: "internal/store", ours: true}, true},
		{use{folder: "internal/registry", path: "internal/store", ours: true, test: true}, false},
		{use{folder: "internal/web/admin", path: "internal/onboard", ours: true}, true},
		{use{folder: "internal/web/admin", path: "internal/onboard", ours: true, test: true}, false},
		{use{folder: "internal/web/admin", path: "internal/web", ours: true}, false},
		{use{folder: "internal/source/ldap", path: "internal/source", ours: true}, false},
		{use{folder: "internal/source", path: "internal/source/ldap", ours: true}, true},
		{use{folder: "scim/patch", path: "scim/filter", ours: true}, false},
		{use{folder: "scim", path: "internal/registry", ours: true}, true},
		{use{folder: "scim", path: "internal/testkit/slapd", ours: true, test: true}, true},
		{use{folder: "internal/app", path: "internal/testkit/slapd", ours: true}, true},
		{use{folder: "internal/app", path: "internal/onboard/onboardtest", ours: true}, true},
		{use{folder: "internal/onboard", path: "internal/onboard/onboardtest", ours: true, test: true}, false},
		{use{folder: "internal/new", path: "internal/registry", ours: true}, true},
		{use{folder: "internal/plan", path: "os"}, true},
		{use{folder: "internal/plan", path: "log/slog"}, true},
		{use{folder: "internal/plan", path: "slices"}, false},
		{use{folder: "internal/plan", path: "net/mail"}, false},
		{use{folder: "internal/registry", path: "github.com/google/uuid"}, true},
		{use{folder: "internal/registry", path: "golang.org/x/text/cases"}, false},
		{use{folder: "internal/web", path: "database/sql"}, true},
		{use{folder: "internal/web", path: "database/sql", test: true}, false},
		{use{folder: "internal/mail", path: "testing"}, true},
	}
	for _, tt := range tests {
		if got := crossed(tt.use); (got != "") != tt.want {
			t.Errorf("%+v: crossed says %q, want a wall: %v", tt.use, got, tt.want)
		}
	}
}

package walls_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// TestEveryCodeIsExplained: a code that a report may show has one entry in the
// registry's catalogue, with words for whoever reads it.
func TestEveryCodeIsExplained(t *testing.T) {
	known := map[string]bool{}
	for _, r := range registry.Reasons() {
		if known[string(r.Code)] {
			t.Errorf("%s is explained twice", r.Code)
		}
		known[string(r.Code)] = true
		if r.Meaning == "" || r.Action == "" || r.Who == "" || !strings.HasSuffix(r.Meaning, ".") || !strings.HasSuffix(r.Action, ".") {
			t.Errorf("%s lacks words: %+v", r.Code, r)
		}
	}
	found := 0
	for _, room := range []string{"registry", "mapping", "plan", "reconcile"} {
		for _, code := range codesIn(t, filepath.Join("..", room)) {
			if found++; !known[code] {
				t.Errorf("internal/%s has the code %q, which registry.Reasons does not explain", room, code)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d codes found: the test does not look where they are", found)
	}
}

// codesIn lists the values of constants named Code… and of constants named
// Limit… in a folder.
func codesIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i >= len(spec.Values) || !strings.HasPrefix(name.Name, "Code") && !strings.HasPrefix(name.Name, "Limit") {
					continue
				}
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					code, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, code)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

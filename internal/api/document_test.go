package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// TestDocument: what a reader of the document needs is there.
func TestDocument(t *testing.T) {
	w := newWorld(t).start()
	ids := map[string]bool{}
	operations := 0
	for path, item := range w.check.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			operations++
			where := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s: operation id %q", where, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 {
				t.Errorf("%s is not described", where)
			}
			for status, r := range op.Responses.Map() {
				if r.Value.Description == nil || *r.Value.Description == "" {
					t.Errorf("%s: the answer %s is not described", where, status)
				}
				if strings.HasPrefix(status, "4") && (r.Value.Content["application/problem+json"] == nil || !strings.Contains(*r.Value.Description, "`")) {
					t.Errorf("%s: the refusal %s names no code", where, status)
				}
			}
			for _, status := range []string{"401", "429", "500"} {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s does not say %s", where, status)
				}
			}
			for _, p := range op.Parameters {
				if p.Value.Schema == nil {
					t.Errorf("%s: parameter %s has no schema", where, p.Value.Name)
				}
			}
		}
	}
	if operations != len(w.server.Routes()) {
		t.Errorf("%d operations of %d routes", operations, len(w.server.Routes()))
	}
}

// TestTable: what the table has to say of each route.
func TestTable(t *testing.T) {
	deeds := map[string]bool{}
	for _, r := range newWorld(t).start().server.Routes() {
		if r.Method != "GET" && (r.Right == "" || r.Right == auth.RightRead) {
			t.Errorf("%s changes something for everybody who reads", r.ID)
		}
		if r.Right == auth.RightManage || r.Right == auth.RightInstall {
			t.Errorf("%s is for no token", r.ID)
		}
		if r.Deed != "" && deeds[r.Deed] {
			t.Errorf("%s has the deed of another", r.ID)
		}
		deeds[r.Deed] = true
	}
}

// TestCatalogue: every code is in the catalogue once.
func TestCatalogue(t *testing.T) {
	seen := map[registry.Code]int{}
	for _, r := range registry.Reasons() {
		seen[r.Code]++
	}
	for _, code := range slices.Sorted(maps.Keys(seen)) {
		if seen[code] != 1 {
			t.Errorf("%s is there %d times", code, seen[code])
		}
	}
}

// Package graphfaketest starts the Graph simulator for tests. It is apart from
// the simulator because package testing adds its flags to a program.
package graphfaketest

import (
	"testing"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// Start serves the tenant over TLS until the test ends.
func Start(t testing.TB, tenant *graphfake.Tenant, o graphfake.Options) *graphfake.Running {
	t.Helper()
	s, err := graphfake.New(tenant, o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := graphfake.Start(s, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

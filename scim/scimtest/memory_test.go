package scimtest_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/scimtest"
)

func TestMemory(t *testing.T) {
	scimtest.RunBackend(t, func(*testing.T) scim.Backend { return scimtest.NewMemory(time.Now) })
}

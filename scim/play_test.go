package scim_test

import (
	"net/http"
	"testing"

	"github.com/usherd/usher/scim/scimtest"
)

// TestTranscripts plays what identity providers send.
func TestTranscripts(t *testing.T) {
	scimtest.Play(t, "testdata/idp", func(t *testing.T, profile string) http.Handler {
		return newService(t, profile)
	})
}

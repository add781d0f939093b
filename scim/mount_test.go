package scim_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherd/usher/scim"
)

// mounted serves a backend over a network, as others mount the handler.
func mounted(t *testing.T, b scim.Backend) *httptest.Server {
	t.Helper()
	s := newService(t, "", func(c *scim.Config) { c.Backend = b })
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", http.StripPrefix("/scim/v2", s))
	server := httptest.NewServer(mux)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return server
}

func TestMountedBelowAPath(t *testing.T) {
	server := mounted(t, &flood{})
	for path, want := range map[string]string{
		"/Groups/a%2Fb":          `"id":"a/b"`,
		"/Groups/100%2525":       `"id":"100%25"`,
		"/Groups/%2e%2e%2f":      `"id":"../"`,
		"/Unknown":               `"status":"404"`,
		"/Schemas/" + enterprise: `"name":"EnterpriseUser"`,
	} {
		response, err := server.Client().Get(server.URL + "/scim/v2" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v %s, want %s", path, err, body, want)
		}
	}
}

func TestABrokenStreamIsSeenByTheClient(t *testing.T) {
	server := mounted(t, &flood{members: 100_000, fail: errors.New("disk on fire")})
	response, err := server.Client().Get(server.URL + "/scim/v2/Groups/g")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("%d bytes of a broken answer look like a whole one", n)
	}
}

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// connected starts a server with a connection, and gives its token.
func connected(t *testing.T, o app.Options) (*app.Server, string, func()) {
	t.Helper()
	s, stop := start(t, configure(t, settings{}), o)
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.CreateConnection(t.Context(), c.ID, "okta", registry.ConnectionSettings{Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return s, secret, stop
}

// A client whose base URL ends in a slash is answered by SCIM, as is whatever
// else lies below its address, and never by the pages.
func TestSCIMAnswersBelowItsAddress(t *testing.T) {
	s, secret, _ := connected(t, app.Options{})
	for _, c := range []struct {
		path, says string
		status     int
	}{
		{"/scim/v2", "totalResults", 200},
		{"/scim/v2/", "totalResults", 200},
		{"/scim/v2//", "totalResults", 200},
		{"//scim/v2/Users", "totalResults", 200},
		{"/scim//v2/Users", "totalResults", 200},
		{"/scim/v2//Users", "totalResults", 200},
		{"/scim/v2/Users/", "totalResults", 200},
		{"/scim/v2///Users//?count=1", "totalResults", 200},
		{"/scim/v2//ServiceProviderConfig/", "authenticationSchemes", 200},
		{"/scim/v2/Users//nobody/", "there is no such resource", 404},
		{"/scim/v2/Users/..", "there is nothing", 404},
		{"/scim/v2/../login", "there is nothing", 404},
		{"/scim/v2/./Users", "there is nothing", 404},
		{"/scim/v2/%2e%2e/Users", "there is nothing", 404},
		{"/scim/v2/Nothing/", "there is nothing", 404},
		{"/scim/v2x/Users", "<", 404},
	} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", c.path, secret)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		conn.Close()
		kind, want := res.Header.Get("Content-Type"), "application/scim+json"
		if c.says == "<" {
			want = "text/html; charset=utf-8"
		}
		if err != nil || res.StatusCode != c.status || kind != want || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s %.100s %v", c.path, res.StatusCode, kind, body, err)
		}
	}
}

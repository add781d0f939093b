package scim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/scimtest"
)

// clock stands still until a test moves it.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// service is a handler over a backend in memory.
type service struct {
	http.Handler
	memory *scimtest.Memory
	clock  *clock
	config scim.Config
}

// newService makes a service that speaks a profile.
func newService(t testing.TB, profile string, change ...func(*scim.Config)) *service {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	p, err := dialect.ByName(profile)
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(scimtest.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	memory := scimtest.NewMemory(c.now)
	config := scim.Config{
		Backend:       memory,
		ResourceTypes: []*scim.ResourceType{scim.UserType(), scim.GroupType()},
		BaseURL:       base,
		Profile:       func(context.Context) dialect.Profile { return p },
		CursorKey:     []byte("0123456789abcdef0123456789abcdef"),
		Now:           c.now,
		AuthenticationSchemes: []scim.AuthenticationScheme{
			{Type: "oauthbearertoken", Name: "Bearer token", Description: "A token of the connection", Primary: true},
		},
	}
	for _, f := range change {
		f(&config)
	}
	h, err := scim.NewHandler(config)
	if err != nil {
		t.Fatal(err)
	}
	return &service{h, memory, c, config}
}

// do sends a request.
func (s *service) do(t testing.TB, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return scimtest.Client{Handler: s}.Do(method, path, body, headers...)
}

// want sends a request, checks the status and decodes the body.
func (s *service) want(t testing.TB, status int, method, path, body string, headers ...string) map[string]any {
	t.Helper()
	return scimtest.Client{Handler: s}.Want(t, status, method, path, body, headers...)
}

// user makes a user and gives back the id.
func (s *service) user(t testing.TB, name string) string {
	t.Helper()
	m := s.want(t, http.StatusCreated, "POST", "/Users",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`","externalId":"x-`+name+`","active":true}`)
	return m["id"].(string)
}

// escape escapes a parameter of a URL.
func escape(s string) string { return url.QueryEscape(s) }

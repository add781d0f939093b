package scim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
)

// Config is what a handler is made of. Backend, ResourceTypes, BaseURL, Now and
// CursorKey are needed.
type Config struct {
	Backend       Backend
	ResourceTypes []*ResourceType
	// BaseURL is the service's absolute address as clients know it, as in
	// https://people.example.com/scim/v2. Locations are built from it and never
	// from a request's Host.
	BaseURL *url.URL
	Limits  Limits
	// AuthenticationSchemes are shown in ServiceProviderConfig.
	AuthenticationSchemes []AuthenticationScheme
	// ChangePassword says in ServiceProviderConfig whether a password that the
	// connection of a request sends becomes the person's; nil for never.
	ChangePassword func(ctx context.Context) bool
	// DocumentationURI is where people read about the service; may be "".
	DocumentationURI string
	// Profile says how the connection of a request is spoken with; nil for the
	// default profile always.
	Profile func(ctx context.Context) dialect.Profile
	// Caller names who asks, so that a cursor is good for nobody else; nil when
	// there is but one client.
	Caller func(ctx context.Context) string
	// CursorKey authenticates cursors: 32 secret bytes, the same in every
	// process that serves one address.
	CursorKey []byte
	// Now is the clock.
	Now func() time.Time
	// Log gets what went wrong on our side; nil for nowhere.
	Log *slog.Logger
}

// Limits bound what one request may cost. A zero field has its default.
type Limits struct {
	Body           int64         // bytes of a request body; 8 MiB
	BulkBody       int64         // bytes of a Bulk body; 8 MiB
	BulkOperations int           // operations in one Bulk; 1,000
	BulkTime       time.Duration // how long a Bulk may begin operations; 20 seconds
	PatchOps       int           // operations in one PATCH; 1,000
	Filter         int           // bytes of a filter; filter.MaxLength, and no more
	DefaultPage    int           // resources on a page when the client names no count; 100
	MaxPage        int           // most resources on a page; 500
	PageBytes      int           // what makes a page full before that, see Query.Bytes; 4 MiB
	CursorTimeout  time.Duration // how long a cursor is good; 1 hour
}

// AuthenticationScheme is how clients sign in (RFC 7643 section 5).
type AuthenticationScheme struct {
	Type             string // oauth, oauth2, oauthbearertoken, httpbasic, httpdigest
	Name             string
	Description      string
	SpecURI          string // "" for none
	DocumentationURI string // "" for none
	Primary          bool
}

// withDefaults fills the limits that were left open.
func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		limit *int
		value int
	}{
		{&l.BulkOperations, 1000}, {&l.PatchOps, 1000}, {&l.Filter, filter.MaxLength},
		{&l.DefaultPage, 100}, {&l.MaxPage, 500}, {&l.PageBytes, 4 << 20},
	} {
		if *d.limit <= 0 {
			*d.limit = d.value
		}
	}
	if l.Body <= 0 {
		l.Body = 8 << 20 // a PUT of a group of 100,000 is 5 MB
	}
	if l.BulkBody <= 0 {
		l.BulkBody = 8 << 20
	}
	if l.BulkTime <= 0 {
		l.BulkTime = 20 * time.Second
	}
	if l.CursorTimeout <= 0 {
		l.CursorTimeout = time.Hour
	}
	l.DefaultPage = min(l.DefaultPage, l.MaxPage)
	return l
}

// check says what keeps the configuration from being served.
func (c Config) check() error {
	switch {
	case c.Backend == nil || c.Now == nil:
		return errors.New("needs a backend and a clock")
	case c.BaseURL == nil || !c.BaseURL.IsAbs() || c.BaseURL.Host == "":
		return errors.New("needs an absolute base URL")
	case len(c.CursorKey) < 16:
		return errors.New("needs a cursor key of 16 bytes or more")
	case len(c.ResourceTypes) == 0:
		return errors.New("needs a resource type")
	}
	seen := map[string]bool{}
	for _, t := range c.ResourceTypes {
		if err := t.check(); err != nil {
			return err
		}
		for _, key := range []string{"id " + t.ID, "name " + t.Name, "endpoint " + t.Endpoint} {
			if key = strings.ToLower(key); seen[key] {
				return fmt.Errorf("resource type %s: another has its %s", t.Name, key)
			}
			seen[key] = true
		}
	}
	return nil
}

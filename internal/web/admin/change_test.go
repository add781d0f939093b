package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// changeDesk holds one change of one person, made through one door.
type changeDesk struct {
	Desk
	change registry.ChangeRow
	door   registry.Origin
	logged []registry.ScimRequest
	closed bool // the connection is no more
	asked  registry.ScimRequestQuery
}

func (d *changeDesk) Person(_ context.Context, id string) (*Person, error) {
	u := &registry.User{ID: 7, PublicID: id, Attributes: registry.Attributes{"userName": {"vera"}}}
	link := &registry.Link{Origin: 4, Name: "vera@idp", Enabled: true, Asserted: registry.Attributes{"title": {"Head of all"}}}
	return &Person{User: u, Ties: []Tie{{Link: link, Origin: d.door}}}, nil
}

func (d *changeDesk) Changes(_ context.Context, q registry.ChangeQuery) ([]registry.ChangeRow, error) {
	if q.User != 7 || !q.Forward || q.After >= d.change.ID {
		return nil, nil
	}
	return []registry.ChangeRow{d.change}, nil
}

func (d *changeDesk) Doors(context.Context) ([]registry.Origin, error) {
	return []registry.Origin{{ID: 3, Kind: registry.OriginAdmin, Key: "admin"}, d.door}, nil
}

func (d *changeDesk) Connection(context.Context, string) (Connection, error) {
	if d.closed {
		return Connection{}, registry.ErrNotFound
	}
	return Connection{}, nil
}

func (d *changeDesk) Requests(_ context.Context, q registry.ScimRequestQuery) ([]registry.ScimRequest, error) {
	d.asked = q
	return d.logged, nil
}

func (d *changeDesk) RunOf(context.Context, registry.RunID) (*registry.Run, error) {
	return &registry.Run{Number: 12}, nil
}

// TestChangeByRequest: a change that came by SCIM is shown with its request, or
// with why there is none to show; one that a run made is shown in its report.
func TestChangeByRequest(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 30, 0, time.UTC)
	row := registry.ScimRequest{ID: 31, At: at, Method: "PATCH", Path: "/scim/v2/Users/u%20v", Status: 200}
	refused := row
	refused.Status, refused.Body = 409, `{"password":"•••"}`
	for about, test := range map[string]struct {
		turn    func(d *changeDesk)
		want    []string
		without string
	}{
		"in the log": {func(d *changeDesk) { d.logged = []registry.ScimRequest{row} },
			[]string{`/admin/acme/scim/okta/log/31"><code>PATCH /scim/v2/Users/u v`, "keeps the bodies of refused requests only", "since=2026-05-01T11%3A50&amp;text=req-9&amp;until=2026-05-01T12%3A00", "Head of all", "<del>Clerk</del>"}, "any more"},
		"with a body":       {func(d *changeDesk) { d.logged = []registry.ScimRequest{refused} }, []string{"<pre>{&#34;password&#34;"}, "refused requests only; what"},
		"kept no longer":    {func(*changeDesk) {}, []string{"does not have this request (any more)", "/scim/okta/log?"}, "<pre>"},
		"erased":            {func(d *changeDesk) { d.change.Payload = registry.Payload{} }, []string{"is not known (any more)", "no attribute touched"}, "does not have this request"},
		"connection gone":   {func(d *changeDesk) { d.closed = true }, []string{"The connection is there no more"}, "/scim/okta/log"},
		"by an admin":       {func(d *changeDesk) { d.change.Origin = 3 }, []string{"req-9", "<del>Clerk</del>"}, "Head of all"},
		"by nobody's door":  {func(d *changeDesk) { d.change.Origin = 0 }, []string{"<del>Clerk</del>"}, "The request as it was received"},
		"known for a cause": {func(d *changeDesk) { d.change.Reason = "missing" }, []string{"reasons#missing"}, "<pre>"},
	} {
		for lang, title := range map[string]string{"en": "Who and how", "it": "Chi e come", "ru": "Кто и как"} {
			d := &changeDesk{door: registry.Origin{ID: 4, Kind: registry.OriginSCIM, Key: "okta"}, change: registry.ChangeRow{Change: registry.Change{
				ID: 5, At: at, Actor: "scim okta", Origin: 4, User: 7, Action: registry.ActionUpdate,
				Payload: registry.Payload{Before: registry.Attributes{"title": {"Clerk"}}, After: registry.Attributes{"title": {"Head"}}, Request: "req-9"},
			}}}
			test.turn(d)
			body := askChange(t, d, "5", lang).Body.String()
			if !strings.Contains(body, title) || strings.Contains(body, "no value") {
				t.Errorf("%s: the page in %s:\n%s", about, lang, body)
			}
			if lang != "en" {
				continue
			}
			for _, text := range test.want {
				if !strings.Contains(body, text) {
					t.Errorf("%s: %q is not shown:\n%s", about, text, body)
				}
			}
			if strings.Contains(body, test.without) {
				t.Errorf("%s: %q is shown", about, test.without)
			}
			if d.asked.ID != "" && (d.asked.ID != "req-9" || d.asked.Origin != 4 || d.asked.Until.Before(at) || !d.asked.Since.Before(at)) {
				t.Errorf("%s: asked %+v", about, d.asked)
			}
		}
	}
}

func TestChangeOfARun(t *testing.T) {
	d := &changeDesk{change: registry.ChangeRow{Change: registry.Change{ID: 5, User: 7, Run: 3}}}
	if w := askChange(t, d, "5", "en"); w.Header().Get("Location") != "/admin/acme/runs/12/rows/c5" {
		t.Errorf("led to %q", w.Header().Get("Location"))
	}
	for _, id := range []string{"4", "6", "x"} {
		if w := askChange(t, d, id, "en"); w.Code != http.StatusNotFound {
			t.Errorf("change %s: %d", id, w.Code)
		}
	}
}

// askChange opens a change of a person as an auditor in Rome.
func askChange(t *testing.T, d Desk, id, lang string) *httptest.ResponseRecorder {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprint(root, "/acme/people/p7/changes/", id), nil)
	r.Header.Set("Accept-Language", lang)
	r.SetPathValue("id", "p7")
	r.SetPathValue("change", id)
	w := httptest.NewRecorder()
	newRunsSite(t).change(&visit{
		w: w, r: r, who: &auth.Principal{Company: 1, Actor: "Ann", Roles: []auth.Role{auth.RoleAuditor}}, company: registry.Company{ID: 1, Key: "acme", Name: "Acme"},
		desk: d, zone: zone, pages: linked(routes),
	})
	return w
}

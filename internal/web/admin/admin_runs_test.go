package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// runsNow is when the pages of these tests are made.
var runsNow = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// runsDesk is a company with one run in each state, and one row of each kind.
type runsDesk struct {
	Desk
	runs    []*registry.Run
	looks   atomic.Int64 // how often a run was asked for
	decided func() error
	tied    map[string]registry.UserID
	ties    []string
	tokens  []registry.Token
	hooks   []registry.Webhook
}

func newRunsDesk() *runsDesk {
	d := &runsDesk{}
	for i, state := range []registry.RunState{
		registry.RunReading, registry.RunPlanning, registry.RunApplying, registry.RunHeld, registry.RunApproved, registry.RunRejected,
		registry.RunDone, registry.RunPartial, registry.RunFailed, registry.RunInterrupted,
	} {
		r := &registry.Run{
			ID: registry.RunID(i + 1), Number: int64(i + 1), Source: 1, SourceKey: "corp", Mode: registry.ModeRun, Trigger: "schedule", State: state,
			StartedAt: runsNow.Add(-time.Hour), PlanHash: "plan", Complete: true,
			Counts: registry.Counts{Users: 312, Groups: 25, Created: 3, Deactivated: 40, Unchanged: 200, OutOfScope: 2, Conflicts: 2, Failed: 1},
		}
		if !state.Active() {
			r.FinishedAt = runsNow.Add(-time.Hour + 3*time.Second)
		}
		switch state {
		case registry.RunHeld:
			r.Code, r.Message = "guard", registry.Say("%d deactivations", 40)
			r.Limits = []registry.Limit{{Name: "deactivate", Count: 40, Of: 312, Rule: registry.Say("more than %s %%", "10"), Reasons: []registry.Said{registry.Say("%d missing", 40)}}, {Name: "membership_remove_per_group", Count: 5, Of: 5, Rule: "more than 2", Group: "Staff"}}
		case registry.RunApproved, registry.RunRejected:
			r.DecidedBy, r.DecisionNote, r.DecidedAt = "Ada", "they left", runsNow.Add(-time.Minute)
		case registry.RunFailed:
			r.Code, r.Message = "source_auth", "invalid credentials"
		}
		d.runs = append(d.runs, r)
	}
	return d
}

func (d *runsDesk) Sources(context.Context) ([]Source, error) {
	var out []Source
	for i, health := range []registry.HealthState{registry.Healthy, registry.NoRemovals, registry.Failing, registry.Held, registry.Quarantined, registry.Paused} {
		s := Source{Source: registry.Source{ID: int64(i + 1), Key: fmt.Sprint("corp", i), NextDue: runsNow.Add(time.Hour), FullReadAt: runsNow.Add(-time.Hour)}, Health: health}
		s.Last = d.runs[7]
		s.Recent = []*registry.Run{d.runs[8], d.runs[7]}
		out = append(out, s)
	}
	out[0].Last, out[0].Recent, out[0].NextDue, out[0].FullReadAt = nil, nil, time.Time{}, time.Time{} // never run
	return out, nil
}

func (d *runsDesk) RetiredSources(context.Context) ([]Retired, error) {
	held := Retired{Source: registry.Source{Key: "older"}, People: 1, Last: &registry.Run{Number: 90, State: registry.RunHeld, Counts: registry.Counts{Deactivated: 7}}}
	return []Retired{{Source: registry.Source{Key: "old"}, People: 5}, held}, nil
}

func (d *runsDesk) Connections(context.Context) ([]Connection, error) {
	silent := Connection{LastRequest: runsNow.Add(-72 * time.Hour)}
	busy := Connection{LastRequest: runsNow.Add(-time.Minute), Requests: 5, Failures: 2}
	return []Connection{{}, silent, busy}, nil
}

func (d *runsDesk) PeopleCounts(context.Context) (map[registry.State]int64, error) {
	return map[registry.State]int64{registry.StateActive: 300, registry.StateInvited: 1}, nil
}

func (d *runsDesk) MailCounts(context.Context) (map[string]int64, error) {
	return map[string]int64{"held": 67, "failed": 1}, nil
}

func (d *runsDesk) Tokens(context.Context, registry.OriginID) ([]registry.Token, error) {
	return d.tokens, nil
}

func (d *runsDesk) Webhooks(context.Context) ([]registry.Webhook, error) { return d.hooks, nil }

func (d *runsDesk) Waiting(context.Context, int) (int, error) { return 2, nil }

func (d *runsDesk) Runs(_ context.Context, q registry.RunQuery) ([]*registry.Run, error) {
	out := slices.Clone(d.runs)
	slices.Reverse(out)
	return out[:min(q.Limit, len(out))], nil
}

// Run gives a run as it stands at this look: one that reads is done at the third.
func (d *runsDesk) Run(_ context.Context, number int64) (*registry.Run, error) {
	if number < 1 || number > int64(len(d.runs)) {
		return nil, registry.ErrNotFound
	}
	r := *d.runs[number-1]
	if n := d.looks.Add(1); r.State == registry.RunReading && n > 2 {
		r.State = registry.RunDone
	}
	return &r, nil
}

func (d *runsDesk) Causes(context.Context, registry.RunID) ([]Cause, error) {
	return []Cause{{registry.OutcomeConflict, registry.CodeAmbiguous, 2}, {registry.OutcomeFailed, "user_name_missing", 1}, {registry.OutcomeWarning, "of_tomorrow", 1}, {registry.OutcomePlanned, "", 9}}, nil
}

func (d *runsDesk) Rows(_ context.Context, q registry.RowQuery) ([]registry.RunItem, error) {
	var out []registry.RunItem
	for i, outcome := range []registry.Outcome{
		registry.OutcomeConflict, registry.OutcomeFailed, registry.OutcomeSkipped, registry.OutcomeWarning, registry.OutcomeHeld, registry.OutcomePlanned,
	} {
		it := registry.RunItem{ID: int64(i + 1), Outcome: outcome, Anchor: fmt.Sprint("anchor-", i), Name: "uid=vera.neri,ou=people,dc=example,dc=com", Message: "why", User: 7}
		switch outcome {
		case registry.OutcomeConflict:
			it.Code, it.Detail = registry.CodeAmbiguous, &registry.Payload{Candidates: []int64{7, 8}}
		case registry.OutcomeFailed:
			it.Code = "user_name_missing"
		case registry.OutcomeHeld:
			it.Code, it.Action = "missing", registry.ActionDeactivate
		case registry.OutcomePlanned:
			it.Action, it.User = registry.ActionCreate, 0
		case registry.OutcomeSkipped, registry.OutcomeWarning:
			it.Code = "shared_mail"
		}
		if it.ID > q.After && (q.Outcome == "" || q.Outcome == outcome) {
			out = append(out, it)
		}
	}
	return out[:min(q.Limit, len(out))], nil
}

func (d *runsDesk) Changes(_ context.Context, q registry.ChangeQuery) ([]registry.ChangeRow, error) {
	var out []registry.ChangeRow
	for i, action := range []registry.Action{registry.ActionCreate, registry.ActionUpdate, registry.ActionJoin, registry.ActionDeactivate, registry.ActionMembers} {
		c := registry.ChangeRow{Change: registry.Change{ID: int64(i + 1), At: runsNow, Actor: "source corp", Action: action, User: 7, Payload: registry.Payload{
			Before: registry.Attributes{"title": {"Clerk"}}, After: registry.Attributes{"title": {"Head"}, "zz:own": {"1"}}, Request: "request-1",
		}}, Name: "vera.neri", PublicID: "id-7"}
		if action == registry.ActionMembers {
			c.User, c.Group, c.Payload = 0, 3, registry.Payload{Added: 2, Removed: 1}
		}
		if c.ID > q.After {
			out = append(out, c)
		}
	}
	return out[:min(q.Limit, len(out))], nil
}

func (d *runsDesk) Named(_ context.Context, users []registry.UserID) (map[registry.UserID]registry.Candidate, error) {
	out := map[registry.UserID]registry.Candidate{}
	for _, u := range users {
		out[u] = registry.Candidate{User: u, UserName: "vera.neri", PublicID: fmt.Sprint("id-", u)}
	}
	return out, nil
}

func (d *runsDesk) UploadedRow(_ context.Context, run *registry.Run, anchor, name string, code registry.Code) (*UploadedRow, error) {
	switch run.Number {
	case 6:
		return &UploadedRow{Upload: &registry.Upload{PublicID: "up-1", FileName: "people.csv"}}, &Refusal{Code: registry.CodeInvalidValue, Reason: "the file is gone"}
	case 7:
		return &UploadedRow{Upload: &registry.Upload{PublicID: "up-1", FileName: "people.csv"}, Line: 31, Unread: 2, Cells: []UploadedCell{
			{"Login", "userName", anchor + " " + name + " " + string(code), []string{"vera"}}, {"Notes", "title", strings.Repeat("y", 600), nil},
		}}, nil
	}
	return nil, registry.ErrNotFound
}

func (d *runsDesk) AnchorOf(context.Context, registry.OriginID, registry.UserID) (string, error) {
	return "anchor-7", nil
}

func (d *runsDesk) Tied(context.Context, registry.OriginID, []string) (map[string]registry.UserID, error) {
	return d.tied, nil
}

func (d *runsDesk) Suggested(_ context.Context, users []registry.UserID) (map[registry.UserID]PersonRow, error) {
	out := map[registry.UserID]PersonRow{}
	for _, id := range users {
		u := &registry.User{ID: id, PublicID: fmt.Sprint("id-", id), Attributes: registry.Attributes{"userName": {"vera.neri"}, "emails": {"vera@example.com"}}, Enabled: true, CompanyAdmin: id == 8}
		if id == 8 {
			u.Attributes["title"] = []string{"Head"}
		}
		out[id] = PersonRow{User: u, Origin: registry.Origin{Kind: registry.OriginLDAP, Key: "corp"}, SignedIn: map[registry.UserID]time.Time{8: runsNow}[id]}
	}
	return out, nil
}

func (d *runsDesk) Tie(_ context.Context, source, anchor, who, _ string, end bool) error {
	if who == "nobody" {
		return &Refusal{Code: registry.CodeNotFound, Reason: "there is nobody"}
	}
	d.ties = append(d.ties, fmt.Sprint(source, " ", anchor, " ", who, " ", end))
	return nil
}

func (d *runsDesk) Approve(context.Context, int64, registry.Decision) (int64, error) {
	if d.decided != nil {
		return 0, d.decided()
	}
	return 11, nil
}

func (d *runsDesk) Reject(context.Context, int64, registry.Decision) error { return d.decided() }

// runsSite shows pages of the desk, as an admin who may also approve.
type runsSite struct {
	*Handlers
	desk *runsDesk
}

func newRunsSite(t *testing.T) *runsSite {
	t.Helper()
	shell, err := web.New(web.Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"}, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Now: func() time.Time { return runsNow },
		NewRequestID: func() string { return "request" }, Log: slog.New(slog.DiscardHandler),
	}, Files())
	if err != nil {
		t.Fatal(err)
	}
	return &runsSite{&Handlers{Shell: shell, Log: slog.New(slog.DiscardHandler)}, newRunsDesk()}
}

// mux serves the table of routes to somebody with some roles.
func (s *runsSite) mux(roles ...auth.Role) *http.ServeMux {
	mux := http.NewServeMux()
	for _, x := range routes {
		method, path, _ := strings.Cut(x.pattern, " ")
		mux.HandleFunc(method+" "+root+"/{company}"+path, func(w http.ResponseWriter, r *http.Request) {
			x.serve(s.Handlers, &visit{
				w: w, r: r, who: &auth.Principal{Company: 1, Actor: "Ada", Roles: roles}, company: registry.Company{ID: 1, Key: "acme", Name: "Acme"},
				desk: s.desk, zone: time.UTC, pages: linked(routes),
			})
		})
	}
	return mux
}

// ask asks for an address below the company's.
func (s *runsSite) ask(t *testing.T, r *http.Request, roles ...auth.Role) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.mux(roles...).ServeHTTP(w, r)
	return w
}

func (s *runsSite) get(t *testing.T, path, lang string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, root+"/acme"+path, nil)
	r.AddCookie(&http.Cookie{Name: "usher-language", Value: lang})
	return s.ask(t, r, auth.RoleAdmin, auth.RoleApprover)
}

func (s *runsSite) post(t *testing.T, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, root+"/acme"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.ask(t, r, auth.RoleAdmin, auth.RoleApprover)
}

// TestRunPages renders each page with every state of what it shows.
func TestRunPages(t *testing.T) {
	s := newRunsSite(t)
	if w := s.get(t, "/runs/list?format=xml", "en"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "not as “xml”") {
		t.Errorf("a list in a format there is not: %d %s", w.Code, w.Body.String())
	}
	if body := s.get(t, "/runs?from=2026-11-01&sort=number", "en").Body.String(); !strings.Contains(body, `value="2026-11-01"`) || !strings.Contains(body, `aria-sort="ascending"`) ||
		!strings.Contains(body, `href="/admin/acme/runs?from=2026-11-01"`) || !strings.Contains(body, `/runs/list?from=2026-11-01&amp;sort=number`) {
		t.Error("the list of runs forgets its order or its days")
	}
	pages := []string{"/", "/runs", "/runs?source=corp1&state=held&mode=preview", "/runs?sort=number", "/matches", "/reasons"}
	for _, r := range s.desk.runs {
		pages = append(pages, fmt.Sprint("/runs/", r.Number))
	}
	for i := range 6 {
		pages = append(pages, fmt.Sprint("/runs/8/rows/i", i+1))
	}
	for i := range 5 {
		pages = append(pages, fmt.Sprint("/runs/8/rows/c", i+1))
	}
	for _, lang := range web.Languages() {
		for _, page := range pages {
			s.desk.looks.Store(0)
			w := s.get(t, page, lang.Code)
			if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `<html lang="`+lang.Code+`"`) || strings.Contains(body, "&lt;no value&gt;") {
				t.Errorf("%s in %s: %d", page, lang.Code, w.Code)
			}
		}
	}
	for _, page := range []string{"/runs/99", "/runs/x", "/runs/8/rows/i99", "/runs/8/rows/c99", "/runs/8/rows/x1", "/runs/8/rows/c", "/runs/99/events"} {
		if w := s.get(t, page, "en"); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", page, w.Code)
		}
	}
}

func TestRunAtWorkRefreshes(t *testing.T) {
	s := newRunsSite(t)
	w := s.get(t, "/runs/3", "en")
	for _, want := range []string{`data-events="/admin/acme/runs/3/events"`, `http-equiv="refresh"`, "/static/run.", `/runs/3/cancel`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self'") {
		t.Errorf("policy %q does not let the page listen", csp)
	}
	if w = s.get(t, "/runs/7", "en"); strings.Contains(w.Body.String(), "refresh") {
		t.Error("a run that is over refreshes")
	}
}

// TestEvents watches a run until its end, and leaves one that goes on when the
// browser or the server leaves.
func TestEvents(t *testing.T) {
	s := newRunsSite(t)
	body := s.get(t, "/runs/1/events", "it").Body.String()
	if strings.Count(body, "event: live\n") != 2 || !strings.HasSuffix(body, "event: end\ndata: \n\n") || !strings.Contains(body, "voci lette") {
		t.Errorf("was sent:\n%s", body)
	}
	for _, line := range strings.Split(body, "\n") {
		if line != "" && !strings.HasPrefix(line, "event: ") && !strings.HasPrefix(line, "data: ") {
			t.Errorf("a line of no event: %q", line)
		}
	}
	closing := make(chan struct{})
	close(closing)
	s.Closing = closing
	if body = s.get(t, "/runs/2/events", "en").Body.String(); strings.Count(body, "event: ") != 1 {
		t.Errorf("a server that ends sent:\n%s", body)
	}
	s.Closing = nil
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := s.ask(t, httptest.NewRequestWithContext(gone, http.MethodGet, root+"/acme/runs/2/events", nil), auth.RoleAdmin)
	if strings.Count(w.Body.String(), "event: ") != 1 {
		t.Errorf("a browser that left was sent:\n%s", w.Body)
	}
}

// TestDecisions types the wrong count, forgets the note, and comes too late.
func TestDecisions(t *testing.T) {
	s := newRunsSite(t)
	typed := func(count, note string) url.Values {
		return url.Values{"count": {count}, "note": {note}, "plan": {"plan"}}
	}
	for name, c := range map[string]struct {
		path string
		form url.Values
		want string
	}{
		"no note":        {"/runs/4/approve", typed("43", ""), "Please say why"},
		"wrong count":    {"/runs/4/approve", typed("42", "they left"), "Please type 43"},
		"decided before": {"/runs/6/approve", typed("43", "they left"), "Ada has rejected this run meanwhile"},
		"approved":       {"/runs/5/reject", typed("", "no"), "Ada has approved this run meanwhile"},
		"over":           {"/runs/7/reject", typed("", "no"), "does not wait for a decision any more"},
	} {
		if w := s.post(t, c.path, c.form); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d, lacks %q", name, w.Code, c.want)
		}
	}
	if w := s.post(t, "/runs/4/approve", typed("43", "they left")); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/admin/acme/runs/11?done=approved" {
		t.Errorf("approval: %d to %s", w.Code, w.Header().Get("Location"))
	}
	// While this admin looked at the page, somebody else rejected.
	s.desk.decided = func() error {
		s.desk.runs[3].State, s.desk.runs[3].DecidedBy, s.desk.runs[3].DecisionNote = registry.RunRejected, "Bea", "a mistake"
		return &Refusal{Code: registry.CodeNotHeld, Reason: "the run is rejected"}
	}
	w := s.post(t, "/runs/4/approve", typed("43", "they left"))
	if body := w.Body.String(); !strings.Contains(body, "Bea has rejected this run meanwhile: “a mistake”") || strings.Contains(body, `action="/admin/acme/runs/4/approve"`) {
		t.Errorf("the second of two is told: %d", w.Code)
	}
}

func TestMatches(t *testing.T) {
	s := newRunsSite(t)
	w := s.post(t, "/matches", url.Values{"who.8.1": {"id-7"}, "end.8.1": {"1"}, "who.8.2": {""}})
	if w.Code != http.StatusSeeOther || !slices.Equal(s.desk.ties, []string{"corp anchor-0 id-7 true"}) {
		t.Errorf("%d, tied %q", w.Code, s.desk.ties)
	}
	w = s.post(t, "/matches", url.Values{"who.8.1": {"other"}, "other.8.1": {" nobody "}})
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "there is nobody") || !strings.Contains(body, `value="nobody"`) {
		t.Errorf("what was refused is not said, or what was typed lost: %d", w.Code)
	}
	if w = s.post(t, "/matches", url.Values{"who.8.99": {"id-7"}}); w.Code != http.StatusNotFound {
		t.Errorf("a row that is not there: %d", w.Code)
	}
	for _, text := range []string{"<b>≠ <code>title</code></b>", `"row"><code>userName</code>`, ">no session on record<", "<time", "is not kept until somebody is tied"} {
		if body := s.get(t, "/matches", "en").Body.String(); !strings.Contains(body, text) {
			t.Errorf("people side by side lack %q:\n%s", text, body)
		}
	}
	s.desk.tied = map[string]registry.UserID{"anchor-0": 7}
	if w = s.get(t, "/matches", "en"); !strings.Contains(w.Body.String(), "Nothing is to be decided") {
		t.Error("what is decided is asked again")
	}
}

func TestShort(t *testing.T) {
	for name, want := range map[string]string{
		"uid=vera,ou=people,dc=example": "vera", "vera": "vera", "Neri, Vera": "Neri, Vera", "a=b": "a=b", `cn=Neri\, Vera,dc=example`: `cn=Neri\, Vera,dc=example`, "": "",
	} {
		if got := short(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

// TestNavigation leads to the pages there are, and operators to other companies.
func TestNavigation(t *testing.T) {
	some := linked([]route{{pattern: "GET /{$}"}, {pattern: "GET /people"}, {pattern: "POST /scim"}})
	if len(some) != 2 || len(some[0].pages) != 1 || some[0].pages[0].name != "overview" || some[1].pages[0].name != "people" {
		t.Errorf("the pages there are: %v", some)
	}
	v := &visit{
		r: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/acme/people/7", nil), company: registry.Company{ID: 1, Key: "acme", Name: "Acme"},
		who: &auth.Principal{Company: 1, Roles: []auth.Role{auth.RoleAuditor}}, pages: some,
	}
	nav := v.nav()
	if nav.Switch != "" || len(nav.Groups) != 2 || !nav.Groups[1].Items[0].Current || nav.Groups[0].Items[0].Current {
		t.Errorf("an auditor is led: %+v", nav)
	}
	v.who = &auth.Principal{Roles: []auth.Role{auth.RoleOperator}}
	if v.nav().Switch != root {
		t.Error("an operator cannot switch")
	}
	v.who = &auth.Principal{Company: 2, Roles: []auth.Role{auth.RoleAdmin}}
	if n := len(v.nav().Groups); n != 0 {
		t.Errorf("another company's admin is led to %d groups of pages", n)
	}
}

// TestRefusalsOfTheDesk shows why something was not done.
func TestRefusalsOfTheDesk(t *testing.T) {
	if m := because(&Refusal{Code: registry.CodeSuperseded, Reason: "x"}); m.Key != "admin.reason.superseded.meaning" {
		t.Error(m.Key)
	}
	var refused *Refusal
	if m := because(&Refusal{Code: registry.CodeInvalidValue, Reason: "no such thing"}); m.Args["Reason"] != registry.Said("no such thing") || errors.As(errors.New("x"), &refused) {
		t.Error(m)
	}
}

func (d *runsDesk) Arrivals(context.Context) (people, colleagues int64, err error) { return 3, 1, nil }

// Person is tied to every source, and was last heard by the second run.
func (d *runsDesk) Person(_ context.Context, id string) (*Person, error) {
	if id == "" {
		return nil, registry.ErrNotFound
	}
	return &Person{User: &registry.User{PublicID: id}, Ties: []Tie{{Link: &registry.Link{
		Name: "uid=vera.neri", Enabled: true, SeenRun: 2,
		Asserted: registry.Attributes{registry.AttrUserName: {"vera"}, "zeta": {strings.Repeat("x", 600)}, "zz": make([]string, 120)},
	}}}}, nil
}

// TestGiven: the first step shows what the source said, within bounds, and of a
// record that may be somebody else's nothing.
func TestGiven(t *testing.T) {
	s := newRunsSite(t)
	for page, want := range map[string][]string{
		"/runs/8/rows/c1": {"What the source gave", "uid=vera.neri", "<dd>vera</dd>", strings.Repeat("x", 500) + "…<", "There is more than is shown here."},
		"/runs/8/rows/i1": {"Nobody is tied to this record"}, // a conflict
		"/runs/7/rows/c1": {"What stands in row 31 of the file", `/uploads/up-1">people.csv`, "anchor-7  <", strings.Repeat("y", 500) + "…<", "2 columns that are not read"},
		"/runs/7/rows/i2": {"anchor-1 uid=vera.neri,ou=people,dc=example,dc=com user_name_missing<"},
		"/runs/6/rows/c1": {"the file is gone"},
	} {
		body := s.get(t, page, "en").Body.String()
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s lacks %q", page, text)
			}
		}
	}
}

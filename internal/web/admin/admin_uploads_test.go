package admin

import (
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// uploadDesk is a company with a file in some state, and contacts.
type uploadDesk struct {
	Desk
	shell    *web.Shell
	file     Upload
	run      *registry.Run
	rows     []UploadRow
	contacts []Contact
	messages []registry.IntakeRow
	person   *Person
	arrived  int64
	chances  Chances
	refuse   *Refusal
	met      registry.Met
	got      any // what a form asked for
	name     string
	content  string
}

func (d *uploadDesk) Audit(context.Context, registry.Deed) error { return nil }
func (d *uploadDesk) MaxUpload() int64                           { return 64 << 20 }

func (d *uploadDesk) Uploads(context.Context, registry.UploadQuery) ([]*registry.Upload, error) {
	if d.file.Upload == nil {
		return nil, nil
	}
	return []*registry.Upload{d.file.Upload}, nil
}

func (d *uploadDesk) Upload(context.Context, string) (*Upload, error) {
	if d.file.Upload == nil {
		return nil, registry.ErrNotFound
	}
	u := d.file
	return &u, nil
}

func (d *uploadDesk) InspectUpload(context.Context, *Upload) error { return d.refusal() }

func (d *uploadDesk) refusal() error {
	if d.refuse == nil {
		return nil
	}
	return d.refuse
}

func (d *uploadDesk) ReceiveUpload(_ context.Context, name string, content io.Reader, _ string) (string, error) {
	text, err := io.ReadAll(content)
	if err != nil {
		return "", err
	}
	d.name, d.content = name, string(text)
	return "new", d.refusal()
}

func (d *uploadDesk) ReadUpload(_ context.Context, _ string, way Reading) error {
	d.got = way
	return d.refusal()
}

func (d *uploadDesk) PreviewUpload(context.Context, string, string) (int64, error) { return 7, nil }
func (d *uploadDesk) ConfirmUpload(context.Context, string, string) (int64, error) {
	return 8, d.refusal()
}
func (d *uploadDesk) DiscardUpload(context.Context, string, string) error { return d.refusal() }
func (d *uploadDesk) Run(context.Context, int64) (*registry.Run, error)   { return d.run, nil }
func (d *uploadDesk) Arrivals(context.Context) (people, own int64, err error) {
	return d.arrived, 1, nil
}
func (d *uploadDesk) Chances(context.Context) (Chances, error)        { return d.chances, nil }
func (d *uploadDesk) Person(context.Context, string) (*Person, error) { return d.person, nil }

func (d *uploadDesk) UploadRows(_ context.Context, _ *Upload, q UploadRowQuery) ([]UploadRow, error) {
	return d.rows[:min(len(d.rows), q.Limit)], nil
}

func (d *uploadDesk) Contacts(context.Context, registry.ContactQuery) ([]Contact, error) {
	return d.contacts, nil
}

func (d *uploadDesk) Meet(_ context.Context, e registry.Encounter) (registry.Met, error) {
	d.got = e
	return d.met, d.refusal()
}

func (d *uploadDesk) Promote(_ context.Context, _ string, p Promotion, _ string) error {
	d.got = p
	return d.refusal()
}

func (d *uploadDesk) Intake(context.Context, registry.IntakeQuery) ([]registry.IntakeRow, error) {
	return d.messages, nil
}

// shellOf is the frame around the pages.
func shellOf(t *testing.T) *web.Shell {
	t.Helper()
	shell, err := web.New(web.Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"}, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Now: func() time.Time { return noon.Add(time.Hour) },
		NewRequestID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler),
	}, Files())
	if err != nil {
		t.Fatal(err)
	}
	return shell
}

// ask sends a request to the page of a pattern as an admin who may do all, or
// only look.
func (d *uploadDesk) ask(t *testing.T, pattern string, roles []auth.Role, req *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	if d.shell == nil {
		d.shell = shellOf(t)
	}
	h := &Handlers{Shell: d.shell, Log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	for _, r := range append(uploadRoutes, contactRoutes...) {
		if r.pattern != pattern {
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /admin/{company}"+path, func(w http.ResponseWriter, req *http.Request) {
			who := &auth.Principal{Company: 1, Actor: "admin ann", Roles: roles}
			r.serve(h, &visit{w: w, r: req, who: who, company: registry.Company{ID: 1, Key: "acme", Name: "Acme"}, desk: d, zone: time.UTC})
		})
	}
	w := httptest.NewRecorder()
	d.shell.Handler(mux).ServeHTTP(w, req)
	return w
}

var everything = []auth.Role{auth.RoleAdmin, auth.RoleApprover}

func (d *uploadDesk) get(t *testing.T, pattern, path, lang string, roles []auth.Role) string {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/admin/acme"+path, nil)
	req.Header.Set("Accept-Language", lang)
	w := d.ask(t, pattern, roles, req)
	if w.Code != http.StatusOK {
		t.Fatalf("%s in %s: %d %s", path, lang, w.Code, w.Body)
	}
	return w.Body.String()
}

func (d *uploadDesk) post(t *testing.T, pattern, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/admin/acme"+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.ask(t, pattern, everything, req)
}

// fileIn is a desk with a file in a state.
func fileIn(state registry.UploadState, mode string) *uploadDesk {
	d := &uploadDesk{arrived: 3, file: Upload{
		Upload: &registry.Upload{
			ID: 1, PublicID: "f1", Actor: "admin ann", FileName: "new people.csv", State: state, CreatedAt: noon, ExpiresAt: noon.AddDate(0, 1, 0),
			Counts: registry.UploadCounts{Rows: 5, Created: 1, Updated: 1, Unchanged: 1, Skipped: 1, Failed: 1},
		},
		Reading:   Reading{Encoding: "windows-1251", Separator: "semicolon", Key: "emails", Mail: "send"},
		Columns:   []UploadColumn{{"Login", "userName", []string{"ann"}}, {"E-mail", "emails", []string{"a@b.example", ""}}, {"", "", nil}, {"Shoe", "", []string{"42"}}},
		Encodings: []string{"utf-8", "windows-1251", "windows-1252", "utf-16le", "utf-16be"}, Separators: []string{"semicolon", "comma", "tab", "pipe"},
		GuessedEncoding: "windows-1251", GuessedSeparator: "comma", Keys: []string{"userName", "emails"}, Replaced: 2,
		Fields: []UploadField{{"userName", map[string]string{"en": "User name", "it": "Nome utente", "ru": "Имя пользователя"}}, {"emails", map[string]string{"en": "E-mail", "it": "E-mail", "ru": "E-mail"}}},
	}}
	if mode != "" {
		d.file.Run = &registry.Run{ID: 9, Number: 4, Mode: mode, State: registry.RunDone}
		d.file.Upload.Preview = 9
		for i, o := range []string{"created", "updated", "unchanged", "skipped", "failed"} {
			d.rows = append(d.rows, UploadRow{Line: i + 2, Outcome: o, Name: o + "@b.example"})
		}
		d.rows[1].Payload = registry.Payload{Before: registry.Attributes{"title": {"Old"}}, After: registry.Attributes{"title": {"<New>"}}}
		d.rows[4].Code, d.rows[4].Message = "key_missing", "the row has no emails"
	}
	return d
}

// TestUploadPages: every page of files in every state, in each language, by who may
// do all and by who may only look.
func TestUploadPages(t *testing.T) {
	looks, shell := []auth.Role{auth.RoleAuditor}, shellOf(t)
	for _, lang := range []string{"en", "it", "ru"} {
		for _, state := range uploadStates {
			for _, mode := range []string{"", registry.ModePreview, registry.ModeRun} {
				d := fileIn(state, mode)
				d.shell = shell
				page := d.get(t, "GET /uploads/{id}", "/uploads/f1", lang, everything)
				if rows := strings.Contains(page, "&lt;New&gt;"); rows != (mode != "" && state != registry.UploadConfirmed) {
					t.Errorf("%s %s shows rows: %v", state, mode, rows)
				}
				open := state == registry.UploadReceived || state == registry.UploadPreviewed || state == registry.UploadFailed
				if strings.Contains(page, `name="encoding"`) != open {
					t.Errorf("%s can be read anew: %v", state, !open)
				}
				if confirm := strings.Contains(page, "/confirm"); confirm != (state == registry.UploadPreviewed && mode != "") {
					t.Errorf("%s %s can be confirmed: %v", state, mode, confirm)
				}
				if page = d.get(t, "GET /uploads/{id}", "/uploads/f1", lang, looks); strings.Contains(page, "<form method=\"post\" action=\"/admin") {
					t.Errorf("%s offers who only looks to do something", state)
				}
			}
			d := fileIn(state, "")
			d.shell = shell
			d.file.Reading, d.file.Encodings, d.file.Sheets = Reading{Sheet: "One", Mail: "hold"}, nil, []string{"One", "Two"}
			d.file.Upload.Message = "the directory is full"
			d.get(t, "GET /uploads/{id}", "/uploads/f1", lang, everything)
			d.get(t, "GET /uploads", "/uploads?done=discarded", lang, everything)
		}
		d := &uploadDesk{shell: shell}
		d.get(t, "GET /uploads", "/uploads", lang, looks)
		d = fileIn(registry.UploadConfirmed, "")
		d.shell = shell
		for _, s := range []registry.RunState{registry.RunReading, registry.RunPlanning, registry.RunApplying} {
			d.run = &registry.Run{ID: 12, Number: 7, State: s, Mode: registry.ModePreview}
			d.get(t, "GET /uploads/{id}", "/uploads/f1?run=7", lang, everything)
		}
	}
}

// TestUploadForms: what forms ask for, and what they say when refused.
func TestUploadForms(t *testing.T) {
	d := fileIn(registry.UploadReceived, "")
	var body strings.Builder
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("file", `C:\people\new.csv`)
	_, _ = io.WriteString(part, "Login;E-mail")
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	send := func() *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodPost, "/admin/acme/uploads", strings.NewReader(body.String()))
		req.Header.Set("Content-Type", form.FormDataContentType())
		return d.ask(t, sendUpload, everything, req)
	}
	if w := send(); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/admin/acme/uploads/new" || d.content != "Login;E-mail" || strings.Contains(d.name, `\`) {
		t.Errorf("%d %s %q %q", w.Code, w.Header().Get("Location"), d.name, d.content)
	}
	if w := d.post(t, sendUpload, "/uploads", nil); !strings.Contains(w.Body.String(), "Choose a file first") {
		t.Errorf("no file: %d %s", w.Code, w.Body)
	}
	read := url.Values{"encoding": {"windows-1251"}, "separator": {"semicolon"}, "mail": {"hold"}, "key": {"emails"}, "column0": {""}, "column1": {"emails"}, "column3": {"title"}, "then": {"preview"}}
	w := d.post(t, "POST /uploads/{id}/read", "/uploads/f1/read", read)
	way, _ := d.got.(Reading)
	if w.Header().Get("Location") != "/admin/acme/uploads/f1?run=7" || way.Key != "emails" || way.Mail != "hold" || way.Columns["Login"] != "" || way.Columns["Shoe"] != "title" {
		t.Errorf("%d %s %+v", w.Code, w.Header().Get("Location"), way)
	}
	read.Set("separator", "comma")
	w = d.post(t, "POST /uploads/{id}/read", "/uploads/f1/read", read)
	if way, _ = d.got.(Reading); w.Header().Get("Location") != "/admin/acme/uploads/f1?done=reread" || way.Columns != nil || way.Key != "" {
		t.Errorf("other columns: %d %s %+v", w.Code, w.Header().Get("Location"), way)
	}
	d.refuse = &Refusal{Code: registry.CodeInvalidValue, Reason: "that does not fit"}
	for _, what := range []string{"read", "confirm", "discard"} {
		if w := d.post(t, "POST /uploads/{id}/"+what, "/uploads/f1/"+what, read); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "that does not fit") {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if w := send(); !strings.Contains(w.Body.String(), "that does not fit") {
		t.Errorf("a refused file: %d %s", w.Code, w.Body)
	}
}

// TestContactPages: the pages of people without an account in each language, and
// what their forms ask for.
func TestContactPages(t *testing.T) {
	door := registry.Origin{Kind: registry.OriginMail, Key: "mail"}
	ann := &registry.User{ID: 5, PublicID: "p1", Company: 1, Association: registry.Weak, Enabled: true, Kind: registry.EndUser, CreatedAt: noon,
		Attributes: registry.Attributes{registry.AttrUserName: {"contact-p1"}, registry.AttrEmails: {"ann@b.example"}, registry.AttrGivenName: {"Ann"}, registry.AttrDisplayName: {"Ann B"}}}
	shell := shellOf(t)
	full := func() *uploadDesk {
		return &uploadDesk{
			shell: shell, arrived: 5, person: &Person{User: ann, Owner: door}, chances: Chances{Departments: []string{"Field"}, Contracts: []string{"C-1"}},
			contacts: []Contact{{Key: 5, PublicID: "p1", Name: "Ann B", Email: "ann@b.example", Door: door, Verified: true, CreatedAt: noon, LastSeen: noon}, {Key: 4, PublicID: "p2", Door: door, CreatedAt: noon}},
			messages: []registry.IntakeRow{
				{IntakeMessage: registry.IntakeMessage{Sender: "ann@b.example", Outcome: "new", Verdict: "verified", At: noon}, PublicID: "p1", Name: "Ann B", Door: door},
				{IntakeMessage: registry.IntakeMessage{Outcome: "known", Verdict: "failed", At: noon}}, {IntakeMessage: registry.IntakeMessage{Outcome: "bulk", Verdict: "unknown", At: noon}},
				{IntakeMessage: registry.IntakeMessage{Outcome: "ambiguous_match", Verdict: "forwarded", At: noon}}, {IntakeMessage: registry.IntakeMessage{Outcome: "new", At: noon}},
			},
		}
	}
	for _, lang := range []string{"en", "it", "ru"} {
		for _, d := range []*uploadDesk{full(), {shell: shell}} {
			d.get(t, "GET /contacts", "/contacts", lang, everything)
			d.get(t, "GET /contacts/messages", "/contacts/messages?outcome=new", lang, everything)
		}
		for _, done := range []string{"", "?done=made", "?done=known"} {
			if page := full().get(t, "GET /contacts/{id}", "/contacts/p1"+done, lang, everything); !strings.Contains(page, `value="ann@b.example"`) {
				t.Errorf("the form has no name: %s", page)
			}
		}
	}
	d := full()
	d.met = registry.Met{User: ann, New: true}
	if w := d.post(t, "POST /contacts", "/contacts", url.Values{"email": {" ann@b.example "}}); w.Header().Get("Location") != "/admin/acme/contacts/p1?done=made" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	if e, _ := d.got.(registry.Encounter); e.Email != "ann@b.example" || e.Actor != "admin ann" || e.Verified {
		t.Errorf("%+v", e)
	}
	account := url.Values{"username": {"ann"}, "given": {"Ann"}, "family": {"Bee"}, "kind": {"support_staff"}, "department": {"Field"}, "mail": {"hold"}}
	if w := d.post(t, "POST /contacts/{id}/promote", "/contacts/p1/promote", account); w.Header().Get("Location") != "/admin/acme/people/p1?done=invited" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	if p, _ := d.got.(Promotion); p != (Promotion{"ann", "Ann", "Bee", registry.SupportStaff, "Field", "", true}) {
		t.Errorf("%+v", p)
	}
	d.refuse = &Refusal{Code: registry.CodeUserNameTaken, Reason: "ann is taken"}
	d.met = registry.Met{Candidates: []registry.Candidate{{UserName: "ann2", PublicID: "p9"}}}
	for path, want := range map[string]string{"/contacts/p1/promote": `value="Bee"`, "/contacts": "/admin/acme/people/p9"} {
		pattern := "POST " + strings.Replace(path, "p1", "{id}", 1)
		if w := d.post(t, pattern, path, account); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "ann is taken") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	ann.Association = registry.Strong
	req := httptest.NewRequest(http.MethodGet, "/admin/acme/contacts/p1", nil)
	if w := d.ask(t, "GET /contacts/{id}", everything, req); w.Header().Get("Location") != "/admin/acme/people/p1" {
		t.Errorf("an account among contacts: %d", w.Code)
	}
}

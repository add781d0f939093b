package admin_test

import (
	"context"
	"io"
	"log/slog"
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
	"github.com/usherd/usher/internal/web/admin"
)

// mergeDesk is a company with Ann, who is there twice, and with somebody erased. What
// it does not know is not asked for by these pages.
type mergeDesk struct {
	admin.Desk
	admin.Desks
	now    time.Time
	refuse error
	did    []string
	deeds  []string
}

func (d *mergeDesk) Companies(context.Context) ([]registry.Company, error) { return nil, nil }

func (d *mergeDesk) Open(context.Context, string) (registry.Company, admin.Desk, error) {
	return registry.Company{ID: 1, Key: "acme", Name: "Acme"}, d, nil
}

func (d *mergeDesk) Audit(_ context.Context, x registry.Deed) error {
	d.deeds = append(d.deeds, x.Action+" "+x.Outcome)
	return nil
}

func (d *mergeDesk) user(id string) *registry.User {
	u := &registry.User{ID: 7, PublicID: id, Kind: registry.EndUser, Association: registry.Strong, Enabled: true, Attributes: registry.Attributes{registry.AttrUserName: {id}}}
	if id == "gone" || id == "free" {
		u.DeletedAt, u.Attributes[registry.AttrUserName] = d.now, []string{"erased-" + id}
	}
	if id == "free" {
		u.ID = 8
	}
	return u
}

func (d *mergeDesk) Person(_ context.Context, id string) (*admin.Person, error) {
	return &admin.Person{User: d.user(id), Owner: registry.Origin{Kind: registry.OriginAdmin, Key: "admin"}}, nil
}

func (d *mergeDesk) FindPerson(_ context.Context, who string) (*registry.User, error) {
	if who == "nobody" {
		return nil, registry.ErrNotFound
	}
	return d.user(who), nil
}

func (d *mergeDesk) PreviewMerge(_ context.Context, survivor, loser *registry.User) (*admin.MergePreview, error) {
	p := &admin.MergePreview{Survivor: survivor, Loser: loser}
	if loser.PublicID == "boss" {
		p.Refused = &admin.Refusal{Code: registry.CodeProtectedAdmin, Reason: "boss has rights"}
		return p, nil
	}
	tie := admin.Tie{Link: &registry.Link{Anchor: "a-1"}, Origin: registry.Origin{Kind: registry.OriginLDAP, Key: "corp"}}
	p.Owner, p.WasOwner = tie.Origin, registry.Origin{Kind: registry.OriginRegistration, Key: "registration"}
	p.Values = []admin.MergedValue{{"title", []string{"Cook"}, nil, []string{"Cook"}}, {"emails", []string{"a@x", "b@x"}, []string{"a@x"}, []string{"b@x"}}}
	p.Names, p.UndoUntil = []string{loser.UserName()}, d.now
	if loser.PublicID == "annie" {
		p.Ties, p.SignIns, p.Groups, p.Sessions, p.Mails, p.EndsPassword = []admin.Tie{tie}, []admin.Tie{tie}, []string{"Sales"}, 2, 5, true
	}
	return p, nil
}

func (d *mergeDesk) Merges(context.Context, registry.UserID) ([]admin.Merge, error) {
	one := admin.Merge{ID: "m1", Actor: "admin ann", Evidence: "same badge", SurvivorName: "ann", LoserName: "annie", At: d.now, UndoUntil: d.now, Undoable: true}
	undone, over := one, one
	undone.UndoneAt, undone.UndoneBy, over.Undoable = d.now, "admin bob", false
	return []admin.Merge{one, undone, over}, nil
}

func (d *mergeDesk) do(what string) error {
	d.did = append(d.did, what)
	return d.refuse
}

func (d *mergeDesk) Merge(_ context.Context, _ string, survivor, loser *registry.User, why string) error {
	return d.do("merge " + survivor.PublicID + " " + loser.PublicID + " " + why)
}
func (d *mergeDesk) UndoMerge(_ context.Context, _, id string) error { return d.do("undo " + id) }
func (d *mergeDesk) Erase(_ context.Context, _ string, u *registry.User) error {
	return d.do("erase " + u.PublicID)
}
func (d *mergeDesk) LiftErasure(_ context.Context, _ string, u *registry.User) error {
	return d.do("lift " + u.PublicID)
}
func (d *mergeDesk) Kept(_ context.Context, id registry.UserID) (int64, error) {
	return int64(8-id) * 5, nil
}
func (d *mergeDesk) ExportPerson(_ context.Context, u *registry.User, to io.Writer) error {
	_, err := io.WriteString(to, `{"person": "`+u.PublicID+`"}`)
	return err
}

// mergeSite serves the pages to one admin.
type mergeSite struct {
	t       *testing.T
	desk    *mergeDesk
	handler http.Handler
	lang    string
}

// oneSession is a store of sessions in which everybody is the same person.
type oneSession struct {
	auth.SessionStore
	session auth.Session
}

func (s oneSession) FindSession(context.Context, string, time.Time) (auth.Session, error) {
	return s.session, nil
}
func (oneSession) TouchSession(context.Context, string, time.Time) error { return nil }
func (oneSession) SaveSession(context.Context, auth.Session) error       { return nil }

func newMergeSite(t *testing.T, lang string) *mergeSite {
	t.Helper()
	at := time.Date(2035, 11, 21, 18, 0, 0, 0, time.UTC)
	s := &mergeSite{t: t, desk: &mergeDesk{now: at}, lang: lang}
	shell, err := web.New(web.Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"},
		Sessions: oneSession{session: auth.Session{
			Company: 1, User: 2, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(time.Hour), Account: auth.Account{UserName: "root", Admin: true},
		}},
		People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(), ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} },
		Now: func() time.Time { return at }, NewRequestID: func() string { return "id" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, admin.Files())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	(&admin.Handlers{Shell: shell, Desks: s.desk, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	s.handler = shell.Handler(mux)
	return s
}

func (s *mergeSite) ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, "https://people.example.com/admin/acme/people/"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", s.lang)
	r.AddCookie(&http.Cookie{Name: "__Host-usher", Value: strings.Repeat("x", 43)})
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://people.example.com")
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// TestMergePagesInEveryLanguage shows each page with everything it can say.
func TestMergePagesInEveryLanguage(t *testing.T) {
	for lang, bob := range map[string]string{"en": "admin bob", "it": "amministratore bob", "ru": "администратор bob"} {
		s := newMergeSite(t, lang)
		for path, say := range map[string]string{
			"ann/merge": "same badge", "ann/merge?with=annie": "b@x", "ann/merge?with=plain": "Cook", "ann/merge?with=boss": "boss has rights", "ann/merge?with=nobody": "nobody",
			"gone/merge": bob, "ann/export": "JSON", "ann/erase": "ann", "gone/erase": "erased-gone", "free/erase": "", "ann/merge?done=merged": "", "ann/merge?done=separated": "",
			"gone/erase?done=erased": "", "free/erase?done=lifted": "",
		} {
			w := s.ask("GET", path, nil)
			if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "</html>") || !strings.Contains(body, `lang="`+lang+`"`) || !strings.Contains(body, strings.TrimPrefix(say, "erased-")) {
				t.Errorf("%s %s: %d", lang, path, w.Code)
			}
		}
	}
}

// TestMergeForms sends each form: what is done, what the audit says, and that what
// was refused or mistyped does nothing and loses nothing.
func TestMergeForms(t *testing.T) {
	refusal := &admin.Refusal{Code: registry.CodeTwoDirectories, Reason: "two of corp"}
	for _, c := range []struct {
		path   string
		form   url.Values
		refuse error
		code   int
		did    string
		deed   string
		says   string
	}{
		{"ann/merge", url.Values{"with": {"annie"}, "reason": {"same badge"}}, nil, 303, "merge ann annie same badge", "person.merge ", ""},
		{"ann/merge", url.Values{"with": {"annie"}, "reason": {"same badge"}}, refusal, 200, "merge ann annie same badge", "person.merge two_directories", `value="same badge"`},
		{"ann/merge", url.Values{"with": {"nobody"}, "reason": {"x"}}, nil, 200, "", "person.merge not_found", "nobody"},
		{"ann/merge/undo", url.Values{"merge": {"m1"}}, nil, 303, "undo m1", "person.unmerge ", ""},
		{"ann/merge/undo", url.Values{"merge": {"m1"}}, refusal, 200, "undo m1", "person.unmerge two_directories", "two of corp"},
		{"ann/erase", url.Values{"name": {"ANN "}}, nil, 303, "erase ann", "person.erase ", ""},
		{"ann/erase", url.Values{"name": {"anna"}}, nil, 200, "", "person.erase invalid_value", `value="anna"`},
		{"gone/lift", nil, nil, 303, "lift gone", "person.lift_erasure ", ""},
		{"ann/export", nil, nil, 200, "", "person.export ", `{"person": "ann"}`},
	} {
		s := newMergeSite(t, "en")
		s.desk.refuse = c.refuse
		w := s.ask("POST", c.path, c.form)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %v: %d, want %d with %q", c.path, c.form, w.Code, c.code, c.says)
		}
		if did := strings.Join(s.desk.did, ","); did != c.did {
			t.Errorf("%s %v did %q, want %q", c.path, c.form, did, c.did)
		}
		if deed := strings.Join(s.desk.deeds, ","); deed != c.deed {
			t.Errorf("%s %v is in the audit as %q, want %q", c.path, c.form, deed, c.deed)
		}
	}
}

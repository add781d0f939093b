package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var peopleNow = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// errPeople is what the desk answers when it is told to break.
var errPeople = errors.New("broken")

// peopleDesk is a company with somebody and something in every state. What is not
// here is not asked for by the pages about people.
type peopleDesk struct {
	Desk
	InstallDesk
	// refusal is what every deed answers, nil for done.
	refusal error
	// done are the deeds, in words.
	done    []string
	exports []Export
	admins  int
	empty   bool
}

func peopleUser(id registry.UserID, name string, change func(*registry.User)) *registry.User {
	u := &registry.User{
		ID: id, PublicID: name, Company: 1, Kind: registry.EndUser, Association: registry.Strong, Enabled: true, Credential: registry.CredentialSet, Owner: 1,
		CreatedAt: peopleNow.Add(-time.Hour), Attributes: registry.Attributes{"userName": {name}, "emails": {name + "@example.com"}},
	}
	if change != nil {
		change(u)
	}
	return u
}

// inEveryState are people, one in each state and of each kind.
func inEveryState() []*registry.User {
	return []*registry.User{
		peopleUser(1, "active", func(u *registry.User) { u.CompanyAdmin, u.Rights, u.Protected = true, registry.RightsApprover, true }),
		peopleUser(2, "invited", func(u *registry.User) { u.Credential, u.Kind = registry.CredentialInvited, registry.SupportStaff }),
		peopleUser(3, "new", func(u *registry.User) { u.Credential = registry.CredentialNone }),
		peopleUser(4, "blocked", func(u *registry.User) { u.Blocks = registry.BlockAdmin }),
		peopleUser(5, "awaiting", func(u *registry.User) { u.Blocks = registry.BlockActivation }),
		peopleUser(6, "disabled", func(u *registry.User) { u.Enabled, u.Credential = false, registry.CredentialSSO }),
		peopleUser(7, "contact", func(u *registry.User) { u.Association, u.Credential = registry.Weak, registry.CredentialNone }),
		peopleUser(8, "deleted", func(u *registry.User) { u.DeletedAt = peopleNow }),
		peopleUser(9, "erased", func(u *registry.User) {
			u.DeletedAt, u.Attributes = peopleNow, registry.Attributes{"userName": {"contact-9"}}
		}),
	}
}

var peopleDoors = []registry.Origin{
	{ID: 1, Kind: registry.OriginAdmin, Key: "admin"}, {ID: 2, Kind: registry.OriginLDAP, Key: "corp"}, {ID: 3, Kind: registry.OriginSCIM, Key: "okta"},
	{ID: 4, Kind: registry.OriginEntra, Key: "entra"}, {ID: 5, Kind: registry.OriginRegistration, Key: "registration"}, {ID: 6, Kind: registry.OriginUpload, Key: "upload"},
	{ID: 7, Kind: registry.OriginMail, Key: "mail"}, {ID: 8, Kind: registry.OriginTeams, Key: "teams"}, {ID: 9, Kind: registry.OriginAPI, Key: "api"}, {ID: 10, Kind: registry.OriginOIDC, Key: "sso"},
}

func (d *peopleDesk) did(words ...string) error {
	if d.refusal == nil {
		d.done = append(d.done, strings.Join(words, " "))
	}
	return d.refusal
}

func (d *peopleDesk) People(_ context.Context, q registry.PeopleQuery) ([]PersonRow, error) {
	if d.empty {
		return nil, nil
	}
	var out []PersonRow
	for len(out) < q.Limit { // more than a page
		for i, u := range inEveryState() {
			out = append(out, PersonRow{User: u, Origin: peopleDoors[i]})
		}
	}
	return out, nil
}

func (d *peopleDesk) PeopleCounts(context.Context) (map[registry.State]int64, error) {
	return map[registry.State]int64{registry.StateActive: 3}, nil
}

func (d *peopleDesk) Person(_ context.Context, id string) (*Person, error) {
	all := inEveryState()
	i := slices.IndexFunc(all, func(u *registry.User) bool { return u.PublicID == id })
	if i < 0 {
		return nil, registry.ErrNotFound
	}
	p := &Person{User: all[i], Owner: peopleDoors[0]}
	if d.empty || p.ID == 9 {
		return p, nil
	}
	p.Where = registry.Whereabouts{Department: "Field", Contract: "A-1", Manager: "Grace", ManagerID: "grace"}
	for i, rule := range []registry.Said{"", registry.Say("kept from before"), registry.Say("as pushed"), registry.Say("as entered"), registry.Say("the source is no longer in the configuration file"), "uid"} {
		why := []registry.Said{
			registry.Say("says the same"), registry.Say("another origin owns the person"), registry.Say("changed since by somebody else"),
			registry.Say("no longer there since %s", "2026-01-02"), "something new",
		}[i%5]
		p.Values = append(p.Values, Value{Attribute: "title", Values: []string{"<b>"}, Origin: peopleDoors[i], Rule: rule, Actor: "source corp", Since: peopleNow,
			RunnersUp: []RunnerUp{{peopleDoors[1], []string{"x"}, why}}})
	}
	p.Ties = []Tie{
		{&registry.Link{Origin: 1, Anchor: "1", Enabled: true}, peopleDoors[0]}, {&registry.Link{Origin: 2, Anchor: "2", Name: "uid=x"}, peopleDoors[1]},
		{&registry.Link{Origin: 3, Anchor: "3", MissingSince: peopleNow}, peopleDoors[2]},
	}
	p.Groups = []registry.PersonGroup{{PublicID: "g", Name: "Desk", Origins: peopleDoors[:2], Since: peopleNow}, {PublicID: "h", Name: "Other", Origins: peopleDoors[1:2]}}
	for _, state := range []string{"queued", "held", "sent", "failed", "cancelled"} {
		p.Mails = append(p.Mails, Mail{Kind: "setup", State: state, To: "x@example.com", Message: "550", NextTry: peopleNow, Attempts: []Attempt{{}}})
	}
	p.Sessions, p.Factors = []auth.Session{{Address: "192.0.2.1", Agent: "Firefox", Method: "password", SeenAt: peopleNow}}, 2
	return p, nil
}

func (d *peopleDesk) FindPerson(_ context.Context, who string) (*registry.User, error) {
	for _, u := range inEveryState() {
		if who == u.PublicID || who == u.Email() {
			return u, nil
		}
	}
	if who == "twin" { // somebody whose userName is another's id
		return peopleUser(20, "else", nil), nil
	}
	return nil, registry.ErrNotFound
}

func (d *peopleDesk) Doors(context.Context) ([]registry.Origin, error) { return peopleDoors, nil }

func (d *peopleDesk) Do(_ context.Context, actor string, op registry.Op) (registry.Result, error) {
	b, _ := json.Marshal(op) //nolint:errchkjson // plain values
	return registry.Result{}, d.did(actor, strings.TrimPrefix(strings.TrimPrefix(slog.AnyValue(op).String(), "{"), " "), string(b))
}

func (d *peopleDesk) CreatePerson(_ context.Context, _ string, n NewPerson) (string, bool, error) {
	return "active", n.Email != "", d.did("create", n.UserName, string(n.Kind), strings.Join(n.Groups, "+"))
}

func (d *peopleDesk) Invite(_ context.Context, _ string, _ registry.UserID) error {
	return d.did("invite")
}

func (d *peopleDesk) Link(_ context.Context, _, source, anchor string, _ registry.UserID, end bool) error {
	return d.did("link", source, anchor, map[bool]string{true: "ending"}[end])
}

func (d *peopleDesk) SyncOne(_ context.Context, _, who string, preview bool, _ string) (*Single, error) {
	out := &Single{}
	for _, name := range []string{"found", "mapped", "scope", "matched", "action"} {
		out.Steps = append(out.Steps, Step{Name: name, OK: name != "action", Text: registry.Say("no: %s", "the scope"), Evidence: []Evidence{{"uid", "x"}}})
	}
	if !preview {
		out.Run = 7
	}
	return out, d.did("sync", who)
}

func (d *peopleDesk) EndSessions(context.Context, *auth.Principal, registry.UserID) (int, error) {
	return 1, d.did("signout")
}

func (d *peopleDesk) ResetFactors(context.Context, *auth.Principal, registry.UserID) (int, error) {
	return 1, d.did("factors")
}

func (d *peopleDesk) Groups(_ context.Context, q registry.GroupQuery) ([]registry.GroupInfo, error) {
	if d.empty {
		return nil, nil
	}
	var out []registry.GroupInfo
	for i := range q.Limit {
		out = append(out, d.aGroup(i%2 == 0, i == 0))
	}
	return out, nil
}

func (d *peopleDesk) aGroup(support, isDefault bool) registry.GroupInfo {
	g := registry.GroupInfo{Group: registry.Group{ID: 5, PublicID: "g", DisplayName: "Desk", Default: isDefault}, Members: 2, Origin: peopleDoors[0]}
	if support {
		g.Role = registry.RoleSupport
	}
	return g
}

func (d *peopleDesk) Group(_ context.Context, id string) (registry.GroupInfo, error) {
	if id != "g" {
		return registry.GroupInfo{}, registry.ErrNotFound
	}
	return d.aGroup(true, d.empty), nil
}

func (d *peopleDesk) FindGroup(_ context.Context, who string) (*registry.Group, error) {
	if who != "g" && who != "Desk" {
		return nil, &Refusal{registry.CodeInvalidValue, "there is no group of that name"}
	}
	g := d.aGroup(true, false)
	return &g.Group, nil
}

func (d *peopleDesk) Members(_ context.Context, q registry.MemberQuery) ([]registry.MemberRow, error) {
	if d.empty {
		return nil, nil
	}
	var out []registry.MemberRow
	for i := range q.Limit {
		m := registry.MemberRow{PublicID: "active", Since: peopleNow}
		m.Name, m.Origins = "Ann", peopleDoors[i%2:2]
		if m.User = registry.UserID(i); i == 0 {
			m.Group = 9
		}
		out = append(out, m)
	}
	return out, nil
}

func (d *peopleDesk) CreateGroup(_ context.Context, _, name string, support, isDefault bool) (string, error) {
	return "g", d.did("group", name, map[bool]string{true: "support"}[support], map[bool]string{true: "default"}[isDefault])
}

func (d *peopleDesk) ChooseDefault(context.Context, string, registry.GroupID) error {
	return d.did("default")
}

func (d *peopleDesk) Info(context.Context) (registry.CompanyInfo, error) {
	c := registry.CompanyInfo{Company: registry.Company{ID: 1, Key: "acme", Name: "Acme"}, Managed: d.admins > 1, Resembles: "Acne"}
	if d.empty {
		c.VerifiedAt, c.VerifiedBy = peopleNow, "dns example.com"
	}
	return c, nil
}

func (d *peopleDesk) Vouch(context.Context, string) error { return d.did("vouch") }

func (d *peopleDesk) Departments(context.Context) ([]registry.Department, error) {
	if d.empty {
		return nil, nil
	}
	return []registry.Department{{Name: "Field", Users: 3, CreatedAt: peopleNow}}, nil
}

func (d *peopleDesk) CreateDepartment(_ context.Context, _, name string) error {
	return d.did("department", name)
}

func (d *peopleDesk) Contracts(context.Context) ([]registry.Contract, error) {
	if d.empty {
		return nil, nil
	}
	return []registry.Contract{{Number: "A-1", Title: "Gold", CreatedAt: peopleNow}, {Number: "A-2", CreatedAt: peopleNow, EndedAt: peopleNow}}, nil
}

func (d *peopleDesk) CreateContract(_ context.Context, _, number, title string) error {
	return d.did("contract", number, title)
}

func (d *peopleDesk) EndContract(_ context.Context, _, number string) error {
	return d.did("end", number)
}

func (d *peopleDesk) Domains(context.Context) ([]Domain, error) {
	if d.empty {
		return nil, nil
	}
	return []Domain{
		{registry.Domain{Name: "a.example.com", CheckedAt: peopleNow}, "_usher-challenge.a.example.com", "usher-domain=x"},
		{registry.Domain{Name: "b.example.com", CheckedAt: peopleNow, VerifiedAt: peopleNow}, "_usher-challenge.b.example.com", "usher-domain=y"},
	}, nil
}

func (d *peopleDesk) AddDomain(_ context.Context, _, name string) error { return d.did("domain", name) }

func (d *peopleDesk) CheckDomain(_ context.Context, _, name string) (bool, error) {
	return name == "b.example.com", d.did("check", name)
}

func (d *peopleDesk) Applicants(context.Context, registry.ApplicationState, int) (out []registry.Application, err error) {
	if d.empty {
		return nil, nil
	}
	for _, s := range applicantStates {
		a, err := d.Applicant(context.Background(), string(s))
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (d *peopleDesk) Applicant(_ context.Context, id string) (registry.Application, error) {
	state := registry.ApplicationState(id)
	if !slices.Contains(applicantStates, state) {
		return registry.Application{}, registry.ErrNotFound
	}
	a := registry.Application{PublicID: id, Kind: registry.SupportStaff, State: state, Address: "192.0.2.1", CreatedAt: peopleNow}
	if state == registry.ApplicationDone || state == registry.ApplicationRefused {
		a.DecidedAt, a.DecidedBy, a.Note, a.Code = peopleNow, "admin claire", "why not", "invalid_value"
		return a, nil
	}
	a.Typed = map[string]string{
		registry.FieldLogin: "ann", registry.FieldGiven: "Ann", registry.FieldFamily: "Able", registry.FieldMail: "ann@example.com", registry.FieldPhone: "1",
		registry.FieldLocale: "it", registry.FieldContract: "A-1", registry.FieldCompany: "Acme", registry.FieldDepartment: "Feild", registry.FieldGroup: "Dsek",
	}
	a.Resolved = map[string]string{
		registry.FactContract: "a-1", registry.FactGroup: "Desk", registry.FactDefault: "yes", registry.FactContact: "yes", registry.FactFounder: "yes", registry.FactForeign: "example.org",
	}
	return a, nil
}

func (d *peopleDesk) Activate(_ context.Context, _ *auth.Principal, id string) error {
	return d.did("activate", id)
}

func (d *peopleDesk) Refuse(_ context.Context, _ *auth.Principal, id, note string) error {
	return d.did("refuse", id, note)
}

func (d *peopleDesk) Team(context.Context) ([]*registry.User, error) {
	if d.empty {
		return nil, nil
	}
	out := []*registry.User{inEveryState()[0], peopleUser(11, "auditor", func(u *registry.User) { u.Rights = registry.RightsAuditor })}
	for i := 1; i < d.admins; i++ {
		out = append(out, peopleUser(registry.UserID(30+i), "admin", func(u *registry.User) { u.CompanyAdmin = true }))
	}
	return out, nil
}

func (d *peopleDesk) Sources(context.Context) ([]Source, error) {
	if d.empty {
		return nil, nil
	}
	return []Source{{Source: registry.Source{Key: "corp"}}}, nil
}

func (d *peopleDesk) Changes(_ context.Context, q registry.ChangeQuery) (out []registry.ChangeRow, err error) {
	for i := 0; i < q.Limit && !d.empty; i++ {
		actions := []registry.Action{
			registry.ActionCreate, registry.ActionRestore, registry.ActionDelete, registry.ActionJoin, registry.ActionDeactivate, registry.ActionEnable, registry.ActionRename,
			registry.ActionUpdate, registry.ActionMembers, registry.ActionBlock, registry.ActionUnblock, registry.ActionInvite, registry.ActionPassword, registry.ActionMissing,
			registry.ActionProtect, registry.ActionUnprotect, registry.ActionRights,
		}
		out = append(out, registry.ChangeRow{Change: registry.Change{ID: int64(100 - i), At: peopleNow, Actor: "source corp", Action: actions[i%len(actions)], Reason: "missing",
			Payload: registry.Payload{Before: registry.Attributes{"title": {"a"}}, After: registry.Attributes{"title": {"b"}}}}})
	}
	return out, nil
}

func (d *peopleDesk) Export(w http.ResponseWriter, _ *http.Request, _ *auth.Principal, e Export) error {
	d.exports = append(d.exports, e)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (d *peopleDesk) CompanyOfApplicant(_ context.Context, id string) (registry.Company, error) {
	switch id {
	case "mine":
		return registry.Company{ID: 1, Key: "acme"}, nil
	case "other":
		return registry.Company{ID: 2, Key: "beta"}, nil
	case "founder":
		return registry.Company{}, nil
	case "broken":
		return registry.Company{}, errPeople
	}
	return registry.Company{}, registry.ErrNotFound
}

func (d *peopleDesk) Unvouched(context.Context) ([]registry.CompanyInfo, error) {
	if d.empty {
		return nil, nil
	}
	return []registry.CompanyInfo{{Company: registry.Company{Key: "beta", Name: "Beta"}, Resembles: "Acme", CreatedAt: peopleNow}}, nil
}

func (d *peopleDesk) Founders(ctx context.Context) ([]registry.Application, error) {
	return d.Applicants(ctx, "", 1)
}

func (d *peopleDesk) DecideFounder(_ context.Context, _ *auth.Principal, id string, activate bool, note string) error {
	return d.did("founder", id, map[bool]string{true: "in", false: "out"}[activate], note)
}

func (d *peopleDesk) Operators(context.Context) ([]*registry.User, error) {
	return []*registry.User{inEveryState()[0], inEveryState()[1]}, nil
}

func (d *peopleDesk) CreateOperator(_ context.Context, _ string, n NewPerson) error {
	return d.did("operator", n.UserName)
}

func (d *peopleDesk) RemoveOperator(_ context.Context, _, id string) error {
	return d.did("unoperator", id)
}

func (d *peopleDesk) Companies(context.Context) ([]registry.Company, error) { return nil, nil }

func (d *peopleDesk) Open(context.Context, string) (registry.Company, Desk, error) {
	return registry.Company{}, d, nil
}

// peoplePages are the pages over a desk.
func peoplePages(t *testing.T, d *peopleDesk) *Handlers {
	t.Helper()
	shell, err := web.New(web.Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"}, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Now: func() time.Time { return peopleNow },
		NewRequestID: func() string { return "id" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, Files())
	if err != nil {
		t.Fatal(err)
	}
	return &Handlers{Shell: shell, Desks: d, Log: slog.New(slog.DiscardHandler)}
}

// ask makes one request of the route as somebody, in a language.
func ask(h *Handlers, d *peopleDesk, r route, who *auth.Principal, lang, target string, form url.Values) (*httptest.ResponseRecorder, *visit) {
	method, pattern, _ := strings.Cut(r.pattern, " ")
	req := httptest.NewRequest(method, root+"/acme"+target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept-Language", lang)
	path, _, _ := strings.Cut(target, "?")
	for i, part := range strings.Split(pattern, "/") {
		if part == "{id}" {
			req.SetPathValue("id", strings.Split(path, "/")[i])
		}
	}
	w := httptest.NewRecorder()
	v := &visit{w: w, r: req, who: who, company: registry.Company{ID: 1, Key: "acme", Name: "Acme"}, desk: d, zone: time.UTC}
	r.serve(h, v)
	return w, v
}

func peopleRoute(t *testing.T, pattern string) route {
	t.Helper()
	all := slices.Concat(peopleRoutes, operatorRoutes)
	i := slices.IndexFunc(all, func(r route) bool { return r.pattern == pattern })
	if i < 0 {
		t.Fatalf("no page at %q", pattern)
	}
	return all[i]
}

var (
	adminClaire  = &auth.Principal{Company: 1, User: 99, Actor: "admin claire", Roles: []auth.Role{auth.RoleAdmin}}
	auditorAnn   = &auth.Principal{Company: 1, User: 98, Actor: "auditor ann", Roles: []auth.Role{auth.RoleAuditor}}
	operatorOlga = &auth.Principal{Company: 3, User: 97, Actor: "operator olga", Roles: []auth.Role{auth.RoleOperator}}
)

// TestPeoplePagesInEveryLanguage renders each page with everything it can show, and
// with nothing, as everybody who may see it.
func TestPeoplePagesInEveryLanguage(t *testing.T) {
	t.Parallel()
	pages := [][2]string{
		{"GET /people", "/people"}, {"GET /people", "/people?q=a@b&state=active&kind=end_user&owner=ldap:corp&group=g&sort=-created_at&done=blocked"},
		{"GET /groups", "/groups"}, {"GET /groups", "/groups?role=support"}, {"GET /groups/{id}", "/groups/g?done=joined"},
		{"GET /places", "/places?done=proven"}, {"GET /applicants", "/applicants"}, {"GET /applicants", "/applicants?state="}, {"GET /team", "/team?done=rights"},
	}
	for _, u := range inEveryState() {
		pages = append(pages, [2]string{"GET /people/{id}", "/people/" + u.PublicID})
	}
	for _, s := range applicantStates {
		pages = append(pages, [2]string{"GET /applicants/{id}", "/applicants/" + string(s)})
	}
	operate := slices.Concat(pages, [][2]string{{"GET /people/new", "/people/new"}, {"GET /people/look", "/people/look"}})
	all := slices.Concat(operate, [][2]string{{"GET ", ""}})
	for _, lang := range []string{"en", "it", "ru"} {
		for _, empty := range []bool{false, true} {
			d := &peopleDesk{empty: empty, admins: 1}
			h := peoplePages(t, d)
			for _, x := range []struct {
				who   *auth.Principal
				pages [][2]string
			}{{auditorAnn, pages}, {adminClaire, operate}, {operatorOlga, all}} {
				for _, p := range x.pages {
					r := peopleRoute(t, p[0])
					if !x.who.May(r.right, 1) {
						t.Fatalf("%s may not see %s", x.who.Actor, p[1])
					}
					w, _ := ask(h, d, r, x.who, lang, p[1], nil)
					body := w.Body.String()
					if w.Code != http.StatusOK || !strings.Contains(body, `<html lang="`+lang+`"`) {
						t.Fatalf("%s %s as %s (empty %t): %d\n%s", lang, p[1], x.who.Actor, empty, w.Code, body)
					}
					if x.who == auditorAnn && strings.Contains(body, `method="post"`) {
						t.Errorf("%s: an auditor is offered a deed", p[1])
					}
					if strings.Contains(body, "<b></td>") || strings.Contains(body, "ZgotmplZ") {
						t.Errorf("%s: not escaped", p[1])
					}
				}
			}
		}
	}
	for key := range wordsIn(t, "people.en.json") {
		if done, ok := strings.CutPrefix(key, "admin.done."); ok && !doneWords[done] {
			t.Errorf("no page says %s", key)
		}
	}
}

func wordsIn(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := fs.ReadFile(Files().Locales, name)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(name, err)
	}
	return m
}

// TestPeopleWordsMatch: the languages say the same things with the same facts.
func TestPeopleWordsMatch(t *testing.T) {
	t.Parallel()
	fact := regexp.MustCompile(`\{\{\.\w+\}\}`)
	shape := func(v any) []string {
		if forms, ok := v.(map[string]any); ok {
			v = forms["other"]
		}
		out := fact.FindAllString(v.(string), -1)
		slices.Sort(out)
		return out
	}
	en := wordsIn(t, "people.en.json")
	for _, lang := range []string{"it", "ru"} {
		other := wordsIn(t, "people."+lang+".json")
		if d := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(other))); d != "" {
			t.Errorf("%s: %s", lang, d)
		}
		for k := range en {
			if d := cmp.Diff(shape(en[k]), shape(other[k])); d != "" {
				t.Errorf("%s in %s: %s", k, lang, d)
			}
		}
	}
}

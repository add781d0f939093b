package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/api/apitest"
	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// apiWorld is a server with a real directory, a company with everything, another
// company, and a client that holds every answer to the document.
type apiWorld struct {
	t      *testing.T
	dir    *slapd.Server
	server *app.Server
	check  *apitest.Checker
	acme   *store.Tenant
	client *http.Client
	routes map[string]api.Route
	// values are what stands for the wildcards in paths.
	values map[string]string
}

func newAPIWorld(t *testing.T) *apiWorld {
	t.Helper()
	w := &apiWorld{t: t, dir: directory(t, 8, 2), client: &http.Client{Transport: &http.Transport{}}, routes: map[string]api.Route{}, values: map[string]string{"code": "guard"}}
	t.Cleanup(w.client.CloseIdleConnections)
	w.server, _ = start(t, configure(t, settings{LDAP: w.dir.URL, Companies: "  beta: {name: Beta}"}), app.Options{})
	w.acme = w.server.Store.For(w.company("acme"))
	for _, r := range api.Table(struct{ api.Desk }{}) {
		w.routes[r.ID] = r
	}
	_, doc := w.send("", http.MethodGet, "/openapi.json", "", nil)
	var err error
	if w.check, err = apitest.New(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *apiWorld) company(key string) registry.CompanyID {
	w.t.Helper()
	c, err := w.server.Company(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

// token makes a token of a company.
func (w *apiWorld) token(company string, scopes ...string) string {
	w.t.Helper()
	secret, err := w.server.CreateAPIToken(w.t.Context(), w.company(company), "test", strings.Join(scopes, " "), scopes, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// send asks, and holds what comes to the document.
func (w *apiWorld) send(token, method, path, body string, header map[string]string) (*http.Response, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.server.Addr()+api.Base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	for {
		res, err := w.client.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		if res.StatusCode == http.StatusTooManyRequests { // the test is faster than a program may be
			<-time.After(100 * time.Millisecond)
			req.Body = io.NopCloser(strings.NewReader(body))
			continue
		}
		if w.check != nil {
			if err := w.check.Exchange(req, []byte(body), res, got); err != nil {
				w.t.Errorf("against the document: %v", err)
			}
		}
		return res, got
	}
}

// path is a route's with its wildcards filled in.
func (w *apiWorld) path(pattern string) string {
	for name, value := range w.values {
		pattern = strings.ReplaceAll(pattern, "{"+name+"}", url.PathEscape(value))
	}
	if strings.Contains(pattern, "{") {
		w.t.Fatalf("nothing stands for a wildcard of %s", pattern)
	}
	return pattern
}

// story is apiWorld doing one operation after the other, each of which succeeds.
type story struct {
	*apiWorld
	token string
	told  map[string]bool
}

// do carries out an operation and returns its answer.
func (s *story) do(id, query, body string) (*http.Response, map[string]any) {
	s.t.Helper()
	r, ok := s.routes[id]
	if !ok {
		s.t.Fatalf("there is no operation %s", id)
	}
	res, got := s.send(s.token, r.Method, s.path(r.Pattern)+query, body, nil)
	if res.StatusCode != r.Status {
		s.t.Fatalf("%s: %d %s", id, res.StatusCode, got)
	}
	s.told[id] = true
	out := map[string]any{}
	if err := json.Unmarshal(got, &out); err != nil {
		s.t.Fatalf("%s: %v", id, err)
	}
	return res, out
}

// run starts something that makes a run, and waits for its end.
func (s *story) run(id, body string) map[string]any {
	s.t.Helper()
	res, begun := s.do(id, "", body)
	if res.Header.Get("Location") != api.Base+"/runs/"+begun["id"].(string) {
		s.t.Fatalf("%s: Location %s of %v", id, res.Header.Get("Location"), begun)
	}
	s.values["run"] = begun["id"].(string)
	var now map[string]any
	until(s.t, id+" ends", func() bool {
		_, now = s.do("showRun", "", "")
		return !registry.RunState(now["state"].(string)).Active()
	})
	return now
}

// items is how many records a page has.
func items(page map[string]any) []any {
	list, _ := page["items"].([]any)
	return list
}

// TestAPIStory: every operation is seen to succeed once, over a real directory.
func TestAPIStory(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t)
	s := &story{w, w.token("acme", "operate", "approve", "contacts", "privacy"), map[string]bool{}}
	w.values["source"], w.values["connection"] = "corp", "okta"
	s.sources()
	s.parting()
	s.decisions()
	s.people()
	s.groups()
	s.mails()
	s.webhooks()
	s.rest()
	s.contacts()
	s.accounts()
	s.merges()
	s.privacy()
	s.uploads()
	s.applicants()
	for _, id := range slices.Sorted(maps.Keys(w.routes)) {
		if !s.told[id] {
			t.Errorf("no success of %s was seen", id)
		}
	}
}

func (s *story) sources() {
	t := s.t
	_, person := s.do("createPerson", "", fmt.Sprintf(`{"user_name":%q,"email":"first@example.com"}`, dirgen.UID(0)))
	s.values["person"] = person["id"].(string)
	if _, got := s.do("testSource", "", `{"number":2}`); len(got["people"].([]any)) != 2 {
		t.Errorf("test: %v", got)
	}
	if got := s.run("startRun", `{"mode":"preview"}`); got["mode"] != "preview" || got["counts"].(map[string]any)["created"] != 7.0 {
		t.Errorf("preview: %v", got)
	}
	if got := s.run("startRun", `{}`); got["state"] != "partial" || got["counts"].(map[string]any)["created"] != 7.0 {
		t.Errorf("run: %v", got)
	}
	if _, got := s.do("listRows", "?outcome=conflict", ""); len(items(got)) != 1 || items(got)[0].(map[string]any)["code"] != "user_name_taken" {
		t.Errorf("conflicts: %v", got)
	}
	if got := s.run("retryRun", ""); got["mode"] != "retry" || got["actor"] == "" {
		t.Errorf("retry: %v", got)
	}
	if _, got := s.do("syncOne", "", fmt.Sprintf(`{"who":%q}`, dirgen.UID(1))); len(got["steps"].([]any)) != 5 {
		t.Errorf("one: %v", got)
	}
	if _, got := s.do("pauseSource", "", `{"note":"moving"}`); got["state"] != "paused" || got["reason"] != "moving" {
		t.Errorf("pause: %v", got)
	}
	s.do("resumeSource", "", "")
	s.do("listSources", "", "")
	s.do("showSource", "", "")
	if _, got := s.do("listRuns", "?source=corp&mode=run&limit=1", ""); len(items(got)) != 1 {
		t.Errorf("runs: %v", got)
	}
}

func (s *story) decisions() {
	t, ctx := s.t, s.t.Context()
	o := dirgen.Options{}
	if err := s.dir.Delete(o.PersonDN(5), o.PersonDN(6), o.PersonDN(7)); err != nil {
		t.Fatal(err)
	}
	if got := s.run("startRun", `{"full":true}`); got["state"] != "held" {
		t.Fatalf("it is not held: %v", got)
	}
	if _, got := s.do("rejectRun", "", `{"note":"not now"}`); got["state"] != "rejected" || got["decision_note"] != "not now" {
		t.Errorf("reject: %v", got)
	}
	s.do("resumeSource", "", "")
	held := s.run("startRun", `{"full":true}`)
	if got := s.run("approveRun", fmt.Sprintf(`{"note":"they left","plan_hash":%q}`, held["plan_hash"])); got["trigger"] != "approval" || got["counts"].(map[string]any)["deactivated"] != 3.0 {
		t.Errorf("approve: %v", got)
	}
	src, err := s.server.Store.SourceByKey(ctx, "corp")
	if err != nil {
		t.Fatal(err)
	}
	fence, _, err := s.acme.AcquireLease(ctx, src.ID, "a process that hangs")
	if err != nil {
		t.Fatal(err)
	}
	hung := &registry.Run{PublicID: "hung", Source: src.ID, Mode: registry.ModeRun, State: registry.RunReading, Fence: fence.Number, CreatedAt: time.Now()}
	if err := s.acme.CreateRun(ctx, hung); err != nil {
		t.Fatal(err)
	}
	if res, got := s.send(s.token, http.MethodPost, "/sources/corp/runs", "{}", nil); res.StatusCode != 409 || !bytes.Contains(got, []byte("already_running")) {
		t.Errorf("beside another run: %d %s", res.StatusCode, got)
	}
	s.values["run"] = fmt.Sprint(hung.Number)
	if _, got := s.do("cancelRun", "", ""); got["state"] != "failed" || got["code"] != "cancelled" {
		t.Errorf("cancel: %v", got)
	}
}

func (s *story) people() {
	t := s.t
	if _, got := s.do("listPeople", "?origin_kind=ldap&origin=corp&state=disabled", ""); len(items(got)) != 3 {
		t.Errorf("the disabled: %v", got)
	}
	s.do("invitePerson", "", "")
	for _, step := range []struct{ id, member, want string }{
		{"blockPerson", "state", "blocked"}, {"unblockPerson", "state", "new"}, {"activatePerson", "state", "new"},
		{"protectPerson", "protected", "true"}, {"unprotectPerson", "protected", "<nil>"},
	} {
		_, got := s.do(step.id, "", "")
		if is := fmt.Sprint(got[step.member]); is != step.want && (step.want != "new" || is != "invited") {
			t.Errorf("%s: %s is %s, want %s", step.id, step.member, is, step.want)
		}
	}
	res, _ := s.do("showPerson", "", "")
	tag := res.Header.Get("ETag")
	block := s.path(s.routes["blockPerson"].Pattern)
	for i, want := range []int{200, 412} { // the first change moves the version
		if res, got := s.send(s.token, http.MethodPost, block, "", map[string]string{"If-Match": tag}); res.StatusCode != want {
			t.Errorf("change %d of %s: %d %s", i, tag, res.StatusCode, got)
		}
	}
	s.do("explainPerson", "", "")
	if _, got := s.do("listPersonChanges", "", ""); len(items(got)) < 6 {
		t.Errorf("changes: %v", got)
	}
	if res, got := s.send(s.token, http.MethodGet, "/people?sort=-created_at", "", map[string]string{"Accept": "text/csv"}); res.StatusCode != 200 || bytes.Count(got, []byte("\n")) != 9 {
		t.Errorf("CSV: %d %s", res.StatusCode, got)
	}
}

func (s *story) groups() {
	t := s.t
	_, got := s.do("listGroups", "?limit=1", "")
	s.values["group"] = items(got)[0].(map[string]any)["id"].(string)
	_, group := s.do("showGroup", "", "")
	if _, after := s.do("addMember", "", fmt.Sprintf(`{"person":%q}`, s.values["person"])); after["members"] != group["members"].(float64)+1 {
		t.Errorf("%v and one more: %v", group, after)
	}
	if _, got := s.do("listMembers", "", ""); !strings.Contains(fmt.Sprint(got), s.values["person"]) {
		t.Errorf("members: %v", got)
	}
	if _, after := s.do("removeMember", "", ""); after["members"] != group["members"] {
		t.Errorf("%v again: %v", group, after)
	}
}

// contacts are recognised by address, and made once.
func (s *story) contacts() {
	for i := range 2 {
		_, got := s.do("recognise", "", `{"email":"claire.johnson@myorg.org","reason":"ticket 12"}`)
		if got["name"] != "Claire Johnson" || got["association"] != "weak" || got["new"] != (i == 0) {
			s.t.Errorf("recognised: %v", got)
		}
	}
	message := base64.StdEncoding.EncodeToString([]byte("From: C Johnson <c.johnson@myorg.org>\r\nMessage-ID: <1@myorg.org>\r\nSubject: Help\r\n\r\nPlease.\r\n"))
	for range 2 {
		if _, got := s.do("intakeMail", "", fmt.Sprintf(`{"message":%q}`, message)); got["name"] != "C Johnson" || got["association"] != "weak" {
			s.t.Errorf("mail taken in: %v", got)
		}
	}
}

func (s *story) mails() {
	t := s.t
	s.mailsAre("held")
	_, got := s.do("listMails", "?state=held&limit=3", "")
	for i, id := range []string{"releaseMail", "cancelMail"} {
		s.values["mail"] = items(got)[i].(map[string]any)["id"].(string)
		s.do("showMail", "", "")
		if _, m := s.do(id, "", ""); m["state"] != []string{"queued", "cancelled"}[i] {
			t.Errorf("%s: %v", id, m)
		}
	}
	if _, got := s.do("releaseMails", "", ""); got["released"].(float64) < 1 {
		t.Errorf("released: %v", got)
	}
	s.mailsAre("sent")
	if _, m := s.do("resendMail", "", ""); m["state"] != "queued" {
		t.Errorf("resend: %v", m)
	}
}

// mailsAre puts all mails into a state.
func (s *story) mailsAre(state string) {
	s.t.Helper()
	if _, err := s.server.Store.WriteDB().ExecContext(s.t.Context(), `UPDATE mails SET state = ?, next_try = 0, claimed_until = 0`, state); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) webhooks() {
	t, ctx := s.t, s.t.Context()
	desk, err := s.server.Webhooks()
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := desk.Create(ctx, s.company("acme"), registry.Deed{Actor: "test"}, "hr", "https://hooks.invalid/in", []string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	s.values["webhook"] = h.PublicID
	if _, got := s.do("listWebhooks", "", ""); len(items(got)) != 1 || strings.Contains(fmt.Sprint(got), "secret") {
		t.Errorf("webhooks: %v", got)
	}
	if _, got := s.do("testWebhook", "", ""); got["delivered"] != false || got["message"] == "" {
		t.Errorf("a test to nowhere: %v", got)
	}
	if _, got := s.do("showWebhook", "", ""); got["state"] != "failing" {
		t.Errorf("webhook: %v", got)
	}
	_, got := s.do("listDeliveries", "?failed=true", "")
	s.values["delivery"] = items(got)[0].(map[string]any)["id"].(string)
	if _, got := s.do("replayDelivery", "", ""); got["replayed"] != 1.0 {
		t.Errorf("replayed: %v", got)
	}
	s.do("replayFailed", "", `{"since":"2026-01-01T00:00:00Z"}`)
	for _, action := range []string{"webhook.test", "webhook.replay"} {
		if _, got := s.do("listDeeds", "?action="+action, ""); len(items(got)) != 1 {
			t.Errorf("%s is not written down once: %v", action, got)
		}
	}
}

func (s *story) rest() {
	t, ctx := s.t, s.t.Context()
	conn, err := s.acme.SaveConnection(ctx, "okta", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.acme.LogScimRequests(ctx, []registry.ScimRequest{{Origin: conn.Origin.ID, At: time.Now(), RequestID: "r", Method: "GET", Path: "/Users", Status: 401}}); err != nil {
		t.Fatal(err)
	}
	if _, got := s.do("whoAmI", "", ""); got["company"] != "acme" || !strings.HasPrefix(s.token, got["token"].(string)) {
		t.Errorf("who: %v", got)
	}
	if _, got := s.do("showCompany", "", ""); got["people"] != 8.0 {
		t.Errorf("company: %v", got)
	}
	if _, got := s.do("listRequests", "?failed=true", ""); len(items(got)) != 1 {
		t.Errorf("requests: %v", got)
	}
	for _, id := range []string{"listReasons", "showReason", "listDepartments", "listContracts", "listConnections", "showConnection", "listTokens", "listTeam", "listDomains"} {
		s.do(id, "", "")
	}
	if _, got := s.do("setSchedule", "", `{"schedule":"CRON_TZ=Asia/Kolkata 0 3 1 1 *","note":"the audit"}`); got["configured_schedule"] == got["schedule"] {
		t.Errorf("a schedule by hand: %v", got)
	}
	s.do("returnSchedule", "", "")
	if _, got := s.do("listChanges", "?action=deactivate", ""); len(items(got)) != 3 {
		t.Errorf("deactivations: %v", got)
	}
	if _, got := s.do("listDeeds", "?action=run.", ""); len(items(got)) < 5 {
		t.Errorf("deeds: %v", got)
	}
}

// bodies are what routes need in a request, beside what stands in their path.
var bodies = map[string]string{
	"testSource": `{}`, "pauseSource": `{}`, "startRun": `{"mode":"preview"}`, "syncOne": `{"who":"u0000001","preview":true}`,
	"approveRun": `{"note":"x"}`, "rejectRun": `{"note":"x"}`, "createPerson": `{"user_name":"eve"}`, "addMember": `{"person":"PERSON"}`,
	"recognise": `{"email":"claire.johnson@myorg.org"}`, "intakeMail": `{"message":"RnJvbTogY0BteW9yZy5vcmcNCg0KaGk="}`,
	"replayFailed":    `{"since":"2026-01-01T00:00:00Z"}`,
	"refuseApplicant": `{}`, "setSchedule": `{"schedule":"@yearly"}`, "forgetSource": `{"how":"release","preview":true}`,
	"mergePeople": `{"with":"PERSON"}`, "erasePerson": `{"user_name":"nobody here"}`, "promoteContact": `{"user_name":"eve"}`, "createGroup": `{"name":"Nobody's"}`,
	"tiePerson": `{"anchor":"none","person":"PERSON"}`,
}

// TestAPIFence: every route, by every scope, and by another company's token.
func TestAPIFence(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t)
	w.furnish()
	secrets := map[string]string{}
	for _, scope := range api.Scopes {
		secrets[scope] = w.token("acme", scope)
	}
	foreign := w.token("beta", "operate", "approve", "contacts", "privacy")
	before := w.everything(secrets["read"])
	for _, id := range slices.Sorted(maps.Keys(w.routes)) {
		w.strange(w.routes[id], foreign)
	}
	if after := w.everything(secrets["read"]); after != before {
		t.Errorf("another company's token changed something:\n%s\n%s", before, after)
	}
	for _, id := range slices.Sorted(maps.Keys(w.routes)) {
		r := w.routes[id]
		for scope, secret := range secrets {
			who := auth.Principal{Company: 1, Scopes: []string{scope}}
			may := r.Right == "" || who.May(r.Right, 1)
			res, got := w.ask(r, secret)
			if (res.StatusCode == http.StatusForbidden) == may || res.StatusCode == http.StatusUnauthorized || res.StatusCode >= 500 {
				t.Errorf("%s with the scope %s: %d %.300s", id, scope, res.StatusCode, got)
			}
		}
		for _, wrong := range []string{"", "ush_" + strings.Repeat("a", 40), w.values["SCIM token"]} {
			if res, _ := w.ask(r, wrong); res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%s with the token %.8s: %d", id, wrong, res.StatusCode)
			}
		}
	}
}

// ask asks for a route as it wants to be asked.
func (w *apiWorld) ask(r api.Route, token string) (*http.Response, []byte) {
	w.t.Helper()
	body, needs := bodies[r.ID]
	if r.TakesBody() != needs {
		w.t.Fatalf("%s has no case: bodies lacks it, or has one too many", r.ID)
	}
	return w.send(token, r.Method, w.path(r.Pattern), strings.ReplaceAll(body, "PERSON", w.values["person"]), nil)
}

// strange asks for a route by another company's token: what is A's is not there.
// (B's audit holds what B asked for, in B's words.)
func (w *apiWorld) strange(r api.Route, token string) {
	w.t.Helper()
	res, got := w.ask(r, token)
	if strings.Contains(r.Pattern, "{") && r.ID != "showReason" && res.StatusCode != http.StatusNotFound {
		w.t.Errorf("%s by another company: %d %s", r.ID, res.StatusCode, got)
	}
	for _, mark := range []string{"u00000", "corp", "okta", "team-", "acme", w.values["person"], w.values["run"]} {
		if r.Tag != "company" && r.ID != "listDeeds" && bytes.Contains(got, []byte(mark)) {
			w.t.Errorf("%s shows %q to another company: %.300s", r.ID, mark, got)
		}
	}
}

// everything is what a company has, in one text.
func (w *apiWorld) everything(token string) string {
	w.t.Helper()
	var out strings.Builder
	for _, path := range []string{"/people?format=ndjson", "/groups?format=ndjson", "/runs?format=ndjson", "/mails?format=ndjson", "/changes?format=ndjson", "/sources", "/connections"} {
		_, got := w.send(token, http.MethodGet, path, "", nil)
		out.Write(got)
	}
	return out.String()
}

// furnish gives acme one of everything.
func (w *apiWorld) furnish() {
	t, ctx := w.t, w.t.Context()
	run, err := w.server.RunSource(ctx, "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"})
	if err != nil || run.State != registry.RunDone {
		t.Fatal(run, err)
	}
	if w.values["SCIM token"], err = w.server.CreateConnection(ctx, w.company("acme"), "okta", registry.DefaultConnection()); err != nil {
		t.Fatal(err)
	}
	// No mail moves meanwhile.
	if _, err := w.server.Store.WriteDB().ExecContext(ctx, `UPDATE mails SET state = 'held', next_try = 0`); err != nil {
		t.Fatal(err)
	}
	people, err := w.acme.PeoplePage(ctx, registry.PeopleQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := w.acme.GroupPage(ctx, registry.GroupQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	mails, err := w.acme.MailPage(ctx, registry.MailQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := w.server.Webhooks()
	if err != nil {
		t.Fatal(err)
	}
	hook, _, err := desk.Create(ctx, w.company("acme"), registry.Deed{Actor: "test"}, "hr", "https://hooks.invalid/in", []string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(w.values, map[string]string{
		"webhook": hook.PublicID, "delivery": "none",
		"source": "corp", "connection": "okta", "run": run.PublicID, "person": people[0].PublicID, "group": groups[0].PublicID, "mail": mails[0].MessageID,
		"merge": "none", "upload": w.file("furnished.csv"), "applicant": w.applicant("furnished"),
	})
}

// TestAPIRepeats: a request that is repeated with its key starts one run.
func TestAPIRepeats(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t)
	token := w.token("acme", "operate")
	key := map[string]string{"Idempotency-Key": "tonight"}
	first, one := w.send(token, http.MethodPost, "/sources/corp/runs", `{"mode":"preview"}`, key)
	again, two := w.send(token, http.MethodPost, "/sources/corp/runs", `{"mode":"preview"}`, key)
	if first.StatusCode != 202 || again.StatusCode != 202 || !bytes.Equal(one, two) || again.Header.Get("Idempotent-Replayed") != "true" ||
		first.Header.Get("Location") != again.Header.Get("Location") || first.Header.Get("Location") == "" {
		t.Errorf("%d %s\n%d %s", first.StatusCode, one, again.StatusCode, two)
	}
	if all, err := w.acme.RunPage(t.Context(), registry.RunQuery{Limit: 9}); len(all) != 1 || err != nil {
		t.Errorf("%d runs, %v", len(all), err)
	}
}

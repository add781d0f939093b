package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/admin"
	"github.com/usherd/usher/scim/dialect"
)

// doorsDesk holds every state that the pages of doors can show. What it does not
// know is not asked for by these pages.
type doorsDesk struct {
	admin.Desk
	admin.InstallDesk
	now     time.Time
	profile string
	empty   bool
	refuse  error
	deeds   []registry.Deed
	asked   []string
}

// doorsDesks opens the desk of one company.
type doorsDesks struct {
	admin.Desks
	desk *doorsDesk
}

func (d doorsDesks) Open(_ context.Context, key string) (registry.Company, admin.Desk, error) {
	if key != "acme" {
		return registry.Company{}, nil, registry.ErrNotFound
	}
	return registry.Company{ID: 1, Key: "acme", Name: "Acme"}, d.desk, nil
}

func (d *doorsDesk) Audit(_ context.Context, x registry.Deed) error {
	d.deeds = append(d.deeds, x)
	return nil
}

func (d *doorsDesk) ask(format string, args ...any) error {
	d.asked = append(d.asked, fmt.Sprintf(format, args...))
	return d.refuse
}

func (d *doorsDesk) source() admin.Source {
	run := &registry.Run{Number: 7, State: registry.RunDone, StartedAt: d.now.Add(-time.Hour)}
	s := admin.Source{
		Health: registry.Paused, Last: run, Recent: []*registry.Run{run}, Mapping: []admin.Setting{{Name: "userName", Value: "uid"}},
		Settings: []admin.Fact{{Name: "url", Path: "sources.corp.url", Value: "ldap://x"}, {Name: "delete_after", Path: "p", Span: 48 * time.Hour}, {Name: "starttls", Path: "p", Say: web.Say("admin.set.yes")}},
	}
	s.Key, s.Schedule, s.NextDue, s.Origin.Kind = "corp", "@daily", d.now.Add(time.Hour), registry.OriginLDAP
	s.Source.Health = registry.Health{PausedAt: d.now, PausedBy: "admin ann", PausedReason: "window"}
	return s
}

func (d *doorsDesk) Sources(context.Context) ([]admin.Source, error) {
	if d.empty {
		return nil, nil
	}
	never := admin.Source{Health: registry.Quarantined}
	never.Key, never.Origin.Kind, never.Source.Health.Reason = "new", registry.OriginEntra, "the read was cut short"
	return []admin.Source{d.source(), never}, nil
}

func (d *doorsDesk) Source(_ context.Context, key string) (admin.Source, error) {
	if strings.HasPrefix(key, "old") {
		return admin.Source{}, registry.ErrNotFound
	}
	return d.source(), nil
}

func (d *doorsDesk) TestSource(context.Context, string) (admin.Test, error) {
	return admin.Test{Failure: "half of it", Facts: []admin.Evidence{{Name: "server", Value: "slapd"}}, Sample: []admin.Sample{
		{Name: "cn=ann", InScope: true, Values: []admin.Evidence{{Name: "userName", Value: "ann"}}},
		{Name: "cn=bob", Problems: []admin.Evidence{{Value: "no anchor"}, {Name: "emails", Value: "not an address"}}},
	}}, nil
}

func (d *doorsDesk) connection(key string, last time.Time) admin.Connection {
	c := admin.Connection{LastRequest: last, Requests: 5, Failures: 2}
	c.Origin, c.ConnectionSettings = registry.Origin{ID: 4, Kind: registry.OriginSCIM, Key: key}, registry.DefaultConnection()
	c.Profile, c.Paused = d.profile, last.IsZero()
	return c
}

func (d *doorsDesk) Connections(context.Context) ([]admin.Connection, error) {
	if d.empty {
		return nil, nil
	}
	return []admin.Connection{d.connection("okta", d.now), d.connection("silent", d.now.AddDate(0, 0, -9)), d.connection("new", time.Time{})}, nil
}

func (d *doorsDesk) Connection(_ context.Context, key string) (admin.Connection, error) {
	if key == "nope" {
		return admin.Connection{}, registry.ErrNotFound
	}
	if d.empty {
		return d.connection(key, time.Time{}), nil
	}
	return d.connection(key, d.now), nil
}

func (d *doorsDesk) Owned(context.Context) (map[registry.OriginID]int64, error) {
	return map[registry.OriginID]int64{4: 3}, nil
}

func (d *doorsDesk) ScimURL() string    { return "https://people.example.com/scim/v2" }
func (d *doorsDesk) TokenURL() string   { return "https://people.example.com/oauth/token" }
func (d *doorsDesk) Profiles() []string { return dialect.Names() }

func (d *doorsDesk) tokens() []registry.Token {
	if d.empty {
		return nil
	}
	return []registry.Token{
		{Prefix: "ush_live", CreatedAt: d.now, LastUsedAt: d.now, Scopes: []string{"read", "operate", "approve", "contacts"}, Name: "CI", Person: "p1"},
		{Prefix: "ush_soon", CreatedAt: d.now, ExpiresAt: d.now.AddDate(0, 0, 3)}, {Prefix: "ush_over", CreatedAt: d.now, ExpiresAt: d.now.AddDate(0, 0, -3)},
		{Prefix: "ush_dead", CreatedAt: d.now, RevokedAt: d.now},
	}
}

func (d *doorsDesk) Tokens(context.Context, registry.OriginID) ([]registry.Token, error) {
	return d.tokens(), nil
}
func (d *doorsDesk) APITokens(context.Context) ([]registry.Token, error) { return d.tokens(), nil }

func (d *doorsDesk) Clients(context.Context, string) ([]registry.OAuthClient, error) {
	if d.empty {
		return nil, nil
	}
	return []registry.OAuthClient{{Name: "cl_a", SecretHash: []byte{1}, LastUsedAt: d.now}, {Name: "cl_b", JWKSURI: "https://keys", ExpiresAt: d.now.AddDate(1, 0, 0)}, {Name: "cl_c", RevokedAt: d.now}}, nil
}

func (d *doorsDesk) requests() (out []registry.ScimRequest) {
	row := func(status int, scimType string) {
		out = append(out, registry.ScimRequest{ID: int64(len(out) + 1), At: d.now, Method: "POST", Path: "/Users?filter=a+b%20c", Status: status, ScimType: scimType, Detail: "why", Body: "{}"})
	}
	for _, status := range []int{200, 201, 400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 500, 503} {
		row(status, "")
	}
	for _, t := range []string{"uniqueness", "invalidFilter", "invalidValue", "invalidSyntax", "invalidPath", "noTarget", "mutability", "tooMany", "sensitive", "other"} {
		row(400, t)
	}
	return out
}

func (d *doorsDesk) Requests(_ context.Context, q registry.ScimRequestQuery) ([]registry.ScimRequest, error) {
	if d.empty {
		return nil, nil
	}
	out := d.requests()
	for len(out) < q.Limit {
		out = append(out, out[0])
	}
	return out[:q.Limit], d.ask("requests %t %s %d %d %q %s %s", q.Failed, q.Method, q.Status, q.BeforeID, q.Text, stamp(q.Since), stamp(q.Until))
}

func (d *doorsDesk) Request(_ context.Context, _ registry.OriginID, id int64) (registry.ScimRequest, error) {
	if all := d.requests(); int(id) <= len(all) {
		return all[id-1], nil
	}
	return registry.ScimRequest{}, registry.ErrNotFound
}

func (d *doorsDesk) Traffic(context.Context, registry.OriginID) (registry.ScimTraffic, error) {
	if d.empty {
		return registry.ScimTraffic{}, nil
	}
	return registry.ScimTraffic{Request: d.now, Lookup: d.now, User: d.now, Group: d.now, Leaver: d.now}, nil
}

func (d *doorsDesk) CreateConnection(_ context.Context, name string, s registry.ConnectionSettings) (string, error) {
	return "ush_secret", d.ask("create %s %s %s %d", name, s.Profile, s.Visible, s.Rate)
}

func (d *doorsDesk) ChangeConnection(_ context.Context, name string, s registry.ConnectionSettings) error {
	return d.ask("change %s %v %d", name, s.AllowFrom, s.TokenSeconds)
}

func (d *doorsDesk) PauseConnection(_ context.Context, name string, paused bool) error {
	return d.ask("pause %s %t", name, paused)
}

func (d *doorsDesk) DeleteConnection(_ context.Context, name string) error {
	return d.ask("delete %s", name)
}

func (d *doorsDesk) CreateToken(_ context.Context, name string, expires time.Time, _ string) (string, error) {
	return "ush_secret", d.ask("token %s %s", name, expires.Sub(d.now))
}

func (d *doorsDesk) RotateToken(_ context.Context, name string, overlap time.Duration, _ string) (string, error) {
	return "ush_secret", d.ask("rotate %s %s", name, overlap)
}

func (d *doorsDesk) RevokeToken(_ context.Context, prefix, _ string) error {
	return d.ask("revoke %s", prefix)
}

func (d *doorsDesk) CreateClient(_ context.Context, name string, rules admin.ClientRules, _ time.Time) (registry.OAuthClient, string, error) {
	secret := "cls_secret"
	if rules.JWKSURI != "" {
		secret = ""
	}
	return registry.OAuthClient{Name: "cl_new"}, secret, d.ask("client %s", name)
}

func (d *doorsDesk) RotateClient(_ context.Context, client string, overlap time.Duration) (registry.OAuthClient, string, error) {
	return registry.OAuthClient{Name: "cl_new"}, "cls_secret", d.ask("rotate client %s %s", client, overlap)
}

func (d *doorsDesk) RevokeClient(_ context.Context, client string) error {
	return d.ask("revoke client %s", client)
}

func (d *doorsDesk) CreateAPIToken(_ context.Context, _, name string, scopes []string, _ time.Time) (string, error) {
	return "ush_secret", d.ask("api token %s %v", name, scopes)
}

func (d *doorsDesk) RotateAPIToken(_ context.Context, _, prefix string, overlap time.Duration) (string, error) {
	return "ush_secret", d.ask("rotate api %s %s", prefix, overlap)
}

func (d *doorsDesk) hooks() []registry.Webhook {
	h := func(id, reason string) registry.Webhook {
		out := registry.Webhook{PublicID: id, Name: "hook " + id, URL: "https://x", Events: []string{"user.*", "*"}, CreatedAt: d.now, FormerUntil: d.now.Add(time.Hour)}
		if out.DisabledReason = reason; reason != "" {
			out.DisabledAt = d.now
		}
		return out
	}
	failing := h("f", "")
	failing.FailingSince = d.now
	return []registry.Webhook{h("h", ""), h("a", registry.DisabledByHand), h("b", registry.DisabledGone), h("c", registry.DisabledFailing), failing}
}

func (d *doorsDesk) Webhooks(context.Context) ([]registry.Webhook, error) {
	if d.empty {
		return nil, nil
	}
	return d.hooks(), nil
}

func (d *doorsDesk) Webhook(_ context.Context, id string) (registry.Webhook, error) {
	for _, h := range d.hooks() {
		if h.PublicID == id {
			return h, nil
		}
	}
	return registry.Webhook{}, registry.ErrNotFound
}

func (d *doorsDesk) Deliveries(context.Context, registry.Webhook, registry.DeliveryQuery) (out []registry.Delivery, err error) {
	if d.empty {
		return nil, nil
	}
	for _, s := range []registry.DeliveryState{registry.DeliveryQueued, registry.DeliveryDelivered, registry.DeliveryFailed, registry.DeliveryDropped} {
		out = append(out, registry.Delivery{
			PublicID: "d_" + string(s), Event: registry.EventTest, State: s, CreatedAt: d.now, NextTry: d.now.Add(time.Minute), Message: "no", Status: 500,
			Payload: json.RawMessage(`{"type":"x"}`), Tries: []registry.DeliveryAttempt{{At: d.now}, {At: d.now, Status: 500}},
		})
	}
	return out, nil
}

func (d *doorsDesk) CreateWebhook(_ context.Context, by registry.Deed, name, address string, events []string) (registry.Webhook, string, error) {
	return d.hooks()[0], "whsec_secret", d.ask("hook %s %s %s %v", by.Actor, name, address, events)
}

func (d *doorsDesk) ChangeWebhook(_ context.Context, h registry.Webhook, _ registry.Deed, address string, events []string) error {
	return d.ask("change hook %s %s %v", h.PublicID, address, events)
}

func (d *doorsDesk) RotateWebhook(_ context.Context, h registry.Webhook, _ registry.Deed, overlap time.Duration) (string, error) {
	return "whsec_secret", d.ask("rotate hook %s %s", h.PublicID, overlap)
}

func (d *doorsDesk) EnableWebhook(_ context.Context, h registry.Webhook, _ registry.Deed, on bool) error {
	return d.ask("enable hook %s %t", h.PublicID, on)
}

func (d *doorsDesk) DeleteWebhook(_ context.Context, h registry.Webhook, _ registry.Deed) error {
	return d.ask("delete hook %s", h.PublicID)
}

func (d *doorsDesk) TestWebhook(_ context.Context, h registry.Webhook, _ registry.Deed) (admin.HookAnswer, error) {
	return admin.HookAnswer{Status: 204, Delivered: h.PublicID == "h", Message: "refused"}, d.ask("test hook %s", h.PublicID)
}

func (d *doorsDesk) Replay(_ context.Context, h registry.Webhook, _ registry.Deed, delivery string, since time.Time) (int, error) {
	return 1, d.ask("replay %s %q %s", h.PublicID, delivery, d.now.Sub(since))
}

// mailKinds are the kinds of mails that there are.
var mailKinds = []string{
	"setup", "reset", "passwordChanged", "syncHeld", "syncQuarantined", "syncRecovered", "webhookDisabled", "tokenExpiring", "digest", "contactIdle",
	"contactsArrive", "registration", "registrationWaits", "registrationRefused", "applicantWaits",
}

func (d *doorsDesk) Mails(context.Context, registry.MailQuery) (out []admin.Mail, err error) {
	if d.empty {
		return nil, nil
	}
	states := []string{"queued", "held", "sent", "failed", "cancelled"}
	for i, kind := range mailKinds {
		out = append(out, admin.Mail{
			ID: int64(i), MessageID: kind + ".1@house", Kind: kind, State: states[i%len(states)], UserName: "ann", To: "ann@example.com", Code: "550", Message: "no", CreatedAt: d.now,
			FinishedAt: d.now, NextTry: d.now, Attempts: []admin.Attempt{{At: d.now, Outcome: "retry"}, {At: d.now, Outcome: "failed", Message: "no"}, {At: d.now, Outcome: "sent"}},
		})
	}
	return out, nil
}

func (d *doorsDesk) Mail(ctx context.Context, id string) (admin.Mail, error) {
	all, err := d.Mails(ctx, registry.MailQuery{})
	for _, m := range all {
		if m.MessageID == id {
			return m, err
		}
	}
	return admin.Mail{}, registry.ErrNotFound
}

func (d *doorsDesk) Person(context.Context, string) (*admin.Person, error) {
	return &admin.Person{User: &registry.User{ID: 9}}, nil
}

func (d *doorsDesk) MailCounts(context.Context) (map[string]int64, error) {
	return map[string]int64{"held": 2, "queued": 1}, nil
}

func (d *doorsDesk) ReleaseMails(context.Context) (int, error) { return 2, d.ask("release all") }

func (d *doorsDesk) ReleaseMail(_ context.Context, id string) error { return d.ask("release %s", id) }

func (d *doorsDesk) CancelMail(_ context.Context, id, _ string) error { return d.ask("cancel %s", id) }

func (d *doorsDesk) ResendMail(_ context.Context, id string) error { return d.ask("resend %s", id) }

func (d *doorsDesk) Deeds(_ context.Context, q registry.DeedQuery) ([]registry.Deed, error) {
	err := d.ask("deeds %s %s %s %s", q.Action, q.Actor, stamp(q.Since), stamp(q.Until))
	if d.empty {
		return nil, err
	}
	return []registry.Deed{{At: d.now, Actor: "admin ann", Action: "token.create", Outcome: "forbidden", Subject: "x", Detail: map[string]string{"scopes": "read"}}}, err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func (d *doorsDesk) Settings(whole bool) []admin.Chapter {
	out := []admin.Chapter{{Name: "company"}, {Name: "signin"}, {Name: "doors", Settings: d.source().Settings}}
	if whole {
		out = append(out, admin.Chapter{Name: "installation"}, admin.Chapter{Name: "mail"})
	}
	return out
}

func (d *doorsDesk) Standing(_ context.Context, whole bool) (admin.Standing, error) {
	out := admin.Standing{Version: "1", Database: "sqlite", LastBackup: registry.Backup{At: d.now, Problem: "no space left"}, GoodBackup: registry.Backup{At: d.now, File: "/b", Bytes: 3 << 20}, Queues: []admin.Queue{{Name: "mails", Waiting: 1, Oldest: d.now}, {Name: "deliveries"}, {Name: "jobs"}}}
	if whole {
		out.Processes = 2
	}
	return out, nil
}

func (d *doorsDesk) Examine(_ context.Context, whole bool) ([]admin.Finding, string, error) {
	return []admin.Finding{{1, "a", "ok", "fine", "", ""}, {2, "b", "warn", "so", "mend it", "usher x"}, {3, "c", "fail", "bad", "mend", ""}, {4, "d", "skipped", "no", "", ""}},
		"support text", d.ask("examine %t", whole)
}

func (d *doorsDesk) Export(w http.ResponseWriter, _ *http.Request, _ *auth.Principal, e admin.Export) error {
	_, _ = w.Write([]byte("whole"))
	return d.ask("export %s %s %v %s", e.Operation, e.As, e.Path, e.Query.Encode())
}

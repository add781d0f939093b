package intake

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/issuer"
)

const (
	tenant = "aaaaaaaa-0000-0000-0000-000000000001"
	object = "bbbbbbbb-0000-0000-0000-000000000001"
)

func TestTeams(t *testing.T) {
	const app, service = "11111111-2222-3333-4444-555555555555", "https://smba.trafficmanager.net/emea/"
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	bot, o := issuer.New(t).NewBot("msteams", "webchat"), newOffice()
	door := NewTeams(o, auth.NewBotTokens(app, bot.Metadata(), clock), TeamsConfig{
		Tenants: map[string]string{strings.ToUpper(tenant): "acme"}, Sender: DefaultSender(),
		Company: func(context.Context, string) (registry.CompanyID, error) { return 1, nil },
	}, clock, slog.New(slog.DiscardHandler))
	good := "Bearer " + bot.Sign("RS256", map[string]any{"iss": auth.BotIssuer, "aud": app, "serviceurl": service, "exp": now.Add(time.Hour).Unix()})
	message := `{"type":"message","channelId":"msteams","serviceUrl":"` + service + `","from":{"id":"29:x","name":"Claire \u202eJohnson","aadObjectId":"` + object +
		`"},"conversation":{"tenantId":"` + tenant + `"},"channelData":{"tenant":{"id":"` + tenant + `"}}}`
	post := func(token, body string) int {
		r := httptest.NewRequest(http.MethodPost, "/teams/messages", strings.NewReader(body))
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w.Code
	}
	with := func(old, fresh string) string { return strings.Replace(message, old, fresh, 1) }
	for _, c := range []struct {
		what, token, body string
		code              int
		meets             int
	}{
		{"no token", "", message, 403, 0},
		{"basic", "Basic x", message, 403, 0},
		{"a made-up token", "Bearer x.y.z", message, 403, 0},
		{"not JSON", good, "{", 400, 0},
		{"another service's", good, with(service, "https://evil.example/"), 403, 0},
		{"another channel", good, with("msteams", "webchat"), 403, 0},
		{"another tenant", good, strings.ReplaceAll(message, tenant, "cccccccc-0000-0000-0000-000000000001"), 403, 0},
		{"two tenants", good, with(tenant, "cccccccc-0000-0000-0000-000000000001"), 403, 0},
		{"no tenant", good, strings.ReplaceAll(message, tenant, ""), 403, 0},
		{"somebody joined", good, with(`"message"`, `"conversationUpdate"`), 200, 0},
		{"a bot", good, with(`"name"`, `"role":"bot","name"`), 200, 0},
		{"nobody", good, with(object, ""), 200, 0},
		{"good", good, message, 200, 1},
		{"again", good, message, 200, 2},
		{"tenant in one place", good, with(`"conversation":{"tenantId":"`+tenant+`"},`, ""), 200, 3},
	} {
		if code := post(c.token, c.body); code != c.code || len(o.met) != c.meets {
			t.Errorf("%s: %d, met %d; want %d, %d", c.what, code, len(o.met), c.code, c.meets)
		}
	}
	if e := o.met[0]; e.TeamsTenant != tenant || e.TeamsObject != object || !e.Verified || e.Email != "" || len(o.users) != 1 {
		t.Errorf("met %+v", e)
	}
	o.fail = errors.New("the database is away")
	if code := post(good, message); code != 503 {
		t.Errorf("without a database: %d", code)
	}
	o.fail = registry.Refuse(registry.CodeAmbiguous, "two")
	if code := post(good, message); code != 200 {
		t.Errorf("ambiguous: %d", code)
	}
	if code := func() int {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/teams/messages", nil))
		return w.Code
	}(); code != 405 {
		t.Errorf("GET: %d", code)
	}
}

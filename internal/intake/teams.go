package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// BotTokens judges the token that an activity came with; *auth.BotTokens does.
type BotTokens interface {
	Verify(ctx context.Context, token, serviceURL, channel string) error
}

// TeamsConfig says whose messages are taken.
type TeamsConfig struct {
	// Tenants are the Microsoft tenants whose people may write, by id in lower case,
	// each with the key of its company.
	Tenants map[string]string
	// Sender bounds how many messages of one person are looked at.
	Sender auth.Rate
	// Company finds a company by its key.
	Company func(ctx context.Context, key string) (registry.CompanyID, error)
}

// Teams takes the activities that the Bot Framework posts for a bot in Microsoft
// Teams.
type Teams struct {
	people  People
	tokens  BotTokens
	cfg     TeamsConfig
	senders *auth.Limiter
	log     *slog.Logger
}

// NewTeams makes the handler of POST /teams/messages.
func NewTeams(people People, tokens BotTokens, cfg TeamsConfig, now func() time.Time, log *slog.Logger) *Teams {
	tenants := make(map[string]string, len(cfg.Tenants))
	for id, company := range cfg.Tenants {
		tenants[strings.ToLower(id)] = company
	}
	cfg.Tenants = tenants
	return &Teams{people: people, tokens: tokens, cfg: cfg, senders: auth.NewLimiter(cfg.Sender, remembered, now), log: log}
}

// activity is what is read of an activity (Bot Framework schema 3.1).
type activity struct {
	Type       string `json:"type"`
	ChannelID  string `json:"channelId"`
	ServiceURL string `json:"serviceUrl"`
	From       struct {
		Name        string `json:"name"`
		AADObjectID string `json:"aadObjectId"`
		Role        string `json:"role"`
	} `json:"from"`
	Conversation struct {
		TenantID string `json:"tenantId"`
	} `json:"conversation"`
	ChannelData struct {
		Tenant struct {
			ID string `json:"id"`
		} `json:"tenant"`
	} `json:"channelData"`
}

// tenant is whose person wrote, "" where the activity disagrees with itself.
func (a *activity) tenant() string {
	one, other := strings.ToLower(a.Conversation.TenantID), strings.ToLower(a.ChannelData.Tenant.ID)
	switch {
	case one == "":
		return other
	case other != "" && one != other:
		return ""
	}
	return one
}

// maxActivity is how many bytes an activity may have.
const maxActivity = 512 << 10

// ServeHTTP implements http.Handler. The service sends again what was answered
// with 5xx; nothing else is said to it.
func (t *Teams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(t.take(r.Context(), r, w))
}

func (t *Teams) take(ctx context.Context, r *http.Request, w http.ResponseWriter) int {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return http.StatusForbidden
	}
	var a activity
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxActivity)).Decode(&a); err != nil {
		return http.StatusBadRequest
	}
	if err := t.tokens.Verify(ctx, strings.TrimSpace(token), a.ServiceURL, a.ChannelID); err != nil {
		t.log.WarnContext(ctx, "Teams message refused", "error", err)
		return http.StatusForbidden
	}
	company, allowed := t.cfg.Tenants[a.tenant()]
	if !allowed || a.ChannelID != "msteams" {
		t.log.WarnContext(ctx, "Teams message refused", "channel", registry.Printable(a.ChannelID), "tenant", registry.Printable(a.tenant()))
		return http.StatusForbidden
	}
	if a.Type != "message" || a.From.AADObjectID == "" || a.From.Role == "bot" {
		return http.StatusOK
	}
	return t.meet(ctx, company, &a)
}

// meet finds out who wrote. Who cannot be told now is looked at again with the
// next message.
func (t *Teams) meet(ctx context.Context, key string, a *activity) int {
	if t.senders.Take(a.tenant()+"/"+strings.ToLower(a.From.AADObjectID)) > 0 {
		return http.StatusOK
	}
	company, err := t.cfg.Company(ctx, key)
	if err == nil {
		var met registry.Met
		met, err = t.people.Recognise(ctx, company, registry.OriginTeams, registry.Encounter{
			TeamsTenant: a.tenant(), TeamsObject: a.From.AADObjectID, Claim: a.From.Name, Verified: true, Actor: "teams",
		})
		var answer Answer
		if answer.fill(met, err); err == nil || isRefusal(err) {
			t.log.InfoContext(ctx, "Teams message taken", "company", key, "outcome", string(answer.Outcome), "person", answer.ID)
			return http.StatusOK
		}
	}
	t.log.WarnContext(ctx, "Teams message put off", "company", key, "error", err)
	return http.StatusServiceUnavailable
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
)

// Connection is a door that an identity provider pushes people through.
type Connection struct {
	Name      string    `json:"name"`
	State     string    `json:"state" enum:"open,paused"`
	Profile   string    `json:"profile,omitempty" doc:"The identity provider whose dialect is spoken"`
	Visible   string    `json:"visible" enum:"own,company"`
	OnForeign string    `json:"on_foreign" enum:"conflict,link,promote"`
	SetupMail bool      `json:"setup_mail"`
	Rate      int       `json:"rate,omitempty" doc:"Requests a second; missing for the default"`
	AllowFrom []string  `json:"allow_from,omitempty" doc:"Networks that requests may come from; missing for all"`
	CreatedAt time.Time `json:"created_at"`
}

// ScimRequest is a row of a connection's request log.
type ScimRequest struct {
	At        time.Time `json:"at"`
	RequestID string    `json:"request_id"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Status    int       `json:"status"`
	Micros    int64     `json:"micros" doc:"How long it took"`
	ScimType  string    `json:"scim_type,omitempty"`
	Detail    string    `json:"detail,omitempty" doc:"The error as it was answered"`
	Body      string    `json:"body,omitempty" doc:"Of a refused request, redacted and capped"`
}

// Token is a token of the API, without its secret.
type Token struct {
	Prefix     string     `json:"prefix" doc:"How the token begins"`
	Name       string     `json:"name,omitempty" doc:"What it is for"`
	Scopes     []string   `json:"scopes"`
	State      string     `json:"state" enum:"live,expired,revoked"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// ConnectionInput names a connection.
type ConnectionInput struct {
	Connection string `in:"path" name:"connection" doc:"The connection's name"`
}

// ListRequestsInput filters a request log.
type ListRequestsInput struct {
	ConnectionInput
	Paging
	Failed bool      `in:"query" name:"failed" doc:"Only requests that were refused"`
	Method string    `in:"query" name:"method" enum:"GET,POST,PUT,PATCH,DELETE" doc:"Only requests of this method"`
	Status int       `in:"query" name:"status" min:"100" max:"599" doc:"Only requests that were answered with this status"`
	Text   string    `in:"query" name:"text" doc:"Only requests with this in their path, the record's id or the error, or with this request id; looked for in the last seven days unless since says otherwise"`
	Since  time.Time `in:"query" name:"since" doc:"From this moment on"`
	Until  time.Time `in:"query" name:"until" doc:"Before this moment"`
}

// Connections are the doors of identity providers and programs.
type Connections interface {
	ListConnections(ctx context.Context, who *Who, in Paging) (Page[Connection], error)
	ShowConnection(ctx context.Context, who *Who, in ConnectionInput) (Connection, error)
	ListRequests(ctx context.Context, who *Who, in ListRequestsInput) (Page[ScimRequest], error)
	ListTokens(ctx context.Context, who *Who, in Paging) (Page[Token], error)
}

func connectionRoutes(d Connections) []Route {
	const tag, one = "connections", "/connections/{connection}"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/connections", Right: auth.RightRead, ID: "listConnections", Tag: tag, Export: true, Summary: "The SCIM connections by name"}, listed(d.ListConnections)),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showConnection", Tag: tag, Summary: "One connection"}, d.ShowConnection),
		On(Route{Method: http.MethodGet, Pattern: one + "/requests", Right: auth.RightRead, ID: "listRequests", Tag: tag, Export: true,
			Summary: "A connection's requests, the newest first, and why some were refused"}, d.ListRequests),
		On(Route{Method: http.MethodGet, Pattern: "/tokens", Right: auth.RightRead, ID: "listTokens", Tag: tag, Export: true,
			Summary: "The company's tokens of this API, the newest first", Notes: "No token makes or ends tokens: what could would outlive its own end."}, listed(d.ListTokens)),
	}
}

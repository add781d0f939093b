package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
)

// Colleague is somebody with rights beyond their own account.
type Colleague struct {
	ID          string `json:"id"`
	UserName    string `json:"user_name"`
	DisplayName string `json:"display_name,omitempty"`
	Email       string `json:"email,omitempty"`
	State       string `json:"state"`
	Admin       bool   `json:"admin"`
	Auditor     bool   `json:"auditor"`
	Approver    bool   `json:"approver"`
}

// Domain is a mail domain that the company says is its own.
type Domain struct {
	Domain     string     `json:"domain"`
	Proven     bool       `json:"proven"`
	Record     string     `json:"record" doc:"Name of the TXT record that proves it"`
	Value      string     `json:"value" doc:"What the record has to hold"`
	CreatedAt  time.Time  `json:"created_at"`
	CheckedAt  *time.Time `json:"checked_at,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
}

// Teams is who may do what in the company, and which domains are its own.
type Teams interface {
	ListTeam(ctx context.Context, who *Who, in Paging) (Page[Colleague], error)
	ListDomains(ctx context.Context, who *Who, in Paging) (Page[Domain], error)
}

func teamRoutes(d Teams) []Route {
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/team", Right: auth.RightRead, ID: "listTeam", Tag: "company", Export: true,
			Summary: "Those who have rights, by user name"}, listed(d.ListTeam)),
		On(Route{Method: http.MethodGet, Pattern: "/domains", Right: auth.RightRead, ID: "listDomains", Tag: "company", Export: true,
			Summary: "The company's mail domains, and how each is proven"}, listed(d.ListDomains)),
	}
}

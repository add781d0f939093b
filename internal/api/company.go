package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Company is the company that a token belongs to.
type Company struct {
	Company string `json:"company" doc:"Short name, as in addresses"`
	Name    string `json:"name"`
	Locale  string `json:"locale,omitempty"`
	People  int64  `json:"people" doc:"How many living people it has"`
	Groups  int64  `json:"groups" doc:"How many living groups it has"`
}

// Identity is who a token is.
type Identity struct {
	Actor     string     `json:"actor" doc:"How changes and the audit name it"`
	Company   string     `json:"company"`
	Token     string     `json:"token" doc:"How the token begins"`
	Name      string     `json:"name,omitempty" doc:"What it is for"`
	Scopes    []string   `json:"scopes"`
	Rights    []string   `json:"rights" doc:"What the scopes allow"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Reason is an entry of the catalogue.
type Reason struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Action  string `json:"action" doc:"What mends it"`
	Who     string `json:"who" doc:"Who acts"`
}

// Department is part of a company's inner structure.
type Department struct {
	Name      string    `json:"name"`
	People    int64     `json:"people"`
	CreatedAt time.Time `json:"created_at"`
}

// Contract is a service contract, which ties end users to the company.
type Contract struct {
	Number    string     `json:"number"`
	Title     string     `json:"title,omitempty"`
	People    int64      `json:"people"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

// ReasonInput names a reason.
type ReasonInput struct {
	Code string `in:"path" name:"code"`
}

// Companies is what is asked about the company as a whole.
type Companies interface {
	WhoAmI(ctx context.Context, who *Who, in None) (Identity, error)
	ShowCompany(ctx context.Context, who *Who, in None) (Company, error)
	ListDepartments(ctx context.Context, who *Who, in Paging) (Page[Department], error)
	ListContracts(ctx context.Context, who *Who, in Paging) (Page[Contract], error)
}

func companyRoutes(d Companies) []Route {
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/whoami", ID: "whoAmI", Tag: "company", Summary: "Who the token is, and what it may"}, d.WhoAmI),
		On(Route{Method: http.MethodGet, Pattern: "/reasons", ID: "listReasons", Tag: "company", Summary: "The catalogue of reasons: what each code means and what to do"}, listReasons),
		On(Route{Method: http.MethodGet, Pattern: "/reasons/{code}", ID: "showReason", Tag: "company", Summary: "One reason of the catalogue"}, showReason),
		On(Route{Method: http.MethodGet, Pattern: "/company", Right: auth.RightRead, ID: "showCompany", Tag: "company", Summary: "The token's company"}, d.ShowCompany),
		On(Route{Method: http.MethodGet, Pattern: "/departments", Right: auth.RightRead, ID: "listDepartments", Tag: "company", Export: true,
			Summary: "The departments by name"}, listed(d.ListDepartments)),
		On(Route{Method: http.MethodGet, Pattern: "/contracts", Right: auth.RightRead, ID: "listContracts", Tag: "company", Export: true,
			Summary: "The service contracts by number"}, listed(d.ListContracts)),
	}
}

// OnlyPaging is the input of a list without filters.
type OnlyPaging struct{ Paging }

// listed takes a list that is asked with nothing but its page.
func listed[T any](fn func(context.Context, *Who, Paging) (Page[T], error)) func(context.Context, *Who, OnlyPaging) (Page[T], error) {
	return func(ctx context.Context, who *Who, in OnlyPaging) (Page[T], error) { return fn(ctx, who, in.Paging) }
}

func listReasons(context.Context, *Who, None) (Page[Reason], error) {
	var p Page[Reason]
	for _, r := range registry.Reasons() {
		p.Items = append(p.Items, toReason(r))
	}
	return p, nil
}

func showReason(_ context.Context, _ *Who, in ReasonInput) (Reason, error) {
	r, ok := registry.ReasonOf(in.Code)
	if !ok {
		return Reason{}, refuse(registry.CodeNotFound, "there is no such code")
	}
	return toReason(r), nil
}

func toReason(r registry.Reason) Reason {
	return Reason{Code: string(r.Code), Meaning: r.Meaning, Action: r.Action, Who: string(r.Who)}
}

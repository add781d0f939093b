package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Change is one row of history: one record in one transaction.
type Change struct {
	ID      string              `json:"id"`
	At      time.Time           `json:"at"`
	Actor   string              `json:"actor"`
	Origin  *Origin             `json:"origin,omitempty" doc:"The door it came through"`
	Run     int64               `json:"run,omitempty" doc:"Number of the run it belongs to"`
	Kind    string              `json:"kind" doc:"user, group or resource"`
	Record  string              `json:"record,omitempty" doc:"The person's or group's id"`
	Name    string              `json:"name,omitempty"`
	Action  string              `json:"action"`
	Reason  string              `json:"reason,omitempty" doc:"A code of the catalogue"`
	Version int64               `json:"version,omitempty" doc:"The record's, after it"`
	Before  map[string][]string `json:"before,omitempty"`
	After   map[string][]string `json:"after,omitempty"`
	Added   int                 `json:"members_added,omitempty"`
	Removed int                 `json:"members_removed,omitempty"`
}

// Deed is something that somebody did or tried, beside the changes.
type Deed struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Actor     string            `json:"actor"`
	Action    string            `json:"action"`
	Outcome   string            `json:"outcome,omitempty" doc:"The code of the refusal; missing where it was done"`
	Subject   string            `json:"subject,omitempty"`
	Address   string            `json:"address,omitempty" doc:"Where it came from"`
	RequestID string            `json:"request_id,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// ListChangesInput filters changes.
type ListChangesInput struct {
	Paging
	Person string    `in:"query" name:"person" doc:"The id of a person"`
	Group  string    `in:"query" name:"group" doc:"The id of a group"`
	Run    string    `in:"query" name:"run" doc:"The id or number of a run"`
	Action string    `in:"query" name:"action"`
	Actor  string    `in:"query" name:"actor"`
	Since  time.Time `in:"query" name:"since" doc:"From this moment on"`
	Until  time.Time `in:"query" name:"until" doc:"Before this moment"`
}

// ListDeedsInput filters the audit.
type ListDeedsInput struct {
	Paging
	Action string    `in:"query" name:"action" doc:"token.create; one that ends in a dot is a beginning"`
	Actor  string    `in:"query" name:"actor"`
	Since  time.Time `in:"query" name:"since" doc:"From this moment on"`
	Until  time.Time `in:"query" name:"until" doc:"Before this moment"`
}

// History is what was changed and done.
type History interface {
	ListChanges(ctx context.Context, who *Who, in ListChangesInput) (Page[Change], error)
	ListDeeds(ctx context.Context, who *Who, in ListDeedsInput) (Page[Deed], error)
}

func historyRoutes(d History) []Route {
	const tag = "history"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/changes", Right: auth.RightRead, ID: "listChanges", Tag: tag, Export: true, Codes: []registry.Code{registry.CodeNotFound},
			Summary: "The changes to people, groups and memberships, the newest first"}, d.ListChanges),
		On(Route{Method: http.MethodGet, Pattern: "/audit", Right: auth.RightRead, ID: "listDeeds", Tag: tag, Export: true,
			Summary: "What else was done or tried, the newest first"}, d.ListDeeds),
	}
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
)

// Applicant is somebody who registered with the company.
type Applicant struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind" enum:"end_user,support_staff"`
	State     string            `json:"state" enum:"received,mailed,awaiting,done,refused"`
	Code      string            `json:"code,omitempty" doc:"Why it was refused"`
	Typed     map[string]string `json:"typed,omitempty" doc:"What was filled in, by field; emptied when it is over"`
	Resolved  map[string]string `json:"resolved,omitempty" doc:"What was made of it: contract, department, group, and what to look at twice"`
	CreatedAt time.Time         `json:"created_at"`
	DecidedAt *time.Time        `json:"decided_at,omitempty"`
	DecidedBy string            `json:"decided_by,omitempty"`
	Note      string            `json:"note,omitempty"`
}

// ApplicantInput names an applicant.
type ApplicantInput struct {
	Applicant string `in:"path" name:"applicant" doc:"The applicant's id"`
}

// ListApplicantsInput filters applicants.
type ListApplicantsInput struct {
	Paging
	State string `in:"query" name:"state" enum:"received,mailed,awaiting,done,refused"`
}

// RefuseApplicantInput keeps somebody out.
type RefuseApplicantInput struct {
	ApplicantInput
	Body struct {
		Note string `json:"note,omitempty" doc:"Why, for those who look it up; the applicant is not told"`
	} `in:"body"`
}

// Applicants are those who registered with the company.
type Applicants interface {
	ListApplicants(ctx context.Context, who *Who, in ListApplicantsInput) (Page[Applicant], error)
	ShowApplicant(ctx context.Context, who *Who, in ApplicantInput) (Applicant, error)
	ActivateApplicant(ctx context.Context, who *Who, in ApplicantInput) (Applicant, error)
	RefuseApplicant(ctx context.Context, who *Who, in RefuseApplicantInput) (Applicant, error)
}

func applicantRoutes(d Applicants) []Route {
	const tag, one = "applicants", "/applicants/{applicant}"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/applicants", Right: auth.RightRead, ID: "listApplicants", Tag: tag, Export: true, Summary: "Those who registered, the newest first"}, d.ListApplicants),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showApplicant", Tag: tag, Summary: "One who registered: what they typed and what was found"}, d.ShowApplicant),
		On(Route{Method: http.MethodPost, Pattern: one + "/activate", Right: auth.RightOperate, ID: "activateApplicant", Tag: tag, Deed: "applicant.activate",
			Summary: "Let an applicant in; the set-up link is mailed now", Notes: "Only who is awaiting can be let in; anybody else is not found."}, d.ActivateApplicant),
		On(Route{Method: http.MethodPost, Pattern: one + "/refuse", Right: auth.RightOperate, ID: "refuseApplicant", Tag: tag, Deed: "applicant.refuse",
			Summary: "Keep an applicant out, who is told so without a reason", Notes: "Only who is awaiting can be refused; anybody else is not found."}, d.RefuseApplicant),
	}
}

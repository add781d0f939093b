package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// HeldOnPerson is everything that is held on a person. Beside what is here it has a
// member for each table that holds something of theirs, a list of its records.
type HeldOnPerson struct {
	ExportedAt time.Time       `json:"exported_at"`
	Person     json.RawMessage `json:"person" doc:"What is known of the person, and from whom. Every other member is a list of records, by table"`
}

// EraseInput empties whatever is personal of somebody.
type EraseInput struct {
	PersonInput
	IfMatch
	Body struct {
		UserName string `json:"user_name" doc:"The person's userName: there is no undoing it, so it is asked for whom"`
	} `in:"body"`
}

// Privacy is what people may ask of whoever holds something on them.
type Privacy interface {
	// ExportPerson writes a HeldOnPerson.
	ExportPerson(ctx context.Context, who *Who, in PersonInput, to io.Writer) error
	ErasePerson(ctx context.Context, who *Who, in EraseInput) (Person, error)
	LiftErasure(ctx context.Context, who *Who, in PersonInput) (Person, error)
}

func privacyRoutes(d Privacy) []Route {
	const tag, one = "privacy", "/people/{person}"
	return []Route{
		Written[PersonInput, HeldOnPerson](Route{Method: http.MethodGet, Pattern: one + "/export", Right: auth.RightPrivacy, ID: "exportPerson", Tag: tag, Deed: "person.export",
			Summary: "Everything that is held on a person, as one document",
			Notes:   "Passwords and secrets of second factors are not in it: they are no information on the person."}, d.ExportPerson),
		On(Route{Method: http.MethodPost, Pattern: one + "/erase", Right: auth.RightPrivacy, ID: "erasePerson", Tag: tag, Deed: "person.erase",
			Summary: "Empty everything personal of a person, for good",
			Notes: "What stays is an id without a name, so that history adds up, and keyed hashes: a directory or connection that brings the person again is refused " +
				"until that is lifted. Whose place the person took is erased with them.",
			Codes: []registry.Code{registry.CodeProtectedAdmin, registry.CodeProtected}}, d.ErasePerson),
		On(Route{Method: http.MethodPost, Pattern: one + "/lift", Right: auth.RightPrivacy, ID: "liftErasure", Tag: tag, Deed: "person.lift_erasure",
			Summary: "Let somebody who was erased be created anew, as somebody new", Codes: []registry.Code{registry.CodeNotFound}}, d.LiftErasure),
	}
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Merge is one person having taken another's place.
type Merge struct {
	ID         string     `json:"id"`
	Survivor   string     `json:"survivor" doc:"The userName of the person who stayed"`
	SurvivorID string     `json:"survivor_id"`
	Loser      string     `json:"loser" doc:"The userName of the person who was merged into them"`
	LoserID    string     `json:"loser_id"`
	By         string     `json:"by"`
	Reason     string     `json:"reason,omitempty" doc:"Why the two were taken for one"`
	At         time.Time  `json:"at"`
	UndoUntil  *time.Time `json:"undo_until,omitempty" doc:"Until when it can be undone; missing where it cannot"`
	UndoneAt   *time.Time `json:"undone_at,omitempty"`
	UndoneBy   string     `json:"undone_by,omitempty"`
	Stayed     []string   `json:"stayed,omitempty" doc:"What of the merge stays with the survivor though it was undone, because somebody changed it since: attributes, owner, or sign_in for an id that somebody signs in with again"`
}

// MergePreview is what a merge would do.
type MergePreview struct {
	Survivor     string        `json:"survivor"`
	Loser        string        `json:"loser"`
	Code         string        `json:"code,omitempty" doc:"Why they cannot be merged; missing when they can"`
	Refused      string        `json:"refused,omitempty" doc:"The same in words"`
	Owner        *Origin       `json:"owner,omitempty" doc:"Who owns the person afterwards"`
	Values       []MergedValue `json:"values,omitempty" doc:"All that the person would have"`
	Ties         []MovedTie    `json:"ties,omitempty" doc:"The objects that move with the loser"`
	SignIns      []MovedTie    `json:"sign_ins,omitempty" doc:"What the loser signed in with elsewhere, which ends"`
	Groups       []string      `json:"groups,omitempty" doc:"The groups that the loser was in"`
	Names        []string      `json:"names,omitempty" doc:"The userNames that nobody else gets"`
	Sessions     int           `json:"sessions_end"`
	Mails        int           `json:"mails_cancelled"`
	PasswordEnds bool          `json:"survivor_password_ends"`
	UndoUntil    *time.Time    `json:"undo_until,omitempty"`
}

// MergedValue is one value of somebody merged.
type MergedValue struct {
	Attribute string   `json:"attribute"`
	Values    []string `json:"values" doc:"Afterwards"`
	Survivor  []string `json:"survivor,omitempty" doc:"The survivor's now"`
	Loser     []string `json:"loser,omitempty" doc:"The loser's now"`
}

// MovedTie is an object at an origin.
type MovedTie struct {
	Origin *Origin `json:"origin,omitempty"`
	Anchor string  `json:"anchor" doc:"The object's immutable id there"`
}

// PreviewMergeInput names two people.
type PreviewMergeInput struct {
	PersonInput
	With string `in:"query" name:"with" doc:"The id of the person who would be merged into the other"`
}

// MergeInput has one person take another's place.
type MergeInput struct {
	PersonInput
	IfMatch
	Body struct {
		With   string `json:"with" doc:"The id of the person who is merged into the other"`
		Reason string `json:"reason,omitempty" doc:"Why the two are one, for the record"`
	} `in:"body"`
}

// MergeIDInput names a merge.
type MergeIDInput struct {
	Merge string `in:"path" name:"merge" doc:"The merge's id"`
}

// ListMergesInput filters merges.
type ListMergesInput struct {
	Paging
	Person string `in:"query" name:"person" doc:"The id of one of the two"`
}

// Merges are people who are one.
type Merges interface {
	// PreviewMerge tells what stands against it in the answer, not as an error.
	PreviewMerge(ctx context.Context, who *Who, in PreviewMergeInput) (MergePreview, error)
	MergePeople(ctx context.Context, who *Who, in MergeInput) (Merge, error)
	ListMerges(ctx context.Context, who *Who, in ListMergesInput) (Page[Merge], error)
	UndoMerge(ctx context.Context, who *Who, in MergeIDInput) (Merge, error)
}

func mergeRoutes(d Merges) []Route {
	const tag = "merges"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/people/{person}/merge", Right: auth.RightOperate, ID: "previewMerge", Tag: tag,
			Codes:   []registry.Code{registry.CodeInvalidValue},
			Summary: "What merging another person into this one would do", Notes: "What stands against it is in the answer."}, d.PreviewMerge),
		On(Route{Method: http.MethodPost, Pattern: "/people/{person}/merge", Right: auth.RightOperate, ID: "mergePeople", Tag: tag, Deed: "person.merge", Told: true,
			Summary: "Have a person take another's place: both are the same human being",
			Notes: "Ties to directories, memberships and proven addresses move, and values fill what the person lacks. The other's password, second factors and " +
				"sign-ins end for good, and their userName is kept from everybody else. For thirty days it can be undone.",
			Codes: []registry.Code{
				registry.CodeProtectedAdmin, registry.CodeProtected, registry.CodeTwoDirectories, registry.CodeMergeDirection, registry.CodeKindsDiffer, registry.CodeInvalidValue,
			}}, d.MergePeople),
		On(Route{Method: http.MethodGet, Pattern: "/merges", Right: auth.RightRead, ID: "listMerges", Tag: tag, Export: true, Codes: []registry.Code{registry.CodeNotFound},
			Summary: "Who was merged into whom, the newest first"}, d.ListMerges),
		On(Route{Method: http.MethodPost, Pattern: "/merges/{merge}/undo", Right: auth.RightOperate, ID: "undoMerge", Tag: tag, Deed: "person.unmerge", Told: true,
			Summary: "Separate two merged people again",
			Notes: "Passwords and second factors that the merge ended stay so. What somebody changed since is the loser's where their directory said it, and else " +
				"stays with the survivor: `stayed` names that.",
			Codes: []registry.Code{registry.CodeMergeOver, registry.CodeMergeChanged, registry.CodeProtectedAdmin, registry.CodeUserNameTaken}}, d.UndoMerge),
	}
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
)

// Group is a named set of people and groups.
type Group struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role,omitempty" doc:"support for a support group"`
	Default   bool      `json:"default,omitempty" doc:"The company's default support group"`
	From      *Origin   `json:"from,omitempty" doc:"The origin that owns it"`
	Members   int64     `json:"members" doc:"How many people and groups are in it, each once"`
	Version   int64     `json:"version" doc:"Moves with every change; the ETag"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (g Group) version() int64 { return g.Version }

// Member is a person or a group in a group, with who says so.
type Member struct {
	Kind  string     `json:"kind" enum:"user,group"`
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	From  []Origin   `json:"from" doc:"The origins that say so; it is a member while one does"`
	Since *time.Time `json:"since,omitempty"`
}

// GroupInput names a group.
type GroupInput struct {
	Group string `in:"path" name:"group" doc:"The group's id"`
}

// ListGroupsInput filters groups.
type ListGroupsInput struct {
	Paging
	Role string `in:"query" name:"role" enum:"support" doc:"support for the support groups"`
}

// ListMembersInput asks for a group's members.
type ListMembersInput struct {
	GroupInput
	Paging
}

// AddMemberInput pins a person to a group.
type AddMemberInput struct {
	GroupInput
	IfMatch
	Body struct {
		Person string `json:"person" doc:"The person's id"`
	} `in:"body"`
}

// RemoveMemberInput takes that back.
type RemoveMemberInput struct {
	GroupInput
	PersonInput
	IfMatch
}

// CreateGroupInput makes a group.
type CreateGroupInput struct {
	Body struct {
		Name    string `json:"name" doc:"A name that no group of the company has"`
		Role    string `json:"role,omitempty" enum:"support" doc:"support for a support group"`
		Default bool   `json:"default,omitempty" doc:"The support group that people join who named none; the former loses that"`
	} `in:"body"`
}

// Groups are the company's groups.
type Groups interface {
	ListGroups(ctx context.Context, who *Who, in ListGroupsInput) (Page[Group], error)
	CreateGroup(ctx context.Context, who *Who, in CreateGroupInput) (Group, error)
	ShowGroup(ctx context.Context, who *Who, in GroupInput) (Group, error)
	ListMembers(ctx context.Context, who *Who, in ListMembersInput) (Page[Member], error)
	AddMember(ctx context.Context, who *Who, in AddMemberInput) (Group, error)
	RemoveMember(ctx context.Context, who *Who, in RemoveMemberInput) (Group, error)
}

func groupRoutes(d Groups) []Route {
	const tag, one = "groups", "/groups/{group}"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/groups", Right: auth.RightRead, ID: "listGroups", Tag: tag, Export: true, Summary: "The groups by name"}, d.ListGroups),
		On(Route{Method: http.MethodPost, Pattern: "/groups", Right: auth.RightOperate, ID: "createGroup", Tag: tag, Deed: "group.create", Status: http.StatusCreated,
			Summary: "Make a group that no directory keeps"}, d.CreateGroup),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showGroup", Tag: tag, Summary: "One group"}, d.ShowGroup),
		On(Route{Method: http.MethodGet, Pattern: one + "/members", Right: auth.RightRead, ID: "listMembers", Tag: tag, Export: true, Summary: "A group's members, with who says so"}, d.ListMembers),
		On(Route{Method: http.MethodPost, Pattern: one + "/members", Right: auth.RightOperate, ID: "addMember", Tag: tag, Deed: "group.add",
			Summary: "Put a person into a group; no directory takes that back"}, d.AddMember),
		On(Route{Method: http.MethodDelete, Pattern: one + "/members/{person}", Right: auth.RightOperate, ID: "removeMember", Tag: tag, Deed: "group.remove",
			Summary: "Take back that a program put a person into a group", Notes: "What directories and admins say of the group stays."}, d.RemoveMember),
	}
}

package graphfake

import (
	"slices"
	"time"
)

// Group is a group of the tenant (api-reference/v1.0/resources/group.md). Its
// members are changed by AddMember and RemoveMember.
type Group struct {
	// ID is the object id; CreateGroup makes one when it is empty.
	ID string

	DisplayName, Description, Mail, MailNickname string
	SecurityEnabled, MailEnabled                 bool
	// GroupTypes holds Unified for a Microsoft 365 group, which alone goes to
	// the deleted items and can be restored.
	GroupTypes []string
	// Visibility is Public, Private, HiddenMembership or empty.
	Visibility      string
	ProxyAddresses  []string
	CreatedDateTime time.Time

	// OnPremisesSyncEnabled is as in User.
	OnPremisesSyncEnabled        *bool
	OnPremisesSamAccountName     string
	OnPremisesSecurityIdentifier string

	deleted time.Time
}

func (g Group) clone() *Group {
	g.GroupTypes = slices.Clone(g.GroupTypes)
	g.ProxyAddresses = slices.Clone(g.ProxyAddresses)
	return &g
}

// hidden reports whether reading the members needs Member.Read.Hidden
// (api/group-list-transitivemembers.md).
func (g *Group) hidden() bool { return g.Visibility == "HiddenMembership" }

// groupProps are the properties of a group that the simulator knows; all of
// them come without $select.
var groupProps = properties("group",
	text("id", true, func(g *Group) string { return g.ID }),
	moment("createdDateTime", true, func(g *Group) time.Time { return g.CreatedDateTime }),
	moment("deletedDateTime", true, func(g *Group) time.Time { return g.deleted }),
	text("description", true, func(g *Group) string { return g.Description }),
	text("displayName", true, func(g *Group) string { return g.DisplayName }),
	list("groupTypes", true, func(g *Group) []string { return g.GroupTypes }),
	text("mail", true, func(g *Group) string { return g.Mail }),
	truth("mailEnabled", true, func(g *Group) *bool { return &g.MailEnabled }),
	text("mailNickname", true, func(g *Group) string { return g.MailNickname }),
	text("onPremisesSamAccountName", true, func(g *Group) string { return g.OnPremisesSamAccountName }),
	text("onPremisesSecurityIdentifier", true, func(g *Group) string { return g.OnPremisesSecurityIdentifier }),
	truth("onPremisesSyncEnabled", true, func(g *Group) *bool { return g.OnPremisesSyncEnabled }),
	list("proxyAddresses", true, func(g *Group) []string { return g.ProxyAddresses }),
	truth("securityEnabled", true, func(g *Group) *bool { return &g.SecurityEnabled }),
	text("visibility", true, func(g *Group) string { return g.Visibility }),
)

package graphfake

import (
	"errors"
	"net/http"
	"strings"
)

// The application permissions, from least to most privileged
// (permissions-reference.md and the tables of the pages under api/).
var (
	readUsers        = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readGroups       = []string{"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	readOrganization = []string{"Organization.Read.All", "Directory.Read.All", "Organization.ReadWrite.All", "Directory.ReadWrite.All"}
	restoreUsers     = []string{"User.DeleteRestore.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}
)

const readHidden = "Member.Read.Hidden"

// user finds the user of the path, by id or user principal name.
func (c *call) user() (int, bool) {
	id := c.r.PathValue("id")
	if strings.Contains(id, "@") {
		return c.s.tenant.userByName(id)
	}
	return c.s.tenant.slot(kindUser, id)
}

// there finds the user of the path, if it is not deleted.
func (c *call) there() (int, *User, *Reply) {
	if slot, ok := c.user(); ok {
		if u, s := c.s.tenant.users.at(slot, c.version); s == present {
			return slot, u, nil
		}
	}
	return 0, nil, failed(notFound(c.r.PathValue("id")))
}

// manager answers GET /users/{id}/manager (api/user-list-manager.md).
func (c *call) manager() *Reply {
	_, u, missing := c.there()
	if missing != nil {
		return missing
	}
	slot, ok := c.s.tenant.slot(kindUser, u.Manager)
	if !ok {
		return failed(notFound("manager"))
	}
	if bad := knownSomewhere(c.query.sel); bad != nil {
		return failed(bad)
	}
	context := append(key([]byte{'{'}, "@odata.context"), marshal(c.context("directoryObjects")+"/$entity")...)
	return &Reply{Body: append(append(context, ','), c.object(ref{kindUser, slot}, c.query.sel)[1:]...)}
}

// memberOf answers GET /users/{id}/memberOf and transitiveMemberOf.
func (c *call) memberOf(path string, deep bool) *Reply {
	slot, u, missing := c.there()
	if missing != nil {
		return missing
	}
	return c.objects("users/"+u.ID+"/"+path, c.groupsAbove(ref{kindUser, slot}, deep))
}

// members answers the lists of a group's members.
func (c *call) members(path string, of func(*Group, int) []ref) *Reply {
	id := c.r.PathValue("id")
	slot, ok := c.s.tenant.slot(kindGroup, id)
	g, s := c.s.tenant.groups.at(slot, c.version)
	if !ok || s != present {
		return failed(notFound(id))
	}
	path = "groups/" + g.ID + "/" + path
	if cast := c.r.PathValue("cast"); cast != "" {
		path += "/" + cast
	}
	return c.objects(path, of(g, slot))
}

// restore answers POST /directory/deletedItems/{id}/restore
// (api/directory-deleteditems-restore.md).
func (c *call) restore() *Reply {
	id, t := c.r.PathValue("id"), c.s.tenant
	err := t.RestoreUser(id)
	if errors.Is(err, ErrNotFound) {
		err = t.RestoreGroup(id)
	}
	switch {
	case errors.Is(err, ErrConflict):
		return failed(badRequest("Request_BadRequest", "Another object with the same value for property userPrincipalName already exists."))
	case err != nil:
		return failed(notFound(id))
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	c.version = t.version
	r, err := t.find(id)
	if err != nil {
		return failed(notFound(id))
	}
	context := append(key([]byte{'{'}, "@odata.context"), marshal(c.context("directoryObjects")+"/$entity")...)
	return &Reply{Body: append(append(context, ','), c.object(r, nil)[1:]...)}
}

// organization answers GET /organization (api/organization-list.md).
func (c *call) organization() *Reply {
	p := c.s.tenant.pop
	domain := map[string]any{"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true, "isInitial": false, "name": p.Domain, "type": "Managed"}
	item := marshal(map[string]any{
		"id": p.TenantID, "displayName": p.Name, "tenantType": "AAD", "verifiedDomains": []any{domain},
		"onPremisesSyncEnabled": p.Synced > 0, "createdDateTime": epoch().Format("2006-01-02T15:04:05Z"),
	})
	return &Reply{Status: http.StatusOK, Page: &Page{Context: c.context("organization"), Items: [][]byte{item}, Count: -1}}
}

package onboard

import (
	"strconv"

	"github.com/usherd/usher/internal/registry"
)

// Enrolment is what makes the contact of an application the account that was
// applied for, each a batch of its own.
func Enrolment(a *registry.Application) []registry.Op {
	ops := []registry.Op{registry.Enrol{
		User: a.User, Attributes: a.Attributes(), Kind: a.Kind,
		Department: a.Resolved[registry.FactDepartment], Contract: a.Resolved[registry.FactContract],
	}}
	if id, err := strconv.ParseInt(a.Resolved[registry.FactGroupID], 10, 64); err == nil {
		ops = append(ops, registry.PatchMembers{Group: registry.GroupID(id), AddUsers: []registry.UserID{a.User}})
	}
	return ops
}

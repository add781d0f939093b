package ldap

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/source"
)

// kind is what usher knows of one make of server.
type kind struct {
	name string
	// is judges a root DSE.
	is func(root *ldap.Entry) bool
	// anchor is the immutable id's attribute, marker the change marker's.
	anchor, marker string
	// disabled is the attribute that says an account is disabled, "" for none,
	// and isDisabled judges a value of it.
	disabled   string
	isDisabled func(value string) bool
	// users and groups are the usual filters.
	users, groups string
	// ad is true where Active Directory's ways apply: markers count per
	// server, large groups come in ranges, tombstones exist.
	ad bool
}

const (
	adUsers  = "(&(objectCategory=person)(objectClass=user))"
	adGroups = "(objectClass=group)"
	// posixGroup groups name their members by uid, the others by DN.
	otherUsers  = "(objectClass=inetOrgPerson)"
	otherGroups = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
)

// kinds lists the makes of servers, the first that fits wins; the last fits all.
var kinds = []kind{
	{
		name: "Samba AD", ad: true, anchor: "objectGUID", marker: "uSNChanged",
		is: func(r *ldap.Entry) bool {
			return isAD(r) && strings.HasPrefix(r.GetEqualFoldAttributeValue("vendorName"), "Samba")
		},
		disabled: "userAccountControl", isDisabled: accountDisabled, users: adUsers, groups: adGroups,
	},
	{
		name: "Active Directory", ad: true, anchor: "objectGUID", marker: "uSNChanged",
		is: isAD, disabled: "userAccountControl", isDisabled: accountDisabled, users: adUsers, groups: adGroups,
	},
	{
		name: "OpenLDAP", anchor: "entryUUID", marker: "entryCSN",
		is: func(r *ldap.Entry) bool {
			return slices.Contains(r.GetEqualFoldAttributeValues("objectClass"), "OpenLDAProotDSE")
		},
		// slapo-ppolicy(5): this one value locks for good and only an admin
		// lifts it; any other is a lockout that passes, which is not leaving.
		disabled: "pwdAccountLockedTime", isDisabled: func(v string) bool { return v == "000001010000Z" },
		users: otherUsers, groups: otherGroups,
	},
	{
		name: "389 Directory Server", anchor: "nsUniqueId", marker: "modifyTimestamp",
		is: func(r *ldap.Entry) bool {
			return strings.HasPrefix(r.GetEqualFoldAttributeValue("vendorVersion"), "389-Directory")
		},
		disabled: "nsAccountLock", isDisabled: func(v string) bool { return strings.EqualFold(v, "true") },
		users: otherUsers, groups: otherGroups,
	},
	{
		name: "another LDAP server", anchor: "entryUUID", marker: "modifyTimestamp",
		is: func(*ldap.Entry) bool { return true }, users: otherUsers, groups: otherGroups,
	},
}

// isAD looks for the capability every Active Directory domain controller
// announces (MS-ADTS 3.1.1.3.4.3, LDAP_CAP_ACTIVE_DIRECTORY_OID).
func isAD(root *ldap.Entry) bool {
	return slices.Contains(root.GetEqualFoldAttributeValues("supportedCapabilities"), "1.2.840.113556.1.4.800")
}

// accountDisabled looks at bit ADS_UF_ACCOUNTDISABLE of userAccountControl.
func accountDisabled(v string) bool {
	flags, err := strconv.ParseInt(v, 10, 64)
	return err == nil && flags&0x2 != 0
}

// server is what a session found out about its server.
type server struct {
	kind
	version  string
	contexts []string // naming contexts
	paging   bool
	// scope distinguishes the markers of servers that count separately.
	scope string
}

// recognise reads the root DSE (RFC 4512 section 5.1). override replaces the
// kind's anchor.
func (s *session) recognise(ctx context.Context, override string) error {
	root, err := s.readEntry(ctx, "recognise "+s.at.shown, "", []string{"*", "+"})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.is(root) })
	s.server = server{
		kind:     kinds[i],
		version:  root.GetEqualFoldAttributeValue("vendorVersion"),
		contexts: root.GetEqualFoldAttributeValues("namingContexts"),
		paging:   slices.Contains(root.GetEqualFoldAttributeValues("supportedControl"), ldap.ControlTypePaging),
	}
	if override != "" {
		s.server.anchor = override
	}
	if s.server.ad {
		s.server.scope = s.replicaID(ctx, root)
	}
	return nil
}

// replicaID names the database whose update numbers uSNChanged counts: the
// controller's invocationId, which a restore from backup changes, or at least
// the controller. It is hashed because it rides on every marker.
func (s *session) replicaID(ctx context.Context, root *ldap.Entry) string {
	id := root.GetEqualFoldAttributeValue("dsServiceName")
	if e, err := s.readEntry(ctx, "read the controller's id", id, []string{"invocationId"}); err == nil {
		if v := e.GetEqualFoldRawAttributeValue("invocationId"); len(v) > 0 {
			id = string(v)
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return fmt.Sprintf("@%08x", h.Sum32())
}

// readEntry reads one entry by name through go-ldap.
func (s *session) readEntry(ctx context.Context, doing, dn string, attrs []string) (*ldap.Entry, error) {
	var res *ldap.SearchResult
	err := s.do(ctx, doing, func() (err error) {
		res, err = s.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
			0, 0, false, "(objectClass=*)", attrs, nil))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(res.Entries) != 1 {
		return nil, fmt.Errorf("%s: %w: %d entries where one belongs", doing, source.ErrProtocol, len(res.Entries))
	}
	return res.Entries[0], nil
}

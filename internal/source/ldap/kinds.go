package ldap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
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
	// ad is true where Active Directory's ways apply: large groups come in ranges,
	// people name their primary group, accounts expire, tombstones exist.
	ad bool
	// usn is true where the marker is a number that each replica counts for
	// itself; clocked where it is a time in whole seconds, within which more than
	// one change may fall.
	usn, clocked bool
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
		name: "Samba AD", ad: true, usn: true, anchor: "objectGUID", marker: "uSNChanged",
		is:       func(r *ldap.Entry) bool { return isAD(r) && vendor(r, "Samba") },
		disabled: "userAccountControl", isDisabled: accountDisabled, users: adUsers, groups: adGroups,
	},
	{
		name: "Active Directory", ad: true, usn: true, anchor: "objectGUID", marker: "uSNChanged",
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
		// Before 389 Directory Server, which it is built on.
		name: "FreeIPA", clocked: true, anchor: "ipaUniqueID", marker: "modifyTimestamp",
		is: func(r *ldap.Entry) bool {
			return vendor(r, "389") && (r.GetEqualFoldAttributeValue("ipatopologypluginversion") != "" ||
				slices.Contains(r.GetEqualFoldAttributeValues("namingContexts"), "o=ipaca"))
		},
		disabled: "nsAccountLock", isDisabled: isTrue, users: otherUsers, groups: "(objectClass=ipaUserGroup)",
	},
	{
		name: "389 Directory Server", clocked: true, anchor: "nsUniqueId", marker: "modifyTimestamp",
		is: func(r *ldap.Entry) bool { return vendor(r, "389") }, disabled: "nsAccountLock", isDisabled: isTrue,
		users: otherUsers, groups: otherGroups,
	},
	{
		name: "PingDirectory", clocked: true, anchor: "entryUUID", marker: "modifyTimestamp",
		is:       func(r *ldap.Entry) bool { return vendor(r, "Ping Identity", "UnboundID") },
		disabled: "ds-pwp-account-disabled", isDisabled: isTrue, users: otherUsers, groups: otherGroups,
	},
	{
		name: "OpenDJ", clocked: true, anchor: "entryUUID", marker: "modifyTimestamp",
		is:       func(r *ldap.Entry) bool { return vendor(r, "ForgeRock", "OpenDJ", "Open Identity", "Wren") },
		disabled: "ds-pwp-account-disabled", isDisabled: isTrue, users: otherUsers, groups: otherGroups,
	},
	{
		name: "eDirectory", clocked: true, anchor: "GUID", marker: "modifyTimestamp",
		is:       func(r *ldap.Entry) bool { return vendor(r, "Novell", "NetIQ", "Micro Focus", "LDAP Agent for") },
		disabled: "loginDisabled", isDisabled: isTrue, users: otherUsers, groups: otherGroups,
	},
	{
		name: "another LDAP server", clocked: true, anchor: "entryUUID", marker: "modifyTimestamp",
		is: func(*ldap.Entry) bool { return true }, users: otherUsers, groups: otherGroups,
	},
}

// vendor reports whether the server's own word for its maker or its make starts
// with one of the names (RFC 3045).
func vendor(root *ldap.Entry, names ...string) bool {
	for _, attr := range []string{"vendorName", "vendorVersion"} {
		said := root.GetEqualFoldAttributeValue(attr)
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(said, n) }) {
			return true
		}
	}
	return false
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

func isTrue(v string) bool { return strings.EqualFold(v, "true") }

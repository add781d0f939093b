package graphfake

import (
	"maps"
	"slices"
	"time"
)

// User is a user of the tenant, by the property names of the user resource type
// (api-reference/v1.0/resources/user.md). An empty value is a property that is
// not set.
type User struct {
	// ID is the object id; CreateUser makes one when it is empty.
	ID string

	UserPrincipalName, DisplayName, GivenName, Surname string
	Mail, MailNickname                                 string
	ProxyAddresses, OtherMails                         []string
	MobilePhone, FaxNumber                             string
	BusinessPhones                                     []string
	JobTitle, Department, CompanyName                  string
	EmployeeID, EmployeeType                           string
	OfficeLocation, StreetAddress, PostalCode          string
	City, State, Country                               string
	PreferredLanguage, UsageLocation                   string
	// UserType is Member or Guest.
	UserType        string
	AccountEnabled  bool
	CreatedDateTime time.Time

	// OnPremisesSyncEnabled is nil for a user who never came from a directory
	// on the premises, false for one who did and no longer does.
	OnPremisesSyncEnabled        *bool
	OnPremisesImmutableID        string
	OnPremisesDistinguishedName  string
	OnPremisesSamAccountName     string
	OnPremisesUserPrincipalName  string
	OnPremisesDomainName         string
	OnPremisesSecurityIdentifier string
	// OnPremisesExtensionAttributes are extensionAttribute1 to 15.
	OnPremisesExtensionAttributes [15]string

	AssignedLicenses []License
	// Extensions are directory extensions by their whole name,
	// extension_<application id without dashes>_<name>.
	Extensions map[string]any
	// Manager is the object id of the manager. SetManager changes it.
	Manager string

	deleted time.Time
}

// License is an assigned licence (resources/assignedlicense.md).
type License struct {
	SkuID         string   `json:"skuId"`
	DisabledPlans []string `json:"disabledPlans"`
}

// clone copies a user so far that changing the copy leaves the original as it
// was, which a version of the past may still show.
func (u User) clone() *User {
	u.ProxyAddresses = slices.Clone(u.ProxyAddresses)
	u.OtherMails = slices.Clone(u.OtherMails)
	u.BusinessPhones = slices.Clone(u.BusinessPhones)
	u.AssignedLicenses = slices.Clone(u.AssignedLicenses)
	u.Extensions = maps.Clone(u.Extensions)
	return &u
}

// userProps are the properties of a user that the simulator knows. Without
// $select a request gets the usual ones (api/user-list.md).
var userProps = properties("user",
	text("id", true, func(u *User) string { return u.ID }),
	list("businessPhones", true, func(u *User) []string { return u.BusinessPhones }),
	text("displayName", true, func(u *User) string { return u.DisplayName }),
	text("givenName", true, func(u *User) string { return u.GivenName }),
	text("jobTitle", true, func(u *User) string { return u.JobTitle }),
	text("mail", true, func(u *User) string { return u.Mail }),
	text("mobilePhone", true, func(u *User) string { return u.MobilePhone }),
	text("officeLocation", true, func(u *User) string { return u.OfficeLocation }),
	text("preferredLanguage", true, func(u *User) string { return u.PreferredLanguage }),
	text("surname", true, func(u *User) string { return u.Surname }),
	text("userPrincipalName", true, func(u *User) string { return u.UserPrincipalName }),
	truth("accountEnabled", false, func(u *User) *bool { return &u.AccountEnabled }),
	other("assignedLicenses", false, func(u *User) any { return licenses(u.AssignedLicenses) }),
	text("city", false, func(u *User) string { return u.City }),
	text("companyName", false, func(u *User) string { return u.CompanyName }),
	text("country", false, func(u *User) string { return u.Country }),
	moment("createdDateTime", false, func(u *User) time.Time { return u.CreatedDateTime }),
	moment("deletedDateTime", false, func(u *User) time.Time { return u.deleted }),
	text("department", false, func(u *User) string { return u.Department }),
	text("employeeId", false, func(u *User) string { return u.EmployeeID }),
	text("employeeType", false, func(u *User) string { return u.EmployeeType }),
	text("faxNumber", false, func(u *User) string { return u.FaxNumber }),
	text("mailNickname", false, func(u *User) string { return u.MailNickname }),
	text("onPremisesDistinguishedName", false, func(u *User) string { return u.OnPremisesDistinguishedName }),
	text("onPremisesDomainName", false, func(u *User) string { return u.OnPremisesDomainName }),
	other("onPremisesExtensionAttributes", false, func(u *User) any { return extensionAttributes(u.OnPremisesExtensionAttributes) }),
	text("onPremisesImmutableId", false, func(u *User) string { return u.OnPremisesImmutableID }),
	text("onPremisesSamAccountName", false, func(u *User) string { return u.OnPremisesSamAccountName }),
	text("onPremisesSecurityIdentifier", false, func(u *User) string { return u.OnPremisesSecurityIdentifier }),
	truth("onPremisesSyncEnabled", false, func(u *User) *bool { return u.OnPremisesSyncEnabled }),
	text("onPremisesUserPrincipalName", false, func(u *User) string { return u.OnPremisesUserPrincipalName }),
	list("otherMails", false, func(u *User) []string { return u.OtherMails }),
	text("postalCode", false, func(u *User) string { return u.PostalCode }),
	list("proxyAddresses", false, func(u *User) []string { return u.ProxyAddresses }),
	text("state", false, func(u *User) string { return u.State }),
	text("streetAddress", false, func(u *User) string { return u.StreetAddress }),
	text("usageLocation", false, func(u *User) string { return u.UsageLocation }),
	text("userType", false, func(u *User) string { return u.UserType }),
)

// elsewhere are properties of a user that Microsoft keeps outside the
// directory: asking for them in a collection is not implemented there
// (concepts/delta-query-overview.md, api/user-list.md).
var elsewhere = map[string]bool{
	"aboutme": true, "birthday": true, "hiredate": true, "interests": true, "mysite": true, "pastprojects": true,
	"preferredname": true, "responsibilities": true, "schools": true, "skills": true, "mailboxsettings": true,
}

// extensionProp is the property of a directory extension.
func extensionProp(name string) prop[User] {
	return other(name, false, func(u *User) any { return u.Extensions[name] })
}

func licenses(from []License) []License {
	all := make([]License, 0, len(from))
	for _, l := range from {
		if l.DisabledPlans == nil {
			l.DisabledPlans = []string{}
		}
		all = append(all, l)
	}
	return all
}

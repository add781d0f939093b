package demo

// The names of the sample directory.
const (
	BaseDN     = "dc=acme,dc=example"
	PeopleDN   = "ou=people," + BaseDN
	GroupsDN   = "ou=groups," + BaseDN
	systemDN   = "ou=system," + BaseDN
	mailDomain = "acme.example"
	// BindDN and BindPassword are the account that reads the directory. The
	// password guards made-up data on this machine and is no secret.
	BindDN       = "cn=usher,ou=system," + BaseDN
	BindPassword = "sample-directory"
	// nobodyDN is the member that stands for "none", because a groupOfNames
	// must have one (RFC 4519 section 3.5).
	nobodyDN = "cn=nobody,ou=system," + BaseDN
)

// Settings are how the sample directory is configured as a source.
type Settings struct {
	BindDN, BindPassword      string
	UsersBase, UsersFilter    string
	GroupsBase, GroupsFilter  string
	CompanyKey, CompanyName   string
	CompanyLocale, SourceName string
	// Attributes map a user's attributes to expressions over an entry.
	Attributes map[string]string
}

// SampleSettings returns the settings that fit the sample directory.
func SampleSettings() Settings {
	return Settings{
		BindDN: BindDN, BindPassword: BindPassword,
		UsersBase: PeopleDN, UsersFilter: "(objectClass=inetOrgPerson)",
		GroupsBase: GroupsDN, GroupsFilter: "(objectClass=groupOfNames)",
		CompanyKey: "acme", CompanyName: "Acme", CompanyLocale: "it", SourceName: "demo",
		Attributes: map[string]string{
			"userName": "uid", "emails": "mail", "givenName": "givenName", "familyName": "sn",
			"displayName": "cn", "title": "title", "phone": "telephoneNumber", "locale": "preferredLanguage",
			"employeeNumber": "employeeNumber", "department": "ou", "costCenter": "departmentNumber",
			"manager": "manager",
		},
	}
}

package scim

import (
	"cmp"

	"github.com/usherd/usher/scim/attr"
)

// The schemas of RFC 7643 that the service speaks.
const (
	UserURN           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// define makes a definition with the defaults of RFC 7643 section 2.2: one
// value, readWrite, returned by default, not unique, case-blind.
func define(name string, t attr.Type, description string, change ...func(*attr.Definition)) attr.Definition {
	d := attr.Definition{
		Name: name, Type: t, Description: description,
		Mutability: attr.ReadWrite, Returned: attr.Default, Uniqueness: attr.None,
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

// Complete fills what the definitions of a schema leave open with the defaults
// of RFC 7643 section 2.2: a string, readWrite, returned by default, not unique.
// An attribute with sub-attributes is complex. A schema from a configuration goes
// through it before it becomes part of a ResourceType.
func Complete(s attr.Schema) attr.Schema {
	s.Attributes = completed(s.Attributes)
	return s
}

func completed(list []attr.Definition) []attr.Definition {
	out := make([]attr.Definition, len(list))
	for i, d := range list {
		d.Sub = completed(d.Sub)
		kind := attr.String
		if len(d.Sub) > 0 {
			kind = attr.Complex
		}
		d.Type = cmp.Or(d.Type, kind)
		d.Mutability = cmp.Or(d.Mutability, attr.ReadWrite)
		d.Returned = cmp.Or(d.Returned, attr.Default)
		d.Uniqueness = cmp.Or(d.Uniqueness, attr.None)
		out[i] = d
	}
	return out
}

func required(d *attr.Definition)  { d.Required = true }
func readOnly(d *attr.Definition)  { d.Mutability = attr.ReadOnly }
func immutable(d *attr.Definition) { d.Mutability = attr.Immutable }
func exact(d *attr.Definition)     { d.CaseExact = true }
func unique(d *attr.Definition)    { d.Uniqueness = attr.Server }

// secret marks what is accepted and never shown.
func secret(d *attr.Definition) { d.Mutability, d.Returned = attr.WriteOnly, attr.Never }

func values(v ...string) func(*attr.Definition) {
	return func(d *attr.Definition) { d.CanonicalValues = v }
}

func refers(to ...string) func(*attr.Definition) {
	return func(d *attr.Definition) { d.ReferenceTypes, d.CaseExact = to, true }
}

func with(sub ...attr.Definition) func(*attr.Definition) {
	return func(d *attr.Definition) { d.Sub = sub }
}

// plural defines a multi-valued complex attribute of RFC 7643 section 2.4, with
// the sub-attributes value, display, type and primary.
func plural(name string, value attr.Type, description string, types []string) attr.Definition {
	val := define("value", value, "The value itself.")
	if value == attr.Reference {
		refers("external")(&val)
	}
	d := define(name, attr.Complex, description, with(
		val,
		define("display", attr.String, "A name for people to read."),
		define("type", attr.String, "What the value is for.", values(types...)),
		define("primary", attr.Boolean, "Whether this is the preferred value; at most one is."),
	))
	d.MultiValued = true
	return d
}

// UserSchema is the User of RFC 7643 section 4.1, every attribute of it.
func UserSchema() attr.Schema {
	return attr.Schema{ID: UserURN, Name: "User", Description: "User Account", Attributes: []attr.Definition{
		define("userName", attr.String, "The name a person signs in with; case-blind, kept as written.", required, unique),
		define("name", attr.Complex, "The parts of the person's name.", with(
			define("formatted", attr.String, "The whole name, for display."),
			define("familyName", attr.String, "The family name."),
			define("givenName", attr.String, "The given name."),
			define("middleName", attr.String, "The middle names."),
			define("honorificPrefix", attr.String, "Titles before the name."),
			define("honorificSuffix", attr.String, "Suffixes after the name."),
		)),
		define("displayName", attr.String, "The name shown to others."),
		define("nickName", attr.String, "What the person is casually called."),
		define("profileUrl", attr.Reference, "The person's page.", refers("external")),
		define("title", attr.String, "The person's title, as Vice President."),
		define("userType", attr.String, "The relation to the organisation, as Employee."),
		define("preferredLanguage", attr.String, "Preferred languages, as in Accept-Language."),
		define("locale", attr.String, "Where the person is, for dates and numbers."),
		define("timezone", attr.String, "The person's time zone, by its IANA name."),
		define("active", attr.Boolean, "Whether the identity provider lets the person work."),
		define("password", attr.String, "Accepted, never shown.", secret, exact),
		plural("emails", attr.String, "Mail addresses.", []string{"work", "home", "other"}),
		plural("phoneNumbers", attr.String, "Telephone numbers.", []string{"work", "home", "mobile", "fax", "pager", "other"}),
		plural("ims", attr.String, "Instant messaging addresses.", []string{"aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"}),
		plural("photos", attr.Reference, "Pictures of the person.", []string{"photo", "thumbnail"}),
		addresses(),
		userGroups(),
		plural("entitlements", attr.String, "What the person has.", nil),
		plural("roles", attr.String, "What the person is.", nil),
		plural("x509Certificates", attr.Binary, "Certificates of the person.", nil),
	}}
}

// addresses are the postal addresses of RFC 7643 section 4.1.2.
func addresses() attr.Definition {
	d := define("addresses", attr.Complex, "Postal addresses.", with(
		define("formatted", attr.String, "The whole address, for a label."),
		define("streetAddress", attr.String, "Street, house number, box."),
		define("locality", attr.String, "The city."),
		define("region", attr.String, "The state or region."),
		define("postalCode", attr.String, "The postal code."),
		define("country", attr.String, "The country, by its ISO 3166-1 alpha-2 code."),
		define("type", attr.String, "What the address is for.", values("work", "home", "other")),
		define("primary", attr.Boolean, "Whether this is the preferred address; at most one is."),
	))
	d.MultiValued = true
	return d
}

// userGroups are the groups a user is in: the group says so, not the user.
func userGroups() attr.Definition {
	d := define("groups", attr.Complex, "The groups the person is in; change them at the group.", readOnly, with(
		define("value", attr.String, "The group's id.", readOnly, exact),
		define("$ref", attr.Reference, "The group's address.", readOnly, refers("Group")),
		define("display", attr.String, "The group's name.", readOnly),
		define("type", attr.String, "Whether by itself or through another group.", readOnly, values("direct", "indirect")),
	))
	d.MultiValued = true
	return d
}

// GroupSchema is the Group of RFC 7643 section 4.2. displayName is required, as
// the errata and every identity provider have it.
func GroupSchema() attr.Schema {
	members := define("members", attr.Complex, "The users and groups in the group.", with(
		define("value", attr.String, "The member's id.", immutable, exact, required),
		define("$ref", attr.Reference, "The member's address.", immutable, refers("User", "Group")),
		define("type", attr.String, "What the member is.", immutable, values("User", "Group")),
		define("display", attr.String, "The member's name.", readOnly),
	))
	members.MultiValued = true
	return attr.Schema{ID: GroupURN, Name: "Group", Description: "Group", Attributes: []attr.Definition{
		define("displayName", attr.String, "The group's name.", required),
		members,
	}}
}

// EnterpriseUserSchema is the extension of RFC 7643 section 4.3.
func EnterpriseUserSchema() attr.Schema {
	return attr.Schema{ID: EnterpriseUserURN, Name: "EnterpriseUser", Description: "Enterprise User", Attributes: []attr.Definition{
		define("employeeNumber", attr.String, "The number the organisation gave the person."),
		define("costCenter", attr.String, "The cost centre."),
		define("organization", attr.String, "The organisation."),
		define("division", attr.String, "The division."),
		define("department", attr.String, "The department."),
		define("manager", attr.Complex, "The person's manager.", with(
			define("value", attr.String, "The manager's id.", exact),
			define("$ref", attr.Reference, "The manager's address.", refers("User")),
			define("displayName", attr.String, "The manager's name.", readOnly),
		)),
	}}
}

// Package attrtest gives tests of the pure SCIM packages schemas to work on: a
// user and a group much like those of RFC 7643, with one attribute of each type
// and mutability besides. It is not what usher serves.
package attrtest

import "github.com/usherd/usher/scim/attr"

// The URIs of the schemas.
const (
	UserURI       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURI      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURI = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// User is a user with the enterprise extension.
func User() *attr.Set {
	return attr.NewSet(
		attr.Schema{ID: UserURI, Name: "User", Attributes: userAttributes()},
		attr.Schema{ID: EnterpriseURI, Name: "EnterpriseUser", Attributes: []attr.Definition{
			one("employeeNumber", attr.String),
			one("department", attr.String),
			complexOne("manager", one("value", attr.String), one("$ref", attr.Reference),
				with(one("displayName", attr.String), readOnly)),
		}},
	)
}

// Group is a group with members.
func Group() *attr.Set {
	return attr.NewSet(attr.Schema{ID: GroupURI, Name: "Group", Attributes: []attr.Definition{
		with(one("displayName", attr.String), required),
		many(complexOne("members",
			with(one("value", attr.String), caseExact, immutable),
			with(one("$ref", attr.Reference), immutable),
			with(one("type", attr.String), immutable),
			one("display", attr.String))),
	}})
}

func userAttributes() []attr.Definition {
	plural := func(name string) attr.Definition {
		return many(complexOne(name, one("value", attr.String), one("display", attr.String),
			one("type", attr.String), one("primary", attr.Boolean)))
	}
	groups := plural("groups")
	groups.Mutability = attr.ReadOnly
	return []attr.Definition{
		with(one("userName", attr.String), required),
		complexOne("name", one("formatted", attr.String), one("familyName", attr.String), one("givenName", attr.String)),
		one("displayName", attr.String), one("nickName", attr.String), one("title", attr.String),
		one("userType", attr.String), one("active", attr.Boolean),
		with(one("password", attr.String), func(d *attr.Definition) { d.Mutability = attr.WriteOnly }),
		one("profileUrl", attr.Reference),
		plural("emails"), plural("phoneNumbers"), plural("roles"), groups,
		many(complexOne("addresses", one("streetAddress", attr.String), one("locality", attr.String),
			one("type", attr.String), one("primary", attr.Boolean))),
		many(complexOne("x509Certificates", one("value", attr.Binary), one("type", attr.String))),
		many(one("tags", attr.String)), many(one("scores", attr.Integer)),
		complexOne("shelf", one("room", attr.String), many(one("books", attr.String)), many(one("slots", attr.Integer))),
		many(complexOne("keys", one("value", attr.String), many(one("doors", attr.String)))),
		one("age", attr.Integer), one("balance", attr.Decimal), one("hired", attr.DateTime),
		one("photo", attr.Binary), with(one("badge", attr.String), immutable),
	}
}

func one(name string, t attr.Type) attr.Definition {
	return attr.Definition{
		Name: name, Type: t, CaseExact: t == attr.Reference || t == attr.Binary,
		Mutability: attr.ReadWrite, Returned: attr.Default, Uniqueness: attr.None,
	}
}

func complexOne(name string, sub ...attr.Definition) attr.Definition {
	d := one(name, attr.Complex)
	d.Sub = sub
	return d
}

func many(d attr.Definition) attr.Definition {
	d.MultiValued = true
	return d
}

func with(d attr.Definition, changes ...func(*attr.Definition)) attr.Definition {
	for _, change := range changes {
		change(&d)
	}
	return d
}

func required(d *attr.Definition)  { d.Required = true }
func caseExact(d *attr.Definition) { d.CaseExact = true }
func readOnly(d *attr.Definition)  { d.Mutability = attr.ReadOnly }
func immutable(d *attr.Definition) { d.Mutability = attr.Immutable }

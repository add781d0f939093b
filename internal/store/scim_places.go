package store

import (
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
)

// The schemas of RFC 7643 whose attributes have places of their own.
const (
	scimUserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimGroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	scimEnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// scimKind is a kind of resource as a table.
type scimKind struct {
	table, alias string
	urn, name    string
	endpoint     string
	link         string // the column of links; "" for resources, which belong to their owner
	places       map[string]func(*scimCompiler) place
}

// place is where a single value, or the elements of several, are kept.
type place struct {
	// value is NULL where there is no value. Beside a document it holds only for
	// records without one, unless own is true.
	value fragment
	own   bool
	// key is the value in comparison form, where that is kept.
	key fragment
	// array is the JSON of the elements, for records without a document.
	array fragment
	// elements are kept as rows.
	elements *elements
	// find is a condition that an index answers: the value, or one element's
	// value, is v, or at least may be.
	find func(v string) fragment
	// spelt, where it is set, is how value has what a client may have read.
	spelt func(v string) string
}

// elements are the values of a multi-valued attribute as a table named alias,
// with a column key that gives their order.
type elements struct {
	from  fragment
	alias string
	// having, where it is set, is from with no more than the elements of one
	// value: a group has a million members, of which one is asked for.
	having func(v string) fragment
	// sub is where a sub-attribute lies; nil for JSON.
	sub func(name string) place
}

// scimUsers is the table from attributes to SQL. What is not here lies in the
// document under its own name.
var scimUsers = &scimKind{
	table: `users`, alias: "u", urn: scimUserURN, name: "User", endpoint: "/Users", link: "user_id",
	places: map[string]func(*scimCompiler) place{
		"userName": func(c *scimCompiler) place {
			return place{own: true, value: raw("u.user_name"), key: raw("u.user_name_key"), find: func(v string) fragment {
				return splice("(u.company_id = ? AND u.deleted_at = 0 AND u.user_name_key = ?)", c.company, registry.Key(v))
			}}
		},
		"active": func(*scimCompiler) place { return place{own: true, value: raw("u.enabled")} },
		"groups": (*scimCompiler).groupsOfUser,
		"emails": (*scimCompiler).emails,

		"displayName":       column("display_name"),
		"name.givenName":    column("given_name"),
		"name.familyName":   column("family_name"),
		"name.middleName":   attribute(registry.AttrMiddleName),
		"nickName":          attribute(registry.AttrNickName),
		"title":             attribute(registry.AttrTitle),
		"userType":          attribute(registry.AttrUserType),
		"preferredLanguage": column("locale"),
		"locale":            column("locale"),
		"timezone":          attribute(registry.AttrTimezone),
		"phoneNumbers":      (*scimCompiler).phoneNumbers,

		scimEnterpriseURN + ":employeeNumber":      column("employee_number"),
		scimEnterpriseURN + ":costCenter":          attribute(registry.AttrCostCenter),
		scimEnterpriseURN + ":organization":        attribute(registry.AttrOrganization),
		scimEnterpriseURN + ":division":            attribute(registry.AttrDivision),
		scimEnterpriseURN + ":department":          attribute(registry.AttrDepartment),
		scimEnterpriseURN + ":manager.value":       managerPlace,
		scimEnterpriseURN + ":manager.displayName": func(c *scimCompiler) place { return place{own: true, value: c.managerName()} },
	},
}

// scimGroups is the same for groups, whose document holds extensions alone.
var scimGroups = &scimKind{
	table: `"groups"`, alias: "g", urn: scimGroupURN, name: "Group", endpoint: "/Groups", link: "group_id",
	places: map[string]func(*scimCompiler) place{
		"displayName": func(c *scimCompiler) place {
			return place{own: true, value: raw("g.display_name"), key: raw("g.name_key"), find: func(v string) fragment {
				return splice("(g.company_id = ? AND g.name_key = ?)", c.company, registry.Key(v))
			}}
		},
		"members": (*scimCompiler).membersOfGroup,
	},
}

// commonPlace is where the attributes lie that every resource has. It is no
// table, because schemas asks for other attributes again.
func (c *scimCompiler) commonPlace(name string) place {
	own := func(f fragment) place { return place{own: true, value: f} }
	switch name {
	case "id":
		return place{own: true, value: c.column("public_id"), find: func(v string) fragment {
			return splice(c.kind.alias+".public_id = ?", v)
		}}
	case "externalId":
		return c.externalID()
	case "schemas":
		return c.schemas()
	case "meta.resourceType":
		return own(splice("CAST(? AS text)", c.kind.name))
	case "meta.created":
		return own(c.shownTime("created_at"))
	case "meta.lastModified":
		return own(c.shownTime("updated_at"))
	case "meta.location":
		return own(c.location(c.kind.endpoint, c.column("public_id")))
	case "meta.version":
		return place{own: true, value: splice(`('W/"' || CAST(? AS text) || '"')`, c.column("version")), spelt: withoutView}
	}
	return place{}
}

// withoutView is a version as rows have it: a client read what it saw of others with
// it (scim.Meta), which is held against nothing.
func withoutView(v string) string {
	if before, view, _ := strings.Cut(v, "-"); strings.HasPrefix(before, `W/"`) && strings.HasSuffix(view, `"`) {
		return before + `"`
	}
	return v
}

// column is a text of users where a person has no document.
func column(name string) func(*scimCompiler) place {
	return func(*scimCompiler) place { return place{value: raw("NULLIF(u." + name + ", '')")} }
}

// attribute is column for what shares the column attributes.
func attribute(name string) func(*scimCompiler) place {
	return func(c *scimCompiler) place { return place{value: splice("NULLIF(?, '')", c.attribute(name))} }
}

// managerPlace is whom a directory names as manager; else what was entered as
// such.
func managerPlace(c *scimCompiler) place {
	return place{value: splice("COALESCE(?, NULLIF(?, ''))", c.manager(), c.attribute(registry.AttrManager))}
}

// managerName is the name of a person's manager, if the connection may see them; null
// for nobody. See Tenant.nameManagers.
func (c *scimCompiler) managerName() fragment {
	of := func(which fragment) fragment {
		return splice(`(SELECT `+displayOfUser+` FROM users x WHERE +x.company_id = ? AND ? AND x.deleted_at = 0 AND ?)`, c.company, which, c.visible("user_id", "x"))
	}
	pushed := c.value(raw("u.document"), attr.String, scimEnterpriseURN, "manager", "value")
	return splice(`CASE WHEN u.document IS NOT NULL THEN ? WHEN u.manager_id IS NOT NULL THEN ? END`,
		of(splice("x.public_id = ?", pushed)), of(raw("x.id = u.manager_id")))
}

// column is a column of the resource.
func (c *scimCompiler) column(name string) fragment { return raw(c.kind.alias + "." + name) }

// shownTime is a time as clients see it, in whole milliseconds: what they read
// must equal itself.
func (c *scimCompiler) shownTime(name string) fragment {
	return splice("(? / 1000 * 1000)", c.column(name))
}

func (c *scimCompiler) location(endpoint string, id fragment) fragment {
	return splice("(CAST(? AS text) || ?)", c.view.Base+endpoint+"/", id)
}

// visible is the condition that the connection may see a record.
//
// link is the column of links that names it.
func (c *scimCompiler) visible(link, alias string, and ...fragment) fragment {
	switch {
	case c.view.Visible == registry.VisibleCompany:
		return raw("TRUE")
	case link == "":
		return splice(alias+".owner_id = ?", int64(c.view.Origin))
	}
	cond := splice("v.company_id = "+alias+".company_id AND v."+link+" = "+alias+".id AND "+c.plus()+"v.origin_id = ? AND v.missing_since = 0", int64(c.view.Origin))
	for _, f := range and {
		cond = splice("? AND ?", cond, f)
	}
	return splice("EXISTS (SELECT 1 FROM links v WHERE ?)", cond)
}

// plus keeps SQLite, which knows no sizes, from going through all that an origin
// has.
func (c *scimCompiler) plus() string {
	if c.postgres {
		return ""
	}
	return "+"
}

// externalID is the anchor of the connection's link.
func (c *scimCompiler) externalID() place {
	k := c.kind
	if k.link == "" {
		return c.externalIDOfResource()
	}
	return place{
		own: true,
		value: splice("(SELECT min(l.anchor) FROM links l WHERE l.company_id = "+k.alias+".company_id AND l."+k.link+" = "+k.alias+".id"+
			" AND l.origin_id = ? AND l.missing_since = 0 AND substr(l.anchor, 1, 1) <> '"+registry.NoExternalID+"')", int64(c.view.Origin)),
		find: func(v string) fragment {
			if strings.HasPrefix(v, registry.NoExternalID) {
				return raw("FALSE")
			}
			return c.in(k.alias+".id", splice("SELECT l."+k.link+" FROM links l WHERE +l.company_id = ? AND l.origin_id = ? AND l.anchor = ? AND l.missing_since = 0 AND l."+k.link+" IS NOT NULL",
				c.company, int64(c.view.Origin), v))
		},
	}
}

// emails are looked up in their table and read from the document; the table has
// every address of every document.
func (c *scimCompiler) emails() place {
	array := raw(`(SELECT json_group_array(json_object('value', m.address, 'primary', m.position = 0, 'type', CASE WHEN m.position = 0 THEN 'work' END))
		FROM emails m WHERE +m.company_id = u.company_id AND m.user_id = u.id)`)
	if c.postgres {
		array = raw(`(SELECT jsonb_agg(jsonb_build_object('value', m.address, 'primary', m.position = 0, 'type', CASE WHEN m.position = 0 THEN 'work' END) ORDER BY m.position)
		FROM emails m WHERE m.company_id = u.company_id AND m.user_id = u.id)`)
	}
	return place{array: array, find: func(v string) fragment {
		return c.in("u.id", splice("SELECT m.user_id FROM emails m WHERE m.company_id = ? AND m.address_key = ?", c.company, registry.Key(v)))
	}}
}

// phoneNumbers are the two that the registry has words for.
func (c *scimCompiler) phoneNumbers() place {
	work, mobile := c.attribute(registry.AttrPhone), c.attribute(registry.AttrMobile)
	list := `json_array(json(CASE WHEN ? <> '' THEN json_object('type', 'work', 'value', ?) END), json(CASE WHEN ? <> '' THEN json_object('type', 'mobile', 'value', ?) END))`
	if c.postgres {
		list = `jsonb_build_array(CASE WHEN ? <> '' THEN jsonb_build_object('type', 'work', 'value', ?) END,
			CASE WHEN ? <> '' THEN jsonb_build_object('type', 'mobile', 'value', ?) END)`
	}
	return place{array: splice(list, work, work, mobile, mobile)}
}

// groupsOfUser are the groups a person is directly in.
func (c *scimCompiler) groupsOfUser() place {
	from := func(only fragment) fragment {
		return splice(`(SELECT x.public_id AS value, x.display_name AS display, x.name_key AS display_key, x.id AS key
			FROM memberships m JOIN "groups" x ON +x.company_id = m.company_id AND x.id = m.group_id
			WHERE +m.company_id = ? AND m.user_id = u.id AND x.deleted_at = 0 AND ? AND ?) AS e`, c.company, only, c.visible("group_id", "x"))
	}
	fields := map[string]place{
		"value": {value: raw("e.value")}, "display": {value: raw("e.display"), key: raw("e.display_key")}, "type": {value: raw("'direct'")},
		"$ref": {value: c.location("/Groups", raw("e.value"))},
	}
	return place{
		own: true, elements: rowElements(from, fields),
		find: func(v string) fragment {
			return c.in("u.id", splice(`SELECT m.user_id FROM memberships m JOIN "groups" x ON x.company_id = m.company_id AND x.id = m.group_id
				WHERE +m.company_id = ? AND x.public_id = ? AND m.user_id IS NOT NULL`, c.company, v))
		},
	}
}

// rowElements are elements kept as rows of a table x. from takes a condition on
// them.
func rowElements(from func(only fragment) fragment, fields map[string]place) *elements {
	return &elements{
		alias: "e", from: from(raw("TRUE")),
		having: func(v string) fragment { return from(splice("x.public_id = ?", v)) },
		sub:    func(name string) place { return fields[name] },
	}
}

// displayOfUser is registry.User.DisplayName.
const displayOfUser = `COALESCE(NULLIF(x.display_name, ''), NULLIF(trim(x.given_name || ' ' || x.family_name), ''), x.user_name)`

// membersOfGroup are the users and groups directly in a group.
func (c *scimCompiler) membersOfGroup() place {
	from := func(only fragment) fragment {
		return splice(`(SELECT x.public_id AS value, `+displayOfUser+` AS display, 'User' AS type, '/Users/' AS endpoint, x.id AS key
				FROM memberships m JOIN users x ON +x.company_id = m.company_id AND x.id = m.user_id
				WHERE +m.company_id = ? AND m.group_id = g.id AND m.user_id IS NOT NULL AND x.deleted_at = 0 AND ? AND ?
			UNION ALL SELECT x.public_id, x.display_name, 'Group', '/Groups/', x.id
				FROM memberships m JOIN "groups" x ON +x.company_id = m.company_id AND x.id = m.member_group_id
				WHERE +m.company_id = ? AND m.group_id = g.id AND m.member_group_id IS NOT NULL AND x.deleted_at = 0 AND ? AND ?) AS e`,
			c.company, only, c.visible("user_id", "x"), c.company, only, c.visible("group_id", "x"))
	}
	fields := map[string]place{
		"value": {value: raw("e.value")}, "display": {value: raw("e.display")}, "type": {value: raw("e.type")},
		"$ref": {value: splice("(CAST(? AS text) || e.endpoint || e.value)", c.view.Base)},
	}
	return place{
		own: true, elements: rowElements(from, fields),
		find: func(v string) fragment {
			return c.in("g.id", splice(`SELECT m.group_id FROM memberships m JOIN users x ON x.company_id = m.company_id AND x.id = m.user_id
					WHERE +m.company_id = ? AND x.public_id = ?
				UNION ALL SELECT m.group_id FROM memberships m JOIN "groups" x ON x.company_id = m.company_id AND x.id = m.member_group_id
					WHERE +m.company_id = ? AND x.public_id = ?`, c.company, v, c.company, v))
		},
	}
}

// schemas are the core schema and the extensions of which there is something.
func (c *scimCompiler) schemas() place {
	from := splice("SELECT CAST(? AS text) AS value, 0 AS key", c.kind.urn)
	for i, x := range c.set.Extensions() {
		from = splice("? UNION ALL SELECT CAST(? AS text), CAST(? AS bigint) WHERE ?", from, x.ID, i+1, c.hasExtension(&x))
	}
	return place{own: true, elements: &elements{
		alias: "e", from: splice("(?) AS e", from),
		sub: func(string) place { return place{value: raw("e.value")} },
	}}
}

// hasExtension is the condition that a resource has any attribute of an
// extension.
func (c *scimCompiler) hasExtension(x *attr.Schema) fragment {
	cond := raw("FALSE")
	for i := range x.Attributes {
		if d := &x.Attributes[i]; d.Returned != attr.Never {
			cond = splice("? OR ?", cond, c.presentIn(x.ID, d))
		}
	}
	return splice("(?)", cond)
}

package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// User is one person of one company.
type User struct{ ent.Schema }

// Mixin of User.
func (User) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}, mixin.Record{}}
}

// Fields of User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind"),
		field.String("association"),
		field.Bool("company_admin").Default(false),
		field.String("user_name"),
		field.String("user_name_key").Comment("NFKC and case-folded; what uniqueness means"),
		field.String("display_name").Default(""),
		field.String("given_name").Default(""),
		field.String("family_name").Default(""),
		field.String("locale").Default(""),
		field.String("employee_number").Optional().Nillable(),
		field.JSON("attributes", map[string][]string{}).Optional().Comment("attributes without a column of their own"),
		field.JSON("document", json.RawMessage{}).Optional().Comment("what a SCIM connection said of the person, as a resource without id, externalId, meta, userName, active, groups"),
		field.Bool("enabled").Comment("the owning origin's word; SCIM active"),
		field.Int("blocks").Default(0).Comment("bits: 1 awaiting activation, 2 admin block, 4 held by approval"),
		field.String("credential"),
		field.Int64("credential_version").Default(1),
		field.String("password_hash").Default("").Sensitive(),
		field.Int64("department_id").Optional().Nillable(),
		field.Int64("contract_id").Optional().Nillable(),
		field.Int64("manager_id").Optional().Nillable().Comment("the user a directory names as manager"),
		field.Bool("protected").Default(false).Comment("no origin may deactivate or delete; set and lifted by an admin"),
		field.Int("rights").Default(0).Comment("bits beside company_admin: 1 auditor, 2 approver"),
		field.Int64("deactivated_at").Default(0),
		field.Int64("seen_at").Default(0).Comment("when a contact last wrote or was asked about"),
		field.Int64("idle_warned_at").Default(0).Comment("when a contact was told that it will be anonymised"),
		field.Int64("erased_at").Default(0).Comment("when everything personal was emptied"),
		field.Int64("merged_into").Optional().Nillable().Comment("the user who took this one's place"),
	}
}

// Edges of User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("emails", Email.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of User. Names are unique among the living only: a deleted person's
// row is kept through the grace while the name is free again. The last index counts
// people by state and by owner without reading them; enabled comes first in it
// because no list asks for its equality, so that none is sorted for its sake.
// PostgreSQL sorts names by their bytes in the index, as SQLite does anyway: in a
// language's order it could not find those that begin alike.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "user_name_key").Unique().Annotations(entsql.IndexWhere("deleted_at = 0"), entsql.OpClassColumn("user_name_key", "text_pattern_ops")),
		index.Fields("company_id", "employee_number").Annotations(entsql.IndexWhere("employee_number IS NOT NULL")),
		index.Fields("company_id", "deleted_at").Annotations(entsql.IndexWhere("deleted_at <> 0")),
		index.Fields("company_id", "id").Annotations(entsql.IndexWhere("deleted_at = 0")),
		index.Fields("company_id", "seen_at").Annotations(entsql.IndexWhere("seen_at <> 0")),
		index.Fields("company_id", "rights").Annotations(entsql.IndexWhere("rights <> 0")),
		index.Fields("company_id", "enabled", "association", "blocks", "credential", "owner_id").StorageKey("user_counts").Annotations(entsql.IndexWhere("deleted_at = 0")),
	}
}

// Email is one address of a user. Addresses are not unique: two people may
// share a mailbox, and what is shared identifies nobody.
type Email struct{ ent.Schema }

// Mixin of Email.
func (Email) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Email.
func (Email) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("user_id").Immutable(),
		field.String("address"),
		field.String("address_key"),
		field.Int("position").Comment("0 is the primary address"),
		field.String("type").Default(""),
		field.Int64("verified_at").Default(0).Comment("when a directory or a followed link vouched for it"),
	}
}

// Edges of Email.
func (Email) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("emails").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes of Email.
func (Email) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id", "position").Unique(),
		index.Fields("company_id", "address_key"),
	}
}

// Group is a named set of users and groups; a support group is a group whose
// role is "support".
type Group struct{ ent.Schema }

// Mixin of Group.
func (Group) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}, mixin.Record{}}
}

// Fields of Group.
func (Group) Fields() []ent.Field {
	return []ent.Field{
		field.String("display_name"),
		field.String("name_key"),
		field.String("role").Default(""),
		field.Bool("is_default").Default(false),
		field.JSON("document", json.RawMessage{}).Optional().Comment("extension values a SCIM connection said of the group, by URN"),
		field.Int64("department_id").Optional().Nillable(),
	}
}

// Edges of Group.
func (Group) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("memberships", Membership.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of Group.
func (Group) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "name_key"),
		index.Fields("company_id", "role").Unique().Annotations(entsql.IndexWhere("is_default")),
	}
}

// Membership says that an origin asserts a user or a group to be a member of a
// group. It holds while any origin still asserts it.
type Membership struct{ ent.Schema }

// Mixin of Membership.
func (Membership) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Membership.
func (Membership) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("group_id").Immutable(),
		field.Int64("user_id").Optional().Nillable().Immutable().Comment("exactly one of user_id and member_group_id is set"),
		field.Int64("member_group_id").Optional().Nillable().Immutable(),
		field.Int64("origin_id").Immutable(),
		field.Int64("created_at").Immutable(),
	}
}

// Edges of Membership.
func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("group", Group.Type).Ref("memberships").Field("group_id").Unique().Required().Immutable(),
	}
}

// Indexes of Membership.
func (Membership) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("group_id", "user_id", "origin_id").Unique().Annotations(entsql.IndexWhere("user_id IS NOT NULL")),
		index.Fields("group_id", "member_group_id", "origin_id").Unique().Annotations(entsql.IndexWhere("member_group_id IS NOT NULL")),
		// With what tells a person's groups, as link_of_user.
		index.Fields("user_id", "company_id", "group_id").StorageKey("membership_of_user").Annotations(entsql.IndexWhere("user_id IS NOT NULL")),
		index.Fields("member_group_id").Annotations(entsql.IndexWhere("member_group_id IS NOT NULL")),
	}
}

// Resource is a SCIM resource of a type that the configuration declares: what
// the connection said, as a document.
type Resource struct{ ent.Schema }

// Mixin of Resource.
func (Resource) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}, mixin.Record{}}
}

// Fields of Resource.
func (Resource) Fields() []ent.Field {
	return []ent.Field{
		field.String("type").Immutable().Comment("name of the resource type"),
		field.String("external_id").Default(""),
		field.JSON("document", json.RawMessage{}).Comment("the resource without id, externalId and meta"),
	}
}

// Indexes of Resource.
func (Resource) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "type", "id").Annotations(entsql.IndexWhere("deleted_at = 0")),
		index.Fields("owner_id", "type", "external_id").Annotations(entsql.IndexWhere("deleted_at = 0")),
	}
}

// ResourceKey is a value of an attribute that is unique among the living
// resources of its type.
type ResourceKey struct{ ent.Schema }

// Mixin of ResourceKey.
func (ResourceKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of ResourceKey.
func (ResourceKey) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("resource_id").Immutable(),
		field.String("type").Immutable(),
		field.String("attribute").Immutable().Comment("the attribute's full name, in lower case"),
		field.String("value_key").Immutable().Comment("the value as uniqueness compares it"),
	}
}

// Indexes of ResourceKey.
func (ResourceKey) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "type", "attribute", "value_key").Unique(),
		index.Fields("resource_id"),
	}
}

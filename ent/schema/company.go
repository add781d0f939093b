package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// Company is a tenant.
type Company struct{ ent.Schema }

// Mixin of Company.
func (Company) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of Company.
func (Company) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Comment("short name in addresses and configuration"),
		field.String("name"),
		field.String("locale").Default(""),
		field.Bool("managed").Default(false).Comment("kept by the configuration file"),
		field.JSON("settings", map[string]string{}).Optional().Comment("what its admins chose"),
		field.Int64("verified_at").Default(0).Comment("when an operator or a DNS record vouched for a company that registered itself; the file's own are vouched for"),
		field.String("verified_by").Default(""),
		field.Int64("digest_due").Default(0).Comment("when the next digest is mailed to its admins; 0 for never"),
		field.Int64("created_at").Immutable(),
	}
}

// Indexes of Company.
func (Company) Indexes() []ent.Index { return []ent.Index{index.Fields("key").Unique()} }

// Department is part of a company's inner structure.
type Department struct{ ent.Schema }

// Mixin of Department.
func (Department) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Department.
func (Department) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.String("name_key"),
		field.Int64("created_at").Immutable(),
	}
}

// Indexes of Department.
func (Department) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id", "name_key").Unique()}
}

// Contract is a service contract: a number that ties end users to the company
// that serves them, so it means one company in the whole installation.
type Contract struct{ ent.Schema }

// Mixin of Contract.
func (Contract) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Contract.
func (Contract) Fields() []ent.Field {
	return []ent.Field{
		field.String("number"),
		field.String("number_key"),
		field.String("title").Default(""),
		field.Int64("created_at").Immutable(),
		field.Int64("ended_at").Default(0),
	}
}

// Indexes of Contract.
func (Contract) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("number_key").Unique(),
		index.Fields("company_id"),
	}
}

// Origin is a door: a SCIM connection, a directory source, registration,
// upload, admin, mail, Teams.
type Origin struct{ ent.Schema }

// Mixin of Origin.
func (Origin) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Origin.
func (Origin) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind"),
		field.String("key"),
		field.JSON("settings", map[string]any{}).Optional(),
		field.Int64("created_at").Immutable(),
		field.Int64("retired_at").Default(0),
	}
}

// Indexes of Origin.
func (Origin) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id", "kind", "key").Unique()}
}

// Link ties a user or a group to its object at an origin.
type Link struct{ ent.Schema }

// Mixin of Link.
func (Link) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Link.
func (Link) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.Int64("user_id").Optional().Nillable().Comment("exactly one of user_id and group_id is set"),
		field.Int64("group_id").Optional().Nillable(),
		field.String("anchor").Comment("immutable external id"),
		field.String("name").Default("").Comment("the object's name at the origin, for people"),
		field.JSON("asserted", map[string][]string{}).Optional().Comment("what the origin last said"),
		field.Bool("enabled").Default(true),
		field.Bytes("fingerprint").Optional(),
		field.String("marker").Default(""),
		field.Int64("seen_run").Default(0),
		field.Int64("missing_since").Default(0),
		field.Int64("recheck_at").Default(0),
		field.Int64("created_at").Immutable(),
		field.Int64("updated_at"),
	}
}

// Indexes of Link.
func (Link) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("origin_id", "anchor").Unique().StorageKey("link_user_anchor").Annotations(entsql.IndexWhere("user_id IS NOT NULL")),
		index.Fields("origin_id", "anchor").Unique().StorageKey("link_group_anchor").Annotations(entsql.IndexWhere("group_id IS NOT NULL")),
		// All that a SCIM request asks of a person's links: at a million people each
		// table that need not be opened is a page less to fetch.
		index.Fields("user_id", "company_id", "origin_id", "missing_since", "anchor").StorageKey("link_of_user").Annotations(entsql.IndexWhere("user_id IS NOT NULL")),
		index.Fields("group_id").Annotations(entsql.IndexWhere("group_id IS NOT NULL")), // else each person's link would be in it
	}
}

// Package mixin holds the fields that many tables share.
//
// Times are integers: microseconds since 1970-01-01 UTC, 0 for "never". They
// compare, sort and index alike on SQLite and PostgreSQL, which agree on little
// about their own date types.
package mixin

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"
)

// ID makes the key an int64, as every internal key is.
type ID struct{ mixin.Schema }

// Fields of ID.
func (ID) Fields() []ent.Field { return []ent.Field{field.Int64("id")} }

// Company puts a table inside the tenant fence: every row belongs to one
// company and every statement on it must bind that company.
type Company struct{ mixin.Schema }

// Fields of Company.
func (Company) Fields() []ent.Field {
	return []ent.Field{field.Int64("company_id").Immutable()}
}

// PublicID is the id the outside world sees: a UUIDv7, whose order keeps
// inserts at the end of its index.
type PublicID struct{ mixin.Schema }

// Fields of PublicID.
func (PublicID) Fields() []ent.Field {
	return []ent.Field{field.String("public_id").MaxLen(36).Immutable()}
}

// Indexes of PublicID.
func (PublicID) Indexes() []ent.Index {
	return []ent.Index{index.Fields("public_id").Unique()}
}

// Record is what users and groups have in common: an owner, a version that
// moves with every change, and the marks of a record's life.
type Record struct{ mixin.Schema }

// Fields of Record.
func (Record) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("owner_id").Comment("owning origin"),
		field.Int64("version").Default(1),
		field.Int64("created_at").Immutable(),
		field.Int64("updated_at"),
		field.Int64("deleted_at").Default(0).Comment("0 while the record lives"),
	}
}

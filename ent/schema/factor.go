package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// Factor is something beside the password that a person shows to sign in.
type Factor struct{ ent.Schema }

// Mixin of Factor.
func (Factor) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Factor.
func (Factor) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("user_id").Immutable(),
		field.String("kind").Immutable().Comment("totp, passkey or recovery"),
		field.String("name").Default("").Comment("what its owner calls it"),
		field.Bytes("secret").Optional().Sensitive().Comment("sealed under the server's key; a recovery code's hash"),
		field.Bytes("credential_id").Optional().Nillable().Immutable().Comment("the passkey's own id"),
		field.JSON("data", json.RawMessage{}).Optional().Comment("a passkey's public key, transports and counters"),
		field.Int64("last_step").Default(0).Comment("the time step of the last code taken; none is taken twice"),
		field.Int64("created_at").Immutable(),
		field.Int64("confirmed_at").Default(0).Comment("when it was first shown; until then it does not count"),
		field.Int64("last_used_at").Default(0),
	}
}

// Indexes of Factor.
func (Factor) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id"),
		index.Fields("credential_id").Unique().Annotations(entsql.IndexWhere("credential_id IS NOT NULL")),
	}
}

// Audit is one row for one thing that somebody did, beside the changes to people
// and groups, which are Change's.
type Audit struct{ ent.Schema }

// Mixin of Audit.
func (Audit) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Audit.
func (Audit) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("at").Immutable(),
		field.String("actor").Immutable().Comment("in words, as in a change"),
		field.Int64("user_id").Default(0).Immutable().Comment("who it was, of whatever company; 0 for a token or a command"),
		field.String("action").Immutable(),
		field.String("outcome").Default("").Immutable().Comment("empty when it was done, else the code of the refusal"),
		field.String("subject").Default("").Immutable().Comment("what it was done to: kind and name or public id"),
		field.String("address").Default("").Immutable(),
		field.String("request_id").Default("").Immutable(),
		field.JSON("detail", map[string]string{}).Optional(),
	}
}

// Indexes of Audit.
func (Audit) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id", "at")}
}

// IdempotencyKey is the answer to a request of the API that may be repeated.
type IdempotencyKey struct{ ent.Schema }

// Mixin of IdempotencyKey.
func (IdempotencyKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of IdempotencyKey.
func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("token_id").Immutable(),
		field.String("key").Immutable(),
		field.Bytes("request_hash").Immutable().Comment("SHA-256 of method, path and body"),
		field.Int("status").Default(0).Comment("0 while the first request is at work"),
		field.String("content_type").Default(""),
		field.String("location").Default(""),
		field.Bytes("body").Optional(),
		field.Int64("created_at").Immutable(),
		field.Int64("expires_at"),
	}
}

// Indexes of IdempotencyKey.
func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "token_id", "key").Unique(),
		index.Fields("expires_at"),
	}
}

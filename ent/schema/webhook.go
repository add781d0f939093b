package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// Webhook is an address that is told of events.
type Webhook struct{ ent.Schema }

// Mixin of Webhook.
func (Webhook) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}}
}

// Fields of Webhook.
func (Webhook) Fields() []ent.Field {
	return []ent.Field{
		field.String("url"),
		field.JSON("events", []string{}).Comment("types, or prefixes that end in a dot and a star"),
		field.String("description").Default(""),
		field.Bytes("secret").Sensitive().Comment("sealed under the server's key"),
		field.Bytes("former_secret").Optional().Sensitive().Comment("the one before, signing beside it until former_until"),
		field.Int64("former_until").Default(0),
		field.Int64("created_at").Immutable(),
		field.Int64("failing_since").Default(0),
		field.Int64("disabled_at").Default(0),
		field.String("disabled_reason").Default(""),
		field.Int64("deleted_at").Default(0),
	}
}

// Indexes of Webhook.
func (Webhook) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id").Annotations(entsql.IndexWhere("deleted_at = 0"))}
}

// Delivery is one event on its way to one webhook. Its public id is the
// Webhook-Id of every attempt.
type Delivery struct{ ent.Schema }

// Mixin of Delivery.
func (Delivery) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}}
}

// Fields of Delivery.
func (Delivery) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("webhook_id").Immutable(),
		field.String("event").Immutable(),
		field.JSON("payload", json.RawMessage{}).Immutable(),
		field.String("state").Comment("queued, delivered, failed, dropped"),
		field.Int("attempts").Default(0),
		field.Int64("next_try").Default(0).Comment("0 unless queued"),
		field.Int64("claimed_until").Default(0).Comment("by the database's clock"),
		field.Int("status").Default(0).Comment("of the last answer, 0 for none"),
		field.String("message").Default(""),
		field.Int64("created_at").Immutable(),
		field.Int64("finished_at").Default(0),
	}
}

// Indexes of Delivery.
func (Delivery) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("next_try").Annotations(entsql.IndexWhere("next_try <> 0")),
		index.Fields("webhook_id", "id"),
		index.Fields("company_id", "created_at"),
	}
}

// DeliveryAttempt is one request made for a delivery.
type DeliveryAttempt struct{ ent.Schema }

// Mixin of DeliveryAttempt.
func (DeliveryAttempt) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of DeliveryAttempt.
func (DeliveryAttempt) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("delivery_id").Immutable(),
		field.Int64("at").Immutable(),
		field.Int("status").Default(0).Immutable(),
		field.Int64("micros").Default(0).Immutable().Comment("how long it took"),
		field.String("message").Default("").Immutable(),
	}
}

// Indexes of DeliveryAttempt.
func (DeliveryAttempt) Indexes() []ent.Index {
	return []ent.Index{index.Fields("delivery_id"), index.Fields("company_id", "at")}
}

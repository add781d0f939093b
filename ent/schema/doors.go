package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// LoginName is a name that somebody chose at registration: nobody in the whole
// installation gets it again, also when its holder is gone. It stands outside
// the fence, because the name must be taken in every company.
type LoginName struct{ ent.Schema }

// Mixin of LoginName.
func (LoginName) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of LoginName.
func (LoginName) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("name_hash").Immutable().Comment("HMAC-SHA-256 of the name's key under the server's key: a name outlives its erased holder"),
		field.Int64("holder_company").Immutable(),
		field.Int64("holder").Default(0),
		field.Int64("created_at").Immutable(),
	}
}

// Indexes of LoginName.
func (LoginName) Indexes() []ent.Index { return []ent.Index{index.Fields("name_hash").Unique()} }

// Application is what somebody filled in to register. It stands outside the
// fence until it is known which company it is for.
type Application struct{ ent.Schema }

// Mixin of Application.
func (Application) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.PublicID{}} }

// Fields of Application.
func (Application) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().Comment("end_user or support_staff"),
		field.String("state").Comment("received, mailed, awaiting, done, refused"),
		field.String("code").Default("").Comment("why it was refused"),
		field.JSON("typed", map[string]string{}).Optional().Comment("as filled in; emptied when it is over"),
		field.JSON("resolved", map[string]string{}).Optional().Comment("what was made of it"),
		field.Int64("for_company").Default(0).Comment("0 until it is known"),
		field.Int64("user_id").Default(0),
		field.String("address").Default("").Comment("where it came from"),
		field.Int("attempts").Default(0),
		field.Int64("next_try").Default(0).Comment("0 unless received"),
		field.Int64("claimed_until").Default(0).Comment("by the database's clock"),
		field.Int64("created_at").Immutable(),
		field.Int64("decided_at").Default(0),
		field.String("decided_by").Default(""),
		field.String("note").Default(""),
	}
}

// Indexes of Application.
func (Application) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("next_try").Annotations(entsql.IndexWhere("next_try <> 0")),
		index.Fields("for_company", "state", "id"),
		index.Fields("created_at"),
	}
}

// SpentChallenge is a proof of work that was used: none is used twice.
type SpentChallenge struct{ ent.Schema }

// Mixin of SpentChallenge.
func (SpentChallenge) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of SpentChallenge.
func (SpentChallenge) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("hash").Immutable(),
		field.Int64("expires_at").Immutable(),
	}
}

// Indexes of SpentChallenge.
func (SpentChallenge) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash").Unique(), index.Fields("expires_at")}
}

// Throttle counts what strangers do, for all processes together.
type Throttle struct{ ent.Schema }

// Mixin of Throttle.
func (Throttle) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of Throttle.
func (Throttle) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("bucket").Immutable().Comment("HMAC of what is counted: an address, a prefix, a contract"),
		field.Int64("tokens").Comment("in thousandths, as of moved_at"),
		field.Int64("moved_at"),
		field.Int64("expires_at").Comment("when it is full again and may be forgotten"),
	}
}

// Indexes of Throttle.
func (Throttle) Indexes() []ent.Index {
	return []ent.Index{index.Fields("bucket").Unique(), index.Fields("expires_at")}
}

// Upload is a file of people that an admin brought.
type Upload struct{ ent.Schema }

// Mixin of Upload.
func (Upload) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}}
}

// Fields of Upload.
func (Upload) Fields() []ent.Field {
	return []ent.Field{
		field.String("actor").Immutable(),
		field.String("file_name").Immutable(),
		field.String("format").Immutable().Comment("csv or xlsx"),
		field.Bytes("content_hash").Immutable(),
		field.Int64("size").Immutable(),
		field.JSON("settings", json.RawMessage{}).Optional().Comment("encoding, separator, columns and choices, as confirmed"),
		field.JSON("inspection", json.RawMessage{}).Optional().Comment("what was seen on looking into the file, its first rows among it; goes with the file"),
		field.String("state").Comment("received, previewed, applied, failed, discarded"),
		field.JSON("counts", json.RawMessage{}).Optional(),
		field.Int64("preview_run").Default(0),
		field.Int64("run_id").Default(0),
		field.String("message").Default(""),
		field.Int64("created_at").Immutable(),
		field.Int64("expires_at").Comment("when the content is removed"),
	}
}

// Indexes of Upload.
func (Upload) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id", "id"), index.Fields("expires_at")}
}

// UploadPart is a piece of an uploaded file.
type UploadPart struct{ ent.Schema }

// Mixin of UploadPart.
func (UploadPart) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of UploadPart.
func (UploadPart) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("upload_id").Immutable(),
		field.Int("position").Immutable(),
		field.Bytes("content").Immutable(),
	}
}

// Indexes of UploadPart.
func (UploadPart) Indexes() []ent.Index {
	return []ent.Index{index.Fields("upload_id", "position").Unique()}
}

// UploadRow is what became, or would become, of a row of an uploaded file in a run
// of it: written once, when the run judged it. It goes with the file.
type UploadRow struct{ ent.Schema }

// Mixin of UploadRow.
func (UploadRow) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of UploadRow.
func (UploadRow) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("upload_id").Immutable(),
		field.Int64("run_id").Immutable(),
		field.Int("line").Immutable().Comment("where it stands in the file, from 1"),
		field.String("outcome").Immutable().Comment("created, updated, unchanged, skipped, failed"),
		field.String("action").Default(""),
		field.String("code").Default(""),
		field.String("name").Default("").Comment("the userName or the key that it says"),
		field.String("message").Default(""),
		field.Int64("item_id").Default(0).Comment("the report's row with the values before and after"),
	}
}

// Indexes of UploadRow: one to page through a file in its order, one through the
// rows of one outcome.
func (UploadRow) Indexes() []ent.Index {
	return []ent.Index{index.Fields("upload_id", "run_id", "line").Unique(), index.Fields("upload_id", "run_id", "outcome", "line")}
}

// IntakeMessage is a message by which somebody was, or was not, recognised.
type IntakeMessage struct{ ent.Schema }

// Mixin of IntakeMessage.
func (IntakeMessage) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of IntakeMessage.
func (IntakeMessage) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.String("message_key").Immutable().Comment("what makes the message the same when it comes again"),
		field.String("sender").Default("").Comment("emptied by erasure"),
		field.Int64("user_id").Default(0),
		field.Bool("created").Default(false).Comment("it made the person"),
		field.String("outcome").Comment("known, new, or the code of why it made nobody"),
		field.String("verdict").Default("").Immutable().Comment("what is known of the sender's authenticity"),
		field.Int64("at").Immutable(),
	}
}

// Indexes of IntakeMessage.
func (IntakeMessage) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "origin_id", "message_key").Unique(),
		index.Fields("company_id", "at"),
		index.Fields("user_id").Annotations(entsql.IndexWhere("user_id <> 0")),
	}
}

// Domain is a mail domain that a company says is its own.
type Domain struct{ ent.Schema }

// Mixin of Domain.
func (Domain) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Domain.
func (Domain) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Immutable().Comment("in its ASCII form"),
		field.String("challenge").Immutable().Comment("what its TXT record must say"),
		field.Int64("created_at").Immutable(),
		field.Int64("checked_at").Default(0),
		field.Int64("verified_at").Default(0),
	}
}

// Indexes of Domain.
func (Domain) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "name").Unique(),
		index.Fields("name").Unique().Annotations(entsql.IndexWhere("verified_at <> 0")).StorageKey("domain_verified"),
	}
}

// Merge is one person taking another's place, with what undoing it needs.
type Merge struct{ ent.Schema }

// Mixin of Merge.
func (Merge) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}}
}

// Fields of Merge.
func (Merge) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("survivor_id").Immutable(),
		field.Int64("loser_id").Immutable(),
		field.String("actor").Immutable(),
		field.String("evidence").Immutable(),
		field.JSON("snapshot", json.RawMessage{}).Optional().Comment("both as they were; emptied by erasure and when undoing is over"),
		field.Int64("at").Immutable(),
		field.Int64("undo_until"),
		field.Int64("undone_at").Default(0),
		field.String("undone_by").Default(""),
	}
}

// Indexes of Merge.
func (Merge) Indexes() []ent.Index {
	return []ent.Index{index.Fields("survivor_id"), index.Fields("loser_id"), index.Fields("undo_until")}
}

// ErasedKey keeps an erased person from coming back unnoticed by the next sync.
type ErasedKey struct{ ent.Schema }

// Mixin of ErasedKey.
func (ErasedKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of ErasedKey.
func (ErasedKey) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("key_hash").Immutable().Comment("HMAC of an anchor at its origin, an address or a name"),
		field.Int64("user_id").Immutable(),
		field.Int64("at").Immutable(),
	}
}

// Indexes of ErasedKey.
func (ErasedKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("company_id", "key_hash").Unique(), index.Fields("user_id")}
}

package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
	"github.com/usherd/usher/internal/registry"
)

// Source is the state of a directory that is pulled: when it is due, and who
// holds it. Its settings live in the configuration file.
type Source struct{ ent.Schema }

// Mixin of Source.
func (Source) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Source.
func (Source) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.String("key").Comment("name in the configuration file, unique in the installation"),
		field.String("schedule").Default("").Comment("the one that holds: the file's, unless somebody set another"),
		field.String("configured_schedule").Default("").Comment("what the configuration file says"),
		field.Int64("schedule_set_at").Default(0).Comment("since when a schedule set by hand holds, 0 while the file's does"),
		field.String("schedule_set_by").Default(""),
		field.String("schedule_set_why").Default(""),
		field.Int64("next_due").Default(0),
		field.String("settings_hash").Default("").Comment("of the settings the last finished run used"),
		field.Int64("retired_at").Default(0),
		field.String("lease_holder").Default(""),
		field.Int64("lease_until").Default(0).Comment("by the database's clock"),
		field.Int64("fence").Default(0).Comment("moves with every taking of the lease"),
		field.String("cursor").Default("").Comment("where the next read may start; committed last"),
		field.Int64("full_read_at").Default(0).Comment("when everything was last read whole"),
		field.Int("failures").Default(0).Comment("failed runs in a row"),
		field.Int64("failing_since").Default(0),
		field.Int64("quarantined_at").Default(0),
		field.String("quarantine_code").Default(""),
		field.String("quarantine_reason").Default(""),
		field.Int64("next_try").Default(0).Comment("schedules wait until then while the source is in quarantine"),
		field.Int64("paused_at").Default(0).Comment("schedules wait until somebody resumes the source"),
		field.String("paused_by").Default(""),
		field.String("paused_reason").Default(""),
		field.Bool("no_removals").Default(false).Comment("a rejection: runs go on without deactivating, deleting or removing, until somebody allows it again"),
		field.String("told").Default("").Comment("the state that admins were last mailed about"),
	}
}

// Indexes of Source.
func (Source) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("key").Unique(),
		index.Fields("origin_id").Unique(),
		index.Fields("next_due"),
	}
}

// SourceMark is the change marker of an object that a source leaves out by its
// scope: nobody is tied to it, and the next scan need not fetch it again.
type SourceMark struct{ ent.Schema }

// Mixin of SourceMark.
func (SourceMark) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of SourceMark.
func (SourceMark) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("source_id").Immutable(),
		field.String("anchor").Immutable(),
		field.String("marker"),
	}
}

// Indexes of SourceMark.
func (SourceMark) Indexes() []ent.Index {
	return []ent.Index{index.Fields("source_id", "anchor").Unique()}
}

// ReadPage is a page of a read that has not come to its use yet, so that one that
// is cut off goes on where it stopped.
type ReadPage struct{ ent.Schema }

// Mixin of ReadPage.
func (ReadPage) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of ReadPage.
func (ReadPage) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("source_id").Immutable(),
		field.Int64("number").Immutable().Comment("counts from 1 within the read"),
		field.String("read").Immutable().Comment("which read it is of: a hash of what is read and from where"),
		field.Int64("began_at").Immutable().Comment("when the read began"),
		field.Bytes("body").Immutable().Comment("sealed with the key of the installation"),
	}
}

// Indexes of ReadPage.
func (ReadPage) Indexes() []ent.Index {
	return []ent.Index{index.Fields("source_id", "number").Unique()}
}

// Run is one read, plan, guard, apply and report.
type Run struct{ ent.Schema }

// Mixin of Run.
func (Run) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Company{}, mixin.PublicID{}}
}

// Fields of Run.
func (Run) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("source_id").Immutable(),
		field.Int64("number").Immutable().Comment("counts from 1 within the company; what people type"),
		field.String("mode").Comment("run or preview"),
		field.String("trigger"),
		field.String("actor").Default(""),
		field.String("state"),
		field.Int64("fence").Default(0),
		field.Int64("resumes").Default(0).Comment("the interrupted or held run this one takes further"),
		field.Bool("complete").Default(false).Comment("the read proved it saw everything"),
		field.JSON("counts", registry.Counts{}).Optional(),
		field.JSON("limits", []registry.Limit{}).Optional().Comment("the guard's limits that were passed"),
		field.Bool("full").Default(false).Comment("everything was read whole, not only what the markers showed to have changed"),
		field.String("plan_hash").Default(""),
		field.String("code").Default(""),
		field.String("message").Default(""),
		field.JSON("notes", []string{}).Optional(),
		field.String("decided_by").Default(""),
		field.String("decision_note").Default(""),
		field.Int64("decided_at").Default(0),
		field.Int64("created_at").Immutable(),
		field.Int64("started_at").Default(0),
		field.Int64("finished_at").Default(0),
	}
}

// Indexes of Run.
func (Run) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("company_id", "number").Unique(),
		index.Fields("source_id", "state"),
	}
}

// RunItem is a row of a run's report that is not a change: a skip, a conflict,
// a failure, a warning, or a change that was planned and not made.
type RunItem struct{ ent.Schema }

// Mixin of RunItem.
func (RunItem) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of RunItem.
func (RunItem) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("run_id").Immutable(),
		field.String("outcome").Comment("planned, held, skipped, conflict, failed, warning"),
		field.String("action").Default(""),
		field.String("code").Default(""),
		field.String("anchor").Default(""),
		field.String("name").Default(""),
		field.Int64("user_id").Default(0),
		field.Int64("group_id").Default(0),
		field.String("message").Default(""),
		field.JSON("detail", &registry.Payload{}).Optional(),
		field.Int64("at").Immutable(),
	}
}

// Indexes of RunItem: one to page through a report in its order, one to count its
// rows by what they say and to page through those of one reason, without reading
// the rows themselves, and one to page through those of one action.
func (RunItem) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("run_id"),
		index.Fields("run_id", "outcome", "code", "company_id"),
		index.Fields("run_id", "action", "id").StorageKey("run_item_actions"),
	}
}

// Change is one row per record per transaction: who changed what, when, from
// what to what.
type Change struct{ ent.Schema }

// Mixin of Change.
func (Change) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Change.
func (Change) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("at").Immutable(),
		field.String("actor").Immutable(),
		field.Int64("origin_id").Default(0).Immutable(),
		field.Int64("run_id").Optional().Nillable().Immutable(),
		field.Int64("user_id").Optional().Nillable().Immutable(),
		field.Int64("group_id").Optional().Nillable().Immutable(),
		field.Int64("resource_id").Optional().Nillable().Immutable(),
		field.String("action").Immutable(),
		field.String("reason").Default("").Immutable(),
		field.Int64("version").Default(0).Immutable(),
		field.JSON("payload", registry.Payload{}).Optional().Comment("before and after; emptied by erasure"),
	}
}

// Indexes of Change. Those of one action in a run have one of their own, as a
// report's other rows do.
func (Change) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("run_id").Annotations(entsql.IndexWhere("run_id IS NOT NULL")),
		index.Fields("run_id", "action", "id").StorageKey("change_actions").Annotations(entsql.IndexWhere("run_id IS NOT NULL")),
		index.Fields("user_id").Annotations(entsql.IndexWhere("user_id IS NOT NULL")),
		index.Fields("group_id").Annotations(entsql.IndexWhere("group_id IS NOT NULL")),
		index.Fields("resource_id").Annotations(entsql.IndexWhere("resource_id IS NOT NULL")),
	}
}

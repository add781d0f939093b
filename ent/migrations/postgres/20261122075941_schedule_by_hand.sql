-- +goose Up
-- modify "sources" table
ALTER TABLE "sources" ADD COLUMN "configured_schedule" character varying NOT NULL DEFAULT '', ADD COLUMN "schedule_set_at" bigint NOT NULL DEFAULT 0, ADD COLUMN "schedule_set_by" character varying NOT NULL DEFAULT '', ADD COLUMN "schedule_set_why" character varying NOT NULL DEFAULT '';

-- +goose Down
-- reverse: modify "sources" table
ALTER TABLE "sources" DROP COLUMN "schedule_set_why", DROP COLUMN "schedule_set_by", DROP COLUMN "schedule_set_at", DROP COLUMN "configured_schedule";

-- +goose Up
-- add column "inspection" to table: "uploads"
ALTER TABLE `uploads` ADD COLUMN `inspection` json NULL;
-- create "upload_rows" table
CREATE TABLE `upload_rows` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `upload_id` integer NOT NULL, `run_id` integer NOT NULL, `line` integer NOT NULL, `outcome` text NOT NULL, `action` text NOT NULL DEFAULT (''), `code` text NOT NULL DEFAULT (''), `name` text NOT NULL DEFAULT (''), `message` text NOT NULL DEFAULT (''), `item_id` integer NOT NULL DEFAULT (0));
-- create index "uploadrow_upload_id_run_id_line" to table: "upload_rows"
CREATE UNIQUE INDEX `uploadrow_upload_id_run_id_line` ON `upload_rows` (`upload_id`, `run_id`, `line`);
-- create index "uploadrow_upload_id_run_id_outcome_line" to table: "upload_rows"
CREATE INDEX `uploadrow_upload_id_run_id_outcome_line` ON `upload_rows` (`upload_id`, `run_id`, `outcome`, `line`);

-- +goose Down
-- reverse: create index "uploadrow_upload_id_run_id_outcome_line" to table: "upload_rows"
DROP INDEX `uploadrow_upload_id_run_id_outcome_line`;
-- reverse: create index "uploadrow_upload_id_run_id_line" to table: "upload_rows"
DROP INDEX `uploadrow_upload_id_run_id_line`;
-- reverse: create "upload_rows" table
DROP TABLE `upload_rows`;
-- reverse: add column "inspection" to table: "uploads"
ALTER TABLE `uploads` DROP COLUMN `inspection`;

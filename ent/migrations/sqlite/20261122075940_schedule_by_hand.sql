-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_sources" table
CREATE TABLE `new_sources` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `key` text NOT NULL, `schedule` text NOT NULL DEFAULT (''), `configured_schedule` text NOT NULL DEFAULT (''), `schedule_set_at` integer NOT NULL DEFAULT (0), `schedule_set_by` text NOT NULL DEFAULT (''), `schedule_set_why` text NOT NULL DEFAULT (''), `next_due` integer NOT NULL DEFAULT (0), `settings_hash` text NOT NULL DEFAULT (''), `retired_at` integer NOT NULL DEFAULT (0), `lease_holder` text NOT NULL DEFAULT (''), `lease_until` integer NOT NULL DEFAULT (0), `fence` integer NOT NULL DEFAULT (0), `cursor` text NOT NULL DEFAULT (''), `full_read_at` integer NOT NULL DEFAULT (0), `failures` integer NOT NULL DEFAULT (0), `failing_since` integer NOT NULL DEFAULT (0), `quarantined_at` integer NOT NULL DEFAULT (0), `quarantine_code` text NOT NULL DEFAULT (''), `quarantine_reason` text NOT NULL DEFAULT (''), `next_try` integer NOT NULL DEFAULT (0), `paused_at` integer NOT NULL DEFAULT (0), `paused_by` text NOT NULL DEFAULT (''), `paused_reason` text NOT NULL DEFAULT (''), `no_removals` bool NOT NULL DEFAULT (false), `told` text NOT NULL DEFAULT (''));
-- copy rows from old table "sources" to new temporary table "new_sources"
INSERT INTO `new_sources` (`id`, `company_id`, `origin_id`, `key`, `schedule`, `next_due`, `settings_hash`, `retired_at`, `lease_holder`, `lease_until`, `fence`, `cursor`, `full_read_at`, `failures`, `failing_since`, `quarantined_at`, `quarantine_code`, `quarantine_reason`, `next_try`, `paused_at`, `paused_by`, `paused_reason`, `no_removals`, `told`) SELECT `id`, `company_id`, `origin_id`, `key`, `schedule`, `next_due`, `settings_hash`, `retired_at`, `lease_holder`, `lease_until`, `fence`, `cursor`, `full_read_at`, `failures`, `failing_since`, `quarantined_at`, `quarantine_code`, `quarantine_reason`, `next_try`, `paused_at`, `paused_by`, `paused_reason`, `no_removals`, `told` FROM `sources`;
-- drop "sources" table after copying rows
DROP TABLE `sources`;
-- rename temporary table "new_sources" to "sources"
ALTER TABLE `new_sources` RENAME TO `sources`;
-- create index "source_key" to table: "sources"
CREATE UNIQUE INDEX `source_key` ON `sources` (`key`);
-- create index "source_origin_id" to table: "sources"
CREATE UNIQUE INDEX `source_origin_id` ON `sources` (`origin_id`);
-- create index "source_next_due" to table: "sources"
CREATE INDEX `source_next_due` ON `sources` (`next_due`);
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

-- +goose Down
-- reverse: create index "source_next_due" to table: "sources"
DROP INDEX `source_next_due`;
-- reverse: create index "source_origin_id" to table: "sources"
DROP INDEX `source_origin_id`;
-- reverse: create index "source_key" to table: "sources"
DROP INDEX `source_key`;
-- reverse: create "new_sources" table
DROP TABLE `new_sources`;

-- +goose Up
-- create index "mail_states" to table: "mails"
CREATE INDEX `mail_states` ON `mails` (`company_id`, `state`, `id`);
-- create index "run_item_actions" to table: "run_items"
CREATE INDEX `run_item_actions` ON `run_items` (`run_id`, `action`, `id`);
-- create index "change_actions" to table: "changes"
CREATE INDEX `change_actions` ON `changes` (`run_id`, `action`, `id`) WHERE run_id IS NOT NULL;
-- create "backups" table
CREATE TABLE `backups` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `at` integer NOT NULL, `file` text NOT NULL, `bytes` integer NOT NULL DEFAULT (0), `problem` text NOT NULL DEFAULT (''));
-- create index "backup_at" to table: "backups"
CREATE INDEX `backup_at` ON `backups` (`at`);

-- +goose Down
-- reverse: create index "backup_at" to table: "backups"
DROP INDEX `backup_at`;
-- reverse: create "backups" table
DROP TABLE `backups`;
-- reverse: create index "change_actions" to table: "changes"
DROP INDEX `change_actions`;
-- reverse: create index "run_item_actions" to table: "run_items"
DROP INDEX `run_item_actions`;
-- reverse: create index "mail_states" to table: "mails"
DROP INDEX `mail_states`;

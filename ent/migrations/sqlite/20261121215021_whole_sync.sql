-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_changes" table
CREATE TABLE `new_changes` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `at` integer NOT NULL, `actor` text NOT NULL, `origin_id` integer NOT NULL DEFAULT (0), `run_id` integer NULL, `user_id` integer NULL, `group_id` integer NULL, `resource_id` integer NULL, `action` text NOT NULL, `reason` text NOT NULL DEFAULT (''), `version` integer NOT NULL DEFAULT (0), `payload` json NULL);
-- copy rows from old table "changes" to new temporary table "new_changes"
INSERT INTO `new_changes` (`id`, `company_id`, `at`, `actor`, `origin_id`, `run_id`, `user_id`, `group_id`, `action`, `reason`, `version`, `payload`) SELECT `id`, `company_id`, `at`, `actor`, `origin_id`, `run_id`, `user_id`, `group_id`, `action`, `reason`, `version`, `payload` FROM `changes`;
-- drop "changes" table after copying rows
DROP TABLE `changes`;
-- rename temporary table "new_changes" to "changes"
ALTER TABLE `new_changes` RENAME TO `changes`;
-- create index "change_run_id" to table: "changes"
CREATE INDEX `change_run_id` ON `changes` (`run_id`) WHERE run_id IS NOT NULL;
-- create index "change_user_id" to table: "changes"
CREATE INDEX `change_user_id` ON `changes` (`user_id`) WHERE user_id IS NOT NULL;
-- create index "change_group_id" to table: "changes"
CREATE INDEX `change_group_id` ON `changes` (`group_id`) WHERE group_id IS NOT NULL;
-- create index "change_resource_id" to table: "changes"
CREATE INDEX `change_resource_id` ON `changes` (`resource_id`) WHERE resource_id IS NOT NULL;
-- add column "document" to table: "groups"
ALTER TABLE `groups` ADD COLUMN `document` json NULL;
-- drop index "link_origin_id_anchor" from table: "links"
DROP INDEX `link_origin_id_anchor`;
-- create index "link_user_anchor" to table: "links"
CREATE UNIQUE INDEX `link_user_anchor` ON `links` (`origin_id`, `anchor`) WHERE user_id IS NOT NULL;
-- create index "link_group_anchor" to table: "links"
CREATE UNIQUE INDEX `link_group_anchor` ON `links` (`origin_id`, `anchor`) WHERE group_id IS NOT NULL;
-- add column "data" to table: "mails"
ALTER TABLE `mails` ADD COLUMN `data` json NULL;
-- create "new_runs" table
CREATE TABLE `new_runs` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `source_id` integer NOT NULL, `number` integer NOT NULL, `mode` text NOT NULL, `trigger` text NOT NULL, `actor` text NOT NULL DEFAULT (''), `state` text NOT NULL, `fence` integer NOT NULL DEFAULT (0), `resumes` integer NOT NULL DEFAULT (0), `complete` bool NOT NULL DEFAULT (false), `counts` json NULL, `limits` json NULL, `full` bool NOT NULL DEFAULT (false), `plan_hash` text NOT NULL DEFAULT (''), `code` text NOT NULL DEFAULT (''), `message` text NOT NULL DEFAULT (''), `notes` json NULL, `decided_by` text NOT NULL DEFAULT (''), `decision_note` text NOT NULL DEFAULT (''), `decided_at` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `started_at` integer NOT NULL DEFAULT (0), `finished_at` integer NOT NULL DEFAULT (0));
-- copy rows from old table "runs" to new temporary table "new_runs"
INSERT INTO `new_runs` (`id`, `company_id`, `public_id`, `source_id`, `number`, `mode`, `trigger`, `actor`, `state`, `fence`, `resumes`, `complete`, `counts`, `limits`, `plan_hash`, `code`, `message`, `notes`, `decided_by`, `decision_note`, `decided_at`, `created_at`, `started_at`, `finished_at`) SELECT `id`, `company_id`, `public_id`, `source_id`, `number`, `mode`, `trigger`, `actor`, `state`, `fence`, `resumes`, `complete`, `counts`, `limits`, `plan_hash`, `code`, `message`, `notes`, `decided_by`, `decision_note`, `decided_at`, `created_at`, `started_at`, `finished_at` FROM `runs`;
-- drop "runs" table after copying rows
DROP TABLE `runs`;
-- rename temporary table "new_runs" to "runs"
ALTER TABLE `new_runs` RENAME TO `runs`;
-- create index "run_public_id" to table: "runs"
CREATE UNIQUE INDEX `run_public_id` ON `runs` (`public_id`);
-- create index "run_company_id_number" to table: "runs"
CREATE UNIQUE INDEX `run_company_id_number` ON `runs` (`company_id`, `number`);
-- create index "run_source_id_state" to table: "runs"
CREATE INDEX `run_source_id_state` ON `runs` (`source_id`, `state`);
-- create "new_sources" table
CREATE TABLE `new_sources` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `key` text NOT NULL, `schedule` text NOT NULL DEFAULT (''), `next_due` integer NOT NULL DEFAULT (0), `settings_hash` text NOT NULL DEFAULT (''), `retired_at` integer NOT NULL DEFAULT (0), `lease_holder` text NOT NULL DEFAULT (''), `lease_until` integer NOT NULL DEFAULT (0), `fence` integer NOT NULL DEFAULT (0), `cursor` text NOT NULL DEFAULT (''), `full_read_at` integer NOT NULL DEFAULT (0), `failures` integer NOT NULL DEFAULT (0), `failing_since` integer NOT NULL DEFAULT (0), `quarantined_at` integer NOT NULL DEFAULT (0), `quarantine_code` text NOT NULL DEFAULT (''), `quarantine_reason` text NOT NULL DEFAULT (''), `next_try` integer NOT NULL DEFAULT (0), `paused_at` integer NOT NULL DEFAULT (0), `paused_by` text NOT NULL DEFAULT (''), `paused_reason` text NOT NULL DEFAULT (''), `no_removals` bool NOT NULL DEFAULT (false), `told` text NOT NULL DEFAULT (''));
-- copy rows from old table "sources" to new temporary table "new_sources"
INSERT INTO `new_sources` (`id`, `company_id`, `origin_id`, `key`, `schedule`, `next_due`, `settings_hash`, `retired_at`, `lease_holder`, `lease_until`, `fence`, `cursor`) SELECT `id`, `company_id`, `origin_id`, `key`, `schedule`, `next_due`, `settings_hash`, `retired_at`, `lease_holder`, `lease_until`, `fence`, `cursor` FROM `sources`;
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
-- create "new_tokens" table
CREATE TABLE `new_tokens` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `token_hash` blob NOT NULL, `prefix` text NOT NULL, `scopes` json NULL, `client_id` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `expires_at` integer NOT NULL DEFAULT (0), `last_used_at` integer NOT NULL DEFAULT (0), `revoked_at` integer NOT NULL DEFAULT (0));
-- copy rows from old table "tokens" to new temporary table "new_tokens"
INSERT INTO `new_tokens` (`id`, `company_id`, `origin_id`, `token_hash`, `prefix`, `scopes`, `created_at`, `expires_at`, `last_used_at`, `revoked_at`) SELECT `id`, `company_id`, `origin_id`, `token_hash`, `prefix`, `scopes`, `created_at`, `expires_at`, `last_used_at`, `revoked_at` FROM `tokens`;
-- drop "tokens" table after copying rows
DROP TABLE `tokens`;
-- rename temporary table "new_tokens" to "tokens"
ALTER TABLE `new_tokens` RENAME TO `tokens`;
-- create index "token_token_hash" to table: "tokens"
CREATE UNIQUE INDEX `token_token_hash` ON `tokens` (`token_hash`);
-- create index "token_origin_id" to table: "tokens"
CREATE INDEX `token_origin_id` ON `tokens` (`origin_id`);
-- create index "token_expires_at" to table: "tokens"
CREATE INDEX `token_expires_at` ON `tokens` (`expires_at`) WHERE client_id <> 0;
-- create "new_users" table
CREATE TABLE `new_users` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `kind` text NOT NULL, `association` text NOT NULL, `company_admin` bool NOT NULL DEFAULT (false), `user_name` text NOT NULL, `user_name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `given_name` text NOT NULL DEFAULT (''), `family_name` text NOT NULL DEFAULT (''), `locale` text NOT NULL DEFAULT (''), `employee_number` text NULL, `attributes` json NULL, `document` json NULL, `enabled` bool NOT NULL, `blocks` integer NOT NULL DEFAULT (0), `credential` text NOT NULL, `credential_version` integer NOT NULL DEFAULT (1), `password_hash` text NOT NULL DEFAULT (''), `department_id` integer NULL, `contract_id` integer NULL, `manager_id` integer NULL, `protected` bool NOT NULL DEFAULT (false), `deactivated_at` integer NOT NULL DEFAULT (0));
-- copy rows from old table "users" to new temporary table "new_users"
INSERT INTO `new_users` (`id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `deactivated_at`) SELECT `id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `deactivated_at` FROM `users`;
-- drop "users" table after copying rows
DROP TABLE `users`;
-- rename temporary table "new_users" to "users"
ALTER TABLE `new_users` RENAME TO `users`;
-- create index "user_public_id" to table: "users"
CREATE UNIQUE INDEX `user_public_id` ON `users` (`public_id`);
-- create index "user_company_id_user_name_key" to table: "users"
CREATE UNIQUE INDEX `user_company_id_user_name_key` ON `users` (`company_id`, `user_name_key`) WHERE deleted_at = 0;
-- create index "user_company_id_employee_number" to table: "users"
CREATE INDEX `user_company_id_employee_number` ON `users` (`company_id`, `employee_number`) WHERE employee_number IS NOT NULL;
-- create index "user_company_id_deleted_at" to table: "users"
CREATE INDEX `user_company_id_deleted_at` ON `users` (`company_id`, `deleted_at`) WHERE deleted_at <> 0;
-- create index "user_company_id_id" to table: "users"
CREATE INDEX `user_company_id_id` ON `users` (`company_id`, `id`) WHERE deleted_at = 0;
-- create "oauth_clients" table
CREATE TABLE `oauth_clients` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `client_id` text NOT NULL, `secret_hash` blob NULL, `issuer` text NOT NULL DEFAULT (''), `subject` text NOT NULL DEFAULT (''), `audience` text NOT NULL DEFAULT (''), `jwks_uri` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `expires_at` integer NOT NULL DEFAULT (0), `last_used_at` integer NOT NULL DEFAULT (0), `revoked_at` integer NOT NULL DEFAULT (0));
-- create index "oauthclient_client_id" to table: "oauth_clients"
CREATE UNIQUE INDEX `oauthclient_client_id` ON `oauth_clients` (`client_id`);
-- create index "oauthclient_origin_id" to table: "oauth_clients"
CREATE INDEX `oauthclient_origin_id` ON `oauth_clients` (`origin_id`);
-- create "resources" table
CREATE TABLE `resources` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `type` text NOT NULL, `external_id` text NOT NULL DEFAULT (''), `document` json NOT NULL);
-- create index "resource_public_id" to table: "resources"
CREATE UNIQUE INDEX `resource_public_id` ON `resources` (`public_id`);
-- create index "resource_company_id_type_id" to table: "resources"
CREATE INDEX `resource_company_id_type_id` ON `resources` (`company_id`, `type`, `id`) WHERE deleted_at = 0;
-- create index "resource_owner_id_type_external_id" to table: "resources"
CREATE INDEX `resource_owner_id_type_external_id` ON `resources` (`owner_id`, `type`, `external_id`) WHERE deleted_at = 0;
-- create "resource_keys" table
CREATE TABLE `resource_keys` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `resource_id` integer NOT NULL, `type` text NOT NULL, `attribute` text NOT NULL, `value_key` text NOT NULL);
-- create index "resourcekey_company_id_type_attribute_value_key" to table: "resource_keys"
CREATE UNIQUE INDEX `resourcekey_company_id_type_attribute_value_key` ON `resource_keys` (`company_id`, `type`, `attribute`, `value_key`);
-- create index "resourcekey_resource_id" to table: "resource_keys"
CREATE INDEX `resourcekey_resource_id` ON `resource_keys` (`resource_id`);
-- create "source_marks" table
CREATE TABLE `source_marks` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `source_id` integer NOT NULL, `anchor` text NOT NULL, `marker` text NOT NULL);
-- create index "sourcemark_source_id_anchor" to table: "source_marks"
CREATE UNIQUE INDEX `sourcemark_source_id_anchor` ON `source_marks` (`source_id`, `anchor`);
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

-- +goose Down
-- reverse: create index "sourcemark_source_id_anchor" to table: "source_marks"
DROP INDEX `sourcemark_source_id_anchor`;
-- reverse: create "source_marks" table
DROP TABLE `source_marks`;
-- reverse: create index "resourcekey_resource_id" to table: "resource_keys"
DROP INDEX `resourcekey_resource_id`;
-- reverse: create index "resourcekey_company_id_type_attribute_value_key" to table: "resource_keys"
DROP INDEX `resourcekey_company_id_type_attribute_value_key`;
-- reverse: create "resource_keys" table
DROP TABLE `resource_keys`;
-- reverse: create index "resource_owner_id_type_external_id" to table: "resources"
DROP INDEX `resource_owner_id_type_external_id`;
-- reverse: create index "resource_company_id_type_id" to table: "resources"
DROP INDEX `resource_company_id_type_id`;
-- reverse: create index "resource_public_id" to table: "resources"
DROP INDEX `resource_public_id`;
-- reverse: create "resources" table
DROP TABLE `resources`;
-- reverse: create index "oauthclient_origin_id" to table: "oauth_clients"
DROP INDEX `oauthclient_origin_id`;
-- reverse: create index "oauthclient_client_id" to table: "oauth_clients"
DROP INDEX `oauthclient_client_id`;
-- reverse: create "oauth_clients" table
DROP TABLE `oauth_clients`;
-- reverse: create index "user_company_id_id" to table: "users"
DROP INDEX `user_company_id_id`;
-- reverse: create index "user_company_id_deleted_at" to table: "users"
DROP INDEX `user_company_id_deleted_at`;
-- reverse: create index "user_company_id_employee_number" to table: "users"
DROP INDEX `user_company_id_employee_number`;
-- reverse: create index "user_company_id_user_name_key" to table: "users"
DROP INDEX `user_company_id_user_name_key`;
-- reverse: create index "user_public_id" to table: "users"
DROP INDEX `user_public_id`;
-- reverse: create "new_users" table
DROP TABLE `new_users`;
-- reverse: create index "token_expires_at" to table: "tokens"
DROP INDEX `token_expires_at`;
-- reverse: create index "token_origin_id" to table: "tokens"
DROP INDEX `token_origin_id`;
-- reverse: create index "token_token_hash" to table: "tokens"
DROP INDEX `token_token_hash`;
-- reverse: create "new_tokens" table
DROP TABLE `new_tokens`;
-- reverse: create index "source_next_due" to table: "sources"
DROP INDEX `source_next_due`;
-- reverse: create index "source_origin_id" to table: "sources"
DROP INDEX `source_origin_id`;
-- reverse: create index "source_key" to table: "sources"
DROP INDEX `source_key`;
-- reverse: create "new_sources" table
DROP TABLE `new_sources`;
-- reverse: create index "run_source_id_state" to table: "runs"
DROP INDEX `run_source_id_state`;
-- reverse: create index "run_company_id_number" to table: "runs"
DROP INDEX `run_company_id_number`;
-- reverse: create index "run_public_id" to table: "runs"
DROP INDEX `run_public_id`;
-- reverse: create "new_runs" table
DROP TABLE `new_runs`;
-- reverse: add column "data" to table: "mails"
ALTER TABLE `mails` DROP COLUMN `data`;
-- reverse: create index "link_group_anchor" to table: "links"
DROP INDEX `link_group_anchor`;
-- reverse: create index "link_user_anchor" to table: "links"
DROP INDEX `link_user_anchor`;
-- reverse: drop index "link_origin_id_anchor" from table: "links"
CREATE UNIQUE INDEX `link_origin_id_anchor` ON `links` (`origin_id`, `anchor`);
-- reverse: add column "document" to table: "groups"
ALTER TABLE `groups` DROP COLUMN `document`;
-- reverse: create index "change_resource_id" to table: "changes"
DROP INDEX `change_resource_id`;
-- reverse: create index "change_group_id" to table: "changes"
DROP INDEX `change_group_id`;
-- reverse: create index "change_user_id" to table: "changes"
DROP INDEX `change_user_id`;
-- reverse: create index "change_run_id" to table: "changes"
DROP INDEX `change_run_id`;
-- reverse: create "new_changes" table
DROP TABLE `new_changes`;

-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_users" table
CREATE TABLE `new_users` (`id` integer NOT NULL PRIMARY KEY, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `kind` text NOT NULL, `association` text NOT NULL, `company_admin` bool NOT NULL DEFAULT (false), `user_name` text NOT NULL, `user_name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `given_name` text NOT NULL DEFAULT (''), `family_name` text NOT NULL DEFAULT (''), `locale` text NOT NULL DEFAULT (''), `employee_number` text NULL, `attributes` json NULL, `document` json NULL, `enabled` bool NOT NULL, `blocks` integer NOT NULL DEFAULT (0), `credential` text NOT NULL, `credential_version` integer NOT NULL DEFAULT (1), `password_hash` text NOT NULL DEFAULT (''), `department_id` integer NULL, `contract_id` integer NULL, `manager_id` integer NULL, `protected` bool NOT NULL DEFAULT (false), `rights` integer NOT NULL DEFAULT (0), `deactivated_at` integer NOT NULL DEFAULT (0), `seen_at` integer NOT NULL DEFAULT (0), `idle_warned_at` integer NOT NULL DEFAULT (0), `erased_at` integer NOT NULL DEFAULT (0), `merged_into` integer NULL);
-- copy rows from old table "users" to new temporary table "new_users"
INSERT INTO `new_users` (`id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `manager_id`, `protected`, `rights`, `deactivated_at`, `seen_at`, `idle_warned_at`, `erased_at`, `merged_into`) SELECT `id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `manager_id`, `protected`, `rights`, `deactivated_at`, `seen_at`, `idle_warned_at`, `erased_at`, `merged_into` FROM `users`;
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
-- create index "user_company_id_seen_at" to table: "users"
CREATE INDEX `user_company_id_seen_at` ON `users` (`company_id`, `seen_at`) WHERE seen_at <> 0;
-- create index "user_company_id_rights" to table: "users"
CREATE INDEX `user_company_id_rights` ON `users` (`company_id`, `rights`) WHERE rights <> 0;
-- create index "user_counts" to table: "users"
CREATE INDEX `user_counts` ON `users` (`company_id`, `enabled`, `association`, `blocks`, `credential`, `owner_id`) WHERE deleted_at = 0;
-- create "new_emails" table
CREATE TABLE `new_emails` (`id` integer NOT NULL PRIMARY KEY, `company_id` integer NOT NULL, `address` text NOT NULL, `address_key` text NOT NULL, `position` integer NOT NULL, `type` text NOT NULL DEFAULT (''), `verified_at` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL, CONSTRAINT `emails_users_emails` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- copy rows from old table "emails" to new temporary table "new_emails"
INSERT INTO `new_emails` (`id`, `company_id`, `address`, `address_key`, `position`, `type`, `verified_at`, `user_id`) SELECT `id`, `company_id`, `address`, `address_key`, `position`, `type`, `verified_at`, `user_id` FROM `emails`;
-- drop "emails" table after copying rows
DROP TABLE `emails`;
-- rename temporary table "new_emails" to "emails"
ALTER TABLE `new_emails` RENAME TO `emails`;
-- create index "email_user_id_position" to table: "emails"
CREATE UNIQUE INDEX `email_user_id_position` ON `emails` (`user_id`, `position`);
-- create index "email_company_id_address_key" to table: "emails"
CREATE INDEX `email_company_id_address_key` ON `emails` (`company_id`, `address_key`);
-- create "new_changes" table
CREATE TABLE `new_changes` (`id` integer NOT NULL PRIMARY KEY, `company_id` integer NOT NULL, `at` integer NOT NULL, `actor` text NOT NULL, `origin_id` integer NOT NULL DEFAULT (0), `run_id` integer NULL, `user_id` integer NULL, `group_id` integer NULL, `resource_id` integer NULL, `action` text NOT NULL, `reason` text NOT NULL DEFAULT (''), `version` integer NOT NULL DEFAULT (0), `payload` json NULL);
-- copy rows from old table "changes" to new temporary table "new_changes"
INSERT INTO `new_changes` (`id`, `company_id`, `at`, `actor`, `origin_id`, `run_id`, `user_id`, `group_id`, `resource_id`, `action`, `reason`, `version`, `payload`) SELECT `id`, `company_id`, `at`, `actor`, `origin_id`, `run_id`, `user_id`, `group_id`, `resource_id`, `action`, `reason`, `version`, `payload` FROM `changes`;
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
-- drop index "link_group_id" from table: "links"
DROP INDEX `link_group_id`;
-- create index "link_group_id" to table: "links"
CREATE INDEX `link_group_id` ON `links` (`group_id`) WHERE group_id IS NOT NULL;
-- drop index "link_user_id" from table: "links"
DROP INDEX `link_user_id`;
-- create index "link_user_id" to table: "links"
CREATE INDEX `link_user_id` ON `links` (`user_id`) WHERE user_id IS NOT NULL;
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

-- +goose Down
-- reverse: create index "link_user_id" to table: "links"
DROP INDEX `link_user_id`;
-- reverse: drop index "link_user_id" from table: "links"
CREATE INDEX `link_user_id` ON `links` (`user_id`);
-- reverse: create index "link_group_id" to table: "links"
DROP INDEX `link_group_id`;
-- reverse: drop index "link_group_id" from table: "links"
CREATE INDEX `link_group_id` ON `links` (`group_id`);
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
-- reverse: create index "email_company_id_address_key" to table: "emails"
DROP INDEX `email_company_id_address_key`;
-- reverse: create index "email_user_id_position" to table: "emails"
DROP INDEX `email_user_id_position`;
-- reverse: create "new_emails" table
DROP TABLE `new_emails`;
-- reverse: create index "user_counts" to table: "users"
DROP INDEX `user_counts`;
-- reverse: create index "user_company_id_rights" to table: "users"
DROP INDEX `user_company_id_rights`;
-- reverse: create index "user_company_id_seen_at" to table: "users"
DROP INDEX `user_company_id_seen_at`;
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

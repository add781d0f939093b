-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_companies" table
CREATE TABLE `new_companies` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `key` text NOT NULL, `name` text NOT NULL, `locale` text NOT NULL DEFAULT (''), `managed` bool NOT NULL DEFAULT (false), `settings` json NULL, `verified_at` integer NOT NULL DEFAULT (0), `verified_by` text NOT NULL DEFAULT (''), `digest_due` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL);
-- copy rows from old table "companies" to new temporary table "new_companies"
INSERT INTO `new_companies` (`id`, `key`, `name`, `locale`, `managed`, `created_at`) SELECT `id`, `key`, `name`, `locale`, `managed`, `created_at` FROM `companies`;
-- drop "companies" table after copying rows
DROP TABLE `companies`;
-- rename temporary table "new_companies" to "companies"
ALTER TABLE `new_companies` RENAME TO `companies`;
-- create index "company_key" to table: "companies"
CREATE UNIQUE INDEX `company_key` ON `companies` (`key`);
-- create "new_sessions" table
CREATE TABLE `new_sessions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `token_hash` text NOT NULL, `user_id` integer NOT NULL, `credential_version` integer NOT NULL, `address` text NOT NULL DEFAULT (''), `agent` text NOT NULL DEFAULT (''), `method` text NOT NULL DEFAULT (''), `factor_at` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `seen_at` integer NOT NULL, `expires_at` integer NOT NULL);
-- copy rows from old table "sessions" to new temporary table "new_sessions"
INSERT INTO `new_sessions` (`id`, `company_id`, `token_hash`, `user_id`, `credential_version`, `address`, `agent`, `created_at`, `seen_at`, `expires_at`) SELECT `id`, `company_id`, `token_hash`, `user_id`, `credential_version`, `address`, `agent`, `created_at`, `seen_at`, `expires_at` FROM `sessions`;
-- drop "sessions" table after copying rows
DROP TABLE `sessions`;
-- rename temporary table "new_sessions" to "sessions"
ALTER TABLE `new_sessions` RENAME TO `sessions`;
-- create index "session_token_hash" to table: "sessions"
CREATE UNIQUE INDEX `session_token_hash` ON `sessions` (`token_hash`);
-- create index "session_user_id" to table: "sessions"
CREATE INDEX `session_user_id` ON `sessions` (`user_id`);
-- create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- create "new_setup_links" table
CREATE TABLE `new_setup_links` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `user_id` integer NOT NULL, `uid` text NOT NULL, `purpose` text NOT NULL, `token_hash` blob NOT NULL, `address` text NOT NULL, `application_id` integer NOT NULL DEFAULT (0), `credential_version` integer NOT NULL, `created_at` integer NOT NULL, `expires_at` integer NOT NULL, `used_at` integer NOT NULL DEFAULT (0), `superseded_at` integer NOT NULL DEFAULT (0));
-- copy rows from old table "setup_links" to new temporary table "new_setup_links"
INSERT INTO `new_setup_links` (`id`, `company_id`, `user_id`, `uid`, `purpose`, `token_hash`, `address`, `credential_version`, `created_at`, `expires_at`, `used_at`, `superseded_at`) SELECT `id`, `company_id`, `user_id`, `uid`, `purpose`, `token_hash`, `address`, `credential_version`, `created_at`, `expires_at`, `used_at`, `superseded_at` FROM `setup_links`;
-- drop "setup_links" table after copying rows
DROP TABLE `setup_links`;
-- rename temporary table "new_setup_links" to "setup_links"
ALTER TABLE `new_setup_links` RENAME TO `setup_links`;
-- create index "setuplink_uid" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_uid` ON `setup_links` (`uid`);
-- create index "setuplink_token_hash" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_token_hash` ON `setup_links` (`token_hash`);
-- create index "setuplink_user_id_purpose" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_user_id_purpose` ON `setup_links` (`user_id`, `purpose`) WHERE (used_at = 0) AND (superseded_at = 0);
-- create index "setuplink_user_id" to table: "setup_links"
CREATE INDEX `setuplink_user_id` ON `setup_links` (`user_id`);
-- create "new_tokens" table
CREATE TABLE `new_tokens` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `token_hash` blob NOT NULL, `prefix` text NOT NULL, `scopes` json NULL, `name` text NOT NULL DEFAULT (''), `told_at` integer NOT NULL DEFAULT (0), `client_id` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `expires_at` integer NOT NULL DEFAULT (0), `last_used_at` integer NOT NULL DEFAULT (0), `revoked_at` integer NOT NULL DEFAULT (0));
-- copy rows from old table "tokens" to new temporary table "new_tokens"
INSERT INTO `new_tokens` (`id`, `company_id`, `origin_id`, `token_hash`, `prefix`, `scopes`, `client_id`, `user_id`, `created_at`, `expires_at`, `last_used_at`, `revoked_at`) SELECT `id`, `company_id`, `origin_id`, `token_hash`, `prefix`, `scopes`, `client_id`, `user_id`, `created_at`, `expires_at`, `last_used_at`, `revoked_at` FROM `tokens`;
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
CREATE TABLE `new_users` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `kind` text NOT NULL, `association` text NOT NULL, `company_admin` bool NOT NULL DEFAULT (false), `user_name` text NOT NULL, `user_name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `given_name` text NOT NULL DEFAULT (''), `family_name` text NOT NULL DEFAULT (''), `locale` text NOT NULL DEFAULT (''), `employee_number` text NULL, `attributes` json NULL, `document` json NULL, `enabled` bool NOT NULL, `blocks` integer NOT NULL DEFAULT (0), `credential` text NOT NULL, `credential_version` integer NOT NULL DEFAULT (1), `password_hash` text NOT NULL DEFAULT (''), `department_id` integer NULL, `contract_id` integer NULL, `manager_id` integer NULL, `protected` bool NOT NULL DEFAULT (false), `rights` integer NOT NULL DEFAULT (0), `deactivated_at` integer NOT NULL DEFAULT (0), `seen_at` integer NOT NULL DEFAULT (0), `idle_warned_at` integer NOT NULL DEFAULT (0), `erased_at` integer NOT NULL DEFAULT (0), `merged_into` integer NULL);
-- copy rows from old table "users" to new temporary table "new_users"
INSERT INTO `new_users` (`id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `manager_id`, `protected`, `deactivated_at`) SELECT `id`, `company_id`, `public_id`, `owner_id`, `version`, `created_at`, `updated_at`, `deleted_at`, `kind`, `association`, `company_admin`, `user_name`, `user_name_key`, `display_name`, `given_name`, `family_name`, `locale`, `employee_number`, `attributes`, `document`, `enabled`, `blocks`, `credential`, `credential_version`, `password_hash`, `department_id`, `contract_id`, `manager_id`, `protected`, `deactivated_at` FROM `users`;
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
-- create "applications" table
CREATE TABLE `applications` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `public_id` text NOT NULL, `kind` text NOT NULL, `state` text NOT NULL, `code` text NOT NULL DEFAULT (''), `typed` json NULL, `resolved` json NULL, `for_company` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL DEFAULT (0), `address` text NOT NULL DEFAULT (''), `attempts` integer NOT NULL DEFAULT (0), `next_try` integer NOT NULL DEFAULT (0), `claimed_until` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `decided_at` integer NOT NULL DEFAULT (0), `decided_by` text NOT NULL DEFAULT (''), `note` text NOT NULL DEFAULT (''));
-- create index "application_public_id" to table: "applications"
CREATE UNIQUE INDEX `application_public_id` ON `applications` (`public_id`);
-- create index "application_next_try" to table: "applications"
CREATE INDEX `application_next_try` ON `applications` (`next_try`) WHERE next_try <> 0;
-- create index "application_for_company_state_id" to table: "applications"
CREATE INDEX `application_for_company_state_id` ON `applications` (`for_company`, `state`, `id`);
-- create index "application_created_at" to table: "applications"
CREATE INDEX `application_created_at` ON `applications` (`created_at`);
-- create "audits" table
CREATE TABLE `audits` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `at` integer NOT NULL, `actor` text NOT NULL, `user_id` integer NOT NULL DEFAULT (0), `action` text NOT NULL, `outcome` text NOT NULL DEFAULT (''), `subject` text NOT NULL DEFAULT (''), `address` text NOT NULL DEFAULT (''), `request_id` text NOT NULL DEFAULT (''), `detail` json NULL);
-- create index "audit_company_id_at" to table: "audits"
CREATE INDEX `audit_company_id_at` ON `audits` (`company_id`, `at`);
-- create "deliveries" table
CREATE TABLE `deliveries` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `webhook_id` integer NOT NULL, `event` text NOT NULL, `payload` json NOT NULL, `state` text NOT NULL, `attempts` integer NOT NULL DEFAULT (0), `next_try` integer NOT NULL DEFAULT (0), `claimed_until` integer NOT NULL DEFAULT (0), `status` integer NOT NULL DEFAULT (0), `message` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `finished_at` integer NOT NULL DEFAULT (0));
-- create index "delivery_public_id" to table: "deliveries"
CREATE UNIQUE INDEX `delivery_public_id` ON `deliveries` (`public_id`);
-- create index "delivery_next_try" to table: "deliveries"
CREATE INDEX `delivery_next_try` ON `deliveries` (`next_try`) WHERE next_try <> 0;
-- create index "delivery_webhook_id_id" to table: "deliveries"
CREATE INDEX `delivery_webhook_id_id` ON `deliveries` (`webhook_id`, `id`);
-- create index "delivery_company_id_created_at" to table: "deliveries"
CREATE INDEX `delivery_company_id_created_at` ON `deliveries` (`company_id`, `created_at`);
-- create "delivery_attempts" table
CREATE TABLE `delivery_attempts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `delivery_id` integer NOT NULL, `at` integer NOT NULL, `status` integer NOT NULL DEFAULT (0), `micros` integer NOT NULL DEFAULT (0), `message` text NOT NULL DEFAULT (''));
-- create index "deliveryattempt_delivery_id" to table: "delivery_attempts"
CREATE INDEX `deliveryattempt_delivery_id` ON `delivery_attempts` (`delivery_id`);
-- create index "deliveryattempt_company_id_at" to table: "delivery_attempts"
CREATE INDEX `deliveryattempt_company_id_at` ON `delivery_attempts` (`company_id`, `at`);
-- create "domains" table
CREATE TABLE `domains` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `name` text NOT NULL, `challenge` text NOT NULL, `created_at` integer NOT NULL, `checked_at` integer NOT NULL DEFAULT (0), `verified_at` integer NOT NULL DEFAULT (0));
-- create index "domain_company_id_name" to table: "domains"
CREATE UNIQUE INDEX `domain_company_id_name` ON `domains` (`company_id`, `name`);
-- create index "domain_verified" to table: "domains"
CREATE UNIQUE INDEX `domain_verified` ON `domains` (`name`) WHERE verified_at <> 0;
-- create "erased_keys" table
CREATE TABLE `erased_keys` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `key_hash` blob NOT NULL, `user_id` integer NOT NULL, `at` integer NOT NULL);
-- create index "erasedkey_company_id_key_hash" to table: "erased_keys"
CREATE UNIQUE INDEX `erasedkey_company_id_key_hash` ON `erased_keys` (`company_id`, `key_hash`);
-- create index "erasedkey_user_id" to table: "erased_keys"
CREATE INDEX `erasedkey_user_id` ON `erased_keys` (`user_id`);
-- create "factors" table
CREATE TABLE `factors` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `user_id` integer NOT NULL, `kind` text NOT NULL, `name` text NOT NULL DEFAULT (''), `secret` blob NULL, `credential_id` blob NULL, `data` json NULL, `last_step` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `confirmed_at` integer NOT NULL DEFAULT (0), `last_used_at` integer NOT NULL DEFAULT (0));
-- create index "factor_user_id" to table: "factors"
CREATE INDEX `factor_user_id` ON `factors` (`user_id`);
-- create index "factor_credential_id" to table: "factors"
CREATE UNIQUE INDEX `factor_credential_id` ON `factors` (`credential_id`) WHERE credential_id IS NOT NULL;
-- create "idempotency_keys" table
CREATE TABLE `idempotency_keys` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `token_id` integer NOT NULL, `key` text NOT NULL, `request_hash` blob NOT NULL, `status` integer NOT NULL DEFAULT (0), `content_type` text NOT NULL DEFAULT (''), `location` text NOT NULL DEFAULT (''), `body` blob NULL, `created_at` integer NOT NULL, `expires_at` integer NOT NULL);
-- create index "idempotencykey_company_id_token_id_key" to table: "idempotency_keys"
CREATE UNIQUE INDEX `idempotencykey_company_id_token_id_key` ON `idempotency_keys` (`company_id`, `token_id`, `key`);
-- create index "idempotencykey_expires_at" to table: "idempotency_keys"
CREATE INDEX `idempotencykey_expires_at` ON `idempotency_keys` (`expires_at`);
-- create "intake_messages" table
CREATE TABLE `intake_messages` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `message_key` text NOT NULL, `sender` text NOT NULL DEFAULT (''), `user_id` integer NOT NULL DEFAULT (0), `created` bool NOT NULL DEFAULT (false), `outcome` text NOT NULL, `verdict` text NOT NULL DEFAULT (''), `at` integer NOT NULL);
-- create index "intakemessage_company_id_origin_id_message_key" to table: "intake_messages"
CREATE UNIQUE INDEX `intakemessage_company_id_origin_id_message_key` ON `intake_messages` (`company_id`, `origin_id`, `message_key`);
-- create index "intakemessage_company_id_at" to table: "intake_messages"
CREATE INDEX `intakemessage_company_id_at` ON `intake_messages` (`company_id`, `at`);
-- create index "intakemessage_user_id" to table: "intake_messages"
CREATE INDEX `intakemessage_user_id` ON `intake_messages` (`user_id`) WHERE user_id <> 0;
-- create "login_names" table
CREATE TABLE `login_names` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `name_hash` blob NOT NULL, `holder_company` integer NOT NULL, `holder` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL);
-- create index "loginname_name_hash" to table: "login_names"
CREATE UNIQUE INDEX `loginname_name_hash` ON `login_names` (`name_hash`);
-- create "merges" table
CREATE TABLE `merges` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `survivor_id` integer NOT NULL, `loser_id` integer NOT NULL, `actor` text NOT NULL, `evidence` text NOT NULL, `snapshot` json NULL, `at` integer NOT NULL, `undo_until` integer NOT NULL, `undone_at` integer NOT NULL DEFAULT (0), `undone_by` text NOT NULL DEFAULT (''));
-- create index "merge_public_id" to table: "merges"
CREATE UNIQUE INDEX `merge_public_id` ON `merges` (`public_id`);
-- create index "merge_survivor_id" to table: "merges"
CREATE INDEX `merge_survivor_id` ON `merges` (`survivor_id`);
-- create index "merge_loser_id" to table: "merges"
CREATE INDEX `merge_loser_id` ON `merges` (`loser_id`);
-- create index "merge_undo_until" to table: "merges"
CREATE INDEX `merge_undo_until` ON `merges` (`undo_until`);
-- create "spent_challenges" table
CREATE TABLE `spent_challenges` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `hash` blob NOT NULL, `expires_at` integer NOT NULL);
-- create index "spentchallenge_hash" to table: "spent_challenges"
CREATE UNIQUE INDEX `spentchallenge_hash` ON `spent_challenges` (`hash`);
-- create index "spentchallenge_expires_at" to table: "spent_challenges"
CREATE INDEX `spentchallenge_expires_at` ON `spent_challenges` (`expires_at`);
-- create "throttles" table
CREATE TABLE `throttles` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `bucket` blob NOT NULL, `tokens` integer NOT NULL, `moved_at` integer NOT NULL, `expires_at` integer NOT NULL);
-- create index "throttle_bucket" to table: "throttles"
CREATE UNIQUE INDEX `throttle_bucket` ON `throttles` (`bucket`);
-- create index "throttle_expires_at" to table: "throttles"
CREATE INDEX `throttle_expires_at` ON `throttles` (`expires_at`);
-- create "uploads" table
CREATE TABLE `uploads` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `actor` text NOT NULL, `file_name` text NOT NULL, `format` text NOT NULL, `content_hash` blob NOT NULL, `size` integer NOT NULL, `settings` json NULL, `state` text NOT NULL, `counts` json NULL, `preview_run` integer NOT NULL DEFAULT (0), `run_id` integer NOT NULL DEFAULT (0), `message` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `expires_at` integer NOT NULL);
-- create index "upload_public_id" to table: "uploads"
CREATE UNIQUE INDEX `upload_public_id` ON `uploads` (`public_id`);
-- create index "upload_company_id_id" to table: "uploads"
CREATE INDEX `upload_company_id_id` ON `uploads` (`company_id`, `id`);
-- create index "upload_expires_at" to table: "uploads"
CREATE INDEX `upload_expires_at` ON `uploads` (`expires_at`);
-- create "upload_parts" table
CREATE TABLE `upload_parts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `upload_id` integer NOT NULL, `position` integer NOT NULL, `content` blob NOT NULL);
-- create index "uploadpart_upload_id_position" to table: "upload_parts"
CREATE UNIQUE INDEX `uploadpart_upload_id_position` ON `upload_parts` (`upload_id`, `position`);
-- create "webhooks" table
CREATE TABLE `webhooks` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `url` text NOT NULL, `events` json NOT NULL, `description` text NOT NULL DEFAULT (''), `secret` blob NOT NULL, `former_secret` blob NULL, `former_until` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `failing_since` integer NOT NULL DEFAULT (0), `disabled_at` integer NOT NULL DEFAULT (0), `disabled_reason` text NOT NULL DEFAULT (''), `deleted_at` integer NOT NULL DEFAULT (0));
-- create index "webhook_public_id" to table: "webhooks"
CREATE UNIQUE INDEX `webhook_public_id` ON `webhooks` (`public_id`);
-- create index "webhook_company_id" to table: "webhooks"
CREATE INDEX `webhook_company_id` ON `webhooks` (`company_id`) WHERE deleted_at = 0;
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

-- +goose Down
-- reverse: create index "webhook_company_id" to table: "webhooks"
DROP INDEX `webhook_company_id`;
-- reverse: create index "webhook_public_id" to table: "webhooks"
DROP INDEX `webhook_public_id`;
-- reverse: create "webhooks" table
DROP TABLE `webhooks`;
-- reverse: create index "uploadpart_upload_id_position" to table: "upload_parts"
DROP INDEX `uploadpart_upload_id_position`;
-- reverse: create "upload_parts" table
DROP TABLE `upload_parts`;
-- reverse: create index "upload_expires_at" to table: "uploads"
DROP INDEX `upload_expires_at`;
-- reverse: create index "upload_company_id_id" to table: "uploads"
DROP INDEX `upload_company_id_id`;
-- reverse: create index "upload_public_id" to table: "uploads"
DROP INDEX `upload_public_id`;
-- reverse: create "uploads" table
DROP TABLE `uploads`;
-- reverse: create index "throttle_expires_at" to table: "throttles"
DROP INDEX `throttle_expires_at`;
-- reverse: create index "throttle_bucket" to table: "throttles"
DROP INDEX `throttle_bucket`;
-- reverse: create "throttles" table
DROP TABLE `throttles`;
-- reverse: create index "spentchallenge_expires_at" to table: "spent_challenges"
DROP INDEX `spentchallenge_expires_at`;
-- reverse: create index "spentchallenge_hash" to table: "spent_challenges"
DROP INDEX `spentchallenge_hash`;
-- reverse: create "spent_challenges" table
DROP TABLE `spent_challenges`;
-- reverse: create index "merge_undo_until" to table: "merges"
DROP INDEX `merge_undo_until`;
-- reverse: create index "merge_loser_id" to table: "merges"
DROP INDEX `merge_loser_id`;
-- reverse: create index "merge_survivor_id" to table: "merges"
DROP INDEX `merge_survivor_id`;
-- reverse: create index "merge_public_id" to table: "merges"
DROP INDEX `merge_public_id`;
-- reverse: create "merges" table
DROP TABLE `merges`;
-- reverse: create index "loginname_name_hash" to table: "login_names"
DROP INDEX `loginname_name_hash`;
-- reverse: create "login_names" table
DROP TABLE `login_names`;
-- reverse: create index "intakemessage_user_id" to table: "intake_messages"
DROP INDEX `intakemessage_user_id`;
-- reverse: create index "intakemessage_company_id_at" to table: "intake_messages"
DROP INDEX `intakemessage_company_id_at`;
-- reverse: create index "intakemessage_company_id_origin_id_message_key" to table: "intake_messages"
DROP INDEX `intakemessage_company_id_origin_id_message_key`;
-- reverse: create "intake_messages" table
DROP TABLE `intake_messages`;
-- reverse: create index "idempotencykey_expires_at" to table: "idempotency_keys"
DROP INDEX `idempotencykey_expires_at`;
-- reverse: create index "idempotencykey_company_id_token_id_key" to table: "idempotency_keys"
DROP INDEX `idempotencykey_company_id_token_id_key`;
-- reverse: create "idempotency_keys" table
DROP TABLE `idempotency_keys`;
-- reverse: create index "factor_credential_id" to table: "factors"
DROP INDEX `factor_credential_id`;
-- reverse: create index "factor_user_id" to table: "factors"
DROP INDEX `factor_user_id`;
-- reverse: create "factors" table
DROP TABLE `factors`;
-- reverse: create index "erasedkey_user_id" to table: "erased_keys"
DROP INDEX `erasedkey_user_id`;
-- reverse: create index "erasedkey_company_id_key_hash" to table: "erased_keys"
DROP INDEX `erasedkey_company_id_key_hash`;
-- reverse: create "erased_keys" table
DROP TABLE `erased_keys`;
-- reverse: create index "domain_verified" to table: "domains"
DROP INDEX `domain_verified`;
-- reverse: create index "domain_company_id_name" to table: "domains"
DROP INDEX `domain_company_id_name`;
-- reverse: create "domains" table
DROP TABLE `domains`;
-- reverse: create index "deliveryattempt_company_id_at" to table: "delivery_attempts"
DROP INDEX `deliveryattempt_company_id_at`;
-- reverse: create index "deliveryattempt_delivery_id" to table: "delivery_attempts"
DROP INDEX `deliveryattempt_delivery_id`;
-- reverse: create "delivery_attempts" table
DROP TABLE `delivery_attempts`;
-- reverse: create index "delivery_company_id_created_at" to table: "deliveries"
DROP INDEX `delivery_company_id_created_at`;
-- reverse: create index "delivery_webhook_id_id" to table: "deliveries"
DROP INDEX `delivery_webhook_id_id`;
-- reverse: create index "delivery_next_try" to table: "deliveries"
DROP INDEX `delivery_next_try`;
-- reverse: create index "delivery_public_id" to table: "deliveries"
DROP INDEX `delivery_public_id`;
-- reverse: create "deliveries" table
DROP TABLE `deliveries`;
-- reverse: create index "audit_company_id_at" to table: "audits"
DROP INDEX `audit_company_id_at`;
-- reverse: create "audits" table
DROP TABLE `audits`;
-- reverse: create index "application_created_at" to table: "applications"
DROP INDEX `application_created_at`;
-- reverse: create index "application_for_company_state_id" to table: "applications"
DROP INDEX `application_for_company_state_id`;
-- reverse: create index "application_next_try" to table: "applications"
DROP INDEX `application_next_try`;
-- reverse: create index "application_public_id" to table: "applications"
DROP INDEX `application_public_id`;
-- reverse: create "applications" table
DROP TABLE `applications`;
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
-- reverse: create index "token_expires_at" to table: "tokens"
DROP INDEX `token_expires_at`;
-- reverse: create index "token_origin_id" to table: "tokens"
DROP INDEX `token_origin_id`;
-- reverse: create index "token_token_hash" to table: "tokens"
DROP INDEX `token_token_hash`;
-- reverse: create "new_tokens" table
DROP TABLE `new_tokens`;
-- reverse: create index "setuplink_user_id" to table: "setup_links"
DROP INDEX `setuplink_user_id`;
-- reverse: create index "setuplink_user_id_purpose" to table: "setup_links"
DROP INDEX `setuplink_user_id_purpose`;
-- reverse: create index "setuplink_token_hash" to table: "setup_links"
DROP INDEX `setuplink_token_hash`;
-- reverse: create index "setuplink_uid" to table: "setup_links"
DROP INDEX `setuplink_uid`;
-- reverse: create "new_setup_links" table
DROP TABLE `new_setup_links`;
-- reverse: create index "session_expires_at" to table: "sessions"
DROP INDEX `session_expires_at`;
-- reverse: create index "session_user_id" to table: "sessions"
DROP INDEX `session_user_id`;
-- reverse: create index "session_token_hash" to table: "sessions"
DROP INDEX `session_token_hash`;
-- reverse: create "new_sessions" table
DROP TABLE `new_sessions`;
-- reverse: create index "company_key" to table: "companies"
DROP INDEX `company_key`;
-- reverse: create "new_companies" table
DROP TABLE `new_companies`;

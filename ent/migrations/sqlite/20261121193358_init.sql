-- +goose Up
-- create "changes" table
CREATE TABLE `changes` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `at` integer NOT NULL, `actor` text NOT NULL, `origin_id` integer NOT NULL DEFAULT (0), `run_id` integer NULL, `user_id` integer NULL, `group_id` integer NULL, `action` text NOT NULL, `reason` text NOT NULL DEFAULT (''), `version` integer NOT NULL DEFAULT (0), `payload` json NULL);
-- create index "change_run_id" to table: "changes"
CREATE INDEX `change_run_id` ON `changes` (`run_id`) WHERE run_id IS NOT NULL;
-- create index "change_user_id" to table: "changes"
CREATE INDEX `change_user_id` ON `changes` (`user_id`) WHERE user_id IS NOT NULL;
-- create index "change_group_id" to table: "changes"
CREATE INDEX `change_group_id` ON `changes` (`group_id`) WHERE group_id IS NOT NULL;
-- create "companies" table
CREATE TABLE `companies` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `key` text NOT NULL, `name` text NOT NULL, `locale` text NOT NULL DEFAULT (''), `managed` bool NOT NULL DEFAULT (false), `created_at` integer NOT NULL);
-- create index "company_key" to table: "companies"
CREATE UNIQUE INDEX `company_key` ON `companies` (`key`);
-- create "contracts" table
CREATE TABLE `contracts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `number` text NOT NULL, `number_key` text NOT NULL, `title` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `ended_at` integer NOT NULL DEFAULT (0));
-- create index "contract_number_key" to table: "contracts"
CREATE UNIQUE INDEX `contract_number_key` ON `contracts` (`number_key`);
-- create index "contract_company_id" to table: "contracts"
CREATE INDEX `contract_company_id` ON `contracts` (`company_id`);
-- create "departments" table
CREATE TABLE `departments` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `name` text NOT NULL, `name_key` text NOT NULL, `created_at` integer NOT NULL);
-- create index "department_company_id_name_key" to table: "departments"
CREATE UNIQUE INDEX `department_company_id_name_key` ON `departments` (`company_id`, `name_key`);
-- create "emails" table
CREATE TABLE `emails` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `address` text NOT NULL, `address_key` text NOT NULL, `position` integer NOT NULL, `type` text NOT NULL DEFAULT (''), `verified_at` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL, CONSTRAINT `emails_users_emails` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "email_user_id_position" to table: "emails"
CREATE UNIQUE INDEX `email_user_id_position` ON `emails` (`user_id`, `position`);
-- create index "email_company_id_address_key" to table: "emails"
CREATE INDEX `email_company_id_address_key` ON `emails` (`company_id`, `address_key`);
-- create "groups" table
CREATE TABLE `groups` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `display_name` text NOT NULL, `name_key` text NOT NULL, `role` text NOT NULL DEFAULT (''), `is_default` bool NOT NULL DEFAULT (false), `department_id` integer NULL);
-- create index "group_public_id" to table: "groups"
CREATE UNIQUE INDEX `group_public_id` ON `groups` (`public_id`);
-- create index "group_company_id_name_key" to table: "groups"
CREATE INDEX `group_company_id_name_key` ON `groups` (`company_id`, `name_key`);
-- create index "group_company_id_role" to table: "groups"
CREATE UNIQUE INDEX `group_company_id_role` ON `groups` (`company_id`, `role`) WHERE is_default;
-- create "links" table
CREATE TABLE `links` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `user_id` integer NULL, `group_id` integer NULL, `anchor` text NOT NULL, `name` text NOT NULL DEFAULT (''), `asserted` json NULL, `enabled` bool NOT NULL DEFAULT (true), `fingerprint` blob NULL, `marker` text NOT NULL DEFAULT (''), `seen_run` integer NOT NULL DEFAULT (0), `missing_since` integer NOT NULL DEFAULT (0), `recheck_at` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `updated_at` integer NOT NULL);
-- create index "link_origin_id_anchor" to table: "links"
CREATE UNIQUE INDEX `link_origin_id_anchor` ON `links` (`origin_id`, `anchor`);
-- create index "link_user_id" to table: "links"
CREATE INDEX `link_user_id` ON `links` (`user_id`);
-- create index "link_group_id" to table: "links"
CREATE INDEX `link_group_id` ON `links` (`group_id`);
-- create "mails" table
CREATE TABLE `mails` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `user_id` integer NOT NULL, `kind` text NOT NULL, `link_uid` text NOT NULL DEFAULT (''), `address` text NOT NULL, `message_id` text NOT NULL, `state` text NOT NULL, `attempts` integer NOT NULL DEFAULT (0), `next_try` integer NOT NULL DEFAULT (0), `claimed_until` integer NOT NULL DEFAULT (0), `code` text NOT NULL DEFAULT (''), `message` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `released_at` integer NOT NULL DEFAULT (0), `finished_at` integer NOT NULL DEFAULT (0));
-- create index "mail_message_id" to table: "mails"
CREATE UNIQUE INDEX `mail_message_id` ON `mails` (`message_id`);
-- create index "mail_next_try" to table: "mails"
CREATE INDEX `mail_next_try` ON `mails` (`next_try`) WHERE next_try <> 0;
-- create index "mail_user_id" to table: "mails"
CREATE INDEX `mail_user_id` ON `mails` (`user_id`);
-- create "mail_attempts" table
CREATE TABLE `mail_attempts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `mail_id` integer NOT NULL, `at` integer NOT NULL, `outcome` text NOT NULL, `code` text NOT NULL DEFAULT (''), `message` text NOT NULL DEFAULT (''));
-- create index "mailattempt_mail_id" to table: "mail_attempts"
CREATE INDEX `mailattempt_mail_id` ON `mail_attempts` (`mail_id`);
-- create index "mailattempt_company_id_at" to table: "mail_attempts"
CREATE INDEX `mailattempt_company_id_at` ON `mail_attempts` (`company_id`, `at`);
-- create "memberships" table
CREATE TABLE `memberships` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `user_id` integer NULL, `member_group_id` integer NULL, `origin_id` integer NOT NULL, `created_at` integer NOT NULL, `group_id` integer NOT NULL, CONSTRAINT `memberships_groups_memberships` FOREIGN KEY (`group_id`) REFERENCES `groups` (`id`) ON DELETE CASCADE);
-- create index "membership_group_id_user_id_origin_id" to table: "memberships"
CREATE UNIQUE INDEX `membership_group_id_user_id_origin_id` ON `memberships` (`group_id`, `user_id`, `origin_id`) WHERE user_id IS NOT NULL;
-- create index "membership_group_id_member_group_id_origin_id" to table: "memberships"
CREATE UNIQUE INDEX `membership_group_id_member_group_id_origin_id` ON `memberships` (`group_id`, `member_group_id`, `origin_id`) WHERE member_group_id IS NOT NULL;
-- create index "membership_user_id" to table: "memberships"
CREATE INDEX `membership_user_id` ON `memberships` (`user_id`) WHERE user_id IS NOT NULL;
-- create index "membership_member_group_id" to table: "memberships"
CREATE INDEX `membership_member_group_id` ON `memberships` (`member_group_id`) WHERE member_group_id IS NOT NULL;
-- create "origins" table
CREATE TABLE `origins` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `kind` text NOT NULL, `key` text NOT NULL, `settings` json NULL, `created_at` integer NOT NULL, `retired_at` integer NOT NULL DEFAULT (0));
-- create index "origin_company_id_kind_key" to table: "origins"
CREATE UNIQUE INDEX `origin_company_id_kind_key` ON `origins` (`company_id`, `kind`, `key`);
-- create "processes" table
CREATE TABLE `processes` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `name` text NOT NULL, `version` text NOT NULL DEFAULT (''), `config_hash` text NOT NULL DEFAULT (''), `started_at` integer NOT NULL, `alive_until` integer NOT NULL);
-- create index "process_name" to table: "processes"
CREATE UNIQUE INDEX `process_name` ON `processes` (`name`);
-- create "runs" table
CREATE TABLE `runs` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `source_id` integer NOT NULL, `number` integer NOT NULL, `mode` text NOT NULL, `trigger` text NOT NULL, `actor` text NOT NULL DEFAULT (''), `state` text NOT NULL, `fence` integer NOT NULL DEFAULT (0), `resumes` integer NOT NULL DEFAULT (0), `complete` bool NOT NULL DEFAULT (false), `counts` json NULL, `limits` json NULL, `plan_hash` text NOT NULL DEFAULT (''), `code` text NOT NULL DEFAULT (''), `message` text NOT NULL DEFAULT (''), `notes` json NULL, `decided_by` text NOT NULL DEFAULT (''), `decision_note` text NOT NULL DEFAULT (''), `decided_at` integer NOT NULL DEFAULT (0), `created_at` integer NOT NULL, `started_at` integer NOT NULL DEFAULT (0), `finished_at` integer NOT NULL DEFAULT (0));
-- create index "run_public_id" to table: "runs"
CREATE UNIQUE INDEX `run_public_id` ON `runs` (`public_id`);
-- create index "run_company_id_number" to table: "runs"
CREATE UNIQUE INDEX `run_company_id_number` ON `runs` (`company_id`, `number`);
-- create index "run_source_id_state" to table: "runs"
CREATE INDEX `run_source_id_state` ON `runs` (`source_id`, `state`);
-- create "run_items" table
CREATE TABLE `run_items` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `run_id` integer NOT NULL, `outcome` text NOT NULL, `action` text NOT NULL DEFAULT (''), `code` text NOT NULL DEFAULT (''), `anchor` text NOT NULL DEFAULT (''), `name` text NOT NULL DEFAULT (''), `user_id` integer NOT NULL DEFAULT (0), `group_id` integer NOT NULL DEFAULT (0), `message` text NOT NULL DEFAULT (''), `detail` json NULL, `at` integer NOT NULL);
-- create index "runitem_run_id" to table: "run_items"
CREATE INDEX `runitem_run_id` ON `run_items` (`run_id`);
-- create "sessions" table
CREATE TABLE `sessions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `token_hash` text NOT NULL, `user_id` integer NOT NULL, `credential_version` integer NOT NULL, `address` text NOT NULL DEFAULT (''), `agent` text NOT NULL DEFAULT (''), `created_at` integer NOT NULL, `seen_at` integer NOT NULL, `expires_at` integer NOT NULL);
-- create index "session_token_hash" to table: "sessions"
CREATE UNIQUE INDEX `session_token_hash` ON `sessions` (`token_hash`);
-- create index "session_user_id" to table: "sessions"
CREATE INDEX `session_user_id` ON `sessions` (`user_id`);
-- create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- create "setup_links" table
CREATE TABLE `setup_links` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `user_id` integer NOT NULL, `uid` text NOT NULL, `purpose` text NOT NULL, `token_hash` blob NOT NULL, `address` text NOT NULL, `credential_version` integer NOT NULL, `created_at` integer NOT NULL, `expires_at` integer NOT NULL, `used_at` integer NOT NULL DEFAULT (0), `superseded_at` integer NOT NULL DEFAULT (0));
-- create index "setuplink_uid" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_uid` ON `setup_links` (`uid`);
-- create index "setuplink_token_hash" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_token_hash` ON `setup_links` (`token_hash`);
-- create index "setuplink_user_id_purpose" to table: "setup_links"
CREATE UNIQUE INDEX `setuplink_user_id_purpose` ON `setup_links` (`user_id`, `purpose`) WHERE (used_at = 0) AND (superseded_at = 0);
-- create index "setuplink_user_id" to table: "setup_links"
CREATE INDEX `setuplink_user_id` ON `setup_links` (`user_id`);
-- create "sources" table
CREATE TABLE `sources` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `key` text NOT NULL, `schedule` text NOT NULL DEFAULT (''), `next_due` integer NOT NULL DEFAULT (0), `settings_hash` text NOT NULL DEFAULT (''), `retired_at` integer NOT NULL DEFAULT (0), `lease_holder` text NOT NULL DEFAULT (''), `lease_until` integer NOT NULL DEFAULT (0), `fence` integer NOT NULL DEFAULT (0), `cursor` text NOT NULL DEFAULT (''));
-- create index "source_key" to table: "sources"
CREATE UNIQUE INDEX `source_key` ON `sources` (`key`);
-- create index "source_origin_id" to table: "sources"
CREATE UNIQUE INDEX `source_origin_id` ON `sources` (`origin_id`);
-- create index "source_next_due" to table: "sources"
CREATE INDEX `source_next_due` ON `sources` (`next_due`);
-- create "tokens" table
CREATE TABLE `tokens` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `token_hash` blob NOT NULL, `prefix` text NOT NULL, `scopes` json NULL, `created_at` integer NOT NULL, `expires_at` integer NOT NULL DEFAULT (0), `last_used_at` integer NOT NULL DEFAULT (0), `revoked_at` integer NOT NULL DEFAULT (0));
-- create index "token_token_hash" to table: "tokens"
CREATE UNIQUE INDEX `token_token_hash` ON `tokens` (`token_hash`);
-- create index "token_origin_id" to table: "tokens"
CREATE INDEX `token_origin_id` ON `tokens` (`origin_id`);
-- create "users" table
CREATE TABLE `users` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `public_id` text NOT NULL, `owner_id` integer NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` integer NOT NULL, `updated_at` integer NOT NULL, `deleted_at` integer NOT NULL DEFAULT (0), `kind` text NOT NULL, `association` text NOT NULL, `company_admin` bool NOT NULL DEFAULT (false), `user_name` text NOT NULL, `user_name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `given_name` text NOT NULL DEFAULT (''), `family_name` text NOT NULL DEFAULT (''), `locale` text NOT NULL DEFAULT (''), `employee_number` text NULL, `attributes` json NULL, `enabled` bool NOT NULL, `blocks` integer NOT NULL DEFAULT (0), `credential` text NOT NULL, `credential_version` integer NOT NULL DEFAULT (1), `password_hash` text NOT NULL DEFAULT (''), `department_id` integer NULL, `contract_id` integer NULL, `deactivated_at` integer NOT NULL DEFAULT (0));
-- create index "user_public_id" to table: "users"
CREATE UNIQUE INDEX `user_public_id` ON `users` (`public_id`);
-- create index "user_company_id_user_name_key" to table: "users"
CREATE UNIQUE INDEX `user_company_id_user_name_key` ON `users` (`company_id`, `user_name_key`) WHERE deleted_at = 0;
-- create index "user_company_id_employee_number" to table: "users"
CREATE INDEX `user_company_id_employee_number` ON `users` (`company_id`, `employee_number`) WHERE employee_number IS NOT NULL;
-- create index "user_company_id_deleted_at" to table: "users"
CREATE INDEX `user_company_id_deleted_at` ON `users` (`company_id`, `deleted_at`) WHERE deleted_at <> 0;

-- +goose Down
-- reverse: create index "user_company_id_deleted_at" to table: "users"
DROP INDEX `user_company_id_deleted_at`;
-- reverse: create index "user_company_id_employee_number" to table: "users"
DROP INDEX `user_company_id_employee_number`;
-- reverse: create index "user_company_id_user_name_key" to table: "users"
DROP INDEX `user_company_id_user_name_key`;
-- reverse: create index "user_public_id" to table: "users"
DROP INDEX `user_public_id`;
-- reverse: create "users" table
DROP TABLE `users`;
-- reverse: create index "token_origin_id" to table: "tokens"
DROP INDEX `token_origin_id`;
-- reverse: create index "token_token_hash" to table: "tokens"
DROP INDEX `token_token_hash`;
-- reverse: create "tokens" table
DROP TABLE `tokens`;
-- reverse: create index "source_next_due" to table: "sources"
DROP INDEX `source_next_due`;
-- reverse: create index "source_origin_id" to table: "sources"
DROP INDEX `source_origin_id`;
-- reverse: create index "source_key" to table: "sources"
DROP INDEX `source_key`;
-- reverse: create "sources" table
DROP TABLE `sources`;
-- reverse: create index "setuplink_user_id" to table: "setup_links"
DROP INDEX `setuplink_user_id`;
-- reverse: create index "setuplink_user_id_purpose" to table: "setup_links"
DROP INDEX `setuplink_user_id_purpose`;
-- reverse: create index "setuplink_token_hash" to table: "setup_links"
DROP INDEX `setuplink_token_hash`;
-- reverse: create index "setuplink_uid" to table: "setup_links"
DROP INDEX `setuplink_uid`;
-- reverse: create "setup_links" table
DROP TABLE `setup_links`;
-- reverse: create index "session_expires_at" to table: "sessions"
DROP INDEX `session_expires_at`;
-- reverse: create index "session_user_id" to table: "sessions"
DROP INDEX `session_user_id`;
-- reverse: create index "session_token_hash" to table: "sessions"
DROP INDEX `session_token_hash`;
-- reverse: create "sessions" table
DROP TABLE `sessions`;
-- reverse: create index "runitem_run_id" to table: "run_items"
DROP INDEX `runitem_run_id`;
-- reverse: create "run_items" table
DROP TABLE `run_items`;
-- reverse: create index "run_source_id_state" to table: "runs"
DROP INDEX `run_source_id_state`;
-- reverse: create index "run_company_id_number" to table: "runs"
DROP INDEX `run_company_id_number`;
-- reverse: create index "run_public_id" to table: "runs"
DROP INDEX `run_public_id`;
-- reverse: create "runs" table
DROP TABLE `runs`;
-- reverse: create index "process_name" to table: "processes"
DROP INDEX `process_name`;
-- reverse: create "processes" table
DROP TABLE `processes`;
-- reverse: create index "origin_company_id_kind_key" to table: "origins"
DROP INDEX `origin_company_id_kind_key`;
-- reverse: create "origins" table
DROP TABLE `origins`;
-- reverse: create index "membership_member_group_id" to table: "memberships"
DROP INDEX `membership_member_group_id`;
-- reverse: create index "membership_user_id" to table: "memberships"
DROP INDEX `membership_user_id`;
-- reverse: create index "membership_group_id_member_group_id_origin_id" to table: "memberships"
DROP INDEX `membership_group_id_member_group_id_origin_id`;
-- reverse: create index "membership_group_id_user_id_origin_id" to table: "memberships"
DROP INDEX `membership_group_id_user_id_origin_id`;
-- reverse: create "memberships" table
DROP TABLE `memberships`;
-- reverse: create index "mailattempt_company_id_at" to table: "mail_attempts"
DROP INDEX `mailattempt_company_id_at`;
-- reverse: create index "mailattempt_mail_id" to table: "mail_attempts"
DROP INDEX `mailattempt_mail_id`;
-- reverse: create "mail_attempts" table
DROP TABLE `mail_attempts`;
-- reverse: create index "mail_user_id" to table: "mails"
DROP INDEX `mail_user_id`;
-- reverse: create index "mail_next_try" to table: "mails"
DROP INDEX `mail_next_try`;
-- reverse: create index "mail_message_id" to table: "mails"
DROP INDEX `mail_message_id`;
-- reverse: create "mails" table
DROP TABLE `mails`;
-- reverse: create index "link_group_id" to table: "links"
DROP INDEX `link_group_id`;
-- reverse: create index "link_user_id" to table: "links"
DROP INDEX `link_user_id`;
-- reverse: create index "link_origin_id_anchor" to table: "links"
DROP INDEX `link_origin_id_anchor`;
-- reverse: create "links" table
DROP TABLE `links`;
-- reverse: create index "group_company_id_role" to table: "groups"
DROP INDEX `group_company_id_role`;
-- reverse: create index "group_company_id_name_key" to table: "groups"
DROP INDEX `group_company_id_name_key`;
-- reverse: create index "group_public_id" to table: "groups"
DROP INDEX `group_public_id`;
-- reverse: create "groups" table
DROP TABLE `groups`;
-- reverse: create index "email_company_id_address_key" to table: "emails"
DROP INDEX `email_company_id_address_key`;
-- reverse: create index "email_user_id_position" to table: "emails"
DROP INDEX `email_user_id_position`;
-- reverse: create "emails" table
DROP TABLE `emails`;
-- reverse: create index "department_company_id_name_key" to table: "departments"
DROP INDEX `department_company_id_name_key`;
-- reverse: create "departments" table
DROP TABLE `departments`;
-- reverse: create index "contract_company_id" to table: "contracts"
DROP INDEX `contract_company_id`;
-- reverse: create index "contract_number_key" to table: "contracts"
DROP INDEX `contract_number_key`;
-- reverse: create "contracts" table
DROP TABLE `contracts`;
-- reverse: create index "company_key" to table: "companies"
DROP INDEX `company_key`;
-- reverse: create "companies" table
DROP TABLE `companies`;
-- reverse: create index "change_group_id" to table: "changes"
DROP INDEX `change_group_id`;
-- reverse: create index "change_user_id" to table: "changes"
DROP INDEX `change_user_id`;
-- reverse: create index "change_run_id" to table: "changes"
DROP INDEX `change_run_id`;
-- reverse: create "changes" table
DROP TABLE `changes`;

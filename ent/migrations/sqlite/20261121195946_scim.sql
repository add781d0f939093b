-- +goose Up
-- add column "document" to table: "users"
ALTER TABLE `users` ADD COLUMN `document` json NULL;
-- create "scim_requests" table
CREATE TABLE `scim_requests` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `origin_id` integer NOT NULL, `at` integer NOT NULL, `request_id` text NOT NULL, `method` text NOT NULL, `path` text NOT NULL, `status` integer NOT NULL, `scim_type` text NOT NULL DEFAULT (''), `detail` text NOT NULL DEFAULT (''), `resource` text NOT NULL DEFAULT (''), `micros` integer NOT NULL DEFAULT (0), `body` text NOT NULL DEFAULT (''));
-- create index "scimrequest_origin_id_at" to table: "scim_requests"
CREATE INDEX `scimrequest_origin_id_at` ON `scim_requests` (`origin_id`, `at`);

-- +goose Down
-- reverse: create index "scimrequest_origin_id_at" to table: "scim_requests"
DROP INDEX `scimrequest_origin_id_at`;
-- reverse: create "scim_requests" table
DROP TABLE `scim_requests`;
-- reverse: add column "document" to table: "users"
ALTER TABLE `users` DROP COLUMN `document`;

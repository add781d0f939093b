-- +goose Up
-- create index "user_counts" to table: "users"
CREATE INDEX `user_counts` ON `users` (`company_id`, `enabled`, `association`, `blocks`, `credential`, `owner_id`) WHERE deleted_at = 0;

-- +goose Down
-- reverse: create index "user_counts" to table: "users"
DROP INDEX `user_counts`;

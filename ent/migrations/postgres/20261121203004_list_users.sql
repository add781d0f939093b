-- +goose Up
-- create index "user_company_id_id" to table: "users"
CREATE INDEX "user_company_id_id" ON "users" ("company_id", "id") WHERE (deleted_at = 0);

-- +goose Down
-- reverse: create index "user_company_id_id" to table: "users"
DROP INDEX "user_company_id_id";

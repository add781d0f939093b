-- +goose Up
-- drop index "link_group_id" from table: "links"
DROP INDEX "link_group_id";
-- drop index "link_user_id" from table: "links"
DROP INDEX "link_user_id";
-- create index "link_group_id" to table: "links"
CREATE INDEX "link_group_id" ON "links" ("group_id") WHERE (group_id IS NOT NULL);
-- create index "link_user_id" to table: "links"
CREATE INDEX "link_user_id" ON "links" ("user_id") WHERE (user_id IS NOT NULL);

-- +goose Down
-- reverse: create index "link_user_id" to table: "links"
DROP INDEX "link_user_id";
-- reverse: create index "link_group_id" to table: "links"
DROP INDEX "link_group_id";
-- reverse: drop index "link_user_id" from table: "links"
CREATE INDEX "link_user_id" ON "links" ("user_id");
-- reverse: drop index "link_group_id" from table: "links"
CREATE INDEX "link_group_id" ON "links" ("group_id");

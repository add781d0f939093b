-- +goose Up
-- drop index "link_user_id" from table: "links"
DROP INDEX "link_user_id";
-- create index "link_of_user" to table: "links"
CREATE INDEX "link_of_user" ON "links" ("user_id", "company_id", "origin_id", "missing_since", "anchor") WHERE (user_id IS NOT NULL);
-- drop index "membership_user_id" from table: "memberships"
DROP INDEX "membership_user_id";
-- create index "membership_of_user" to table: "memberships"
CREATE INDEX "membership_of_user" ON "memberships" ("user_id", "company_id", "group_id") WHERE (user_id IS NOT NULL);

-- +goose Down
-- reverse: create index "membership_of_user" to table: "memberships"
DROP INDEX "membership_of_user";
-- reverse: drop index "membership_user_id" from table: "memberships"
CREATE INDEX "membership_user_id" ON "memberships" ("user_id") WHERE (user_id IS NOT NULL);
-- reverse: create index "link_of_user" to table: "links"
DROP INDEX "link_of_user";
-- reverse: drop index "link_user_id" from table: "links"
CREATE INDEX "link_user_id" ON "links" ("user_id") WHERE (user_id IS NOT NULL);

-- +goose Up
-- create "read_pages" table
CREATE TABLE `read_pages` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `company_id` integer NOT NULL, `source_id` integer NOT NULL, `number` integer NOT NULL, `read` text NOT NULL, `began_at` integer NOT NULL, `body` blob NOT NULL);
-- create index "readpage_source_id_number" to table: "read_pages"
CREATE UNIQUE INDEX `readpage_source_id_number` ON `read_pages` (`source_id`, `number`);

-- +goose Down
-- reverse: create index "readpage_source_id_number" to table: "read_pages"
DROP INDEX `readpage_source_id_number`;
-- reverse: create "read_pages" table
DROP TABLE `read_pages`;

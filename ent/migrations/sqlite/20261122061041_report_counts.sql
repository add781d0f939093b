-- +goose Up
-- create index "runitem_run_id_outcome_code_company_id" to table: "run_items"
CREATE INDEX `runitem_run_id_outcome_code_company_id` ON `run_items` (`run_id`, `outcome`, `code`, `company_id`);

-- +goose Down
-- reverse: create index "runitem_run_id_outcome_code_company_id" to table: "run_items"
DROP INDEX `runitem_run_id_outcome_code_company_id`;

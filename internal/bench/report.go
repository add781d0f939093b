package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// benchUpload is the id of a file with a row for each person.
const benchUpload = "01900000-0000-7000-b000-000000000001"

// smallRuns is how many runs there were before the large one.
const smallRuns = 60

// reportWorld is a company whose last run touched everybody.
type reportWorld struct {
	db                      *sql.DB
	company, origin, source int64
	rows                    int
	now                     time.Time
	json                    string // the type of documents
}

// fill makes the runs, the report of the last one, and what else the console
// lists. Of the report's rows half are skips, and one reason is rare.
func (w reportWorld) fill(ctx context.Context) error {
	last := smallRuns + 1
	words := strings.NewReplacer("@company", fmt.Sprint(w.company), "@origin", fmt.Sprint(w.origin), "@source", fmt.Sprint(w.source),
		"@rows", fmt.Sprint(w.rows), "@at", fmt.Sprint(w.now.UnixMicro()), "@json", w.json,
		"@hash", map[string]string{"text": `x'00'`, "jsonb": `'\x00'::bytea`}[w.json],
		"@seen", `CAST('{"format":"csv","encoding":"utf-8","separator":";","header_line":1,"columns":[{"header":"login","field":"userName"},{"header":"e-mail","field":"emails"}],"key":"userName","mail":"send"}' AS `+w.json+`)`)
	large := `(SELECT id FROM runs WHERE company_id = @company AND number = ` + fmt.Sprint(last) + `)`
	for _, q := range []string{
		`UPDATE users SET company_admin = true, credential = 'set' WHERE company_id = @company AND id = 1`,
		`UPDATE users SET credential = 'set' WHERE company_id = @company AND id % 10 < 7`,
		`UPDATE users SET blocks = 2 WHERE company_id = @company AND id % 1000 = 999`,
		`UPDATE users SET enabled = false WHERE company_id = @company AND id % 100 = 98`,
		series(`runs (company_id, public_id, source_id, number, mode, trigger, state, complete, counts, created_at, started_at, finished_at)`,
			`@company, '01900000-0000-7000-a000-' || `+padded+`, @source, i, 'run', 'schedule', 'partial', true,
			CAST('{"users":@rows,"updated":@rows,"conflicts":`+fmt.Sprint(w.rows/10)+`,"failed":`+fmt.Sprint(w.rows/20)+`}' AS @json), @at + i, @at + i, @at + i`, last),
		series(`run_items (company_id, run_id, outcome, action, code, anchor, name, user_id, message, detail, at)`,
			`@company, (SELECT id FROM runs WHERE company_id = @company AND number = `+fmt.Sprint(last)+`),
			CASE WHEN i % 100 < 50 THEN 'skipped' WHEN i % 100 < 70 THEN 'warning' WHEN i % 100 < 85 THEN 'planned' WHEN i % 100 < 95 THEN 'conflict' ELSE 'failed' END,
			'update',
			CASE WHEN i % 10000 = 9999 THEN 'value_taken' WHEN i % 100 < 25 THEN 'protected' WHEN i % 100 < 50 THEN 'foreign_owner' WHEN i % 100 < 70 THEN 'unknown_manager'
				WHEN i % 100 < 85 THEN '' WHEN i % 100 < 95 THEN 'ambiguous_match' ELSE 'invalid_value' END,
			'row-' || i, 'uid=person.' || i || ',ou=people,dc=example,dc=com', i, 'what the directory said of the person',
			CAST('{"before":{"title":["Engineer"]},"after":{"title":["Director"]},"candidates":[' || i || ']}' AS @json), @at`, w.rows),
		series(`changes (company_id, at, actor, origin_id, run_id, user_id, action, version, payload)`,
			`@company, @at, 'source corp', @origin, (SELECT id FROM runs WHERE company_id = @company AND number = `+fmt.Sprint(last)+`), i, 'update', 2,
			CAST('{"before":{"title":["Engineer"],"department":["Sales"]},"after":{"title":["Director"],"department":["Board"]}}' AS @json)`, w.rows),
		`INSERT INTO uploads (company_id, public_id, actor, file_name, format, content_hash, size, settings, inspection, state, counts, preview_run, created_at, expires_at)
			VALUES (@company, '` + benchUpload + `', 'admin', 'people.csv', 'csv', @hash, 1, @seen, @seen, 'previewed', CAST('{"rows":@rows,"updated":@rows}' AS @json), ` + large + `, @at, @at + 86400000000)`,
		series(`upload_rows (company_id, upload_id, run_id, line, outcome, action, code, name, message, item_id)`,
			`@company, 1, `+large+`, i + 1, CASE WHEN i % 100 < 90 THEN 'updated' WHEN i % 100 < 95 THEN 'skipped' ELSE 'failed' END, 'update',
			CASE WHEN i % 100 < 90 THEN '' ELSE 'foreign_owner' END, 'person.' || i, CASE WHEN i % 100 < 90 THEN '' ELSE 'what stands against it' END, CASE WHEN i % 100 < 90 THEN i ELSE 0 END`, w.rows),
		series(`mails (company_id, user_id, kind, address, message_id, state, created_at, finished_at)`,
			`@company, i, 'setup', 'person.' || `+padded+` || '@example.com', 'mail-' || i, CASE WHEN i % 100 = 0 THEN 'held' WHEN i % 100 = 1 THEN 'failed' ELSE 'sent' END, @at, @at`, w.rows),
		series(`scim_requests (company_id, origin_id, at, request_id, method, path, status, micros)`,
			`@company, (SELECT id FROM origins WHERE company_id = @company AND kind = 'scim'), @at - i, 'request-' || i, 'GET', '/Users/' || i, CASE WHEN i % 1000 = 0 THEN 409 ELSE 200 END, 900`, w.rows/10),
		series(`audits (company_id, at, actor, action, subject)`, `@company, @at - i, 'admin', 'person.block', 'people/' || i`, w.rows),
	} {
		if _, err := w.db.ExecContext(ctx, words.Replace(q)); err != nil {
			return fmt.Errorf("seed report: %w", err)
		}
	}
	return nil
}

// series inserts rows of the numbers from 1 as i.
func series(into, row string, n int) string {
	return fmt.Sprintf(`INSERT INTO %s WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n`, into, n, row)
}

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// heldTable says of one table which of its rows are about a person, what of them
// an export gives, and what erasing the person does to them. TestHeldTables holds
// the list against the schema: a column of text is named here, or among those of
// which it says why nobody's data is in them.
type heldTable struct {
	table string
	// of is which rows are the person's, with the company and their keys as
	// arguments, as often as keyed says (once when 0).
	of    string
	keyed int
	// company is the column of the company, company_id when "".
	company string
	// show are the columns of an export, "" for none. Times are in microseconds.
	show string
	// erase is what erasure does, "" for nothing: DELETE, or what follows SET.
	erase string
	// texts are columns in which others may have named the person, and found what is
	// then set. Columns of JSON are searched for the word as a whole value.
	texts, docs []string
	found       string
	// json are the columns of show that hold JSON.
	json []string
}

// heldTables are in the order of an export. The person's own row, addresses and
// memberships are written by the rules of the registry.
var heldTables = []heldTable{
	{table: "emails", show: "position, address, type, verified_at"},
	{table: "links", show: "origin_id, anchor, name, asserted, enabled, missing_since, created_at, updated_at", erase: "DELETE", json: []string{"asserted"}},
	{table: "memberships", show: "group_id, origin_id, created_at", erase: "DELETE"},
	{table: "factors", show: "kind, name, created_at, confirmed_at, last_used_at", erase: "DELETE"},
	{table: "sessions", show: "address, agent, method, factor_at, created_at, seen_at, expires_at", erase: "DELETE"},
	{table: "setup_links", show: "purpose, address, created_at, expires_at, used_at, superseded_at", erase: "address = ''"},
	{
		table: "mail_attempts", of: "mail_id IN (SELECT id FROM mails WHERE company_id = ? AND %s)", keyed: 1,
		show: "mail_id, at, outcome, code, message", erase: "message = ''",
	},
	{
		table: "mails", show: "id, kind, address, message_id, state, attempts, code, message, data, created_at, released_at, finished_at",
		erase: "state = CASE WHEN state IN ('queued', 'held') THEN 'cancelled' ELSE state END, next_try = 0, code = CASE WHEN state IN ('queued', 'held') THEN 'erased' ELSE code END, address = '', message = '', data = NULL",
		json:  []string{"data"},
	},
	{table: "changes", show: "id, at, actor, origin_id, run_id, action, reason, version, payload", erase: "payload = '{}'", json: []string{"payload"}},
	{
		table: "run_items", show: "run_id, at, outcome, action, code, anchor, name, message, detail", erase: "anchor = '', name = '', message = '', detail = NULL",
		texts: []string{"anchor", "name", "message"}, found: "anchor = '', name = '', message = '', detail = NULL",
		json: []string{"detail"},
	},
	{
		table: "upload_rows", of: noneOf, show: "upload_id, line, outcome, action, code, name, message", texts: []string{"name", "message"}, found: "name = '', message = ''",
	},
	{table: "intake_messages", show: "at, sender, outcome, verdict, created", erase: "sender = ''", texts: []string{"sender"}, found: "sender = ''"},
	{
		table: "applications", company: "for_company",
		show: "public_id, kind, state, code, typed, resolved, address, created_at, decided_at, note", erase: "typed = NULL, resolved = NULL, address = '', note = ''",
		json: []string{"typed", "resolved"},
	},
	{
		table: "audits", show: "at, actor, action, outcome, subject, address, request_id, detail", erase: "actor = 'erased', address = '', detail = NULL",
		docs: []string{"detail"}, found: "detail = NULL", json: []string{"detail"},
	},
	{
		table: "scim_requests", of: noneOf, show: "at, request_id, method, path, status, scim_type, detail, resource, body",
		texts: []string{"path", "detail", "resource", "body"}, found: "path = '', detail = '', resource = '', body = ''",
	},
	{
		table: "merges", of: "(survivor_id IN (SELECT id FROM users WHERE company_id = ? AND %s) OR loser_id IN (SELECT id FROM users WHERE company_id = ? AND %s))", keyed: 2,
		show: "public_id, survivor_id, loser_id, actor, evidence, at, undo_until, undone_at, undone_by", erase: "snapshot = NULL, evidence = ''",
	},
	{table: "idempotency_keys", of: noneOf, texts: []string{"body"}, found: "body = NULL"},
}

// noneOf is for rows that belong to nobody and may name anybody.
const noneOf = "none"

// saidBy are the columns that say who did something, in words.
var saidBy = []struct{ table, column, company string }{
	{"changes", "actor", ""}, {"audits", "actor", ""}, {"audits", "subject", ""}, {"runs", "actor", ""}, {"runs", "decided_by", ""}, {"uploads", "actor", ""}, {"merges", "actor", ""},
	{"merges", "undone_by", ""}, {"sources", "paused_by", ""}, {"applications", "decided_by", "for_company"}, {"companies", "verified_by", "id"},
}

// companyColumn is the column that binds the company.
func (h heldTable) companyColumn() string {
	if h.company != "" {
		return h.company
	}
	return "company_id"
}

// where is the condition of the person's rows with its arguments.
func (h heldTable) where(t *tenantTx, ids []registry.UserID) (string, []any) {
	args := []any{int64(t.company)}
	if h.of == "" {
		return h.companyColumn() + " = ? AND " + t.s.anyOf("user_id"), append(args, keys(t.s, ids))
	}
	column := "user_id"
	if h.table == "merges" {
		column = "id"
	}
	for range h.keyed {
		args = append(args, int64(t.company), keys(t.s, ids))
	}
	return "company_id = ? AND " + strings.ReplaceAll(h.of, "%s", t.s.anyOf(column)), args
}

// names is the condition that a row names people by one of some words or, in
// texts, by a public id.
func (h heldTable) names(t *tenantTx, words, ids []string) (string, []any) {
	var parts []string
	var args []any
	quoted := spellings(words)
	for i, w := range quoted {
		quoted[i] = `"` + w + `"`
	}
	words = append(spellings(words), ids...)
	for _, c := range h.texts {
		parts, args = append(parts, t.s.anyWithin(c, c == "body" && h.table == "idempotency_keys")), append(args, list(t.s, words))
	}
	for _, c := range h.docs {
		parts, args = append(parts, t.s.anyWithin(c, false)), append(args, list(t.s, quoted))
	}
	return "(" + strings.Join(parts, " OR ") + ")", args
}

// spellings are words as texts have them: in lower case, and as a part of an
// address.
func spellings(words []string) []string {
	var out []string
	for _, w := range words {
		low := strings.ToLower(w)
		out = append(out, w, low, strings.ReplaceAll(low, "@", "%40"), strings.ReplaceAll(low, " ", "%20"), strings.ReplaceAll(low, " ", "+"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// anyWithin is the condition that a column has one of a list of words within it, as
// they are or in lower case.
func (s *Store) anyWithin(column string, raw bool) string {
	switch {
	case s.Postgres() && raw:
		return `EXISTS (SELECT 1 FROM unnest(?::text[]) AS w(value) WHERE position(convert_to(w.value, 'UTF8') in ` + column + `) > 0)`
	case s.Postgres():
		return `EXISTS (SELECT 1 FROM unnest(?::text[]) AS w(value) WHERE position(w.value in CAST(` + column + ` AS text)) > 0 OR position(w.value in lower(CAST(` + column + ` AS text))) > 0)`
	default:
		return `EXISTS (SELECT 1 FROM json_each(?) AS w WHERE instr(CAST(` + column + ` AS text), w.value) > 0 OR instr(lower(CAST(` + column + ` AS text)), w.value) > 0)`
	}
}

// erase empties whatever is personal of people, but for the row of their end.
func (t *tenantTx) erase(ctx context.Context, w *registry.Writes) error {
	if len(w.Erased) == 0 {
		return nil
	}
	ids := make([]registry.UserID, len(w.Erased))
	var words, public, said []string
	for i, e := range w.Erased {
		ids[i] = e.User.ID
		if len(e.Words) > 0 {
			words, public, said = append(words, e.Words...), append(public, e.User.PublicID), append(said, sayings(e)...)
		}
	}
	if _, err := t.exec(ctx, `UPDATE users SET erased_at = ?, idle_warned_at = 0, password_hash = '' WHERE `+t.s.byKey("id"),
		micros(t.s.now()), int64(t.company), keys(t.s, ids)); err != nil {
		return fmt.Errorf("erase people: %w", err)
	}
	for _, h := range heldTables {
		if err := t.eraseIn(ctx, h, ids, words, public); err != nil {
			return fmt.Errorf("erase in %s: %w", h.table, err)
		}
	}
	if err := t.eraseSayings(ctx, said); err != nil {
		return err
	}
	return t.forgetPages(ctx)
}

// eraseIn erases in one table: the people's own rows, then those that name them.
func (t *tenantTx) eraseIn(ctx context.Context, h heldTable, ids []registry.UserID, words, public []string) error {
	if h.erase != "" {
		where, args := h.where(t, ids)
		q := `UPDATE ` + h.table + ` SET ` + h.erase + ` WHERE ` + where
		if h.erase == "DELETE" {
			q = `DELETE FROM ` + h.table + ` WHERE ` + where
		}
		if _, err := t.exec(ctx, q, args...); err != nil {
			return err
		}
	}
	if h.found == "" || len(words) == 0 {
		return nil
	}
	names, args := h.names(t, words, public)
	_, err := t.exec(ctx, `UPDATE `+h.table+` SET `+h.found+` WHERE company_id = ? AND `+names, append([]any{int64(t.company)}, args...)...)
	return err
}

// sayings are the ways in which deeds name a person.
func sayings(e registry.Erased) []string {
	var out []string
	for _, w := range e.Words {
		for _, role := range []string{"", "user ", "support ", "auditor ", "approver ", "admin ", "operator ", "person ", "contact "} {
			out = append(out, role+w)
		}
	}
	return out
}

// eraseSayings takes people's names from what they did, and what was done to them.
func (t *tenantTx) eraseSayings(ctx context.Context, said []string) error {
	if len(said) == 0 {
		return nil
	}
	for _, c := range saidBy {
		company := "company_id"
		if c.company != "" {
			company = c.company
		}
		if _, err := t.exec(ctx, `UPDATE `+c.table+` SET `+c.column+` = 'erased' WHERE `+company+` = ? AND `+t.s.anyOf(c.column), int64(t.company), list(t.s, said)); err != nil {
			return fmt.Errorf("erase in %s: %w", c.table, err)
		}
	}
	return nil
}

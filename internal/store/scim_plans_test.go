package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim/filter"
)

// hotFilters are those that identity providers send all day.
var hotFilters = []string{
	`userName eq "person.000007"`,
	`externalId eq "00000007"`,
	`emails.value eq "person.000007@example.com"`,
	`emails[type eq "work"].value eq "person.000007@example.com"`,
	`emails[type eq "work" and value eq "person.000007@example.com"]`,
	`id eq "ID"`,
	`id eq "ID" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "x"`,
	`userName eq "person.000007" and active eq true`,
	`active eq true and (userName eq "person.000007" or externalId eq "00000007")`,
	`userName eq "person.000007" or emails.value eq "person.000007@example.com" or id eq "ID"`,
	`groups.value eq "ID"`,
}

var hotGroupFilters = []string{
	`displayName eq "group 7"`,
	`externalId eq "g7"`,
	`members eq "ID"`,
	`members[value eq "ID"]`,
	`id eq "ID"`,
	`id eq "ID" and members eq "ID"`,
	`displayName eq "group 7" or externalId eq "g7"`,
}

// statements are the SQL of a query with its arguments written into it.
func (w *scimWorld) statements(groups bool, q filter.Selection, p registry.ScimPage, v registry.Visibility) []string {
	w.t.Helper()
	var out []string
	ctx := store.RecordingArgs(w.t.Context(), func(text string, args []any) { out = append(out, inline(text, args)) })
	var err error
	if groups {
		_, _, err = w.tenant().ScimGroups(ctx, w.view(v), q, p)
	} else {
		_, _, err = w.tenant().ScimUsers(ctx, w.view(v), q, p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// recordStatements are the SQL of loading records.
func (w *scimWorld) recordStatements(v registry.Visibility) []string {
	w.t.Helper()
	var out []string
	ctx := store.RecordingArgs(w.t.Context(), func(text string, args []any) { out = append(out, inline(text, args)) })
	_, err := w.tenant().ScimUserByID(ctx, w.view(v), "u7", true)
	must(w.t, err)
	_, err = w.tenant().ScimUserRecords(ctx, w.view(v), []registry.UserID{7, 8}, true)
	must(w.t, err)
	_, err = w.tenant().ScimGroupByID(ctx, w.view(v), "g7")
	must(w.t, err)
	_, err = w.tenant().ScimKeys(ctx, w.view(v), []string{"u7", "g7"}, false)
	must(w.t, err)
	must(w.t, w.tenant().ScimMembers(ctx, w.view(v), 7, func(registry.ScimMember) error { return nil }))
	must(w.t, w.s.Read(ctx, w.src.Company, func(tx registry.Tx) error {
		if around, err := tx.GroupsContaining(ctx, []registry.GroupID{7, 8}); err != nil || len(around) != 0 {
			return fmt.Errorf("around the groups are %v: %w", around, err)
		}
		for _, names := range [][]string{{"group 7"}, {"group 7", "group 8"}} {
			if held, err := tx.GroupsByName(ctx, w.okta.ID, names); err != nil || len(held) != len(names) || held[0].Anchor != "g7" {
				return fmt.Errorf("%v have %v: %w", names, held, err)
			}
		}
		return nil
	}))
	return out
}

var placeholder = regexp.MustCompile(`\?|\$\d+`)

// inline writes arguments into a statement, for EXPLAIN.
func inline(text string, args []any) string {
	n := 0
	return placeholder.ReplaceAllStringFunc(text, func(string) string {
		n++
		switch v := args[n-1].(type) {
		case string:
			return "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case []string:
			return "'{" + strings.Join(v, ",") + "}'"
		case []int64:
			return "'{" + strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]") + "}'"
		default:
			return fmt.Sprint(v)
		}
	})
}

// explainText is the database's plan for a statement without arguments.
func (w *scimWorld) explainText(q string) string {
	w.t.Helper()
	if !w.s.Postgres() {
		return strings.Join(explain(w.t, w.s, q), "\n")
	}
	return strings.Join(w.texts("EXPLAIN %s", q), "\n")
}

// wholeTable is a plan that reads everything there is.
var wholeTable = regexp.MustCompile(`(?m)^SCAN (u|g|m|l|x|v|emails|links|memberships)\b|\((company_id|origin_id)=\?\)$|Seq Scan on (users|groups|memberships|links|emails)`)

// opened is a plan of SQLite's that goes on from an index of a person's links or
// memberships to their table.
var opened = regexp.MustCompile(`SEARCH (l|v|m) USING INDEX \w*user`)

// TestScimPlans asks both databases how they find what identity providers look
// for, among enough people that a database that knows sizes sees a difference.
func TestScimPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.crowd(5000)
		for _, visible := range []registry.Visibility{registry.VisibleOwn, registry.VisibleCompany} {
			check := func(groups bool, text string, q filter.Selection, p registry.ScimPage) {
				t.Helper()
				for _, statement := range w.statements(groups, q, p, visible) {
					if plan := w.explainText(statement); wholeTable.MatchString(plan) {
						t.Errorf("%s, %s:\n%s\n%s", visible, text, statement, plan)
					}
				}
			}
			for _, text := range hotFilters {
				check(false, text, selection(t, w.users, text, ""), registry.ScimPage{Limit: 100})
			}
			for _, statement := range w.recordStatements(visible) {
				if plan := w.explainText(statement); wholeTable.MatchString(plan) || strings.Contains(plan, "(origin_id=?)") {
					t.Errorf("%s, records:\n%s\n%s", visible, statement, plan)
				} else if opened.MatchString(plan) {
					t.Errorf("%s, a table is opened for what an index should hold:\n%s\n%s", visible, statement, plan)
				}
			}
			for _, text := range hotGroupFilters {
				check(true, text, selection(t, w.groups, text, ""), registry.ScimPage{Limit: 100})
			}
		}
		// A page of everybody is read from the index that orders it.
		for _, p := range []registry.ScimPage{{Limit: 10, NoTotal: true}, {Limit: 10, Cursor: true, After: 7, NoTotal: true}} {
			plan := w.explainText(w.statements(false, filter.Selection{Set: w.users}, p, registry.VisibleCompany)[0])
			if !strings.Contains(plan, "user_company_id_id") && !strings.Contains(plan, "users_pkey") || regexp.MustCompile(`(?i)sort|temp b-tree`).MatchString(plan) {
				t.Errorf("page %+v:\n%s", p, plan)
			}
		}
	})
}

// crowd makes n people of the connection and as many of the directory, behind
// the registry's back, which takes its time over each, and groups of a hundred.
func (w *scimWorld) crowd(n int) {
	w.t.Helper()
	crowd(w.t, w.s, w.src.Company, w.okta.ID, n)
}

// crowd fills a company by SQL that both databases understand.
func crowd(t testing.TB, s *store.Store, company registry.CompanyID, origin registry.OriginID, n int) {
	t.Helper()
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)`, n)
	pad := `substr('000000' || i, length('000000' || i) - 5)`
	json := "CAST('{\"emails\":[{\"type\":\"work\",\"value\":\"person.' || " + pad + " || '@example.com\"}]}' AS "
	if json += "jsonb)"; !s.Postgres() {
		json = strings.TrimSuffix(json, "jsonb)") + "text)"
	}
	insert := func(head, row, where string) {
		t.Helper()
		q := head + " " + numbers + " SELECT " + row + " FROM n" + where
		if s.Postgres() {
			q = numbers + " " + head + " SELECT " + row + " FROM n" + where
		}
		if _, err := s.WriteDB().ExecContext(store.Crossing(t.Context()), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	insert(`INSERT INTO users (id, company_id, public_id, kind, association, user_name, user_name_key, document, enabled, credential, owner_id, created_at, updated_at)`,
		fmt.Sprintf(`i, %d, 'u' || i, 'end_user', 'strong', 'Person.' || %s, 'person.' || %s, %s, true, 'none', %d, i, i`, company, pad, pad, json, origin), "")
	insert(`INSERT INTO emails (company_id, user_id, address, address_key, position)`,
		fmt.Sprintf(`%d, i, 'person.' || %s || '@example.com', 'person.' || %s || '@example.com', 0`, company, pad, pad), "")
	insert(`INSERT INTO links (company_id, origin_id, user_id, anchor, created_at, updated_at)`,
		fmt.Sprintf(`%d, %d, i, %s, 0, 0`, company, origin, pad), "")
	insert(`INSERT INTO "groups" (id, company_id, public_id, display_name, name_key, owner_id, created_at, updated_at)`,
		fmt.Sprintf(`i, %d, 'g' || i, 'Group ' || i, 'group ' || i, %d, i, i`, company, origin), " WHERE i <= 1000")
	insert(`INSERT INTO links (company_id, origin_id, group_id, anchor, created_at, updated_at)`,
		fmt.Sprintf(`%d, %d, i, 'g' || i, 0, 0`, company, origin), " WHERE i <= 1000")
	insert(`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at)`,
		fmt.Sprintf(`%d, i %% 1000 + 1, i, %d, 0`, company, origin), "")
	if s.Postgres() {
		if _, err := s.WriteDB().ExecContext(t.Context(), `ANALYZE`); err != nil {
			t.Fatal(err)
		}
	}
}

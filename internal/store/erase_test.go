package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/schema/field"

	"github.com/usherd/usher/ent/db/migrate"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// secret is in every text that is written of the person to be erased.
const secret = "zanzibar"

// textColumns are those of a table that could hold anybody's data.
func textColumns(table string) []string {
	var out []string
	for _, t := range migrate.Tables {
		for _, c := range t.Columns {
			if t.Name == table && (c.Type == field.TypeString || c.Type == field.TypeJSON || c.Type == field.TypeBytes) {
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// find lists the columns of all tables that have a word.
func (w *world) find(word string) []string {
	w.t.Helper()
	var out []string
	for _, table := range store.Tables() {
		for _, column := range textColumns(table) {
			text := `CAST("` + column + `" AS text)`
			if w.s.Postgres() && slices.Contains([]string{"idempotency_keys.body", "upload_parts.content"}, table+"."+column) {
				text = `convert_from("` + column + `", 'UTF8')`
			}
			if n := w.number(`SELECT count(*) FROM "%s" WHERE lower(%s) LIKE '%%%s%%'`, table, text, word); n > 0 {
				out = append(out, fmt.Sprintf("%s.%s: %d", table, column, n))
			}
		}
	}
	return out
}

// seed writes a person of whom every table knows something.
func (w *world) seed() registry.UserID {
	w.t.Helper()
	op := person("anchor-"+secret, secret+".smith")
	op.Name, op.Marker = "uid="+secret, "marker"
	for _, def := range registry.AttributeDefs() {
		if def.Name != registry.AttrUserName && def.Name != registry.AttrEmails && def.Name != registry.AttrLocale {
			op.Attributes.Set(def.Name, "value "+secret)
		}
	}
	op.Document = []byte(`{"nickName": "` + secret + `"}`)
	id := w.create1(op)
	w.put(address(op, secret+"@example.com", secret+"@second.example"))
	u, c := w.person(id), w.src.Company
	group := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
	w.put(registry.PatchMembers{Group: group, AddUsers: []registry.UserID{id}})
	w.signIn(id)
	w.sql(`UPDATE sessions SET address = '`+secret+`', agent = '`+secret+`' WHERE user_id = %d`, id)
	w.sql(`UPDATE users SET password_hash = '`+secret+`' WHERE id = %d`, id)
	w.sql(`INSERT INTO factors (company_id, user_id, kind, name, created_at) VALUES (%d, %d, 'totp', '`+secret+`', 1)`, c, id)
	mail := w.number(`SELECT min(id) FROM mails WHERE user_id = %d`, id)
	w.sql(`UPDATE mails SET message = '`+secret+`', data = '{"Name": "`+secret+`"}' WHERE id = %d`, mail)
	w.sql(`INSERT INTO mail_attempts (company_id, mail_id, at, outcome, message) VALUES (%d, %d, 1, 'failed', 'no `+secret+` here')`, c, mail)
	w.sql(`INSERT INTO intake_messages (company_id, origin_id, message_key, sender, user_id, outcome, at) VALUES (%d, 1, 'k1', '`+secret+`@example.com', %d, 'known', 1),
		(%d, 1, 'k2', '`+secret+`@example.com', 0, 'robot', 1)`, c, id, c)
	w.sql(`INSERT INTO run_items (company_id, run_id, outcome, anchor, name, user_id, message, detail, at)
		VALUES (%d, 1, 'failed', 'x', '`+secret+`', %d, '`+secret+`', '{"before": {"title": ["`+secret+`"]}}', 1),
		(%d, 1, 'conflict', 'anchor-`+secret+`', 'y', 0, 'z', NULL, 1)`, c, id, c)
	w.sql(`INSERT INTO upload_rows (company_id, upload_id, run_id, line, outcome, name, message) VALUES (%d, 1, 1, 2, 'failed', '`+secret+`.smith', 'z'),
		(%d, 1, 1, 3, 'failed', 'y', 'row 2 is about `+secret+`@example.com')`, c, c)
	w.sql(`INSERT INTO scim_requests (company_id, origin_id, at, request_id, method, path, status, detail, resource, body)
		VALUES (%d, 1, 1, 'r', 'POST', '/Users?filter=userName+eq+`+secret+`.smith', 400, '`+secret+`@example.com is taken', 'Users/%s', '{"userName": "`+strings.ToUpper(secret)+`.Smith"}')`, c, u.PublicID)
	w.sql(`INSERT INTO audits (company_id, at, actor, user_id, action, subject, address, detail)
		VALUES (%d, 1, 'user `+secret+`.smith', %d, 'session.open', 'user `+secret+`.smith', '`+secret+`', '{"address": "`+secret+`@example.com"}'),
		(%d, 1, 'admin ann', 0, 'user.reset', 'user `+secret+`.smith', '', '{"who": "`+secret+`.smith"}')`, c, id, c)
	w.sql(`INSERT INTO applications (public_id, kind, state, typed, resolved, for_company, user_id, address, note, created_at, decided_by)
		VALUES ('a', 'end_user', 'done', '{"mail": "`+secret+`"}', '{"x": "`+secret+`"}', %d, %d, '`+secret+`', '`+secret+`', 1, 'admin `+secret+`.smith')`, c, id)
	w.sql(`INSERT INTO idempotency_keys (company_id, token_id, key, request_hash, body, created_at, expires_at) VALUES (%d, 1, 'k', %s, %s, 1, 9)`,
		c, w.bytes("h"), w.bytes(`{"user_name": "`+secret+`.smith"}`))
	w.sql(`UPDATE changes SET actor = 'user `+secret+`.smith' WHERE user_id = %d`, id)
	other := w.byHand("planted", func(c *registry.CreateUser) { c.Attributes.Set(registry.AttrNickName, secret) })
	if res := w.merge(id, other); res.Refused != nil {
		w.t.Fatal(res.Refused)
	}
	w.sql(`UPDATE merges SET evidence = '%s'`, secret)
	// Merging ended how they sign in; there is a way again.
	w.sql(`UPDATE users SET password_hash = '`+secret+`' WHERE id = %d`, id)
	w.sql(`INSERT INTO factors (company_id, user_id, kind, name, created_at) VALUES (%d, %d, 'totp', '`+secret+`', 2)`, c, id)
	w.sql(`DELETE FROM sessions WHERE user_id = %d`, id)
	w.signIn(id)
	w.sql(`UPDATE sessions SET agent = '`+secret+`' WHERE user_id = %d`, id)
	return id
}

// bytes is a literal of raw bytes.
func (w *world) bytes(v string) string {
	if w.s.Postgres() {
		return fmt.Sprintf(`'\x%x'`, v)
	}
	return fmt.Sprintf(`x'%x'`, v)
}

// nobodys are the tables that know nothing of a person that erasing them would have
// to empty, each with the reason.
var nobodys = map[string]string{
	"companies": "the company", "contracts": "a number", "departments": "a name of the company's", "domains": "the company's", "groups": "the company's; members are keys",
	"deliveries": "events carry ids alone", "delivery_attempts": "what the receiver answered", "erased_keys": "hashes", "login_names": "hashes", "oauth_clients": "programs",
	"backups": "names of files", "origins": "doors", "processes": "processes", "read_pages": "sealed; all of a company go when anybody is erased", "resource_keys": "resources, which are no people", "resources": "resources, which are no people", "runs": "sums; who asked is in saidBy",
	"source_marks": "ids of objects that make nobody", "sources": "directories; who paused is in saidBy", "spent_challenges": "hashes", "throttles": "hashes", "tokens": "programs",
	"upload_parts": "the file of many people, which app drops where it names the person", "uploads": "names of files; what was seen in one goes with it; who brought them is in saidBy", "users": "written by the rules", "webhooks": "the company's",
}

// TestEveryTableIsHeld: a table that joins the schema joins the list of what is held
// on people, or says why not.
func TestEveryTableIsHeld(t *testing.T) {
	for _, table := range store.Tables() {
		_, nobody := nobodys[table]
		if held := slices.Contains(store.HeldTables(), table); held == nobody {
			t.Errorf("%s: held is %v, and the reason why not is %q", table, held, nobodys[table])
		}
	}
}

// TestEraseLeavesNothing: a word that is in every column that knows the person is
// in no column of any table afterwards, history keeps its rows, and another person
// keeps everything.
func TestEraseLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		other := w.create1(person("other", "other"))
		id := w.seed()
		seeded := w.find(secret)
		if len(seeded) < 30 {
			t.Fatalf("only these columns know the person: %v", seeded)
		}
		was, rows := w.rowsOf()[0], w.changes()
		held := w.held(id)
		for _, table := range []string{
			"emails", "links", "memberships", "factors", "sessions", "setup_links", "mail_attempts", "mails", "changes", "run_items", "intake_messages",
			"applications", "audits", "scim_requests", "merges", "upload_rows",
		} {
			if !strings.Contains(held, table+" {") {
				t.Errorf("the export lacks %s", table)
			}
		}
		if n := strings.Count(held, secret); n < 30 {
			t.Errorf("the export holds %d values of the person: %s", n, held)
		}
		if res := w.admin(registry.EraseUser{User: id}); res.Refused != nil {
			t.Fatal(res.Refused)
		}
		if left := w.find(secret); len(left) > 0 {
			t.Errorf("what is left of the person: %s", strings.Join(left, ", "))
		}
		if left := w.find("planted"); len(left) > 0 {
			t.Errorf("what is left of whom they took the place: %s", strings.Join(left, ", "))
		}
		want(t, "the other", w.rowsOf()[0], was)
		want(t, "rows of history", w.changes(), rows+3) // the two, and the group
		want(t, "erased", w.person(id).WasErased(), true)
		want(t, "mails that would go", w.number(`SELECT count(*) FROM mails WHERE state IN ('queued', 'held') AND user_id = %d`, id), 0)
		want(t, "the other's account", w.person(other).Enabled, true)
		again := w.changes()
		w.admin(registry.EraseUser{User: id})
		want(t, "rows after a second time", w.changes(), again)
	})
}

// held is the whole export of a person.
func (w *world) held(id registry.UserID) string {
	w.t.Helper()
	var out strings.Builder
	err := w.s.For(w.src.Company).Held(w.t.Context(), w.person(id), func(table string, record map[string]any) error {
		doc, err := json.Marshal(record)
		fmt.Fprintf(&out, "%s %s\n", table, doc)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}

// TestErasedStayAway: neither the object, nor the name, nor an address brings
// somebody erased back, until an admin allows it.
func TestErasedStayAway(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		id := w.create1(person("1", "claire"))
		w.admin(registry.EraseUser{User: id})
		okta := w.door(registry.OriginSCIM, "okta")
		for what, res := range map[string]registry.Result{
			"the object, renamed": w.put(person("1", "clara"))[0], "the name": w.put(person("2", "Claire"))[0],
			"the address":        w.putAs(okta, address(person("3", "cj"), "CLAIRE@example.com"))[0],
			"the name by a push": w.putAs(okta, address(person("4", "claire"), "new@example.com"))[0],
		} {
			if res.Refused == nil || res.Refused.Code != registry.CodeErased || res.Refused.User != id {
				t.Errorf("%s: %+v", what, res)
			}
		}
		if res := w.put(person("5", "bob"))[0]; res.Refused != nil {
			t.Errorf("somebody else: %v", res.Refused)
		}
		if res := w.byMail(w.meet("claire@example.com", verified)); res.Refused != nil || res.User == id {
			t.Errorf("who writes again is somebody new: %+v", res)
		}
		kept, err := s.For(w.src.Company).Erasure(t.Context(), id)
		if err != nil || kept.Kept != 3 || kept.At.IsZero() {
			t.Errorf("kept: %+v, %v", kept, err)
		}
		if res := w.admin(registry.LiftErasure{User: id}); res.Refused != nil {
			t.Fatal(res.Refused)
		}
		if res := w.put(person("1", "claire"))[0]; res.Refused != nil || res.User == id {
			t.Errorf("after it was allowed: %+v", res)
		}
	})
}

// TestEraseRefuses: an admin, and somebody protected, is not erased.
func TestEraseRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "rules", func(t *testing.T, w *world) {
			w.r.Blind = blind
			boss := w.byHand("boss", func(c *registry.CreateUser) { c.CompanyAdmin = true })
			kept := w.byHand("kept")
			w.admin(registry.SetProtected{User: kept, On: true})
			want(t, "codes", codes([]registry.Result{
				w.admin(registry.EraseUser{User: boss}), w.admin(registry.EraseUser{User: kept}), w.admin(registry.EraseUser{User: 4711}),
				w.admin(registry.LiftErasure{User: kept}),
			}), []registry.Code{registry.CodeProtectedAdmin, registry.CodeProtected, registry.CodeNotFound, registry.CodeNotFound})
		})
	})
}

package store_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// rule runs a test of one rule on an emptied database: making another one would
// take longer than the test.
func rule(t *testing.T, s *store.Store, name string, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		(&world{t: t, s: s}).empty()
		fn(t, newWorld(t, s))
	})
}

func miss(anchor string) registry.MissUser {
	return registry.MissUser{Anchor: anchor, Reason: "missing", Deactivate: true}
}

// TestNames: names are unique, change hands inside a batch, and nobody inherits
// an account with one.
func TestNames(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "a cycle of three goes through in one batch", func(t *testing.T, w *world) {
			ids := w.create(person("1", "a"), person("2", "b"), person("3", "c"))
			res := w.put(person("1", "b"), person("2", "c"), person("3", "a"))
			want(t, "codes", codes(res), []registry.Code{"", "", ""})
			want(t, "actions", actions(res), []registry.Action{"rename", "rename", "rename"})
			want(t, "names", []string{w.person(ids[0]).UserName(), w.person(ids[1]).UserName(), w.person(ids[2]).UserName()}, []string{"b", "c", "a"})
			want(t, "parked", w.number(`SELECT count(*) FROM users WHERE user_name_key LIKE '%%parked%%'`), 0)
		})
		rule(t, s, "a chain falls with its last link", func(t *testing.T, w *world) {
			w.create(person("1", "a"), person("2", "b"), person("3", "c"), person("4", "d"))
			was := w.footprint()
			res := w.put(person("1", "b"), person("2", "c"), person("3", "d"))
			want(t, "codes", codes(res), []registry.Code{"user_name_taken", "user_name_taken", "user_name_taken"})
			want(t, "footprint", w.footprint(), was)
		})
		rule(t, s, "the rest of a batch goes through beside a fallen chain", func(t *testing.T, w *world) {
			w.create(person("1", "a"), person("2", "b"))
			res := w.put(person("3", "A"), person("4", "new"), person("2", "free"), person("5", "b"))
			want(t, "codes", codes(res), []registry.Code{"user_name_taken", "", "", ""})
		})
		rule(t, s, "spelling changes without a conflict with oneself", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			res := w.put(with(person("1", "ANN"), func(p *registry.PutUser) { p.Attributes.Set(registry.AttrEmails, "ann@example.com") }))
			want(t, "actions", actions(res), []registry.Action{"rename"})
			want(t, "name", w.person(id).UserName(), "ANN")
		})
		rule(t, s, "names that NFKC and folding make equal are one", func(t *testing.T, w *world) {
			res := w.put(person("1", "ﬁona"), person("2", "FIONA"), person("3", "ｆｉｏｎａ"), person("4", "straße"), person("5", "STRASSE"),
				person("6", "ılgaz"), person("7", "ilgaz"), person("8", "Ilgaz"), person("9", "😀"))
			want(t, "codes", codes(res), []registry.Code{"", "user_name_taken", "user_name_taken", "", "user_name_taken", "", "", "user_name_taken", ""})
		})
		rule(t, s, "a name freed by a deletion in the same batch is free", func(t *testing.T, w *world) {
			old := w.create1(person("1", "a"))
			w.put(miss("1"))
			res := w.put(person("2", "a"), registry.DeleteUser{Anchor: "1"})
			want(t, "codes", codes(res), []registry.Code{"", ""})
			if res[0].User == old {
				t.Error("the new person inherited the account")
			}
		})
		rule(t, s, "someone refused leaves no name to others", func(t *testing.T, w *world) {
			admin := w.door(registry.OriginAdmin, "admin")
			boss := w.putAs(admin, registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"boss"}}, CompanyAdmin: true})[0].User
			res := w.put(with(person("1", "chief"), func(p *registry.PutUser) { p.Join = boss }), person("2", "boss"))
			want(t, "codes", codes(res), []registry.Code{"protected_admin", "user_name_taken"})
			want(t, "boss", w.person(boss).UserName(), "boss")
			want(t, "key", w.texts(`SELECT user_name_key FROM users WHERE id = %d`, boss), []string{"boss"})
		})
		rule(t, s, "someone refused takes no name from others", func(t *testing.T, w *world) {
			w.put(registry.PutGroup{Anchor: "g", Name: "cn=g", DisplayName: "G"})
			want(t, "codes", codes(w.put(person("g", "ann"), person("1", "ann"))), []registry.Code{"anchor_taken", ""})
		})
		rule(t, s, "an assertion that does not own leaves names alone", func(t *testing.T, w *world) {
			ids := w.create(person("1", "a"))
			w.sql(`UPDATE users SET owner_id = %d WHERE id = %d`, w.door(registry.OriginLDAP, "other").ID, ids[0])
			res := w.put(with(person("1", "b"), func(p *registry.PutUser) { p.Join = ids[0] }), person("2", "b"))
			want(t, "codes", codes(res), []registry.Code{"", ""})
			want(t, "name", w.person(ids[0]).UserName(), "a")
		})
		rule(t, s, "an object comes once in a batch", func(t *testing.T, w *world) {
			res := w.put(person("1", "a"), person("1", "b"), registry.PutGroup{Anchor: "g", DisplayName: "G"}, registry.PutGroup{Anchor: "g", DisplayName: "H"})
			want(t, "codes", codes(res), []registry.Code{"", "anchor_taken", "", "anchor_taken"})
			want(t, "again", codes(w.put(person("1", "b"), miss("1"))), []registry.Code{"", "anchor_taken"})
		})
	})
}

// TestLife: deactivation, return, deletion after the grace, return after that.
func TestLife(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "absence and return", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.signIn(id)
			w.now = w.now.Add(time.Hour)
			res := w.put(miss("1"))
			want(t, "actions", actions(res), []registry.Action{"deactivate"})
			want(t, "sessions", w.number(`SELECT count(*) FROM sessions`), 0)
			gone := w.person(id)
			want(t, "state", gone.State(), registry.StateDisabled)
			want(t, "since", gone.DeactivatedAt, w.now)
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com"})
			was := w.footprint()
			w.now = w.now.Add(time.Hour)
			want(t, "absent still", actions(w.put(miss("1"))), []registry.Action{""})
			want(t, "footprint", w.footprint(), was)
			res = w.put(person("1", "ann"))
			want(t, "return", actions(res), []registry.Action{"enable"})
			back := w.person(id)
			if back.PublicID != gone.PublicID || !back.DeactivatedAt.IsZero() || !back.Enabled {
				t.Errorf("not the same person: %+v", back)
			}
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com", "queued ann@example.com"})
			want(t, "live links", w.liveLinks(id), 1)
			want(t, "missing since", w.number(`SELECT missing_since FROM links`), 0)
		})
		rule(t, s, "a source that keeps people only notes the absence", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			res := w.put(registry.MissUser{Anchor: "1", Reason: "missing"})
			want(t, "actions", actions(res), []registry.Action{""})
			want(t, "enabled", w.person(id).Enabled, true)
			want(t, "missing since", w.number(`SELECT missing_since FROM links`), w.now.UnixMicro())
		})
		rule(t, s, "deletion frees the name and a return restores the person", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.put(miss("1"))
			want(t, "delete", actions(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Action{"delete"})
			want(t, "again", actions(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Action{""})
			want(t, "state", w.person(id).State(), registry.StateDeleted)
			res := w.put(person("1", "ann"))
			want(t, "actions", actions(res), []registry.Action{"restore"})
			want(t, "user", res[0].User, id)
			want(t, "state", w.person(id).State(), registry.StateInvited)
		})
		rule(t, s, "a return under another name restores the same person", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.put(miss("1"))
			w.put(registry.DeleteUser{Anchor: "1"})
			other := w.create1(person("2", "ann"))
			if other == id {
				t.Fatal("a second object with the old name inherited the account")
			}
			was := w.footprint()
			res := w.put(person("1", "ann"))
			want(t, "name taken", codes(res), []registry.Code{"user_name_taken"})
			want(t, "holder", res[0].Refused.User, other)
			want(t, "footprint", w.footprint(), was)
			res = w.put(person("1", "ann2"))
			want(t, "actions", actions(res), []registry.Action{"restore"})
			want(t, "user", res[0].User, id)
		})
		rule(t, s, "an absence ends no admin", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.sql(`UPDATE users SET company_admin = true WHERE id = %d`, id)
			want(t, "absence", codes(w.put(miss("1"))), []registry.Code{"protected_admin"})
			want(t, "grace over", codes(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Code{"protected_admin"})
			want(t, "enabled", w.person(id).Enabled, true)
			want(t, "the directory's word", actions(w.put(disabled(person("1", "ann")))), []registry.Action{"deactivate"})
			want(t, "absence then", codes(w.put(miss("1"))), []registry.Code{""})
			want(t, "grace over then", actions(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Action{"delete"})
		})
		rule(t, s, "another origin's person stays as they are", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.sql(`UPDATE users SET owner_id = %d WHERE id = %d`, w.door(registry.OriginLDAP, "other").ID, id)
			before := w.person(id)
			res := w.put(with(person("1", "eve"), func(p *registry.PutUser) { p.Enabled, p.Department = false, "Theirs" }))
			want(t, "assert", codes(res), []registry.Code{""})
			want(t, "actions", actions(res), []registry.Action{""})
			want(t, "asserted", w.number(`SELECT count(*) FROM links WHERE enabled = false`), 1)
			want(t, "miss", actions(w.put(miss("1"))), []registry.Action{""})
			want(t, "delete", codes(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Code{"foreign_owner"})
			want(t, "person", w.person(id), before)
			want(t, "departments", w.number(`SELECT count(*) FROM departments`), 0)
		})
		rule(t, s, "unknown ids", func(t *testing.T, w *world) {
			was := w.footprint()
			res := w.put(miss("9"), registry.DeleteUser{Anchor: "8"}, registry.MissGroup{Anchor: "7"}, registry.PatchMembers{Group: 6},
				registry.SetBlocks{User: 5, Set: registry.BlockAdmin}, registry.MailSetup{User: 4})
			want(t, "codes", codes(res), slices.Repeat([]registry.Code{"not_found"}, 6))
			want(t, "footprint", w.footprint(), was)
		})
	})
}

// TestJoin: promise 4.
func TestJoin(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		contact := registry.CreateUser{
			Attributes:  registry.Attributes{registry.AttrUserName: {"guest"}, registry.AttrEmails: {"guest@elsewhere.example"}, registry.AttrNickName: {"G"}},
			Association: registry.Weak,
		}
		join := func(id registry.UserID) registry.PutUser {
			return with(person("1", "ann"), func(p *registry.PutUser) { p.Join = id })
		}
		rule(t, s, "a contact becomes an account with the same id", func(t *testing.T, w *world) {
			id := w.putAs(w.door(registry.OriginMail, "mail"), contact)[0].User
			was := w.person(id)
			w.sql(`UPDATE users SET password_hash = 'old' WHERE id = %d`, id)
			w.signIn(id)
			w.sql(`INSERT INTO setup_links (company_id, user_id, uid, purpose, token_hash, address, credential_version, created_at, expires_at)
			VALUES (%d, %d, 'u', 'setup', 'h', 'guest@elsewhere.example', 1, 0, 9)`, w.src.Company, id)
			res := w.put(join(id))
			want(t, "actions", actions(res), []registry.Action{"join"})
			is := w.person(id)
			want(t, "public id", is.PublicID, was.PublicID)
			want(t, "owner", is.Owner, w.src.Origin.ID)
			want(t, "association", is.Association, registry.Strong)
			want(t, "name", is.UserName(), "ann")
			want(t, "kept", is.Attributes.First(registry.AttrNickName), "G")
			want(t, "credential version", is.CredentialVersion, was.CredentialVersion+1)
			want(t, "passwords", w.number(`SELECT count(*) FROM users WHERE password_hash <> ''`), 0)
			want(t, "sessions", w.number(`SELECT count(*) FROM sessions`), 0)
			want(t, "old link", w.number(`SELECT count(*) FROM setup_links WHERE uid = 'u' AND superseded_at <> 0`), 1)
			want(t, "mails", w.mails(id), []string{"queued ann@example.com"})
			want(t, "verified", w.number(`SELECT count(*) FROM emails WHERE verified_at = 0`), 0)
			want(t, "later it is one of ours", actions(w.put(person("1", "ann"))), []registry.Action{""})
		})
		rule(t, s, "an address of unknown truth is not mailed", func(t *testing.T, w *world) {
			id := w.putAs(w.door(registry.OriginMail, "mail"), contact)[0].User
			res := w.put(address(join(id)))
			want(t, "codes", codes(res), []registry.Code{""})
			want(t, "mails", w.mails(id), nil)
			want(t, "addresses", w.person(id).Attributes[registry.AttrEmails], nil)
		})
		rule(t, s, "an address the directory gives too becomes verified", func(t *testing.T, w *world) {
			id := w.putAs(w.door(registry.OriginMail, "mail"), contact)[0].User
			w.put(address(join(id), "guest@elsewhere.example"))
			want(t, "verified", w.number(`SELECT count(*) FROM emails WHERE verified_at <> 0`), 1)
		})
		for name, c := range map[string]struct {
			spoil string
			code  registry.Code
		}{
			"an admin is not joined":                    {`company_admin = true`, registry.CodeProtectedAdmin},
			"a password of one's own is not taken over": {`credential = 'set', password_hash = 'x'`, registry.CodeOwnPassword},
			"nor a sign-in elsewhere":                   {`credential = 'sso'`, registry.CodeOwnPassword},
			"nor another origin's account":              {`association = 'strong'`, registry.CodeForeignOwner},
			"nor someone deleted":                       {`deleted_at = 1`, registry.CodeNotFound},
		} {
			rule(t, s, name, func(t *testing.T, w *world) {
				id := w.putAs(w.door(registry.OriginMail, "mail"), contact)[0].User
				w.sql(`UPDATE users SET `+c.spoil+` WHERE id = %d`, id)
				before, was := w.person(id), w.footprint()
				res := w.put(join(id))
				want(t, "codes", codes(res), []registry.Code{c.code})
				want(t, "person", w.person(id), before)
				want(t, "footprint", w.footprint(), was)
			})
		}
		rule(t, s, "nor an account of one's own under another id", func(t *testing.T, w *world) {
			id := w.create1(person("0", "ann"))
			want(t, "codes", codes(w.put(join(id))), []registry.Code{"foreign_owner"})
		})
		rule(t, s, "two objects do not join one person", func(t *testing.T, w *world) {
			id := w.putAs(w.door(registry.OriginMail, "mail"), contact)[0].User
			res := w.put(join(id), with(person("2", "bob"), func(p *registry.PutUser) { p.Join = id }), person("3", "bob"))
			want(t, "codes", codes(res), []registry.Code{"", "already_linked", ""})
		})
	})
}

// TestStrangers: someone who registered with an executive's name before the
// first sync keeps what they chose and gets nothing of the executive.
func TestStrangers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, credential := range map[string]string{"without a password": "none", "invited": "invited", "with a password": "set"} {
			rule(t, s, name, func(t *testing.T, w *world) {
				stranger := w.putAs(w.door(registry.OriginRegistration, "registration"), registry.CreateUser{
					Attributes: registry.Attributes{registry.AttrUserName: {"CEO"}, registry.AttrEmails: {"evil@elsewhere.example"}},
				})[0].User
				w.sql(`UPDATE users SET credential = '%s' WHERE id = %d`, credential, stranger)
				before, was := w.person(stranger), w.footprint()
				res := w.put(person("1", "ceo"))
				want(t, "codes", codes(res), []registry.Code{"user_name_taken"})
				want(t, "who", res[0].Refused.User, stranger)
				res = w.put(with(person("1", "ceo"), func(p *registry.PutUser) { p.Join = stranger }))
				if res[0].Refused == nil {
					t.Error("joined a stranger's account")
				}
				want(t, "person", w.person(stranger), before)
				want(t, "footprint", w.footprint(), was)
			})
		}
	})
}

// TestSetupMail: one event, one mail; no event, no mail.
func TestSetupMail(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ann := person("1", "ann")
		rule(t, s, "at creation, once", func(t *testing.T, w *world) {
			id := w.create1(ann)
			for range 3 {
				w.put(ann)
			}
			want(t, "mails", w.mails(id), []string{"queued ann@example.com"})
			want(t, "live links", w.liveLinks(id), 1)
		})
		rule(t, s, "a changed address supersedes", func(t *testing.T, w *world) {
			id := w.create1(ann)
			w.put(address(ann, "new@example.com", "ann@example.com"))
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com", "queued new@example.com"})
			want(t, "live links", w.liveLinks(id), 1)
			w.put(address(ann, "new@example.com"))
			want(t, "a second address changes nothing", len(w.mails(id)), 2)
		})
		rule(t, s, "an address that goes away takes the link along", func(t *testing.T, w *world) {
			id := w.create1(ann)
			w.put(address(ann))
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com"})
			want(t, "live links", w.liveLinks(id), 0)
			w.put(ann)
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com", "queued ann@example.com"})
		})
		rule(t, s, "disabled at creation: when enabled", func(t *testing.T, w *world) {
			id := w.create1(disabled(ann))
			want(t, "mails", w.mails(id), nil)
			w.put(ann)
			want(t, "mails", w.mails(id), []string{"queued ann@example.com"})
		})
		rule(t, s, "no address: when one arrives", func(t *testing.T, w *world) {
			id := w.create1(address(ann))
			want(t, "mails", w.mails(id), nil)
			w.put(ann)
			want(t, "mails", w.mails(id), []string{"queued ann@example.com"})
		})
		rule(t, s, "never for someone with a password", func(t *testing.T, w *world) {
			id := w.create1(with(ann, func(p *registry.PutUser) { p.SetupMail = registry.SetupNone }))
			w.sql(`UPDATE users SET credential = 'set' WHERE id = %d`, id)
			w.put(disabled(ann))
			w.put(address(ann, "new@example.com"))
			want(t, "mails", w.mails(id), nil)
		})
		rule(t, s, "held until released, also under another address", func(t *testing.T, w *world) {
			id := w.create1(with(ann, func(p *registry.PutUser) { p.SetupMail = registry.SetupHold }))
			want(t, "mails", w.mails(id), []string{"held ann@example.com"})
			w.put(ann)
			w.put(address(ann, "new@example.com"))
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com", "held new@example.com"})
			want(t, "due", w.number(`SELECT coalesce(max(next_try), 0) FROM mails`), 0)
			w.put(registry.MailSetup{User: id})
			want(t, "an admin's word sends", w.mails(id), []string{"cancelled ann@example.com", "cancelled new@example.com", "queued new@example.com"})
		})
		rule(t, s, "by hand: a fresh link, one row, no new version", func(t *testing.T, w *world) {
			id := w.create1(ann)
			version, changes := w.person(id).Version, w.changes()
			res := w.put(registry.MailSetup{User: id}, registry.MailSetup{User: id})
			want(t, "actions", actions(res), []registry.Action{"invite", "invite"})
			want(t, "live links", w.liveLinks(id), 1)
			want(t, "mails", w.mails(id), []string{"cancelled ann@example.com", "queued ann@example.com"})
			want(t, "version", w.person(id).Version, version)
			want(t, "changes", w.changes(), changes+1)
			w.put(disabled(ann))
			want(t, "codes", codes(w.put(registry.MailSetup{User: id})), []registry.Code{"not_invitable"})
		})
		rule(t, s, "a block ends sessions, also for when it is lifted", func(t *testing.T, w *world) {
			id := w.create1(ann)
			w.signIn(id)
			w.put(registry.SetBlocks{User: id, Set: registry.BlockAdmin}, registry.SetBlocks{User: id, Clear: registry.BlockAdmin})
			want(t, "sessions", w.number(`SELECT count(*) FROM sessions`), 0)
		})
		rule(t, s, "a block ends the link, in the same batch too", func(t *testing.T, w *world) {
			id := w.create1(with(ann, func(p *registry.PutUser) { p.SetupMail = registry.SetupNone }))
			w.put(ann, registry.SetBlocks{User: id, Set: registry.BlockAdmin})
			want(t, "live links", w.liveLinks(id), 0)
			want(t, "credential", w.person(id).Credential, registry.CredentialNone)
			want(t, "codes", codes(w.put(registry.MailSetup{User: id})), []registry.Code{"not_invitable"})
			res := w.put(registry.SetBlocks{User: id, Clear: registry.BlockAdmin}, registry.MailSetup{User: id})
			want(t, "unblocked and invited", codes(res), []registry.Code{"", ""})
			want(t, "live links", w.liveLinks(id), 1)
			want(t, "same blocks again", actions(w.put(registry.SetBlocks{User: id, Clear: registry.BlockAdmin})), []registry.Action{""})
		})
	})
}

// TestPlaces: departments are made once, contracts never.
func TestPlaces(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "departments and contracts", func(t *testing.T, w *world) {
			in := func(op registry.PutUser, dept, contract string) registry.PutUser {
				return with(op, func(p *registry.PutUser) { p.Department, p.Contract = dept, contract })
			}
			w.sql(`INSERT INTO contracts (company_id, number, number_key, created_at) VALUES (%d, 'C-1', 'c-1', 0)`, w.src.Company)
			w.sql(`INSERT INTO contracts (company_id, number, number_key, created_at) VALUES (%d, 'C-2', 'c-2', 0)`, w.src.Company+1)
			ids := w.create(in(person("1", "a"), "Sales", "c-1"), in(person("2", "b"), "SALES", ""), in(person("3", "c"), "Ops", ""))
			res := w.put(in(person("4", "d"), "sales", "C-2"), in(person("5", "a"), "Refused", ""))
			want(t, "codes", codes(res), []registry.Code{"", "user_name_taken"})
			if res[0].Warning == nil || res[0].Warning.Code != registry.CodeUnknownContract {
				t.Errorf("another company's contract: %+v", res[0].Warning)
			}
			want(t, "departments", len(w.texts(`SELECT name FROM departments`)), 2)
			a, b, d := w.person(ids[0]), w.person(ids[1]), w.person(res[0].User)
			if a.Department != b.Department || d.Department != a.Department || a.Department == 0 {
				t.Errorf("departments %d %d %d", a.Department, b.Department, d.Department)
			}
			want(t, "contract", a.Contract != 0 && d.Contract == 0, true)
			want(t, "no move, no change", actions(w.put(in(person("1", "a"), "sales", "C-1"))), []registry.Action{""})
			want(t, "a move is a change", actions(w.put(in(person("1", "a"), "ops", "C-1"))), []registry.Action{"update"})
		})
	})
}

// TestHistory: one row a record a transaction, with before and after, and a
// version that moves with it and only with it.
func TestHistory(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "before and after", func(t *testing.T, w *world) {
			id := w.create1(with(person("1", "ann"), func(p *registry.PutUser) { p.Attributes[registry.AttrTitle] = []string{"Dr"} }))
			w.sql(`UPDATE users SET attributes = '{"nickName":["By hand"]}' WHERE id = %d`, id)
			w.sql(`UPDATE links SET asserted = '{"title":["Dr"],"userName":["ann"],"emails":["ann@example.com"]}'`)
			w.put(address(person("1", "ann"), "ann@example.com"))
			res := w.put(with(person("1", "anna"), func(p *registry.PutUser) { p.Attributes[registry.AttrGivenName] = []string{"Ann"} }))
			want(t, "before", res[0].Change.Payload.Before, registry.Attributes{"userName": {"ann"}, "emails": {"ann@example.com"}})
			want(t, "after", res[0].Change.Payload.After, registry.Attributes{"userName": {"anna"}, "emails": {"anna@example.com"}, "givenName": {"Ann"}})
			want(t, "what was never asserted stays", w.person(id).Attributes.First(registry.AttrNickName), "By hand")
			res = w.put(person("1", "anna"))
			want(t, "no longer asserted", res[0].Change.Payload.Before, registry.Attributes{"givenName": {"Ann"}})
		})
		rule(t, s, "who, by which door, and what was kept", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.put(person("1", "anna"))
			row := `FROM changes WHERE user_id = %d AND action = 'rename'`
			want(t, "actor", w.texts(`SELECT actor `+row, id), []string{"test"})
			want(t, "origin", w.number(`SELECT origin_id `+row, id), int64(w.src.Origin.ID))
			want(t, "at", w.number(`SELECT at `+row, id), w.now.UnixMicro())
			var kept registry.Payload
			if err := json.Unmarshal([]byte(w.texts(`SELECT CAST(payload AS text) `+row, id)[0]), &kept); err != nil {
				t.Fatal(err)
			}
			want(t, "before", kept.Before[registry.AttrUserName], []string{"ann"})
			want(t, "after", kept.After[registry.AttrUserName], []string{"anna"})
		})
		rule(t, s, "one row for one record", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
			rows, version := w.changes(), w.person(id).Version
			res := w.put(person("1", "anna"), registry.SetBlocks{User: id, Set: registry.BlockAdmin}, registry.SetBlocks{User: id, Set: registry.BlockApproval},
				registry.PutGroup{Anchor: "g", DisplayName: "H"}, registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}},
				registry.PatchMembers{Group: g, RemoveUsers: []registry.UserID{id}})
			want(t, "codes", codes(res), slices.Repeat([]registry.Code{""}, 6))
			want(t, "rows", w.changes(), rows+2)
			want(t, "version", w.person(id).Version, version+1)
			c := res[0].Change
			want(t, "action", c.Action, registry.ActionRename)
			want(t, "version in the row", c.Version, version+1)
			want(t, "blocks", c.Payload.After["blocks"], []string{"blocked by an admin, held by approval"})
			want(t, "group", res[3].Change.Action, registry.ActionRename)
			want(t, "members", []int{res[3].Change.Payload.Added, res[3].Change.Payload.Removed}, []int{1, 1})
		})
		rule(t, s, "what is the same writes nothing", func(t *testing.T, w *world) {
			g := registry.PutGroup{Anchor: "g", Name: "cn=g", DisplayName: "G"}
			all := []registry.Op{person("1", "ann"), disabled(person("2", "bob")), address(person("3", "cid"), "a@b", "A@b"), g}
			w.put(all...)
			was := w.footprint()
			w.now = w.now.Add(time.Hour)
			res := w.put(all...)
			want(t, "actions", actions(res), []registry.Action{"", "", "", ""})
			want(t, "footprint", w.footprint(), was)
		})
		rule(t, s, "a preview writes nothing and says the same", func(t *testing.T, w *world) {
			w.create1(person("1", "ann"))
			was := w.footprint()
			b := registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Ops: []registry.Op{
				with(person("1", "anna"), func(p *registry.PutUser) { p.Department = "New" }), person("2", "anna"), person("3", "bob"), miss("1"),
			}}
			pre, err := w.r.Preview(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "footprint", w.footprint(), was)
			res := w.put(b.Ops...)
			want(t, "codes", codes(pre), codes(res))
			want(t, "actions", actions(pre), actions(res))
			want(t, "new key", pre[2].User, 0)
		})
	})
}

// TestGroups: an origin touches what it gave, and a group comes back whole.
func TestGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "two origins give one member", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
			add := registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}}
			hand := w.door(registry.OriginAdmin, "admin")
			w.put(add)
			w.putAs(hand, add)
			res := w.put(registry.PatchMembers{Group: g, RemoveUsers: []registry.UserID{id}})
			want(t, "removed", res[0].Change.Payload.Removed, 1)
			want(t, "kept", w.number(`SELECT count(*) FROM memberships WHERE origin_id = %d`, hand.ID), 1)
			res = w.put(registry.PatchMembers{Group: g, RemoveUsers: []registry.UserID{id}})
			want(t, "nothing of ours left", actions(res), []registry.Action{""})
		})
		rule(t, s, "gone and back with members", func(t *testing.T, w *world) {
			ids := w.create(person("1", "ann"), person("2", "bob"), person("3", "cid"))
			put := registry.PutGroup{Anchor: "g", Name: "cn=g", DisplayName: "G", Fingerprint: registry.Fingerprint{1}}
			g := w.put(put)[0].Group
			add := registry.PatchMembers{Group: g, AddUsers: ids[:2]}
			w.put(add)
			w.putAs(w.door(registry.OriginAdmin, "admin"), registry.PatchMembers{Group: g, AddUsers: ids[2:]})
			res := w.put(registry.MissGroup{Anchor: "g"})
			want(t, "gone", actions(res), []registry.Action{"delete"})
			want(t, "removed", res[0].Change.Payload.Removed, 2)
			want(t, "members", w.number(`SELECT count(*) FROM memberships`), 1)
			want(t, "fingerprint forgotten", w.number(`SELECT count(*) FROM links WHERE group_id = %d AND fingerprint = (SELECT fingerprint FROM links WHERE user_id = %d)`, g, ids[0]), 0)
			was := w.footprint()
			w.now = w.now.Add(time.Hour)
			want(t, "still gone", actions(w.put(registry.MissGroup{Anchor: "g"})), []registry.Action{""})
			want(t, "footprint", w.footprint(), was)
			want(t, "no members while gone", codes(w.put(add)), []registry.Code{"not_found"})
			res = w.put(put, add)
			want(t, "back", actions(res), []registry.Action{"restore", "restore"})
			want(t, "group", res[0].Group, g)
			want(t, "members", w.number(`SELECT count(*) FROM memberships`), 3)
		})
		rule(t, s, "another origin's group stays, without what we gave", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
			w.put(registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
			w.sql(`UPDATE "groups" SET owner_id = %d`, w.door(registry.OriginAdmin, "admin").ID)
			want(t, "rename", actions(w.put(registry.PutGroup{Anchor: "g", DisplayName: "H"})), []registry.Action{""})
			want(t, "miss", actions(w.put(registry.MissGroup{Anchor: "g"})), []registry.Action{"members"})
			want(t, "living", w.number(`SELECT count(*) FROM "groups" WHERE deleted_at = 0 AND display_name = 'G'`), 1)
		})
		rule(t, s, "members that change nothing", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"}, registry.PutGroup{Anchor: "h", DisplayName: "H"})
			add := registry.PatchMembers{Group: g[0].Group, AddUsers: []registry.UserID{id, id}, AddGroups: []registry.GroupID{g[1].Group}}
			want(t, "doubles count once", w.put(add)[0].Change.Payload.AddedIDs, []int64{int64(id), -int64(g[1].Group)})
			add.RemoveUsers = []registry.UserID{id}
			want(t, "removed and added", actions(w.put(add)), []registry.Action{""})
			res := w.put(registry.PatchMembers{Group: g[0].Group, RemoveUsers: []registry.UserID{id, id}, RemoveGroups: []registry.GroupID{g[1].Group}})
			want(t, "removed", res[0].Change.Payload.RemovedIDs, []int64{int64(id), -int64(g[1].Group)})
			want(t, "no such person", actions(w.put(registry.PatchMembers{Group: g[0].Group, AddUsers: []registry.UserID{id + 99, id + 98}})), []registry.Action{""})
			want(t, "no such group", actions(w.put(registry.PatchMembers{Group: g[0].Group, AddGroups: []registry.GroupID{999}})), []registry.Action{""})
		})
	})
}

// TestHostileValues: what no database keeps costs one operation, the rest is
// kept as it came.
func TestHostileValues(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		set := func(name string, values ...string) registry.PutUser {
			return with(person("x", "x"), func(p *registry.PutUser) { p.Attributes[name] = values })
		}
		bad := map[string]registry.Op{
			"NUL in a value":        set(registry.AttrTitle, "a\x00b"),
			"NUL in the name":       set(registry.AttrUserName, "a\x00b"),
			"NUL in the id":         person("a\x00b", "x"),
			"NUL in the marker":     with(person("x", "x"), func(p *registry.PutUser) { p.Marker = "\x00" }),
			"NUL in the DN":         with(person("x", "x"), func(p *registry.PutUser) { p.Name = "cn=\x00" }),
			"NUL in the department": with(person("x", "x"), func(p *registry.PutUser) { p.Department = "\x00" }),
			"invalid UTF-8":         set(registry.AttrFamilyName, "M\xfcller"),
			"invalid UTF-8 name":    set(registry.AttrUserName, "m\xfcller"),
			"a megabyte":            set(registry.AttrDisplayName, strings.Repeat("x", 1<<20)),
			"a megabyte of name":    set(registry.AttrUserName, strings.Repeat("x", 1<<20)),
			"a megabyte of id":      person(strings.Repeat("x", 1<<20), "x"),
			"a name that unfolds":   set(registry.AttrUserName, strings.Repeat("ﷺ", 80)),
			"an address that does":  set(registry.AttrEmails, strings.Repeat("ﷺ", 100)),
			"header injection":      set(registry.AttrEmails, "a@b\r\nBcc: c@d"),
			"a forged parking key":  set(registry.AttrUserName, "\x01parked 1"),
			"two of a single value": set(registry.AttrTitle, "a", "b"),
			"an empty address":      set(registry.AttrEmails, "a@b", ""),
			"an unknown attribute":  set("enabled", "true"),
			"no id":                 person("", "x"),
			"a group's NUL":         registry.PutGroup{Anchor: "x", DisplayName: "\x00"},
			"a group's megabyte":    registry.PutGroup{Anchor: "x", DisplayName: strings.Repeat("x", 1<<20)},
			"an unknown bad id":     miss("\xff"),
		}
		for _, name := range []string{"", " ", "\u00a0\u3000"} {
			bad["blank name "+name] = set(registry.AttrUserName, name)
		}
		rule(t, s, "refused one by one", func(t *testing.T, w *world) {
			was := w.footprint()
			for name, op := range bad {
				res := w.put(op)
				if c := codes(res)[0]; c != registry.CodeInvalidValue && c != registry.CodeUserNameMissing {
					t.Errorf("%s: %v", name, res[0].Refused)
					continue
				}
				if s := res[0].Name + res[0].Refused.Message.String(); len(s) > 1000 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x01\r\n") {
					t.Errorf("%s: unprintable %q", name, s)
				}
			}
			want(t, "footprint", w.footprint(), was)
			ops := []registry.Op{person("1", "good")}
			for _, op := range bad {
				ops = append(ops, op)
			}
			res := w.put(append(ops, person("2", "better"))...)
			want(t, "neighbours", []registry.Code{codes(res)[0], codes(res)[len(res)-1]}, []registry.Code{"", ""})
		})
		rule(t, s, "kept as they came", func(t *testing.T, w *world) {
			for i, v := range []string{
				`Robert'); DROP TABLE users;--`, `"quoted" \u0000 \`, "😀👩‍👩‍👧", "İstanbul ı", "e\u0301", "\u202etxet", "line\nbreak", "?$1?", "{\"a\":[1]}",
			} {
				op := with(person(v, strings.NewReplacer("\n", "", "\u202e", "").Replace(v)), func(p *registry.PutUser) {
					p.Attributes[registry.AttrTitle] = []string{v}
					p.Attributes[registry.AttrDisplayName] = []string{v}
					p.Department = v
				})
				res := w.put(op)
				if res[0].Refused != nil {
					t.Errorf("%d: %v", i, res[0].Refused)
					continue
				}
				got := w.person(res[0].User).Attributes
				want(t, "attributes", got, op.Attributes)
				want(t, "again", actions(w.put(op)), []registry.Action{""})
			}
		})
		rule(t, s, "empty values are no values", func(t *testing.T, w *world) {
			op := with(person("1", "ann"), func(p *registry.PutUser) {
				p.Attributes[registry.AttrTitle], p.Attributes[registry.AttrNickName] = []string{""}, nil
			})
			w.create1(op)
			want(t, "again", actions(w.put(op)), []registry.Action{""})
		})
	})
}

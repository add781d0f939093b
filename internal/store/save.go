package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/usherd/usher/ent/db/email"
	"github.com/usherd/usher/ent/db/group"
	"github.com/usherd/usher/ent/db/link"
	"github.com/usherd/usher/ent/db/mail"
	"github.com/usherd/usher/ent/db/setuplink"
	"github.com/usherd/usher/ent/db/user"
	"github.com/usherd/usher/internal/registry"
)

// The tables that Save writes to.
var (
	newUsers     = newTable(user.Table, slices.Concat([]string{"company_id"}, userCols)...)
	changedUsers = newTable(user.Table, slices.Concat([]string{"id"}, userCols)...)
	newEmails    = newTable(email.Table, "company_id", email.FieldUserID, email.FieldAddress, email.FieldAddressKey, email.FieldPosition,
		email.FieldVerifiedAt)
	newGroups     = newTable(group.Table, slices.Concat([]string{"company_id"}, groupCols)...)
	changedGroups = newTable(group.Table, slices.Concat([]string{"id"}, groupCols)...)
	newLinks      = newTable(link.Table, slices.Concat([]string{"company_id"}, linkCols, []string{link.FieldCreatedAt, link.FieldUpdatedAt})...)
	changedLinks  = newTable(link.Table, slices.Concat([]string{"id"}, linkCols, []string{link.FieldUpdatedAt})...)
	newSetupLinks = newTable(setuplink.Table,
		"company_id", setuplink.FieldUserID, setuplink.FieldUID, setuplink.FieldPurpose, setuplink.FieldTokenHash,
		setuplink.FieldAddress, setuplink.FieldCredentialVersion, setuplink.FieldCreatedAt, setuplink.FieldExpiresAt,
	)
	newMails = newTable(mail.Table,
		"company_id", mail.FieldUserID, mail.FieldKind, mail.FieldLinkUID, mail.FieldAddress, mail.FieldMessageID,
		mail.FieldState, mail.FieldNextTry, mail.FieldCreatedAt,
	)
	// newNotices are mails with data of their own.
	newNotices = newTable(mail.Table, slices.Concat(newMails.cols, []string{mail.FieldData})...)
)

// The states of a mail.
const (
	mailQueued    = "queued"
	mailHeld      = "held"
	mailSent      = "sent"
	mailFailed    = "failed"
	mailCancelled = "cancelled"
)

// Save implements registry.Tx.
func (t *tenantTx) Save(ctx context.Context, w *registry.Writes) error {
	t.fresh += len(w.NewUsers) + len(w.NewLinks)
	for _, step := range []func(context.Context, *registry.Writes) error{
		t.saveUsers, t.saveEmails, t.saveGroups, t.saveMembers, t.saveMoves, t.saveResources, t.saveLinks, t.saveMet, t.keepHeld, t.voidLinks, t.saveInvites, t.countMails, t.endSessions,
		t.saveMerges, t.erase, t.saveKeys, t.holdEnded, t.moveGroups, t.endMembers, t.saveChanges,
	} {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// userRow are the values of userCols.
func userRow(u *registry.User) ([]any, error) {
	extra := make(registry.Attributes, len(u.Attributes))
	for k, v := range u.Attributes {
		extra[k] = v
	}
	delete(extra, registry.AttrEmails)
	delete(extra, registry.AttrEmployeeNumber)
	for _, name := range ownColumn {
		delete(extra, name)
	}
	doc, err := json.Marshal(extra)
	if err != nil {
		return nil, fmt.Errorf("encode attributes: %w", err)
	}
	a := u.Attributes
	return []any{
		u.PublicID, string(u.Kind), string(u.Association), u.CompanyAdmin,
		u.UserName(), registry.Key(u.UserName()), a.First(registry.AttrDisplayName), a.First(registry.AttrGivenName), a.First(registry.AttrFamilyName),
		a.First(registry.AttrLocale), nullableText(a.First(registry.AttrEmployeeNumber)), string(doc), nullableText(string(u.Document)),
		u.Enabled, int64(u.Blocks), string(u.Credential), u.CredentialVersion,
		int64(u.Owner), nullable(int64(u.Department)), nullable(int64(u.Contract)), nullable(int64(u.Manager)), u.Protected, int64(u.Rights),
		u.Version, micros(u.CreatedAt), micros(u.UpdatedAt), micros(u.DeactivatedAt), micros(u.DeletedAt),
	}, nil
}

// nullable is a key, or nil for 0.
func nullable(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// nullableText is a text, or nil for an empty one.
func nullableText(v string) any {
	if v == "" {
		return nil
	}
	return v
}

// ofUsers changes rows that belong to some people, in one statement of the form
// "… AND" with these arguments.
func (t *tenantTx) ofUsers(ctx context.Context, what, q, column string, people []*registry.User, args ...any) error {
	if len(people) == 0 {
		return nil
	}
	ids := make([]registry.UserID, len(people))
	for i, u := range people {
		ids[i] = u.ID
	}
	return t.deferred(ctx, what, q+" "+t.s.byKey(column), append(args, int64(t.company), keys(t.s, ids))...)
}

func (t *tenantTx) saveUsers(ctx context.Context, w *registry.Writes) error {
	if err := t.ofUsers(ctx, "park names", `UPDATE users SET user_name_key = CAST(? AS text) || id WHERE`, "id", w.ParkNames, "\x01parked "); err != nil {
		return err
	}
	fresh, err := rowsOf(w.NewUsers, userRow, func(*registry.User) int64 { return int64(t.company) })
	if err != nil {
		return err
	}
	ids, err := t.insert(ctx, newUsers, fresh)
	if err != nil {
		return err
	}
	for i, id := range ids {
		w.NewUsers[i].ID = registry.UserID(id)
	}
	changed, err := rowsOf(w.ChangedUsers, userRow, func(u *registry.User) int64 { return int64(u.ID) })
	if err != nil {
		return err
	}
	if err := t.update(ctx, changedUsers, int64(t.company), changed); err != nil {
		return err
	}
	if err := t.ofUsers(ctx, "wipe passwords", `UPDATE users SET password_hash = '' WHERE`, "id", w.WipePassword); err != nil {
		return err
	}
	for _, p := range w.Passwords {
		if err := t.deferred(ctx, "set password", `UPDATE users SET password_hash = ? WHERE company_id = ? AND id = ?`, p.Hash, int64(t.company), int64(p.User.ID)); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf are records as rows, each with a first column and more behind.
func rowsOf[T any](records []T, row func(T) ([]any, error), first func(T) int64, more ...any) ([][]any, error) {
	out := make([][]any, len(records))
	for i, r := range records {
		values, err := row(r)
		if err != nil {
			return nil, err
		}
		out[i] = slices.Concat([]any{first(r)}, values, more)
	}
	return out, nil
}

// saveEmails writes address lists anew. A verification is kept where the
// address stays.
func (t *tenantTx) saveEmails(ctx context.Context, w *registry.Writes) error {
	verified, err := t.takeEmails(ctx, w)
	if err != nil {
		return err
	}
	now := micros(t.s.now())
	var rows [][]any
	for _, l := range w.Emails {
		for i, address := range l.User.Attributes[registry.AttrEmails] {
			key := registry.Key(address)
			at := verified[userAddress{l.User.ID, key}]
			if at == 0 && l.Verified {
				at = now
			}
			rows = append(rows, []any{int64(t.company), int64(l.User.ID), address, key, int64(i), at})
		}
	}
	return t.place(ctx, newEmails, rows, nil)
}

// userAddress is an address of a person, by its key.
type userAddress struct {
	user registry.UserID
	key  string
}

// takeEmails removes the addresses to be written anew and tells which were
// verified, when.
func (t *tenantTx) takeEmails(ctx context.Context, w *registry.Writes) (map[userAddress]int64, error) {
	isNew := make(map[*registry.User]bool, len(w.NewUsers))
	for _, u := range w.NewUsers {
		isNew[u] = true
	}
	var ids []registry.UserID
	for _, l := range w.Emails {
		if !isNew[l.User] {
			ids = append(ids, l.User.ID)
		}
	}
	verified := map[userAddress]int64{}
	if len(ids) == 0 {
		return verified, nil
	}
	rows, err := t.query(ctx, `DELETE FROM emails WHERE `+t.s.byKey("user_id")+` RETURNING user_id, address_key, verified_at`, int64(t.company), keys(t.s, ids))
	err = each(rows, err, func(rows *sql.Rows) error {
		var of userAddress
		var at int64
		err := rows.Scan(&of.user, &of.key, &at)
		verified[of] = max(at, verified[of])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("replace emails: %w", err)
	}
	return verified, nil
}

// documentOf is what a group has of extensions, "" for nothing.
func documentOf(g *registry.Group) string {
	if string(g.Document) == "{}" {
		return ""
	}
	return string(g.Document)
}

func groupRow(g *registry.Group) ([]any, error) {
	return []any{
		g.PublicID, g.DisplayName, registry.Key(g.DisplayName), string(g.Role), g.Default, int64(g.Owner),
		nullable(int64(g.Department)), nullableText(documentOf(g)), g.Version, micros(g.CreatedAt), micros(g.UpdatedAt), micros(g.DeletedAt),
	}, nil
}

func (t *tenantTx) saveGroups(ctx context.Context, w *registry.Writes) error {
	fresh, err := rowsOf(w.NewGroups, groupRow, func(*registry.Group) int64 { return int64(t.company) })
	if err != nil {
		return err
	}
	ids, err := t.insert(ctx, newGroups, fresh)
	if err != nil {
		return err
	}
	for i, id := range ids {
		w.NewGroups[i].ID = registry.GroupID(id)
	}
	changed, err := rowsOf(w.ChangedGroups, groupRow, func(g *registry.Group) int64 { return int64(g.ID) })
	if err != nil {
		return err
	}
	return t.update(ctx, changedGroups, int64(t.company), changed)
}

// moveGroups moves the version of groups whose members came or went by themselves.
// A batch of people takes them here, all at once by their keys, unless it has held all
// of them before; a batch of groups has held those around its own since it loaded them
// together, in the same order. So no two wait for each other.
func (t *tenantTx) moveGroups(ctx context.Context, w *registry.Writes) error {
	a := w.Appeared
	if len(a.Users)+len(a.Groups) == 0 {
		return nil
	}
	users, groups := make([]registry.UserID, len(a.Users)), make([]registry.GroupID, len(a.Groups))
	for i, u := range a.Users {
		users[i] = u.ID
	}
	for i, g := range a.Groups {
		groups[i] = g.ID
	}
	which := `+company_id = ? AND deleted_at = 0 AND id IN (
		SELECT group_id FROM memberships WHERE ` + t.s.byKey("user_id") + ` UNION SELECT group_id FROM memberships WHERE ` + t.s.byKey("member_group_id") + `)`
	company, at := int64(t.company), micros(a.At)
	args := []any{company, company, keys(t.s, users), company, keys(t.s, groups)}
	if !t.s.Postgres() {
		return t.deferred(ctx, "move groups", `UPDATE "groups" SET version = version + 1, updated_at = max(updated_at, ?) WHERE `+which,
			append([]any{at}, args...)...)
	}
	return t.deferred(ctx, "move groups", `WITH held AS (SELECT id FROM "groups" WHERE `+which+` ORDER BY id FOR NO KEY UPDATE)
		UPDATE "groups" g SET version = g.version + 1, updated_at = greatest(g.updated_at, ?) FROM held WHERE g.company_id = ? AND g.id = held.id`,
		append(args, at, company)...)
}

// saveMembers writes the first members of groups.
func (t *tenantTx) saveMembers(ctx context.Context, w *registry.Writes) error {
	for _, m := range w.FirstMembers {
		list := make([]registry.Membership, 0, len(m.Users)+len(m.Groups))
		for _, id := range m.Users {
			list = append(list, registry.Membership{Group: m.Group.ID, User: id, Origin: m.Origin})
		}
		for _, id := range m.Groups {
			list = append(list, registry.Membership{Group: m.Group.ID, MemberGroup: id, Origin: m.Origin})
		}
		if _, err := t.AddMembers(ctx, list, t.s.now()); err != nil {
			return err
		}
	}
	return nil
}

// linkRow are the values of linkCols.
func linkRow(l *registry.Link) ([]any, error) {
	doc, err := json.Marshal(l.Asserted)
	if err != nil {
		return nil, fmt.Errorf("encode assertion: %w", err)
	}
	return []any{
		int64(l.Origin), nullable(int64(l.User)), nullable(int64(l.Group)), l.Anchor, l.Name, string(doc),
		l.Enabled, l.Fingerprint[:], l.Marker, int64(l.SeenRun), micros(l.MissingSince), micros(l.RecheckAt),
	}, nil
}

func (t *tenantTx) saveLinks(ctx context.Context, w *registry.Writes) error {
	now := micros(t.s.now())
	links := make([]*registry.Link, len(w.NewLinks))
	for i, n := range w.NewLinks {
		if n.User != nil {
			n.Link.User = n.User.ID
		}
		if n.Group != nil {
			n.Link.Group = n.Group.ID
		}
		links[i] = n.Link
	}
	fresh, err := rowsOf(links, linkRow, func(*registry.Link) int64 { return int64(t.company) }, now, now)
	if err != nil {
		return err
	}
	if len(w.RemovedLinks) > 0 {
		ids := make([]int64, len(w.RemovedLinks))
		for i, l := range w.RemovedLinks {
			ids[i] = int64(l.ID)
		}
		if err := t.deferred(ctx, "remove links", `DELETE FROM links WHERE `+t.s.byKey("id"), int64(t.company), keys(t.s, ids)); err != nil {
			return err
		}
	}
	if err := t.place(ctx, newLinks, fresh, nil); err != nil {
		return err
	}
	changed, err := rowsOf(w.ChangedLinks, linkRow, func(l *registry.Link) int64 { return int64(l.ID) }, now)
	if err != nil {
		return err
	}
	return t.update(ctx, changedLinks, int64(t.company), changed)
}

// voidLinks supersedes live links and cancels the mails that would carry them.
func (t *tenantTx) voidLinks(ctx context.Context, w *registry.Writes) error {
	now := micros(t.s.now())
	if err := t.ofUsers(ctx, "void links", `UPDATE setup_links SET superseded_at = ? WHERE used_at = 0 AND superseded_at = 0 AND`,
		"user_id", w.VoidLinks, now); err != nil {
		return err
	}
	return t.ofUsers(ctx, "cancel mails", `UPDATE mails SET code = CASE WHEN state = 'held' THEN '`+codeHeldSuperseded+`' ELSE 'superseded' END,
		state = 'cancelled', next_try = 0, finished_at = ?, message = ? WHERE link_uid <> '' AND state IN ('queued', 'held') AND`, "user_id", w.VoidLinks, now, string(linkSuperseded()))
}

// linkSuperseded is why a mail is not sent whose link is none any more.
func linkSuperseded() registry.Said { return registry.Say("the link it would carry was superseded") }

// codeHeldSuperseded is the code of a mail that was superseded while it was held.
const codeHeldSuperseded = "superseded_held"

// keepHeld has the mails that follow a held one wait likewise: an admin has yet
// to let these people in, whatever else became of their addresses, and also when
// their account was closed and opened again meanwhile.
func (t *tenantTx) keepHeld(ctx context.Context, w *registry.Writes) error {
	follow := map[int64]*registry.Invite{}
	var ids []registry.UserID
	for i := range w.Invites {
		if v := &w.Invites[i]; v.Follows && !v.Held && v.User.ID != 0 {
			follow[int64(v.User.ID)] = v
			ids = append(ids, v.User.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := t.query(ctx, `SELECT user_id, state, code FROM mails WHERE link_uid <> '' AND `+t.s.byKey("user_id")+` ORDER BY id`, int64(t.company), keys(t.s, ids))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id int64
		var state, code string
		if err := rows.Scan(&id, &state, &code); err != nil {
			return err
		}
		follow[id].Held = state == mailHeld || code == codeHeldSuperseded // the last one counts
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for held mails: %w", err)
	}
	return nil
}

func (t *tenantTx) saveInvites(ctx context.Context, w *registry.Writes) error {
	links := make([][]any, len(w.Invites))
	mails := make([][]any, len(w.Invites))
	for i, v := range w.Invites {
		id, at := int64(v.User.ID), micros(v.CreatedAt)
		links[i] = []any{int64(t.company), id, v.UID, v.Purpose, v.TokenHash, v.Address, v.User.CredentialVersion, at, micros(v.ExpiresAt)}
		state, due := mailQueued, at
		if v.Held {
			state, due = mailHeld, 0
		}
		mails[i] = []any{int64(t.company), id, v.MailKind, v.UID, v.Address, v.MessageID, state, due, at}
	}
	if err := t.place(ctx, newSetupLinks, links, nil); err != nil {
		return err
	}
	return t.place(ctx, newMails, mails, nil)
}

func (t *tenantTx) endSessions(ctx context.Context, w *registry.Writes) error {
	return t.ofUsers(ctx, "end sessions", `DELETE FROM sessions WHERE`, "user_id", w.EndSessions)
}

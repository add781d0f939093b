package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/ent/db/change"
	"github.com/usherd/usher/ent/db/email"
	"github.com/usherd/usher/ent/db/group"
	"github.com/usherd/usher/ent/db/link"
	"github.com/usherd/usher/ent/db/mail"
	"github.com/usherd/usher/ent/db/setuplink"
	"github.com/usherd/usher/ent/db/user"
	"github.com/usherd/usher/internal/registry"
)

// The tables that Save writes to. Every row begins with its company.
var (
	usersTable  = table{user.Table, append([]string{"company_id"}, userCols...)}
	emailsTable = table{email.Table, []string{"company_id", email.FieldUserID, email.FieldAddress, email.FieldAddressKey, email.FieldPosition, email.FieldVerifiedAt}}
	groupsTable = table{group.Table, append([]string{"company_id"}, groupCols...)}
	linksTable  = table{link.Table, append(append([]string{"company_id"}, linkCols...), link.FieldCreatedAt, link.FieldUpdatedAt)}
	changeTable = table{change.Table, []string{
		"company_id", change.FieldAt, change.FieldActor, change.FieldOriginID, change.FieldRunID, change.FieldUserID,
		change.FieldGroupID, change.FieldResourceID, change.FieldAction, change.FieldReason, change.FieldVersion, change.FieldPayload,
	}}
	setupLinksTable = table{setuplink.Table, []string{
		"company_id", setuplink.FieldUserID, setuplink.FieldUID, setuplink.FieldPurpose, setuplink.FieldTokenHash,
		setuplink.FieldAddress, setuplink.FieldCredentialVersion, setuplink.FieldCreatedAt, setuplink.FieldExpiresAt,
	}}
	mailsTable = table{mail.Table, []string{
		"company_id", mail.FieldUserID, mail.FieldKind, mail.FieldLinkUID, mail.FieldAddress, mail.FieldMessageID,
		mail.FieldState, mail.FieldNextTry, mail.FieldCreatedAt,
	}}
)

// noticesTable is mailsTable for mails with data of their own.
var noticesTable = table{mail.Table, append(slices.Clone(mailsTable.cols), mail.FieldData)}

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
	for _, step := range []func(context.Context, *registry.Writes) error{
		t.saveUsers, t.saveEmails, t.saveGroups, t.saveMembers, t.saveResources, t.saveLinks, t.voidLinks, t.saveInvites, t.endSessions, t.saveChanges,
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
		int64(u.Owner), nullable(int64(u.Department)), nullable(int64(u.Contract)),
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

// updateSQL sets columns of one row of the company.
func updateSQL(table string, cols []string) string {
	return `UPDATE "` + table + `" SET "` + strings.Join(cols, `" = ?, "`) + `" = ? WHERE company_id = ? AND id = ?`
}

func (t *tenantTx) saveUsers(ctx context.Context, w *registry.Writes) error {
	for _, u := range w.ParkNames {
		if _, err := t.exec(ctx, `UPDATE users SET user_name_key = ? WHERE company_id = ? AND id = ?`,
			fmt.Sprintf("\x01parked %d", u.ID), int64(t.company), int64(u.ID)); err != nil {
			return fmt.Errorf("park name: %w", err)
		}
	}
	rows := make([][]any, len(w.NewUsers))
	for i, u := range w.NewUsers {
		row, err := userRow(u)
		if err != nil {
			return err
		}
		rows[i] = append([]any{int64(t.company)}, row...)
	}
	ids, err := t.insert(ctx, usersTable, rows)
	if err != nil {
		return err
	}
	for i, id := range ids {
		w.NewUsers[i].ID = registry.UserID(id)
	}
	q := updateSQL(user.Table, userCols)
	for _, u := range w.ChangedUsers {
		row, err := userRow(u)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, q, append(row, int64(t.company), int64(u.ID))...); err != nil {
			return fmt.Errorf("update user: %w", err)
		}
	}
	for _, u := range w.WipePassword {
		if _, err := t.exec(ctx, `UPDATE users SET password_hash = '' WHERE company_id = ? AND id = ?`, int64(t.company), int64(u.ID)); err != nil {
			return fmt.Errorf("wipe password: %w", err)
		}
	}
	return nil
}

// saveEmails writes address lists anew. A verification is kept where the
// address stays.
func (t *tenantTx) saveEmails(ctx context.Context, w *registry.Writes) error {
	isNew := make(map[*registry.User]bool, len(w.NewUsers))
	for _, u := range w.NewUsers {
		isNew[u] = true
	}
	now := micros(t.s.now())
	var rows [][]any
	for _, l := range w.Emails {
		verified := map[string]int64{}
		if !isNew[l.User] {
			var err error
			if verified, err = t.takeEmails(ctx, l.User.ID); err != nil {
				return err
			}
		}
		for i, address := range l.User.Attributes[registry.AttrEmails] {
			key := registry.Key(address)
			at := verified[key]
			if at == 0 && l.Verified {
				at = now
			}
			rows = append(rows, []any{int64(t.company), int64(l.User.ID), address, key, i, at})
		}
	}
	_, err := t.insert(ctx, emailsTable, rows)
	return err
}

// takeEmails removes a user's addresses and tells which were verified, when.
func (t *tenantTx) takeEmails(ctx context.Context, id registry.UserID) (map[string]int64, error) {
	verified := map[string]int64{}
	rows, err := t.query(ctx, `DELETE FROM emails WHERE company_id = ? AND user_id = ? RETURNING address_key, verified_at`, int64(t.company), int64(id))
	if err != nil {
		return nil, fmt.Errorf("replace emails: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key string
		var at int64
		if err := rows.Scan(&key, &at); err != nil {
			return nil, fmt.Errorf("replace emails: %w", err)
		}
		verified[key] = max(at, verified[key])
	}
	return verified, rows.Err()
}

// documentOf is what a group has of extensions, "" for nothing.
func documentOf(g *registry.Group) string {
	if string(g.Document) == "{}" {
		return ""
	}
	return string(g.Document)
}

func groupRow(g *registry.Group) []any {
	return []any{
		g.PublicID, g.DisplayName, registry.Key(g.DisplayName), string(g.Role), g.Default, int64(g.Owner),
		nullable(int64(g.Department)), nullableText(documentOf(g)), g.Version, micros(g.CreatedAt), micros(g.UpdatedAt), micros(g.DeletedAt),
	}
}

func (t *tenantTx) saveGroups(ctx context.Context, w *registry.Writes) error {
	rows := make([][]any, len(w.NewGroups))
	for i, g := range w.NewGroups {
		rows[i] = append([]any{int64(t.company)}, groupRow(g)...)
	}
	ids, err := t.insert(ctx, groupsTable, rows)
	if err != nil {
		return err
	}
	for i, id := range ids {
		w.NewGroups[i].ID = registry.GroupID(id)
	}
	q := updateSQL(group.Table, groupCols)
	for _, g := range w.ChangedGroups {
		if _, err := t.exec(ctx, q, append(groupRow(g), int64(t.company), int64(g.ID))...); err != nil {
			return fmt.Errorf("update group: %w", err)
		}
	}
	return nil
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
	rows := make([][]any, len(w.NewLinks))
	for i, n := range w.NewLinks {
		if n.User != nil {
			n.Link.User = n.User.ID
		}
		if n.Group != nil {
			n.Link.Group = n.Group.ID
		}
		row, err := linkRow(n.Link)
		if err != nil {
			return err
		}
		rows[i] = append(append([]any{int64(t.company)}, row...), now, now)
	}
	if _, err := t.insert(ctx, linksTable, rows); err != nil {
		return err
	}
	for _, l := range w.RemovedLinks {
		if _, err := t.exec(ctx, `DELETE FROM links WHERE company_id = ? AND id = ?`, int64(t.company), int64(l.ID)); err != nil {
			return fmt.Errorf("remove link: %w", err)
		}
	}
	q := updateSQL(link.Table, append(append([]string{}, linkCols...), link.FieldUpdatedAt))
	for _, l := range w.ChangedLinks {
		row, err := linkRow(l)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, q, append(row, now, int64(t.company), int64(l.ID))...); err != nil {
			return fmt.Errorf("update link: %w", err)
		}
	}
	return nil
}

// voidLinks supersedes live links and cancels the mails that would carry them.
func (t *tenantTx) voidLinks(ctx context.Context, w *registry.Writes) error {
	if err := t.keepHeld(ctx, w); err != nil {
		return err
	}
	now := micros(t.s.now())
	for _, u := range w.VoidLinks {
		if _, err := t.exec(ctx, `UPDATE setup_links SET superseded_at = ? WHERE company_id = ? AND user_id = ? AND used_at = 0 AND superseded_at = 0`,
			now, int64(t.company), int64(u.ID)); err != nil {
			return fmt.Errorf("void links: %w", err)
		}
		if _, err := t.exec(ctx, `UPDATE mails SET state = 'cancelled', next_try = 0, finished_at = ?, code = 'superseded', message = 'the link it would carry was superseded'
			WHERE company_id = ? AND user_id = ? AND link_uid <> '' AND state IN ('queued', 'held')`,
			now, int64(t.company), int64(u.ID)); err != nil {
			return fmt.Errorf("cancel mails: %w", err)
		}
	}
	return nil
}

// keepHeld has the mails that follow a held one wait likewise: an admin has yet
// to let these people in, whatever else became of their addresses.
func (t *tenantTx) keepHeld(ctx context.Context, w *registry.Writes) error {
	follow := map[int64]*registry.Invite{}
	var ids []registry.UserID
	for i := range w.Invites {
		if v := &w.Invites[i]; v.Follows && !v.Held && v.User.ID != 0 && slices.Contains(w.VoidLinks, v.User) {
			follow[int64(v.User.ID)] = v
			ids = append(ids, v.User.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := t.query(ctx, `SELECT user_id FROM mails WHERE state = 'held' AND `+t.s.byKey("user_id"), int64(t.company), keys(t.s, ids))
	found, err := collect(rows, err, scanInt)
	if err != nil {
		return fmt.Errorf("look for held mails: %w", err)
	}
	for _, id := range found {
		follow[id].Held = true
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
	if _, err := t.insert(ctx, setupLinksTable, links); err != nil {
		return err
	}
	_, err := t.insert(ctx, mailsTable, mails)
	return err
}

func (t *tenantTx) endSessions(ctx context.Context, w *registry.Writes) error {
	for _, u := range w.EndSessions {
		if _, err := t.exec(ctx, `DELETE FROM sessions WHERE company_id = ? AND user_id = ?`, int64(t.company), int64(u.ID)); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	return nil
}

func (t *tenantTx) saveChanges(ctx context.Context, w *registry.Writes) error {
	rows := make([][]any, len(w.Changes))
	for i, p := range w.Changes {
		c := p.Change
		if p.User != nil {
			c.User = p.User.ID
		}
		if p.Group != nil {
			c.Group = p.Group.ID
		}
		if p.Resource != nil {
			c.Resource = p.Resource.ID
		}
		doc, err := json.Marshal(c.Payload)
		if err != nil {
			return fmt.Errorf("encode change: %w", err)
		}
		rows[i] = []any{
			int64(t.company), micros(c.At), c.Actor, int64(c.Origin), nullable(int64(c.Run)), nullable(int64(c.User)),
			nullable(int64(c.Group)), nullable(int64(c.Resource)), string(c.Action), c.Reason, c.Version, string(doc),
		}
	}
	ids, err := t.insert(ctx, changeTable, rows)
	for i, id := range ids {
		w.Changes[i].Change.ID = id
	}
	return err
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/usherd/usher/ent/db/contract"
	"github.com/usherd/usher/ent/db/department"
	"github.com/usherd/usher/ent/db/email"
	"github.com/usherd/usher/ent/db/group"
	"github.com/usherd/usher/ent/db/link"
	"github.com/usherd/usher/ent/db/user"
	"github.com/usherd/usher/internal/registry"
)

// userCols are the columns of a user in the order that scanUser and userRow
// follow.
var userCols = []string{
	user.FieldPublicID, user.FieldKind, user.FieldAssociation, user.FieldCompanyAdmin,
	user.FieldUserName, user.FieldUserNameKey, user.FieldDisplayName, user.FieldGivenName, user.FieldFamilyName,
	user.FieldLocale, user.FieldEmployeeNumber, user.FieldAttributes, user.FieldDocument,
	user.FieldEnabled, user.FieldBlocks, user.FieldCredential, user.FieldCredentialVersion,
	user.FieldOwnerID, user.FieldDepartmentID, user.FieldContractID, user.FieldManagerID, user.FieldProtected, user.FieldRights,
	user.FieldVersion, user.FieldCreatedAt, user.FieldUpdatedAt, user.FieldDeactivatedAt, user.FieldDeletedAt,
}

// userColumns and groupColumns are those of a row with its key.
var (
	userColumns  = "id, " + columns(userCols)
	groupColumns = "id, " + columns(groupCols)
	linkColumns  = "id, " + columns(linkCols)
)

// ownColumn are the attributes that have a column of their own, in the order of
// userCols; the employee number, which may be null, follows them there.
var ownColumn = []string{
	registry.AttrUserName, registry.AttrDisplayName, registry.AttrGivenName, registry.AttrFamilyName,
	registry.AttrLocale,
}

// scanUser reads a row of userColumns.
func scanUser(company registry.CompanyID) func(*sql.Rows) (*registry.User, error) {
	return func(rows *sql.Rows) (*registry.User, error) {
		u := &registry.User{Company: company}
		var own [5]string
		var employee sql.NullString
		var key string
		var extra []byte
		var created, updated, deactivated, deleted int64
		var dept, contr, manager sql.NullInt64
		if err := rows.Scan(&u.ID, &u.PublicID, &u.Kind, &u.Association, &u.CompanyAdmin,
			&own[0], &key, &own[1], &own[2], &own[3], &own[4], &employee, &extra, &u.Document,
			&u.Enabled, &u.Blocks, &u.Credential, &u.CredentialVersion,
			&u.Owner, &dept, &contr, &manager, &u.Protected, &u.Rights, &u.Version, &created, &updated, &deactivated, &deleted); err != nil {
			return nil, fmt.Errorf("scan user: %w", err)
		}
		if err := fillAttributes(u, own, employee.String, extra); err != nil {
			return nil, err
		}
		u.Department, u.Contract = registry.DepartmentID(dept.Int64), registry.ContractID(contr.Int64)
		u.Manager = registry.UserID(manager.Int64)
		u.CreatedAt, u.UpdatedAt = fromMicros(created), fromMicros(updated)
		u.DeactivatedAt, u.DeletedAt = fromMicros(deactivated), fromMicros(deleted)
		return u, nil
	}
}

// fillAttributes puts a person's attributes together: those of ownColumn, the
// employee number, and the others as JSON.
func fillAttributes(u *registry.User, own [5]string, employee string, extra []byte) error {
	if len(extra) > 0 {
		if err := json.Unmarshal(extra, &u.Attributes); err != nil {
			return fmt.Errorf("decode attributes of user %d: %w", u.ID, err)
		}
	}
	if u.Attributes == nil {
		u.Attributes = registry.Attributes{}
	}
	for i, name := range ownColumn {
		u.Attributes.Set(name, own[i])
	}
	u.Attributes.Set(registry.AttrEmployeeNumber, employee)
	return nil
}

// Users implements registry.Tx.
func (t *tenantTx) Users(ctx context.Context, ids []registry.UserID) ([]*registry.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cond, key := withKey(t.s, "id", ids)
	q := `SELECT ` + userColumns + ` FROM users WHERE ` + cond + ` ORDER BY id` + t.forUpdate()
	emails, ofWhom := t.emailsOf(ids)
	if err := errors.Join(t.ahead(ctx, q, t.company, key), t.ahead(ctx, emails, t.company, ofWhom)); err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	rows, err := t.query(ctx, q, t.company, key)
	users, err := collect(rows, err, scanUser(t.company))
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	return users, t.addEmails(ctx, users)
}

// emailsOf is the question for people's addresses, and its second argument.
func (t *tenantTx) emailsOf(ids []registry.UserID) (string, any) {
	cond, key := withKey(t.s, email.FieldUserID, ids)
	return `SELECT ` + email.FieldUserID + `, ` + email.FieldAddress + ` FROM emails WHERE ` + cond +
		` ORDER BY ` + email.FieldUserID + `, ` + email.FieldPosition, key
}

// addEmails fills in the addresses, primary first.
func (t *tenantTx) addEmails(ctx context.Context, users []*registry.User) error {
	byID := make(map[registry.UserID]*registry.User, len(users))
	ids := make([]registry.UserID, 0, len(users))
	for _, u := range users {
		byID[u.ID], ids = u, append(ids, u.ID)
	}
	q, key := t.emailsOf(ids)
	rows, err := t.query(ctx, q, t.company, key)
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var id registry.UserID
		var address string
		err := rows.Scan(&id, &address)
		if u := byID[id]; u != nil {
			u.Attributes[registry.AttrEmails] = append(u.Attributes[registry.AttrEmails], address)
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("load emails: %w", err)
	}
	return nil
}

// UsersByName implements registry.Tx.
func (t *tenantTx) UsersByName(ctx context.Context, names []string) ([]registry.NameHolder, error) {
	if len(names) == 0 {
		return nil, nil
	}
	rows, err := t.find(ctx, t.nameLookup(names))
	return collect(rows, err, func(rows *sql.Rows) (h registry.NameHolder, err error) {
		return h, rows.Scan(&h.Key, &h.User, &h.Owner, &h.Credential, &h.Enabled)
	})
}

func (t *tenantTx) nameLookup(names []string) lookup {
	return lookup{
		cols: "user_name_key, id, owner_id, credential, enabled", from: "users", where: "company_id = ? AND deleted_at = 0", args: []any{t.company},
		column: "user_name_key", values: names,
	}
}

// linkCols are the columns of a link in the order that scanLink and linkRow
// follow.
var linkCols = []string{
	link.FieldOriginID, link.FieldUserID, link.FieldGroupID, link.FieldAnchor, link.FieldName, link.FieldAsserted,
	link.FieldEnabled, link.FieldFingerprint, link.FieldMarker, link.FieldSeenRun, link.FieldMissingSince, link.FieldRecheckAt,
}

func scanLink(company registry.CompanyID) func(*sql.Rows) (*registry.Link, error) {
	return func(rows *sql.Rows) (*registry.Link, error) {
		l := &registry.Link{Company: company}
		var userID, groupID sql.NullInt64
		var asserted, fingerprint []byte
		var missing, recheck int64
		if err := rows.Scan(&l.ID, &l.Origin, &userID, &groupID, &l.Anchor, &l.Name, &asserted,
			&l.Enabled, &fingerprint, &l.Marker, &l.SeenRun, &missing, &recheck); err != nil {
			return nil, fmt.Errorf("scan link: %w", err)
		}
		if len(asserted) > 0 {
			if err := json.Unmarshal(asserted, &l.Asserted); err != nil {
				return nil, fmt.Errorf("decode assertion of link %d: %w", l.ID, err)
			}
		}
		copy(l.Fingerprint[:], fingerprint)
		l.User, l.Group = registry.UserID(userID.Int64), registry.GroupID(groupID.Int64)
		l.MissingSince, l.RecheckAt = fromMicros(missing), fromMicros(recheck)
		return l, nil
	}
}

// UserLinks implements registry.Tx.
func (t *tenantTx) UserLinks(ctx context.Context, origin registry.OriginID, anchors []string) ([]*registry.Link, error) {
	return t.linksByAnchor(ctx, "user_id", origin, anchors)
}

// GroupLinks implements registry.Tx.
func (t *tenantTx) GroupLinks(ctx context.Context, origin registry.OriginID, anchors []string) ([]*registry.Link, error) {
	return t.linksByAnchor(ctx, "group_id", origin, anchors)
}

// linksByAnchor reads links of the kind that column names. People and groups
// have an index each, which the condition on the column opens.
func (t *tenantTx) linksByAnchor(ctx context.Context, column string, origin registry.OriginID, anchors []string) ([]*registry.Link, error) {
	if len(anchors) == 0 {
		return nil, nil
	}
	rows, err := t.find(ctx, t.linkLookup(column, origin, anchors))
	return collect(rows, err, scanLink(t.company))
}

func (t *tenantTx) linkLookup(column string, origin registry.OriginID, anchors []string) lookup {
	return lookup{
		cols: linkColumns, from: "links", where: "origin_id = ? AND company_id = ? AND " + column + " IS NOT NULL",
		args: []any{origin, t.company}, column: "anchor", values: anchors, lock: t.forUpdate(),
	}
}

// LinksOfUsers implements registry.Tx.
func (t *tenantTx) LinksOfUsers(ctx context.Context, origin registry.OriginID, users []registry.UserID) ([]*registry.Link, error) {
	rows, err := t.query(ctx, `SELECT id, `+columns(linkCols)+` FROM links WHERE origin_id = ? AND `+t.s.byKey("user_id")+` ORDER BY id`+t.forUpdate(),
		origin, t.company, keys(t.s, users))
	return collect(rows, err, scanLink(t.company))
}

// Admins implements registry.Tx.
func (t *tenantTx) Admins(ctx context.Context) (map[registry.UserID]bool, error) {
	// Locked, so that of two who take the right from each other one is the last.
	rows, err := t.query(ctx, `SELECT id FROM users WHERE company_id = ? AND company_admin AND deleted_at = 0
		AND association = 'strong' AND enabled AND blocks = 0 ORDER BY id`+t.forUpdate(), t.company)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return nil, fmt.Errorf("look for admins: %w", err)
	}
	out := make(map[registry.UserID]bool, len(ids))
	for _, id := range ids {
		out[registry.UserID(id)] = true
	}
	return out, nil
}

// Origins implements registry.Tx.
func (t *tenantTx) Origins(ctx context.Context) (map[registry.OriginID]registry.Origin, error) {
	return t.origins(ctx)
}

// Groups implements registry.Tx.
func (t *tenantTx) Groups(ctx context.Context, ids []registry.GroupID) ([]*registry.Group, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if t.s.Postgres() {
		if err := t.deferred(ctx, "hold groups", holdGroups, t.company, keys(t.s, ids)); err != nil {
			return nil, err
		}
	}
	cond, key := withKey(t.s, "id", ids)
	rows, err := t.query(ctx, `SELECT `+groupColumns+` FROM "groups" WHERE `+cond+` ORDER BY id`+t.forUpdate(), t.company, key)
	return collect(rows, err, scanGroup(t.company))
}

// GroupsContaining implements registry.Tx. SQLite has one writer.
func (t *tenantTx) GroupsContaining(ctx context.Context, ids []registry.GroupID) ([]registry.GroupID, error) {
	if !t.s.Postgres() {
		return nil, nil
	}
	rows, err := t.query(ctx, `SELECT DISTINCT group_id FROM memberships WHERE `+t.s.byKey("member_group_id"), t.company, keys(t.s, ids))
	around, err := collect(rows, err, func(rows *sql.Rows) (id registry.GroupID, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look for groups around groups: %w", err)
	}
	return around, nil
}

// On PostgreSQL, whoever changes a group excludes all others, and those who change
// single members exclude only the former: they move the version last. A lock of the
// row could not tell the two apart without deadlocks, because memberships lock their
// group by themselves. So it is a lock beside it, of one in 64 groups of a company: a
// transaction may hold only so many. Of several they are taken in one order.
const (
	holdGroups = `SELECT pg_advisory_xact_lock(CAST(? AS int), b) FROM
		(SELECT DISTINCT CAST(id % 64 AS int) AS b FROM unnest(CAST(? AS bigint[])) AS g(id) ORDER BY 1) AS x`
	shareGroup = `SELECT pg_advisory_xact_lock_shared(CAST(? AS int), CAST(CAST(? AS bigint) % 64 AS int))`
)

// GroupsByName implements registry.Tx.
func (t *tenantTx) GroupsByName(ctx context.Context, origin registry.OriginID, names []string) ([]registry.GroupNameHolder, error) {
	if t.s.Postgres() {
		if err := t.deferred(ctx, "hold group names", holdGroupNames, t.company, list(t.s, names)); err != nil {
			return nil, err
		}
	}
	rows, err := t.find(ctx, t.groupNameLookup(origin, names))
	holders, err := collect(rows, err, func(rows *sql.Rows) (h registry.GroupNameHolder, err error) {
		return h, rows.Scan(&h.Key, &h.Group, &h.PublicID, &h.Anchor)
	})
	if err != nil {
		return nil, fmt.Errorf("look for group names: %w", err)
	}
	return holders, nil
}

// holdGroupNames excludes those who are about to give a group one of these names, on
// PostgreSQL: a name that nobody has yet is no row to lock. The locks are one in 64
// names of a company, beside those of holdGroups and always taken after them.
const holdGroupNames = `SELECT pg_advisory_xact_lock(CAST(? AS int), b) FROM
	(SELECT DISTINCT 64 + (hashtext(k) & 63) AS b FROM unnest(CAST(? AS text[])) AS n(k) ORDER BY 1) AS x`

// The plus keeps SQLite from going through all links of an origin.
func (t *tenantTx) groupNameLookup(origin registry.OriginID, names []string) lookup {
	return lookup{
		cols: `g.name_key, g.id, g.public_id, COALESCE((SELECT min(l.anchor) FROM links l
			WHERE l.group_id = g.id AND +l.origin_id = g.owner_id AND +l.company_id = g.company_id), '') AS anchor`,
		from: `"groups" g`, where: "g.company_id = ? AND g.owner_id = ? AND g.deleted_at = 0", args: []any{t.company, origin},
		column: "g.name_key", values: names,
	}
}

// GroupForMembers implements registry.Tx.
func (t *tenantTx) GroupForMembers(ctx context.Context, id registry.GroupID) ([]*registry.Group, error) {
	if t.s.Postgres() {
		if err := t.deferred(ctx, "share group", shareGroup, t.company, int64(id)); err != nil {
			return nil, err
		}
	}
	rows, err := t.query(ctx, `SELECT `+groupColumns+` FROM "groups" WHERE company_id = ? AND id = ?`, t.company, int64(id))
	return collect(rows, err, scanGroup(t.company))
}

// groupCols are the columns of a group in the order that scanGroup and groupRow
// follow.
var groupCols = []string{
	group.FieldPublicID, group.FieldDisplayName, group.FieldNameKey, group.FieldRole, group.FieldIsDefault, group.FieldOwnerID,
	group.FieldDepartmentID, group.FieldDocument, group.FieldVersion, group.FieldCreatedAt, group.FieldUpdatedAt, group.FieldDeletedAt,
}

// scanGroup reads a row of id, groupCols and what is more.
func scanGroup(company registry.CompanyID, more ...any) func(*sql.Rows) (*registry.Group, error) {
	return func(rows *sql.Rows) (*registry.Group, error) {
		g := &registry.Group{Company: company}
		var key string
		var dept sql.NullInt64
		var created, updated, deleted int64
		if err := rows.Scan(append([]any{&g.ID, &g.PublicID, &g.DisplayName, &key, &g.Role, &g.Default, &g.Owner,
			&dept, &g.Document, &g.Version, &created, &updated, &deleted}, more...)...); err != nil {
			return nil, fmt.Errorf("scan group: %w", err)
		}
		g.Department = registry.DepartmentID(dept.Int64)
		g.CreatedAt, g.UpdatedAt, g.DeletedAt = fromMicros(created), fromMicros(updated), fromMicros(deleted)
		return g, nil
	}
}

// Departments implements registry.Tx.
func (t *tenantTx) Departments(ctx context.Context, names map[string]string, now time.Time) (map[string]registry.DepartmentID, error) {
	wanted := slices.Sorted(maps.Keys(names)) // in one order, so that two writers do not deadlock
	tx := t.s.entTx(t.tx)
	have, err := tx.Department.Query().Where(department.CompanyID(int64(t.company)), department.NameKeyIn(wanted...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load departments: %w", err)
	}
	out := make(map[string]registry.DepartmentID, len(names))
	for _, d := range have {
		out[d.NameKey] = registry.DepartmentID(d.ID)
	}
	for _, key := range wanted {
		if _, ok := out[key]; ok {
			continue
		}
		d, err := tx.Department.Create().SetCompanyID(int64(t.company)).SetName(names[key]).SetNameKey(key).SetCreatedAt(micros(now)).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("create department: %w", err)
		}
		out[key] = registry.DepartmentID(d.ID)
	}
	return out, nil
}

// Contracts implements registry.Tx.
func (t *tenantTx) Contracts(ctx context.Context, numbers []string) (map[string]registry.ContractID, error) {
	have, err := t.s.entTx(t.tx).Contract.Query().
		Where(contract.CompanyID(int64(t.company)), contract.NumberKeyIn(numbers...), contract.EndedAt(0)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load contracts: %w", err)
	}
	out := make(map[string]registry.ContractID, len(have))
	for _, c := range have {
		out[c.NumberKey] = registry.ContractID(c.ID)
	}
	return out, nil
}

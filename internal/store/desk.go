package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// desk is onboard.Desk: one transaction.
type desk struct {
	x     *session
	rules *registry.Registry
}

// ContractCompany implements onboard.Desk.
func (d *desk) ContractCompany(ctx context.Context, numberKey string) (registry.CompanyID, error) {
	return d.x.contractCompany(ctx, numberKey)
}

// Companies implements onboard.Desk.
func (d *desk) Companies(ctx context.Context) ([]registry.CompanyInfo, error) {
	rows, err := d.x.query(ctx, `SELECT `+infoCols+` FROM companies ORDER BY id`)
	return collect(rows, err, scanCompanyInfo)
}

// Found implements onboard.Desk.
func (d *desk) Found(ctx context.Context, c registry.CompanyInfo) (registry.CompanyID, error) {
	settings := `{}`
	if c.Resembles != "" {
		settings = jsonOf(map[string]string{settingResembles: c.Resembles})
	}
	rows, err := d.x.query(ctx, `INSERT INTO companies (key, name, locale, managed, settings, verified_at, verified_by, digest_due, created_at)
		VALUES (?, ?, ?, false, ?, 0, '', 0, ?) RETURNING id`, c.Key, c.Name, c.Locale, settings, micros(c.CreatedAt))
	id, err := one(rows, err, scanInt)
	return registry.CompanyID(id), err
}

// TakeName implements onboard.Desk.
func (d *desk) TakeName(ctx context.Context, n onboard.Name) (bool, error) {
	taken, err := d.x.affected(ctx, `INSERT INTO login_names (name_hash, holder_company, holder, created_at) VALUES (?, ?, 0, ?)
		ON CONFLICT (name_hash) DO NOTHING`, n.Hash, int64(n.Company), micros(d.x.s.now()))
	if err != nil {
		return false, err
	}
	if taken == 0 && n.Holder != 0 { // a contact who let the first link expire asks again
		taken, err = d.x.affected(ctx, `UPDATE login_names SET holder = holder WHERE name_hash = ? AND holder = ? AND holder_company = ?`,
			n.Hash, int64(n.Holder), int64(n.Company))
	}
	if err != nil || taken == 0 {
		return false, err
	}
	lives, err := d.x.nameLives(ctx, n.Key, n.Holder)
	return !lives, err
}

// HoldName implements onboard.Desk.
func (d *desk) HoldName(ctx context.Context, hash []byte, user registry.UserID) error {
	_, err := d.x.exec(ctx, `UPDATE login_names SET holder = ? WHERE name_hash = ?`, int64(user), hash)
	return err
}

// Places implements onboard.Desk.
func (d *desk) Places(ctx context.Context, company registry.CompanyID, departmentKey, groupKey string) (p onboard.Places, err error) {
	t := d.x.tenant(company)
	rows, err := t.query(ctx, `SELECT id, name FROM departments WHERE company_id = ? AND name_key = ?`, t.company, departmentKey)
	if err := each(rows, err, func(rows *sql.Rows) error { return rows.Scan(&p.Department, &p.DepartmentName) }); err != nil {
		return p, fmt.Errorf("find department: %w", err)
	}
	rows, err = t.query(ctx, `SELECT id, display_name, coalesce(department_id, 0) FROM "groups"
		WHERE company_id = ? AND name_key = ? AND role = 'support' AND deleted_at = 0 ORDER BY id DESC`, t.company, groupKey)
	if err := each(rows, err, func(rows *sql.Rows) error { return rows.Scan(&p.Group, &p.GroupName, &p.GroupDepartment) }); err != nil {
		return p, fmt.Errorf("find support group: %w", err)
	}
	rows, err = t.query(ctx, `SELECT id, display_name, deleted_at FROM "groups" WHERE company_id = ? AND role = 'support' AND is_default`, t.company)
	err = each(rows, err, func(rows *sql.Rows) error {
		var deleted int64
		err := rows.Scan(&p.Default, &p.DefaultName, &deleted)
		p.DefaultLives = deleted == 0
		return err
	})
	if err != nil {
		return p, fmt.Errorf("find default support group: %w", err)
	}
	return p, nil
}

// Contact implements onboard.Desk.
func (d *desk) Contact(ctx context.Context, company registry.CompanyID, addressKey string) (registry.UserID, error) {
	t := d.x.tenant(company)
	rows, err := t.query(ctx, `SELECT DISTINCT u.id FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
		WHERE e.company_id = ? AND e.address_key = ? AND u.deleted_at = 0 AND u.association = 'weak' LIMIT 2`, t.company, addressKey)
	ids, err := collect(rows, err, scanInt)
	if err == nil && len(ids) != 1 {
		return 0, registry.ErrNotFound // who shares an address is nobody by it
	}
	if err != nil {
		return 0, err
	}
	return registry.UserID(ids[0]), nil
}

// Domains implements onboard.Desk.
func (d *desk) Domains(ctx context.Context, company registry.CompanyID) ([]string, error) {
	rows, err := d.x.query(ctx, `SELECT name FROM domains WHERE company_id = ? AND verified_at <> 0`, int64(company))
	return collect(rows, err, scanString)
}

// Door implements onboard.Desk.
func (d *desk) Door(ctx context.Context, company registry.CompanyID) (registry.Origin, error) {
	return d.x.tenant(company).ensureOrigin(ctx, registry.OriginRegistration, string(registry.OriginRegistration))
}

// Apply implements onboard.Desk.
func (d *desk) Apply(ctx context.Context, b registry.Batch) ([]registry.Result, error) {
	results, err := d.rules.Apply(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		if r.Refused != nil {
			return nil, r.Refused
		}
	}
	return results, nil
}

// InviteContact implements onboard.Desk.
func (d *desk) InviteContact(ctx context.Context, l onboard.Link) error {
	t := d.x.tenant(l.Company)
	u, err := t.held(ctx, l.User)
	if err != nil {
		return err
	}
	if _, err := t.supersede(ctx, l); err != nil {
		return err
	}
	a, err := d.x.applicationByID(ctx, l.Application)
	if err != nil {
		return err
	}
	at := micros(l.CreatedAt)
	if _, err := t.exec(ctx, `INSERT INTO setup_links (company_id, user_id, uid, purpose, token_hash, address, application_id, credential_version, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.company, l.User, l.UID, string(l.Purpose), l.TokenHash, l.Address, l.Application, u.CredentialVersion, at, micros(l.ExpiresAt)); err != nil {
		return fmt.Errorf("store link: %w", err)
	}
	_, err = t.insert(ctx, newNotices, [][]any{{
		int64(t.company), int64(l.User), string(onboard.MailSetup), l.UID, l.Address, "setup." + l.UID + "@" + d.rules.MessageDomain, mailQueued, at, at,
		jsonOf(map[string]string{"Locale": a.Typed[registry.FieldLocale]}), // a contact has none of its own
	}})
	return err
}

// Tell implements onboard.Desk.
func (d *desk) Tell(ctx context.Context, company registry.CompanyID, n registry.Notice) error {
	active := int64(0)
	if company != 0 {
		if err := d.x.s.For(company).tellAdmins(ctx, d.x, n); err != nil {
			return err
		}
		rows, err := d.x.query(ctx, `SELECT count(*) FROM users WHERE company_id = ? AND company_admin AND deleted_at = 0 AND association = 'strong'
			AND enabled AND blocks = 0 AND credential IN ('set', 'sso')`, int64(company))
		if active, err = one(rows, err, scanInt); err != nil || active > 0 {
			return err
		}
	}
	rows, err := d.x.query(ctx, `SELECT id FROM companies WHERE key = ?`, registry.OperatorsKey)
	operators, err := one(rows, err, scanInt)
	if errors.Is(err, registry.ErrNotFound) {
		return nil // nobody runs this installation by a page
	}
	if err != nil {
		return err
	}
	rows, err = d.x.query(ctx, `SELECT id FROM users WHERE company_id = ? AND deleted_at = 0`, operators)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return err
	}
	return d.x.s.For(registry.CompanyID(operators)).tell(ctx, d.x, ids, n)
}

// TellPerson implements onboard.Desk.
func (d *desk) TellPerson(ctx context.Context, company registry.CompanyID, user registry.UserID, n registry.Notice) error {
	t := d.x.tenant(company)
	users, err := t.seen(ctx, user)
	if err != nil || users[user] == nil || users[user].Email() == "" {
		return err
	}
	at := micros(d.x.s.now())
	_, err = t.insert(ctx, newMails, [][]any{{int64(company), int64(user), string(n.Kind), "", users[user].Email(), n.MessageID, mailQueued, at, at}})
	return err
}

// Audit implements onboard.Desk.
func (d *desk) Audit(ctx context.Context, company registry.CompanyID, deed registry.Deed) error {
	return d.x.tenant(company).audit(ctx, deed)
}

// Take implements onboard.Desk.
func (d *desk) Take(ctx context.Context, t onboard.Take, now time.Time) (bool, error) {
	return d.x.take(ctx, t, now)
}

// asApplied shows a contact as the account that following the link makes of it.
func (x *session) asApplied(ctx context.Context, l onboard.Link, p *onboard.Person) error {
	a, err := x.applicationByID(ctx, l.Application)
	if errors.Is(err, registry.ErrNotFound) || err == nil && len(a.Typed) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	p.User.Attributes = p.User.Attributes.Clone()
	for name, values := range a.Attributes() {
		p.User.Attributes.Set(name, values...)
	}
	return nil
}

func (x *session) applicationByID(ctx context.Context, id int64) (registry.Application, error) {
	rows, err := x.query(ctx, `SELECT `+applicationCols+` FROM applications WHERE id = ?`, id)
	return one(rows, err, scanApplication)
}

// enrol makes the contact of a link the account that was applied for, in the
// transaction that spends the link. Where that is no longer possible the link is
// closed.
func (o *onboarding) enrol(ctx context.Context, t *tenantTx, l onboard.Link) (*registry.User, error) {
	closed := &auth.LinkError{State: auth.LinkClosed}
	a, err := t.applicationByID(ctx, l.Application)
	if errors.Is(err, registry.ErrNotFound) || err == nil && a.State != registry.ApplicationMailed {
		return nil, closed
	}
	if err != nil {
		return nil, err
	}
	d := &desk{x: t.session, rules: t.rules(&registry.Registry{Now: t.s.now, NewID: o.newID, MessageDomain: o.domain})}
	door, err := d.Door(ctx, t.company)
	if err != nil {
		return nil, err
	}
	for _, op := range onboard.Enrolment(&a) {
		_, err := d.Apply(ctx, registry.Batch{Company: t.company, Origin: door, Actor: "user " + a.Typed[registry.FieldLogin], Ops: []registry.Op{op}})
		if registry.CodeOf(err) != "" {
			return nil, closed
		}
		if err != nil {
			return nil, err
		}
	}
	a.State, a.Typed, a.DecidedAt = registry.ApplicationDone, nil, t.s.now()
	if err := t.saveApplication(ctx, &a); err != nil {
		return nil, err
	}
	return t.held(ctx, l.User)
}

// discretion says what a mail must not show: what somebody typed whom nobody has
// vouched for. Else a stranger could have usher write to others in their words.
type discretion struct {
	typed   map[registry.UserID]bool // registered, and has yet to prove the address
	vouched bool                     // somebody vouched for the company
}

func (t *tenantTx) discretion(ctx context.Context, users []registry.UserID) (discretion, error) {
	out := discretion{typed: map[registry.UserID]bool{}}
	rows, err := t.query(ctx, `SELECT u.id FROM users u JOIN origins o ON o.id = u.owner_id AND o.company_id = u.company_id
		JOIN emails e ON e.user_id = u.id AND e.company_id = u.company_id
		WHERE u.company_id = ? AND o.kind = 'registration' AND e.position = 0 AND e.verified_at = 0 AND `+t.s.anyOf("u.id"), t.company, keys(t.s, users))
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return out, fmt.Errorf("look for unproven addresses: %w", err)
	}
	for _, id := range asUserIDs(ids) {
		out.typed[id] = true
	}
	rows, err = t.query(ctx, `SELECT `+infoCols+` FROM companies WHERE id = ?`, t.company)
	c, err := one(rows, err, scanCompanyInfo)
	out.vouched = c.Vouched()
	return out, err
}

func (d discretion) apply(m *mail.Queued, user registry.UserID, l onboard.Link) {
	if !d.vouched {
		m.CompanyName = ""
	}
	if !d.typed[user] && l.Application == 0 {
		return
	}
	m.DisplayName, m.UserName = "", ""
	m.Locale = cmp.Or(m.Data["Locale"], m.Locale)
	if m.Kind == mail.KindSetup {
		m.Kind = mail.KindRegistration
	}
}

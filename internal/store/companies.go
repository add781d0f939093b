package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// settingResembles is the company setting that keeps whom a company that
// registered itself could be taken for.
const settingResembles = "resembles"

// infoCols are what scanCompanyInfo reads.
const infoCols = `id, key, name, locale, managed, settings, verified_at, verified_by, created_at`

func scanCompanyInfo(rows *sql.Rows) (registry.CompanyInfo, error) {
	var c registry.CompanyInfo
	var settings []byte
	var verified, created int64
	if err := rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale, &c.Managed, &settings, &verified, &c.VerifiedBy, &created); err != nil {
		return c, fmt.Errorf("scan company: %w", err)
	}
	c.VerifiedAt, c.CreatedAt = fromMicros(verified), fromMicros(created)
	chosen := map[string]string{}
	if len(settings) > 0 {
		if err := json.Unmarshal(settings, &chosen); err != nil {
			return c, fmt.Errorf("decode company settings: %w", err)
		}
	}
	c.Resembles = chosen[settingResembles]
	return c, nil
}

func jsonOf(m map[string]string) string {
	b, _ := json.Marshal(m) //nolint:errchkjson // strings always encode
	return string(b)
}

// CompanyInfos lists all companies by key, with who vouches for them.
func (s *Store) CompanyInfos(ctx context.Context) ([]registry.CompanyInfo, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+infoCols+` FROM companies ORDER BY key`)
	return collect(rows, err, scanCompanyInfo)
}

// Info is the company with who vouches for it.
func (t *Tenant) Info(ctx context.Context) (registry.CompanyInfo, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+infoCols+` FROM companies WHERE id = ?`), int64(t.id))
	return one(rows, err, scanCompanyInfo)
}

// Vouch writes down who vouches for the company; false where somebody did before.
func (t *Tenant) Vouch(ctx context.Context, by string) (done bool, err error) {
	err = t.s.inTx(ctx, func(x *session) error {
		done, err = x.tenant(t.id).vouch(ctx, by)
		return err
	})
	return done, err
}

func (t *tenantTx) vouch(ctx context.Context, by string) (bool, error) {
	n, err := t.affected(ctx, `UPDATE companies SET verified_at = ?, verified_by = ? WHERE id = ? AND verified_at = 0`, micros(t.s.now()), asText(by), t.company)
	if err != nil {
		return false, fmt.Errorf("vouch for company: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, t.audit(ctx, registry.Deed{Actor: by, Action: "company.verify"})
}

// ChangeCompany gives the company another name and language, and writes that down.
func (t *Tenant) ChangeCompany(ctx context.Context, name, locale string, d registry.Deed) error {
	return t.s.inTx(ctx, func(x *session) error {
		if _, err := x.exec(ctx, `UPDATE companies SET name = ?, locale = ? WHERE id = ?`, asText(name), asText(locale), int64(t.id)); err != nil {
			return fmt.Errorf("change company: %w", err)
		}
		return x.tenant(t.id).audit(ctx, d)
	})
}

// Domains are those that the company says are its own, by name.
func (t *Tenant) Domains(ctx context.Context) ([]registry.Domain, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT name, challenge, created_at, checked_at, verified_at FROM domains
		WHERE company_id = ? ORDER BY name`), int64(t.id))
	return collect(rows, err, scanDomain)
}

func scanDomain(rows *sql.Rows) (d registry.Domain, err error) {
	var created, checked, verified int64
	err = rows.Scan(&d.Name, &d.Challenge, &created, &checked, &verified)
	d.CreatedAt, d.CheckedAt, d.VerifiedAt = fromMicros(created), fromMicros(checked), fromMicros(verified)
	return d, err
}

// AddDomain writes down that the company says a domain is its own, and gives it
// with the challenge that it has from the first time on.
func (t *Tenant) AddDomain(ctx context.Context, name, challenge, by string) (d registry.Domain, err error) {
	err = t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `INSERT INTO domains (company_id, name, challenge, created_at, checked_at, verified_at) VALUES (?, ?, ?, ?, 0, 0)
			ON CONFLICT (company_id, name) DO NOTHING`, int64(t.id), name, challenge, micros(t.s.now()))
		if err == nil && n > 0 {
			err = x.tenant(t.id).audit(ctx, registry.Deed{Actor: by, Action: "domain.add", Subject: "domain " + name})
		}
		if err != nil {
			return fmt.Errorf("add domain: %w", err)
		}
		d, err = x.tenant(t.id).domain(ctx, name)
		return err
	})
	return d, err
}

func (t *tenantTx) domain(ctx context.Context, name string) (registry.Domain, error) {
	rows, err := t.query(ctx, `SELECT name, challenge, created_at, checked_at, verified_at FROM domains WHERE company_id = ? AND name = ?`, t.company, name)
	return one(rows, err, scanDomain)
}

// CheckedDomain writes down that a domain's record was looked at, and whether it
// was there. One that is proven vouches for its company. A domain is one
// company's: it is registry.CodeValueTaken where another proved it.
func (t *Tenant) CheckedDomain(ctx context.Context, name string, proven bool, by string) error {
	return t.s.inTx(ctx, func(x *session) error {
		tx, at := x.tenant(t.id), micros(t.s.now())
		if _, err := x.exec(ctx, `UPDATE domains SET checked_at = ? WHERE company_id = ? AND name = ?`, at, int64(t.id), name); err != nil || !proven {
			return err
		}
		other, err := x.domainProven(ctx, name)
		if err != nil {
			return err
		}
		if other != 0 && other != t.id {
			return registry.Refuse(registry.CodeValueTaken, "another company has proved that %s is its own; an operator has to sort that out", name)
		}
		n, err := x.affected(ctx, `UPDATE domains SET verified_at = ? WHERE company_id = ? AND name = ? AND verified_at = 0`, at, int64(t.id), name)
		if err != nil || n == 0 {
			return err
		}
		if err := tx.audit(ctx, registry.Deed{Actor: by, Action: "domain.verify", Subject: "domain " + name}); err != nil {
			return err
		}
		_, err = tx.vouch(ctx, "dns "+name)
		return err
	})
}

// oldApplications is how long applications that are over are kept.
const oldApplications = 30 * 24 * time.Hour

// OldApplications is the time before which those that are over may go.
func OldApplications(now time.Time) time.Time { return now.Add(-oldApplications) }

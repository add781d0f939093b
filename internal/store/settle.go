package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/ent/db/company"
	"github.com/usherd/usher/ent/db/origin"
	"github.com/usherd/usher/ent/db/readpage"
	"github.com/usherd/usher/ent/db/source"
	"github.com/usherd/usher/internal/registry"
)

// Settled is what a configuration file says must exist.
type Settled struct {
	Companies []registry.Company // ID unused
	Sources   []SettledSource
	// Next is when a schedule first comes up. It is asked where a source with one is
	// new or put back, or its schedule changed.
	Next func(schedule string) (time.Time, error)
}

// SettledSource is a source of the configuration file.
type SettledSource struct {
	Key, Was   string
	CompanyKey string
	Kind       registry.OriginKind
	// Schedule holds unless somebody set another by hand.
	Schedule string
}

// Settle makes companies and sources those of the configuration file, in one
// transaction: new ones are made, changed ones updated, and sources that are no
// longer there are retired, their people kept.
func (s *Store) Settle(ctx context.Context, want Settled) error {
	ctx = crossing(ctx)
	return s.inTx(ctx, func(x *session) error {
		tx := s.entTx(x.tx)
		ids, err := s.settleCompanies(ctx, tx, want.Companies)
		if err != nil {
			return err
		}
		kept := make([]string, 0, len(want.Sources))
		for _, src := range renamedFirst(want.Sources) {
			kept = append(kept, src.Key)
			if err := s.settleSource(ctx, tx, ids[src.CompanyKey], src, want.due); err != nil {
				return fmt.Errorf("settle source %s: %w", src.Key, err)
			}
		}
		return s.retireSources(ctx, tx, kept)
	})
}

// due is Next, and never for no schedule.
func (w Settled) due(schedule string) (time.Time, error) {
	if schedule == "" {
		return time.Time{}, nil
	}
	return w.Next(schedule)
}

// renamedFirst puts the sources that were called something else first, so that
// a new one can take a name that became free in the same file.
func renamedFirst(want []SettledSource) []SettledSource {
	out := slices.Clone(want)
	slices.SortStableFunc(out, func(a, b SettledSource) int {
		return cmp.Compare(min(len(b.Was), 1), min(len(a.Was), 1))
	})
	return out
}

// retireSources unschedules the sources that are not among the kept.
func (s *Store) retireSources(ctx context.Context, tx *db.Client, kept []string) error {
	others, err := s.notOfFile(ctx, tx)
	if err != nil {
		return err
	}
	gone, err := tx.Source.Query().Where(source.KeyNotIn(kept...), source.IDNotIn(others...), source.RetiredAt(0)).All(ctx)
	if err != nil {
		return fmt.Errorf("find sources to retire: %w", err)
	}
	now := micros(s.now())
	for _, row := range gone {
		if err := tx.Source.UpdateOne(row).SetRetiredAt(now).SetNextDue(0).Exec(ctx); err != nil {
			return fmt.Errorf("retire source %s: %w", row.Key, err)
		}
		if err := tx.Origin.UpdateOneID(row.OriginID).SetRetiredAt(now).Exec(ctx); err != nil {
			return fmt.Errorf("retire origin of source %s: %w", row.Key, err)
		}
		if _, err := tx.ReadPage.Delete().Where(readpage.SourceID(row.ID)).Exec(ctx); err != nil {
			return fmt.Errorf("forget what was read of source %s: %w", row.Key, err)
		}
	}
	return nil
}

func (s *Store) settleCompanies(ctx context.Context, tx *db.Client, want []registry.Company) (map[string]int64, error) {
	ids := map[string]int64{}
	for _, c := range want {
		err := tx.Company.Create().SetKey(c.Key).SetName(c.Name).SetLocale(c.Locale).SetManaged(true).SetCreatedAt(micros(s.now())).
			OnConflictColumns(company.FieldKey).Update(func(u *db.CompanyUpsert) {
			u.UpdateName().UpdateLocale().UpdateManaged()
		}).Exec(ctx)
		if err != nil {
			return nil, fmt.Errorf("settle company %s: %w", c.Key, err)
		}
		row, err := tx.Company.Query().Where(company.Key(c.Key)).Only(ctx)
		if err != nil {
			return nil, fmt.Errorf("settle company %s: %w", c.Key, err)
		}
		ids[c.Key] = row.ID
	}
	return ids, nil
}

func (s *Store) settleSource(ctx context.Context, tx *db.Client, companyID int64, want SettledSource, due func(string) (time.Time, error)) error {
	row, err := tx.Source.Query().Where(source.Key(want.Key)).Only(ctx)
	if db.IsNotFound(err) && want.Was != "" {
		row, err = tx.Source.Query().Where(source.Key(want.Was)).Only(ctx)
	}
	if db.IsNotFound(err) {
		return s.createSource(ctx, tx, companyID, want, due)
	}
	if err != nil {
		return err
	}
	if row.CompanyID != companyID {
		return fmt.Errorf("it belongs to another company; give it a new name instead of moving its people across")
	}
	o, err := tx.Origin.Get(ctx, row.OriginID)
	if err != nil {
		return err
	}
	if o.Kind != string(want.Kind) {
		return fmt.Errorf("it is of kind %s, whose ids mean nothing to %s; give it a new name", o.Kind, want.Kind)
	}
	u := tx.Source.UpdateOne(row).SetKey(want.Key).SetRetiredAt(0).SetConfiguredSchedule(want.Schedule)
	holds := want.Schedule
	if row.ScheduleSetAt != 0 {
		holds = row.Schedule
	}
	if row.Schedule != holds || row.RetiredAt != 0 {
		next, err := due(holds)
		if err != nil {
			return err
		}
		u.SetSchedule(holds).SetNextDue(micros(next))
	}
	if row.RetiredAt != 0 { // the first run of one that is put back reads everything whole
		u.SetCursor("")
	}
	if err := u.Exec(ctx); err != nil {
		return err
	}
	return tx.Origin.UpdateOne(o).SetKey(want.Key).SetRetiredAt(0).Exec(ctx)
}

func (s *Store) createSource(ctx context.Context, tx *db.Client, companyID int64, want SettledSource, due func(string) (time.Time, error)) error {
	now := micros(s.now())
	next, err := due(want.Schedule)
	if err != nil {
		return err
	}
	o, err := tx.Origin.Create().SetCompanyID(companyID).SetKind(string(want.Kind)).SetKey(want.Key).SetCreatedAt(now).Save(ctx)
	if err != nil {
		return err
	}
	return tx.Source.Create().SetCompanyID(companyID).SetOriginID(o.ID).SetKey(want.Key).
		SetSchedule(want.Schedule).SetConfiguredSchedule(want.Schedule).SetNextDue(micros(next)).Exec(ctx)
}

// EnsureOrigin finds or makes a door of the company that is no source: admin,
// registration, upload, mail.
func (t *Tenant) EnsureOrigin(ctx context.Context, kind registry.OriginKind, key string) (registry.Origin, error) {
	var out registry.Origin
	err := t.s.inTx(ctx, func(x *session) (err error) {
		out, err = x.tenant(t.id).ensureOrigin(ctx, kind, key)
		return err
	})
	return out, err
}

// ensureOrigin is EnsureOrigin within a transaction.
func (t *tenantTx) ensureOrigin(ctx context.Context, kind registry.OriginKind, key string) (registry.Origin, error) {
	tx := t.s.entTx(t.tx)
	row, err := tx.Origin.Query().Where(origin.CompanyID(int64(t.company)), origin.Kind(string(kind)), origin.Key(key)).Only(ctx)
	if db.IsNotFound(err) {
		row, err = tx.Origin.Create().SetCompanyID(int64(t.company)).SetKind(string(kind)).SetKey(key).SetCreatedAt(micros(t.s.now())).Save(ctx)
	}
	if err != nil {
		return registry.Origin{}, fmt.Errorf("ensure origin %s: %w", key, err)
	}
	return registry.Origin{ID: registry.OriginID(row.ID), Company: t.company, Kind: kind, Key: key}, nil
}

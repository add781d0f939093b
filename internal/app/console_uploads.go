package app

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
	"github.com/usherd/usher/internal/web/admin"
)

// Uploads implements admin.UploadDesk.
func (c *console) Uploads(ctx context.Context, q registry.UploadQuery) ([]*registry.Upload, error) {
	return c.tenant.UploadPage(ctx, q)
}

// Upload implements admin.UploadDesk.
func (c *console) Upload(ctx context.Context, id string) (*admin.Upload, error) {
	u, err := c.tenant.Upload(ctx, id)
	if err != nil {
		return nil, err
	}
	s, err := uploadSettings(u)
	if err != nil {
		return nil, err
	}
	out := &admin.Upload{Upload: u, Reading: admin.Reading{
		Encoding: string(s.Encoding), Separator: s.Separator.Name(), Sheet: s.Sheet, Key: s.Key, Mail: s.Mail,
	}}
	for _, col := range s.Columns {
		out.Columns = append(out.Columns, admin.UploadColumn{Header: col.Header, Field: col.Field})
	}
	if shown := u.Shown(); shown != 0 {
		out.Run, err = c.tenant.Run(ctx, shown)
	}
	return out, err
}

// InspectUpload implements admin.UploadDesk.
func (c *console) InspectUpload(ctx context.Context, u *admin.Upload) error {
	in, err := c.server.InspectKept(ctx, u.Upload)
	if err != nil {
		return refused(err)
	}
	u.GuessedEncoding, u.GuessedSeparator, u.Sheets, u.Replaced = string(in.EncodingGuess.Value), in.SeparatorGuess.Value.Name(), in.Sheets, in.Replaced
	if in.Format == upload.CSV {
		for _, e := range upload.Encodings() {
			u.Encodings = append(u.Encodings, string(e))
		}
		for _, s := range upload.Separators() {
			u.Separators = append(u.Separators, s.Name())
		}
	}
	for _, f := range upload.Fields() {
		if f.Name == upload.FieldRights {
			continue
		}
		words := map[string]string{}
		for lang, heads := range f.Heads {
			words[lang] = heads[0]
		}
		u.Fields = append(u.Fields, admin.UploadField{Name: f.Name, Words: words})
	}
	for _, k := range upload.Keys() {
		if slices.Contains(in.Settings.Fields(), k.Field) {
			u.Keys = append(u.Keys, k.Field)
		}
	}
	for i := range u.Columns {
		for _, rec := range in.Sample {
			if i < len(rec.Cells) {
				u.Columns[i].Sample = append(u.Columns[i].Sample, rec.Cells[i])
			}
		}
	}
	return nil
}

// ReceiveUpload implements admin.UploadDesk.
func (c *console) ReceiveUpload(ctx context.Context, name string, content io.Reader, actor string) (id string, err error) {
	file, err := SpoolUpload(name, content)
	if err != nil {
		return "", refused(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	u, err := c.server.KeepUpload(ctx, c.company, actor, file.UploadFile)
	if err != nil {
		return "", refused(err)
	}
	return u.PublicID, nil
}

// ReadUpload implements admin.UploadDesk.
func (c *console) ReadUpload(ctx context.Context, id string, way admin.Reading) error {
	u, err := c.tenant.Upload(ctx, id)
	if err != nil {
		return err
	}
	choices := UploadChoices{Encoding: UploadEncoding(way.Encoding), Sheet: way.Sheet, Key: way.Key, Mail: way.Mail, Map: way.Columns}
	choices.Separator, _ = ParseUploadSeparator(way.Separator)
	return refused(c.server.Core.ReadUpload(ctx, u, choices))
}

// PreviewUpload implements admin.UploadDesk.
func (c *console) PreviewUpload(ctx context.Context, id, actor string) (int64, error) {
	u, err := c.tenant.Upload(ctx, id)
	if err != nil {
		return 0, err
	}
	return c.begun(reconcile.Request{Mode: registry.ModePreview, Trigger: "console", Actor: actor}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return c.server.previewUpload(ctx, u, req)
	})
}

// ConfirmUpload implements admin.UploadDesk.
func (c *console) ConfirmUpload(ctx context.Context, id, actor string) (int64, error) {
	u, err := c.tenant.Upload(ctx, id)
	if err != nil {
		return 0, err
	}
	run, err := c.server.confirmed(ctx, u, reconcile.Request{Mode: registry.ModeRun, Trigger: "console", Actor: actor})
	return run, refused(err)
}

// confirmed confirms an upload and begins to carry it out. Where another is being
// carried out it waits for its turn, and there is no run yet.
func (d *apiDesk) confirmed(ctx context.Context, u *registry.Upload, req reconcile.Request) (int64, error) {
	if err := d.Core.ConfirmUpload(ctx, u, req.Actor); err != nil {
		return 0, err
	}
	run, err := d.begun(req, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.carryOut(ctx, u, req)
	})
	if registry.CodeOf(err) == registry.CodeAlreadyRunning {
		return 0, nil
	}
	return run.Run, err
}

// DiscardUpload implements admin.UploadDesk.
func (c *console) DiscardUpload(ctx context.Context, id, actor string) error {
	u, err := c.tenant.Upload(ctx, id)
	if err != nil {
		return err
	}
	return refused(c.server.Core.DiscardUpload(ctx, u, actor))
}

// UploadRows implements admin.UploadDesk.
func (c *console) UploadRows(ctx context.Context, u *admin.Upload, q admin.UploadRowQuery) ([]admin.UploadRow, error) {
	rows, err := c.server.UploadRowPage(ctx, u.Upload, registry.UploadRowQuery{Run: u.Run.ID, After: q.After, Limit: q.Limit, Outcome: q.Outcome})
	out := make([]admin.UploadRow, len(rows))
	for i, r := range rows {
		out[i] = admin.UploadRow{Line: r.Line, Outcome: r.Outcome, Name: r.Name, Code: r.Code, Message: r.Message, Payload: registry.Payload{Before: r.Before, After: r.After}}
	}
	return out, refused(err)
}

// WriteFailedRows implements admin.UploadDesk.
func (c *console) WriteFailedRows(ctx context.Context, u *admin.Upload, actor string, w io.Writer) error {
	_, err := c.server.Core.WriteFailedRows(ctx, u.Upload, u.Run, actor, w)
	return refused(err)
}

// UploadedRow implements admin.UploadDesk.
func (c *console) UploadedRow(ctx context.Context, run *registry.Run, anchor, name string, code registry.Code) (*admin.UploadedRow, error) {
	found, err := c.server.Core.UploadedRow(ctx, run, anchor, name, code)
	if found == nil {
		return nil, refused(err)
	}
	out := &admin.UploadedRow{Upload: found.Upload, Line: found.Line, Unread: found.Unread}
	for _, cell := range found.Cells {
		out.Cells = append(out.Cells, admin.UploadedCell(cell))
	}
	return out, refused(err)
}

// UploadTemplate implements admin.UploadDesk.
func (c *console) UploadTemplate(locale string) ([]byte, error) { return UploadTemplate(locale) }

// MaxUpload implements admin.UploadDesk.
func (c *console) MaxUpload() int64 { return upload.MaxSize }

// Contacts implements admin.ContactDesk.
func (c *console) Contacts(ctx context.Context, q registry.ContactQuery) ([]admin.Contact, error) {
	list, err := c.tenant.ContactPage(ctx, q)
	out := make([]admin.Contact, len(list))
	for i, x := range list {
		out[i] = admin.Contact{Key: x.Key, PublicID: x.ID, Name: x.Name, Email: x.Email, Door: x.Door, Verified: x.Verified, CreatedAt: x.CreatedAt, LastSeen: x.LastSeen}
	}
	return out, err
}

// Meet implements admin.ContactDesk.
func (c *console) Meet(ctx context.Context, e registry.Encounter) (registry.Met, error) {
	met, err := c.server.Core.Recognise(ctx, c.company.ID, registry.OriginAdmin, e)
	return met, refused(err)
}

// Promote implements admin.ContactDesk.
func (c *console) Promote(ctx context.Context, publicID string, p admin.Promotion, actor string) error {
	u, err := c.tenant.UserByPublicID(ctx, publicID)
	if err != nil {
		return err
	}
	_, err = c.server.Core.PromoteContact(ctx, u, actor, NewUser{
		UserName: p.UserName, GivenName: p.GivenName, FamilyName: p.FamilyName, Kind: p.Kind, Department: p.Department, Contract: p.Contract, Hold: p.Hold,
	})
	return refused(err)
}

// Intake implements admin.ContactDesk.
func (c *console) Intake(ctx context.Context, q registry.IntakeQuery) ([]registry.IntakeRow, error) {
	return c.tenant.IntakePage(ctx, q)
}

// Arrivals implements admin.ContactDesk.
func (c *console) Arrivals(ctx context.Context) (people, colleagues int64, err error) {
	care := onboard.ContactCare{Store: c.tenant}
	return care.Arrived(ctx, c.server.Now())
}

// Chances implements admin.ContactDesk.
func (c *console) Chances(ctx context.Context) (admin.Chances, error) {
	var out admin.Chances
	departments, err := c.tenant.Departments(ctx)
	for _, d := range departments {
		out.Departments = append(out.Departments, d.Name)
	}
	contracts, failed := c.tenant.Contracts(ctx)
	for _, x := range contracts {
		out.Contracts = append(out.Contracts, x.Number)
	}
	return out, errors.Join(err, failed)
}

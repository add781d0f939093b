package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// ReceiveUpload implements api.Uploads.
func (d *apiDesk) ReceiveUpload(ctx context.Context, who *api.Who, in api.ReceiveUploadInput) (api.Upload, error) {
	choices := UploadChoices{Encoding: UploadEncoding(in.Encoding), Sheet: in.Sheet, Key: in.Key, Mail: in.Mail, Map: map[string]string{}}
	choices.Separator, _ = ParseUploadSeparator(in.Separator) // one of its enum, or found
	for _, m := range in.Map {
		i := strings.LastIndexByte(m, '=')
		if i < 0 {
			return api.Upload{}, registry.Refuse(registry.CodeInvalidValue, "map=%s: want COLUMN=FIELD", registry.Printable(m))
		}
		choices.Map[strings.TrimSpace(m[:i])] = strings.TrimSpace(m[i+1:])
	}
	company, err := d.companyOf(ctx, who.Company)
	if err != nil {
		return api.Upload{}, err
	}
	u, _, err := d.Core.ReceiveUpload(ctx, company, who.Actor, UploadFile(in.File), choices)
	var wrong *MistakeError
	if errors.As(err, &wrong) {
		return api.Upload{}, registry.Refuse(registry.CodeInvalidValue, "%s", wrong.Error())
	}
	if err != nil {
		return api.Upload{}, err
	}
	return d.toAPIUpload(ctx, u)
}

// ListUploads implements api.Uploads.
func (d *apiDesk) ListUploads(ctx context.Context, who *api.Who, in api.ListUploadsInput) (p api.Page[api.Upload], err error) {
	before, err := api.Key(in.After)
	if err != nil {
		return p, err
	}
	list, err := d.Store.For(who.Company).UploadPage(ctx, registry.UploadQuery{State: registry.UploadState(in.State), Before: before, Limit: in.Limit + 1})
	if err != nil {
		return p, err
	}
	var failed error
	p = api.CutPage(list, in.Limit, func(u *registry.Upload) string { return fmt.Sprint(u.ID) }, func(u *registry.Upload) api.Upload {
		out, err := d.toAPIUpload(ctx, u)
		failed = errors.Join(failed, err)
		return out
	})
	return p, failed
}

// ShowUpload implements api.Uploads.
func (d *apiDesk) ShowUpload(ctx context.Context, who *api.Who, in api.UploadInput) (api.Upload, error) {
	u, err := d.Store.For(who.Company).Upload(ctx, in.Upload)
	if err != nil {
		return api.Upload{}, err
	}
	return d.toAPIUpload(ctx, u)
}

func (d *apiDesk) toAPIUpload(ctx context.Context, u *registry.Upload) (api.Upload, error) {
	out := api.Upload{
		ID: u.PublicID, File: u.FileName, Format: u.Format, Size: u.Size, Actor: u.Actor, State: string(u.State), Counts: u.Counts,
		Message: u.Message.String(), CreatedAt: u.CreatedAt, ExpiresAt: u.ExpiresAt,
	}
	s, err := uploadSettings(u)
	if err != nil {
		return out, err
	}
	out.Key, out.Mail = s.Key, s.Mail
	for run, number := range map[registry.RunID]*int64{u.Preview: &out.Preview, u.Run: &out.Run} {
		if run == 0 {
			continue
		}
		r, err := d.Store.For(u.Company).Run(ctx, run)
		if errors.Is(err, registry.ErrNotFound) {
			continue // it had its time
		}
		if err != nil {
			return out, err
		}
		*number = r.Number
	}
	return out, nil
}

// ListUploadRows implements api.Uploads.
func (d *apiDesk) ListUploadRows(ctx context.Context, who *api.Who, in api.ListUploadRowsInput) (p api.Page[api.UploadRow], err error) {
	after, err := api.Key(in.After)
	if err != nil {
		return p, err
	}
	u, err := d.Store.For(who.Company).Upload(ctx, in.Upload)
	if err != nil {
		return p, err
	}
	rows, err := d.UploadRowPage(ctx, u, registry.UploadRowQuery{Run: u.Shown(), After: int(after), Limit: in.Limit + 1, Outcome: in.Outcome})
	if err != nil {
		return p, uploadState(err)
	}
	return api.CutPage(rows, in.Limit, func(r UploadRow) string { return strconv.Itoa(r.Line) }, func(r UploadRow) api.UploadRow {
		return api.UploadRow{
			Row: r.Line, Outcome: r.Outcome, Action: string(r.Action), Name: r.Name, Code: string(r.Code), Message: r.Message.String(), Before: r.Before, After: r.After,
		}
	}), nil
}

// uploadState gives what an upload's state does not allow its code.
func uploadState(err error) error {
	var mistake *MistakeError
	if errors.As(err, &mistake) {
		return registry.Refuse(registry.CodeUploadState, "%s", mistake.Error())
	}
	return err
}

// PreviewUpload implements api.Uploads.
func (d *apiDesk) PreviewUpload(ctx context.Context, who *api.Who, in api.UploadInput) (api.Run, error) {
	u, err := d.Store.For(who.Company).Upload(ctx, in.Upload)
	if err != nil {
		return api.Run{}, err
	}
	run, err := d.begun(reconcile.Request{Mode: registry.ModePreview, Trigger: "api", Actor: who.Actor}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.previewUpload(ctx, u, req)
	})
	return run, uploadState(err)
}

// ConfirmUpload implements api.Uploads.
func (d *apiDesk) ConfirmUpload(ctx context.Context, who *api.Who, in api.UploadInput) (api.Upload, error) {
	u, err := d.Store.For(who.Company).Upload(ctx, in.Upload)
	if err != nil {
		return api.Upload{}, err
	}
	if _, err := d.confirmed(ctx, u, reconcile.Request{Mode: registry.ModeRun, Trigger: "api", Actor: who.Actor}); err != nil {
		return api.Upload{}, uploadState(err)
	}
	return d.ShowUpload(ctx, who, in)
}

// DiscardUpload implements api.Uploads.
func (d *apiDesk) DiscardUpload(ctx context.Context, who *api.Who, in api.UploadInput) (api.Upload, error) {
	u, err := d.Store.For(who.Company).Upload(ctx, in.Upload)
	if err != nil {
		return api.Upload{}, err
	}
	if err := d.Core.DiscardUpload(ctx, u, who.Actor); err != nil {
		return api.Upload{}, uploadState(err)
	}
	return d.toAPIUpload(ctx, u)
}

// ListApplicants implements api.Applicants.
func (d *apiDesk) ListApplicants(ctx context.Context, who *api.Who, in api.ListApplicantsInput) (p api.Page[api.Applicant], err error) {
	before, err := api.Key(in.After)
	if err != nil {
		return p, err
	}
	list, err := d.Store.For(who.Company).ApplicationPage(ctx, registry.ApplicationQuery{State: registry.ApplicationState(in.State), Before: before, Limit: in.Limit + 1})
	return api.CutPage(list, in.Limit, func(a registry.Application) string { return fmt.Sprint(a.ID) }, toAPIApplicant), err
}

func toAPIApplicant(a registry.Application) api.Applicant {
	resolved := map[string]string{}
	for fact, value := range a.Resolved {
		if fact != registry.FactGroupID { // a key of ours, and nobody's business
			resolved[fact] = value
		}
	}
	return api.Applicant{
		ID: a.PublicID, Kind: string(a.Kind), State: string(a.State), Code: string(a.Code), Typed: a.Typed, Resolved: resolved,
		CreatedAt: a.CreatedAt, DecidedAt: set(a.DecidedAt), DecidedBy: a.DecidedBy, Note: a.Note,
	}
}

// ShowApplicant implements api.Applicants.
func (d *apiDesk) ShowApplicant(ctx context.Context, who *api.Who, in api.ApplicantInput) (api.Applicant, error) {
	a, err := d.Store.For(who.Company).Application(ctx, in.Applicant)
	return toAPIApplicant(a), err
}

// ActivateApplicant implements api.Applicants.
func (d *apiDesk) ActivateApplicant(ctx context.Context, who *api.Who, in api.ApplicantInput) (api.Applicant, error) {
	g, err := d.newRegistrar(nil)
	if err == nil {
		err = g.Activate(ctx, who.Company, in.Applicant, decider(who))
	}
	if err != nil {
		return api.Applicant{}, err
	}
	return d.ShowApplicant(ctx, who, in)
}

// RefuseApplicant implements api.Applicants.
func (d *apiDesk) RefuseApplicant(ctx context.Context, who *api.Who, in api.RefuseApplicantInput) (api.Applicant, error) {
	g, err := d.newRegistrar(nil)
	if err == nil {
		err = g.Refuse(ctx, who.Company, in.Applicant, in.Body.Note, decider(who))
	}
	if err != nil {
		return api.Applicant{}, err
	}
	return d.ShowApplicant(ctx, who, in.ApplicantInput)
}

// ListIntake implements api.Contacts.
func (d *apiDesk) ListIntake(ctx context.Context, who *api.Who, in api.ListIntakeInput) (p api.Page[api.Intake], err error) {
	id, text, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	q := registry.IntakeQuery{Outcome: in.Outcome, Before: id, Limit: in.Limit + 1}
	if id != 0 {
		at, err := api.Key(text)
		if err != nil {
			return p, err
		}
		q.BeforeAt = time.UnixMicro(at)
	}
	list, err := d.Store.For(who.Company).IntakePage(ctx, q)
	place := func(m registry.IntakeRow) string { return fmt.Sprintf("%d %d", m.ID, m.At.UnixMicro()) }
	return api.CutPage(list, in.Limit, place, func(m registry.IntakeRow) api.Intake {
		return api.Intake{
			ID: d.opaque("message", m.ID), At: m.At, From: api.OriginOf(m.Door), Sender: m.Sender, Outcome: m.Outcome, Verdict: m.Verdict,
			Person: m.PublicID, Name: m.Name, Created: m.Created,
		}
	}), err
}

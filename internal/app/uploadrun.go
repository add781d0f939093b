package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// Upload finds an upload of a company by its id.
func (c *Core) Upload(ctx context.Context, company registry.CompanyID, id string) (*registry.Upload, error) {
	u, err := c.Store.For(company).Upload(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, mistake("there is no upload %q; `usher upload list` shows them", id)
	}
	return u, err
}

// UploadOfRun finds the upload that a run previewed or carried out.
func (c *Core) UploadOfRun(ctx context.Context, run *registry.Run) (*registry.Upload, error) {
	u, err := c.Store.For(run.Company).UploadOfRun(ctx, run.ID)
	if errors.Is(err, registry.ErrNotFound) || err == nil && u.Shown() != run.ID {
		return nil, mistake("run %d is not the newest run of an upload", run.Number)
	}
	return u, err
}

// mayGo are the states that an upload can be in for what is asked of it.
var (
	mayPreview = []registry.UploadState{registry.UploadReceived, registry.UploadPreviewed, registry.UploadFailed}
	mayConfirm = []registry.UploadState{registry.UploadReceived, registry.UploadPreviewed, registry.UploadFailed, registry.UploadConfirmed}
	mayDiscard = []registry.UploadState{registry.UploadReceived, registry.UploadPreviewed, registry.UploadFailed, registry.UploadHeld}
)

func mustBe(u *registry.Upload, states []registry.UploadState) error {
	if slices.Contains(states, u.State) {
		return nil
	}
	return mistake("upload %s is %s; upload the file again", u.PublicID, registry.Word(u.State))
}

// settled refuses an upload of which nobody has said yet who its rows are about.
func settled(u *registry.Upload) error {
	s, err := uploadSettings(u)
	if err == nil && s.Key == "" {
		err = mistake("no column of %s is a userName or an address; say first which column is", u.FileName)
	}
	return err
}

// PreviewUpload shows what an upload would do, and changes nobody. The run's
// report has every row that would change and why others would not; the upload
// has the counts.
func (c *Core) PreviewUpload(ctx context.Context, u *registry.Upload, actor string, progress func(Progress)) (*registry.Run, error) {
	return c.previewUpload(ctx, u, reconcile.Request{Mode: registry.ModePreview, Trigger: "manual", Actor: actor, Progress: progress})
}

func (c *Core) previewUpload(ctx context.Context, u *registry.Upload, req reconcile.Request) (*registry.Run, error) {
	if err := errors.Join(mustBe(u, mayPreview), settled(u)); err != nil {
		return nil, err
	}
	was := u.State
	run, err := c.runUpload(ctx, u, req)
	if err != nil {
		return nil, err
	}
	u.Preview, u.State, u.Message = run.ID, registry.UploadPreviewed, ""
	if run.State == registry.RunFailed {
		u.State, u.Message = registry.UploadFailed, run.Message
	}
	return run, c.ended(ctx, u, was)
}

// ended writes how an upload stands after a run, of which alone its rows are kept.
func (c *Core) ended(ctx context.Context, u *registry.Upload, was registry.UploadState) error {
	if err := c.moveUpload(ctx, u, was); err != nil {
		return err
	}
	return c.Store.For(u.Company).KeepUploadRows(ctx, u.ID, u.Shown())
}

// ConfirmUpload has an upload carried out: by the next server that comes by, or
// by ApplyUpload. Until it is confirmed nobody is changed and nothing mailed.
func (c *Core) ConfirmUpload(ctx context.Context, u *registry.Upload, actor string) error {
	if err := errors.Join(mustBe(u, mayConfirm), settled(u)); err != nil {
		return err
	}
	was := u.State
	if u.State = registry.UploadConfirmed; was == u.State {
		return nil
	}
	if err := c.moveUpload(ctx, u, was); err != nil {
		return err
	}
	return c.uploadDeed(ctx, u, actor, "upload.confirm", nil)
}

// ApplyUpload confirms an upload and carries it out. An upload whose process
// died is confirmed still, and is carried out again: what was done stands, and
// the rest is done.
func (c *Core) ApplyUpload(ctx context.Context, u *registry.Upload, actor string, progress func(Progress)) (*registry.Run, error) {
	if err := c.ConfirmUpload(ctx, u, actor); err != nil {
		return nil, err
	}
	return c.carryOut(ctx, u, reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: actor, Progress: progress})
}

// carryOut runs a confirmed upload and writes how it ended.
func (c *Core) carryOut(ctx context.Context, u *registry.Upload, req reconcile.Request) (*registry.Run, error) {
	was := u.State
	run, err := c.runUpload(ctx, u, req)
	if err != nil {
		return nil, err
	}
	u.Run, u.Message = run.ID, ""
	switch run.State {
	case registry.RunHeld:
		u.State = registry.UploadHeld
	case registry.RunDone, registry.RunPartial:
		u.State = registry.UploadApplied
	case registry.RunFailed:
		if u.Message = run.Message; ctx.Err() == nil {
			u.State = registry.UploadFailed
		}
	}
	return run, c.ended(context.WithoutCancel(ctx), u, was)
}

// runUpload runs the engine on an upload and writes down what became of its rows.
func (c *Core) runUpload(ctx context.Context, u *registry.Upload, req reconcile.Request) (*registry.Run, error) {
	src, reader, err := c.uploadSource(ctx, u)
	if err != nil {
		return nil, err
	}
	run, err := c.Engine.Run(ctx, src, req)
	if err != nil {
		return nil, err
	}
	u.Counts, err = c.judgeRows(context.WithoutCancel(ctx), u, run, reader)
	return run, err
}

// ofPerson reports whether a report row is about a person of the file who has
// an anchor.
func ofPerson(it registry.RunItem) bool {
	return it.Anchor != "" && it.Group == 0 && it.Action != registry.ActionMembers && !upload.OfGroup(it.Anchor)
}

// moveUpload writes how an upload stands now.
func (c *Core) moveUpload(ctx context.Context, u *registry.Upload, was registry.UploadState) error {
	moved, err := c.Store.For(u.Company).UpdateUpload(ctx, u, was)
	if err == nil && !moved {
		return mistake("upload %s was decided on by somebody else just now", u.PublicID)
	}
	return err
}

// DiscardUpload ends an upload that was not carried out. Its file goes with the
// next sweep.
func (c *Core) DiscardUpload(ctx context.Context, u *registry.Upload, actor string) error {
	if err := mustBe(u, mayDiscard); err != nil {
		return err
	}
	was := u.State
	u.State, u.ExpiresAt = registry.UploadDiscarded, c.Now()
	if err := c.moveUpload(ctx, u, was); err != nil {
		return err
	}
	return c.uploadDeed(ctx, u, actor, "upload.discard", nil)
}

// approveUpload carries a held upload out, as far as its run listed.
func (c *Core) approveUpload(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
	if req.Approved == nil {
		return nil, mistake("uploads are run by `usher upload run`")
	}
	u, err := c.UploadOfRun(ctx, req.Approved)
	if err != nil {
		return nil, err
	}
	if u.State != registry.UploadHeld {
		return nil, mistake("upload %s is %s, not held", u.PublicID, registry.Word(u.State))
	}
	return c.carryOut(ctx, u, req)
}

// retryUpload does again what failed in an upload's run: its people may have
// become possible meanwhile.
func (c *Core) retryUpload(ctx context.Context, failed *registry.Run, req reconcile.Request) (*registry.Run, error) {
	u, err := c.UploadOfRun(ctx, failed)
	if err != nil {
		return nil, err
	}
	src, _, err := c.uploadSource(ctx, u)
	if err != nil {
		return nil, err
	}
	return c.Engine.Retry(ctx, src, failed, req)
}

// queueUploads queues the uploads that were confirmed and that nobody is at work
// on: confirmed in a page, or left by a process that died. The queue of runs does
// them, because they take as long as runs do.
func (s *Server) queueUploads(ctx context.Context) error {
	list, err := s.Store.ConfirmedUploads(ctx)
	if err != nil {
		return err
	}
	queued := map[registry.CompanyID]bool{}
	for _, u := range list {
		if queued[u.Company] {
			continue
		}
		queued[u.Company] = true
		key, err := s.companyKey(ctx, u.Company)
		if err != nil {
			return err
		}
		if err := s.queue.Run(ctx, registry.UploadSource(key), "upload"); err != nil {
			return err
		}
	}
	return nil
}

// applyConfirmed carries out a company's confirmed uploads, the oldest first.
func (s *Server) applyConfirmed(ctx context.Context, company string) error {
	list, err := s.Store.ConfirmedUploads(ctx)
	if err != nil {
		return err
	}
	for _, found := range list {
		key, err := s.companyKey(ctx, found.Company)
		if err != nil || key != company {
			continue
		}
		u, err := s.Store.For(found.Company).Upload(ctx, found.PublicID)
		if err != nil {
			return err
		}
		if u.State != registry.UploadConfirmed {
			continue
		}
		run, err := s.carryOut(ctx, u, reconcile.Request{Mode: registry.ModeRun, Trigger: "upload", Actor: u.Actor})
		if err != nil {
			return fmt.Errorf("carry out upload %s: %w", u.PublicID, err)
		}
		s.Log.InfoContext(ctx, "upload ended", "upload", u.PublicID, "run", run.Number, "state", u.State, "rows", u.Counts.Rows, "failed", u.Counts.Failed)
	}
	return nil
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// KeepUpload is ReceiveUpload for somebody who will look at how a file is read
// before anything else is done with it: one of whose columns none says who a row
// is about is kept all the same, and can be neither previewed nor confirmed before
// ReadUpload settles that. What cannot be read at all is a MistakeError.
func (c *Core) KeepUpload(ctx context.Context, company registry.Company, actor string, f UploadFile) (*registry.Upload, error) {
	u, in, err := c.ReceiveUpload(ctx, company, actor, f, UploadChoices{})
	if err == nil || in == nil || len(in.Columns) == 0 || in.Key != "" {
		return u, err
	}
	if u, err = c.newUpload(f, actor, in); err != nil {
		return nil, err
	}
	t := c.Store.For(company.ID)
	if err := t.CreateUpload(ctx, u); err != nil {
		return nil, err
	}
	if err := keepParts(ctx, t, u, f); err != nil {
		return nil, err
	}
	return u, c.uploadDeed(ctx, u, actor, "upload.receive", map[string]string{"mail": in.Mail})
}

// InspectKept is what was seen by looking at a kept file as it is read now.
func (c *Core) InspectKept(ctx context.Context, u *registry.Upload) (*UploadInspection, error) {
	in := &UploadInspection{}
	if len(u.Inspection) > 0 {
		if err := json.Unmarshal(u.Inspection, in); err != nil {
			return nil, fmt.Errorf("decode what was seen in upload: %w", err)
		}
		return in, nil
	}
	s, err := uploadSettings(u) // of an earlier version of usher, or the file is gone
	if err != nil {
		return nil, err
	}
	in, err = upload.Inspect(c.keptFile(ctx, u), choicesOf(&s))
	if in != nil && s.Key == "" && errors.Is(err, upload.ErrChoice) {
		err = nil // known, and for the person who looks to settle
	}
	return in, uploadMistake(err)
}

// choicesOf are the choices that lead to the settings again.
func choicesOf(s *upload.Settings) UploadChoices {
	c := UploadChoices{Encoding: s.Encoding, Separator: s.Separator, Sheet: s.Sheet, Key: s.Key, Mail: s.Mail, Map: map[string]string{}}
	for _, col := range s.Columns {
		if _, twice := c.Map[col.Header]; !twice && col.Header != "" {
			c.Map[col.Header] = col.Field
		}
	}
	return c
}

// ReadUpload has a kept file read in another way. What was previewed of it is void,
// for it was another reading. A way that does not fit the file is a MistakeError,
// and nothing changes; one that leaves open only who a row is about is kept.
func (c *Core) ReadUpload(ctx context.Context, u *registry.Upload, choices UploadChoices) error {
	if err := mustBe(u, mayPreview); err != nil {
		return err
	}
	in, err := upload.Inspect(c.keptFile(ctx, u), choices)
	if err != nil && (in == nil || len(in.Columns) == 0 || in.Key != "" || choices.Key != "" || !errors.Is(err, upload.ErrChoice)) {
		return uploadMistake(err)
	}
	if err := setReading(u, in); err != nil {
		return err
	}
	was := u.State
	u.State, u.Message, u.Preview, u.Counts = registry.UploadReceived, "", 0, registry.UploadCounts{}
	moved, err := c.Store.For(u.Company).ReadUpload(ctx, u, was)
	if err == nil && !moved {
		return mistake("upload %s was decided on by somebody else just now", u.PublicID)
	}
	return err
}

package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
	"github.com/usherd/usher/internal/store"
)

// uploadLife is how long an uploaded file is kept: long enough to decide on a
// run that the guard holds, and then to mend what failed.
const uploadLife = 30 * 24 * time.Hour

// uploadPart is how much of a file one row holds, in bytes.
const uploadPart = 512 << 10

// UploadFile is a file that can be read as often as needed.
type UploadFile = upload.File

// UploadChoices are what a person says about a file.
type UploadChoices = upload.Choices

// UploadInspection is what a file looks like.
type UploadInspection = upload.Inspection

// InspectUpload looks at a file and says how it would be read. What the file or
// the choices make impossible is a MistakeError, beside what was found until
// then.
func InspectUpload(f UploadFile, c UploadChoices) (*UploadInspection, error) {
	in, err := upload.Inspect(f, c)
	return in, uploadMistake(err)
}

// uploadMistake is a MistakeError for what is wrong with a file or with what was
// said about it.
func uploadMistake(err error) error {
	if errors.Is(err, upload.ErrFile) || errors.Is(err, upload.ErrChoice) {
		return mistake("%s", err)
	}
	return err
}

// UploadTemplate is an empty file with every column, named in en, it or ru.
func UploadTemplate(locale string) ([]byte, error) {
	doc, err := upload.Template(locale)
	return doc, uploadMistake(err)
}

// ReceiveUpload inspects a file and keeps it, with how it is read: whatever is
// done with it later goes by these settings. The key is by default that of the
// company's last upload, because somebody who came by one key is not found by
// another.
func (c *Core) ReceiveUpload(ctx context.Context, company registry.Company, actor string, f UploadFile, choices UploadChoices) (*registry.Upload, *UploadInspection, error) {
	if choices.Key == "" {
		last, err := c.lastUploadKey(ctx, company.ID)
		if err != nil {
			return nil, nil, err
		}
		if in, err := upload.Inspect(f, withKey(choices, last)); err == nil {
			choices.Key = in.Key
		}
	}
	in, err := InspectUpload(f, choices)
	if err != nil {
		return nil, in, err
	}
	u, err := c.newUpload(f, actor, in)
	if err != nil {
		return nil, in, err
	}
	t := c.Store.For(company.ID)
	if err := t.CreateUpload(ctx, u); err != nil {
		return nil, in, err
	}
	if err := keepParts(ctx, t, u, f); err != nil {
		return nil, in, err
	}
	return u, in, c.uploadDeed(ctx, u, actor, "upload.receive", map[string]string{"key": in.Key, "mail": in.Mail})
}

func withKey(c UploadChoices, key string) UploadChoices {
	c.Key = key
	return c
}

// lastUploadKey is the key of the newest upload that was carried out, "" for
// none.
func (c *Core) lastUploadKey(ctx context.Context, company registry.CompanyID) (string, error) {
	const depth = 50
	list, err := c.Store.For(company).Uploads(ctx, depth)
	if err != nil {
		return "", err
	}
	for _, u := range list {
		if u.State != registry.UploadApplied {
			continue
		}
		s, err := uploadSettings(u)
		return s.Key, err
	}
	return "", nil
}

// newUpload is an upload's row for a file.
func (c *Core) newUpload(f UploadFile, actor string, in *UploadInspection) (*registry.Upload, error) {
	now := c.Now()
	u := &registry.Upload{
		PublicID: newID(), Actor: actor, FileName: f.Name, Format: string(in.Format),
		State: registry.UploadReceived, CreatedAt: now, ExpiresAt: now.Add(uploadLife),
	}
	if err := setReading(u, in); err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	h := sha256.New()
	u.Size, err = io.Copy(h, r)
	u.Hash = h.Sum(nil)
	return u, errors.Join(err, r.Close())
}

// setReading enters how an upload is read, and what was seen by looking.
func setReading(u *registry.Upload, in *UploadInspection) (err error) {
	if u.Settings, err = json.Marshal(in.Settings); err != nil {
		return fmt.Errorf("encode upload settings: %w", err)
	}
	if u.Inspection, err = json.Marshal(in); err != nil {
		return fmt.Errorf("encode what was seen in upload: %w", err)
	}
	return nil
}

// keepParts writes a file's content, piece by piece.
func keepParts(ctx context.Context, t *store.Tenant, u *registry.Upload, f UploadFile) (err error) {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	part := make([]byte, uploadPart)
	for position := 0; ; position++ {
		n, err := io.ReadFull(r, part)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("read file: %w", err)
		}
		if err := t.AddUploadPart(ctx, u.ID, position, bytes.Clone(part[:n])); err != nil {
			return err
		}
	}
}

// keptFile is the file of an upload as it is kept.
func (c *Core) keptFile(ctx context.Context, u *registry.Upload) UploadFile {
	return UploadFile{Name: u.FileName, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&partsReader{ctx: ctx, t: c.Store.For(u.Company), upload: u}), nil
	}}
}

// partsReader reads a kept file, a piece at a time.
type partsReader struct {
	ctx    context.Context //nolint:containedctx // an io.Reader is given none
	t      *store.Tenant
	upload *registry.Upload
	next   int
	read   int64
	part   []byte
}

// Read implements io.Reader. A file of which a piece is missing is no file.
func (r *partsReader) Read(p []byte) (int, error) {
	for len(r.part) == 0 {
		if r.read == r.upload.Size {
			return 0, io.EOF
		}
		part, err := r.t.UploadPart(r.ctx, r.upload.ID, r.next)
		if errors.Is(err, registry.ErrNotFound) {
			return 0, fmt.Errorf("%w: it is not kept any more; upload it again", upload.ErrFile)
		}
		if err != nil {
			return 0, err
		}
		r.part, r.next = part, r.next+1
		r.read += int64(len(part))
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

// uploadSettings are how an upload is read.
func uploadSettings(u *registry.Upload) (upload.Settings, error) {
	var s upload.Settings
	if err := json.Unmarshal(u.Settings, &s); err != nil {
		return s, fmt.Errorf("decode upload settings: %w", err)
	}
	return s, nil
}

// uploadSource makes an upload a source that the engine can run.
func (c *Core) uploadSource(ctx context.Context, u *registry.Upload) (*reconcile.Source, *upload.Source, error) {
	settings, err := uploadSettings(u)
	if err != nil {
		return nil, nil, err
	}
	key, err := c.companyKey(ctx, u.Company)
	if err != nil {
		return nil, nil, err
	}
	state, err := c.Store.For(u.Company).EnsureSource(ctx, registry.OriginUpload, registry.UploadSource(key))
	if err != nil {
		return nil, nil, err
	}
	mapper, err := uploadMapper(&settings)
	if err != nil {
		return nil, nil, err
	}
	reader := &upload.Source{File: c.keptFile(ctx, u), Settings: settings}
	setup := map[string]reconcile.SetupMode{upload.MailHold: reconcile.SetupHold, upload.MailNone: reconcile.SetupNone}[settings.Mail]
	return &reconcile.Source{
		State: state, Reader: reader, Mapper: mapper, Join: uploadJoin(&settings), Write: settings.Write(),
		Setup: cmp.Or(setup, reconcile.SetupSend), Limits: limits(config.UploadGuard()),
		SettingsHash: uploadHash, SettingsFree: true, List: true,
	}, reader, nil
}

// uploadHash stands for the settings of all uploads: that two files have other
// columns is no reason to hold the second.
const uploadHash = "upload"

func uploadJoin(s *upload.Settings) []mapping.JoinRule {
	return []mapping.JoinRule{{Attribute: s.JoinRule()}}
}

// uploadMapper says what the fields of a file mean. Every field stands under its
// own name, so that there is nothing to work out.
func uploadMapper(s *upload.Settings) (*mapping.Mapper, error) {
	spec := mapping.Spec{
		Source: "upload", Attributes: map[string]string{registry.AttrUserName: upload.Value(registry.AttrUserName)}, KeepKind: true, Join: uploadJoin(s),
		GroupMap: map[string]mapping.GroupTarget{upload.SupportGroup: {Role: registry.RoleSupport}},
	}
	for _, name := range s.Fields() {
		value := upload.Value(name)
		switch name {
		case upload.FieldKind:
			spec.KindOfUser = value
		case upload.FieldContract:
			spec.Contract = value
		case registry.AttrDepartment:
			spec.Department = value
		}
		if def, ok := registry.LookupAttribute(name); ok {
			spec.Attributes[def.Name] = value
		}
	}
	return mapping.Compile(spec)
}

// companyKey is the key of a company.
func (c *Core) companyKey(ctx context.Context, id registry.CompanyID) (string, error) {
	company, err := c.companyOf(ctx, id)
	return company.Key, err
}

// companyOf is a company by its key inside.
func (c *Core) companyOf(ctx context.Context, id registry.CompanyID) (registry.Company, error) {
	all, err := c.Store.Companies(ctx)
	if err != nil {
		return registry.Company{}, err
	}
	for _, company := range all {
		if company.ID == id {
			return company, nil
		}
	}
	return registry.Company{}, registry.ErrNotFound
}

// uploadDeed writes down what somebody did with an upload.
func (c *Core) uploadDeed(ctx context.Context, u *registry.Upload, actor, action string, detail map[string]string) error {
	return c.Store.For(u.Company).Audit(ctx, registry.Deed{
		Actor: actor, Action: action, Subject: "upload " + u.PublicID, Detail: detail,
	})
}

// UploadEncoding is how the text of a CSV file is written.
type UploadEncoding = upload.Encoding

// ParseUploadSeparator takes a separator as people write it: the character, or
// its name.
func ParseUploadSeparator(text string) (upload.Separator, bool) { return upload.ParseSeparator(text) }

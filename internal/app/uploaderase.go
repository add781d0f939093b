package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// forgottenUpload is why the content of an upload is not kept any more.
const forgottenUpload registry.Format = "it named somebody who was erased"

// forgetUploads drops the kept files that name somebody, by one of some words, with
// what was seen in them and became of their rows: a file cannot lose a row and stay
// what was uploaded. One that is being carried out is waited for, by whoever asked.
func (c *Core) forgetUploads(ctx context.Context, company registry.CompanyID, actor string, words []string) error {
	t := c.Store.For(company)
	naming, err := c.uploadsNaming(ctx, company, words)
	if err != nil || len(naming) == 0 {
		return err
	}
	for _, u := range naming {
		if u.State == registry.UploadConfirmed {
			return registry.Refuse(registry.CodeUploadState, "upload %s names the person and is being carried out; wait for its end", u.PublicID)
		}
	}
	for _, u := range naming {
		was := u.State
		if slices.Contains(mayDiscard, was) {
			u.State = registry.UploadDiscarded
		}
		u.ExpiresAt, u.Message = c.Now(), registry.Say(forgottenUpload)
		if err := c.moveUpload(ctx, u, was); err != nil {
			return err
		}
		if err := c.uploadDeed(ctx, u, actor, "upload.discard", map[string]string{"reason": string(registry.CodeErased)}); err != nil {
			return err
		}
	}
	return t.DropExpiredUploads(ctx, c.Now())
}

// uploadsNaming are the uploads whose kept file names somebody.
func (c *Core) uploadsNaming(ctx context.Context, company registry.CompanyID, words []string) ([]*registry.Upload, error) {
	const page = 50
	var out []*registry.Upload
	names := newNames(words)
	for q := (registry.UploadQuery{Limit: page}); ; {
		list, err := c.Store.For(company).UploadPage(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			if !c.Now().Before(u.ExpiresAt) {
				continue
			}
			if named, err := c.uploadNames(ctx, u, names); err != nil {
				return nil, err
			} else if named {
				out = append(out, u)
			}
		}
		if len(list) < page {
			return out, nil
		}
		q.Before = list[page-1].ID
	}
}

// uploadNames reports whether a kept file names somebody. One that cannot be read
// might, and is of no use to anybody.
func (c *Core) uploadNames(ctx context.Context, u *registry.Upload, names names) (bool, error) {
	settings, err := uploadSettings(u)
	if err != nil {
		return false, err
	}
	src := &upload.Source{File: c.keptFile(ctx, u), Settings: settings}
	err = src.Each(ctx, func(r upload.Row) error {
		if names.in(r.Cells, settings.Columns) {
			return errNamed
		}
		return nil
	})
	if errors.Is(err, errNamed) || errors.Is(err, upload.ErrFile) {
		return true, nil
	}
	return false, err
}

// errNamed ends the reading of a file that names somebody.
var errNamed = errors.New("named")

// names are the words by which a person is named, in comparison form.
type names map[string]bool

// newNames takes words; the ids that uploads know people by are such a word behind
// a field's name.
func newNames(words []string) names {
	out := names{}
	for _, w := range words {
		if _, key, ok := upload.ParseAnchor(w); ok {
			w = key
		}
		out[registry.Key(strings.TrimSpace(w))] = true
	}
	return out
}

// in reports whether a row names somebody: by a cell that is one of the names or has
// one among its words, or by a given and a family name that make one. A given name
// alone is many people's, and may be another's userName.
func (n names) in(cells []string, columns []upload.Column) bool {
	parts := map[string]string{}
	for i, cell := range cells {
		cell = registry.Key(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cell), "'")))
		field := ""
		if i < len(columns) {
			field = columns[i].Field
		}
		switch {
		case cell == "":
		case field == registry.AttrGivenName, field == registry.AttrFamilyName:
			parts[field] = cell
		case n[cell]:
			return true
		case field != registry.AttrDisplayName && slices.ContainsFunc(wordsOf(cell), func(w string) bool { return n[w] }):
			return true
		}
	}
	given, family := parts[registry.AttrGivenName], parts[registry.AttrFamilyName]
	return given != "" && family != "" && (n[given+" "+family] || n[family+" "+given])
}

// wordsOf are the words of a cell, addresses among them whole.
func wordsOf(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;|<>()\"", r) })
}

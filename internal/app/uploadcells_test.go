package app_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// TestUploadedRow: what the report says of a record leads back to its row of the
// file, cell by cell, as long as the file is kept; what is in columns that are not
// read is not shown.
func TestUploadedRow(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		up := u.receive(text("people.csv", "login;e-mail;favourite colour", "zoe; Zoe@example.com;red", ";nobody@example.com;blue", "ann;ann@example.com;green"), app.UploadChoices{})
		run := u.run(up)
		tenant := u.Store.For(u.company.ID)
		const anchor = "userName:ann"
		got, err := u.UploadedRow(u.ctx, run, anchor, "", "")
		if err != nil {
			u.t.Fatal(err)
		}
		u.same("ann's row", got.Cells, []app.UploadedCell{
			{Header: "login", Field: registry.AttrUserName, Text: "ann", Values: []string{"ann"}},
			{Header: "e-mail", Field: registry.AttrEmails, Text: "ann@example.com", Values: []string{"ann@example.com"}},
		})
		if got.Line != 4 || got.Unread != 1 || got.Upload.ID != up.ID {
			u.t.Errorf("ann's row is %d of %s, with %d unread", got.Line, got.Upload.FileName, got.Unread)
		}
		var refused registry.RunItem
		if err := tenant.Items(u.ctx, run.ID, func(it registry.RunItem) error {
			if it.Outcome == registry.OutcomeFailed {
				refused = it
			}
			return nil
		}); err != nil {
			u.t.Fatal(err)
		}
		if got, err = u.UploadedRow(u.ctx, run, refused.Anchor, refused.Name, refused.Code); err != nil || got.Line != 3 || got.Cells[1].Text != "nobody@example.com" {
			u.t.Errorf("the refused row, %+v: %+v, %v", refused, got, err)
		}
		if got, err = u.UploadedRow(u.ctx, run, "userName:nobody", "", ""); err != nil || got.Line != 0 {
			u.t.Errorf("a row that is not there: %+v, %v", got, err)
		}
		if _, err = u.UploadedRow(u.ctx, &registry.Run{ID: run.ID + 1, Company: run.Company}, anchor, "", ""); !errors.Is(err, registry.ErrNotFound) {
			u.t.Errorf("a run of no file: %v", err)
		}
		u.Now = func() time.Time { return up.ExpiresAt.Add(time.Minute) }
		if got, err = u.UploadedRow(u.ctx, run, anchor, "", ""); err == nil || !strings.Contains(err.Error(), "not kept any more") || got.Upload == nil {
			u.t.Errorf("after the file has gone: %+v, %v", got, err)
		}
	})
}

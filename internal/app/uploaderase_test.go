package app_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// TestEraseUploads: erasing somebody drops the kept files that name them, carried
// out or not, in whatever cell, with their rows; other files stay, and one that is
// being carried out is waited for.
func TestEraseUploads(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		done := u.receive(text("people.csv", "login;given name;last name;e-mail;kind", "zoe;Zoe;Zanzibar;zoe@example.com;", "ann;Ann;Bee;ann@example.com;nonsense"), app.UploadChoices{})
		run := u.run(done)
		zoe := u.person("zoe")
		waits := u.receive(text("more.csv", "login;e-mail;nickname", "x;x@example.com;see Zoe@Example.com, please"), app.UploadChoices{})
		names := u.receive(text("names.csv", "login;given name;last name;e-mail", "zz;Zoe;Zanzibar;other@example.com"), app.UploadChoices{})
		u.preview(names)
		other := u.receive(text("other.csv", "login;given name;e-mail", "zoey;Zoe;zoey@example.com"), app.UploadChoices{})
		u.preview(other)

		if err := u.ConfirmUpload(u.ctx, waits, "admin ann"); err != nil {
			u.t.Fatal(err)
		}
		if err := u.EraseUser(u.ctx, "admin ann", zoe); registry.CodeOf(err) != registry.CodeUploadState {
			u.t.Errorf("erased beside a file at work: %v", err)
		}
		u.same("rows while nothing was dropped", len(u.previewed(done)), 2)
		u.run(waits)
		waits = u.again(waits)

		if err := u.EraseUser(u.ctx, "admin ann", zoe); err != nil {
			u.t.Fatal(err)
		}
		for _, x := range []*registry.Upload{done, waits, names} {
			now := u.again(x)
			if _, err := u.Store.For(u.company.ID).UploadPart(u.ctx, x.ID, 0); !errors.Is(err, registry.ErrNotFound) {
				u.t.Errorf("%s is kept: %v", x.FileName, err)
			}
			rows, err := u.Store.For(u.company.ID).UploadRowPage(u.ctx, registry.UploadRowQuery{Upload: x.ID, Run: now.Shown(), Limit: 9})
			if len(rows) != 0 || err != nil || len(now.Inspection) != 0 {
				u.t.Errorf("rows of %s: %v, %v; seen %s", x.FileName, rows, err, now.Inspection)
			}
		}
		u.same("what was not carried out", u.again(names).State, registry.UploadDiscarded)
		u.same("what was", u.again(done).State, registry.UploadApplied)
		var b strings.Builder
		if _, err := u.WriteFailedRows(u.ctx, u.again(done), run, "admin ann", &b); err == nil || strings.Contains(b.String(), "anz") {
			u.t.Errorf("failed rows: %v\n%s", err, b.String())
		}
		var gone *app.MistakeError
		if err := u.UploadRows(u.ctx, u.again(done), run, nil); !errors.As(err, &gone) || !strings.Contains(err.Error(), "erased") {
			u.t.Errorf("rows: %v", err)
		}
		u.same("another file", len(u.previewed(other)), 1)
	})
}

// again is an upload as it stands now.
func (u *uploads) again(x *registry.Upload) *registry.Upload {
	u.t.Helper()
	out, err := u.Upload(u.ctx, u.company.ID, x.PublicID)
	if err != nil {
		u.t.Fatal(err)
	}
	return out
}

// previewed are the kept rows of an upload.
func (u *uploads) previewed(x *registry.Upload) []registry.UploadRow {
	u.t.Helper()
	now := u.again(x)
	rows, err := u.Store.For(u.company.ID).UploadRowPage(u.ctx, registry.UploadRowQuery{Upload: x.ID, Run: now.Shown(), Limit: 9})
	if err != nil {
		u.t.Fatal(err)
	}
	return rows
}

// TestLinkUpload: an admin says that a row of a file is about somebody whom another
// hand made, as the report proposes; from then on files say what they are.
func TestLinkUpload(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		res, err := u.CreateUser(u.ctx, u.company.ID, "admin ann", app.NewUser{UserName: "otto", Email: "otto@example.com", Kind: registry.EndUser})
		if err != nil {
			u.t.Fatal(err)
		}
		file := text("people.csv", "login;e-mail;nickname", "otto;otto@example.com;Ottone")
		up := u.receive(file, app.UploadChoices{})
		rows, _ := u.rows(up, u.preview(up))
		u.same("before", rows, []string{"2 failed otto foreign_owner"})
		var wrong *app.MistakeError
		for _, anchor := range []string{"otto", "title:otto", "userName:"} {
			if err := u.LinkUser(u.ctx, "upload/acme", anchor, "admin ann", res.User, false); !errors.As(err, &wrong) {
				u.t.Errorf("linked %q: %v", anchor, err)
			}
		}
		if _, err := u.FindPersonOfSource(u.ctx, "upload/nobody", "otto"); err == nil {
			u.t.Error("uploads of no company")
		}
		who, err := u.FindPersonOfSource(u.ctx, "upload/acme", "otto@example.com")
		if err != nil {
			u.t.Fatal(err)
		}
		if err := u.LinkUser(u.ctx, "upload/acme", "userName:Otto", "admin ann", who.ID, false); err != nil {
			u.t.Fatal(err)
		}
		up = u.receive(file, app.UploadChoices{})
		rows, _ = u.rows(up, u.run(up))
		u.same("after", rows, []string{"2 updated otto"})
		u.same("the file's word", u.person("otto").Attributes.First(registry.AttrNickName), "Ottone")
	})
}

// TestUnvouchedDoors: what a company may not do that nobody has vouched for.
func TestUnvouchedDoors(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		db := u.Store.WriteDB()
		if _, err := db.ExecContext(u.ctx, `UPDATE companies SET managed = false, verified_at = 0`); err != nil {
			u.t.Fatal(err)
		}
		refused := func(what string, err error) {
			u.t.Helper()
			if registry.CodeOf(err) != registry.CodeUnvouched {
				u.t.Errorf("%s: %v", what, err)
			}
		}
		_, err := u.CreateConnection(u.ctx, u.company.ID, "okta", registry.ConnectionSettings{Profile: "okta", Visible: registry.VisibleCompany})
		refused("a connection that sees everybody", err)
		if _, err := u.CreateConnection(u.ctx, u.company.ID, "okta", registry.ConnectionSettings{Profile: "okta"}); err != nil {
			u.t.Error(err)
		}
		refused("one that is changed to", u.ChangeConnection(u.ctx, u.company.ID, "okta", func(s *registry.ConnectionSettings) { s.Visible = registry.VisibleCompany }))
		refused("a contract", u.CreateContract(u.ctx, u.company.ID, "admin ann", "C-1", ""))
		lines := []string{"login;e-mail"}
		for _, name := range strings.Fields("a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12") {
			lines = append(lines, name+";"+name+"@example.com")
		}
		run := u.run(u.receive(text("people.csv", lines...), app.UploadChoices{}))
		mails, err := u.Store.For(u.company.ID).MailCounts(u.ctx)
		if err != nil || mails["queued"] != registry.UnvouchedMails || mails["held"] != 2 {
			u.t.Errorf("mails: %v, %v", mails, err)
		}
		if notes := strings.Join(registry.English(run.Notes), "\n"); !strings.Contains(notes, "2 set-up mails wait") {
			u.t.Errorf("notes: %s", notes)
		}
		_, err = u.ReleaseMails(u.ctx, u.company.ID)
		refused("release", err)
		_, err = u.ReleaseMail(u.ctx, u.company.ID, 1)
		refused("release of one", err)
		_, err = u.CreateUser(u.ctx, u.company.ID, "admin ann", app.NewUser{UserName: "otto", Email: "otto@example.com", Kind: registry.EndUser})
		refused("one more by hand", err)
	})
}

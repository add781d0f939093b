package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// put applies operations through some door of the company.
func (u *uploads) put(kind registry.OriginKind, key string, ops ...registry.Op) []registry.Result {
	u.t.Helper()
	o, err := u.Store.For(u.company.ID).EnsureOrigin(u.ctx, kind, key)
	if err != nil {
		u.t.Fatal(err)
	}
	res, err := u.Registry.Apply(u.ctx, registry.Batch{Company: u.company.ID, Origin: o, Actor: "test", Ops: ops})
	if err != nil {
		u.t.Fatal(err)
	}
	for _, r := range res {
		if r.Refused != nil {
			u.t.Fatal(r.Refused)
		}
	}
	return res
}

// applied receives and runs a file and gives its rows.
func (u *uploads) applied(f app.UploadFile, c app.UploadChoices) (*registry.Upload, *registry.Run, []string) {
	u.t.Helper()
	up := u.receive(f, c)
	preview := u.preview(up)
	foreseen, _ := u.rows(up, preview)
	run := u.run(up)
	rows, n := u.rows(up, run)
	u.same("counts", up.Counts, n)
	u.same("what the preview foresaw", rows, foreseen)
	return up, run, rows
}

// TestUploadOwnership: a file changes only whom files brought. A contact becomes
// an account; a directory's people, admins made by hand and people with a
// password of their own are left alone.
func TestUploadOwnership(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		u.put(registry.OriginLDAP, "corp", registry.PutUser{Anchor: "1", Enabled: true,
			Attributes: registry.Attributes{registry.AttrUserName: {"dirk"}, registry.AttrEmails: {"dirk@example.com"}, registry.AttrPhone: {"1"}}})
		u.put(registry.OriginAdmin, "admin", registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"boss"}}, Kind: registry.SupportStaff, CompanyAdmin: true, Association: registry.Strong})
		u.put(registry.OriginMail, "mail", registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"claire@myorg.org"}, registry.AttrEmails: {"claire@myorg.org"}},
			Kind: registry.EndUser, Association: registry.Weak, Verified: true})
		claire := u.person("claire@myorg.org")
		_, _, rows := u.applied(text("p.csv", "userName,email,phone", "dirk,dirk@example.com,999", "boss,boss@example.com,1", "claire@myorg.org,claire@myorg.org,5", "new,new@example.com,6"),
			app.UploadChoices{Mail: "none"})
		u.same("rows", rows, []string{"2 failed dirk foreign_owner", "3 failed boss protected_admin", "4 updated claire@myorg.org", "5 created new"})
		u.same("the directory's value", u.person("dirk").Attributes.First(registry.AttrPhone), "1")
		now := u.person("claire@myorg.org")
		if now.ID != claire.ID || now.Association != registry.Strong {
			u.t.Errorf("the contact: %+v", now)
		}
	})
}

// TestUploadColumns: a column that is not there says nothing, an empty cell
// takes away what a file gave, and a kind that is not said stays.
func TestUploadColumns(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		none := app.UploadChoices{Mail: "none"}
		u.applied(text("a.csv", "login;phone;title;kind", "ann;1;Boss;support", "bob;2;Clerk;"), none)
		_, run, rows := u.applied(text("b.csv", "login;title", "ann;Chief", "bob;"), none)
		u.same("rows", rows, []string{"2 updated ann", "3 updated bob"})
		ann, bob := u.person("ann"), u.person("bob")
		u.same("ann", fmt.Sprint(ann.Kind, ann.Attributes.First(registry.AttrPhone), ann.Attributes.First(registry.AttrTitle)), "support_staff1Chief")
		u.same("bob", fmt.Sprint(bob.Kind, bob.Attributes.First(registry.AttrPhone), bob.Attributes.First(registry.AttrTitle)), "end_user2")
		u.same("state", run.State, registry.RunDone)
		// The first file again: what it says is as before but for the titles.
		up := u.receive(text("a.csv", "login;phone;title;kind", "ann;1;Boss;support", "bob;2;Clerk;"), none)
		preview := u.preview(up)
		err := u.UploadRows(u.ctx, up, preview, func(r app.UploadRow) error {
			if len(r.After) != 1 || r.After.First(registry.AttrTitle) == "" {
				u.t.Errorf("row %d: %v → %v", r.Line, r.Before, r.After)
			}
			return nil
		})
		if err != nil {
			u.t.Fatal(err)
		}
	})
}

// TestUploadGroups: people join the group of the name, whoever owns it; a name
// that several groups have joins nobody; and no file takes anybody out.
func TestUploadGroups(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		sales := u.put(registry.OriginLDAP, "corp", registry.PutGroup{Anchor: "g1", DisplayName: "Sales"}, registry.PutGroup{Anchor: "g2", DisplayName: "Twin"},
			registry.PutGroup{Anchor: "g3", DisplayName: "twin"})[0].Group
		none := app.UploadChoices{Mail: "none"}
		_, run, rows := u.applied(text("a.csv", "login;groups", `ann;"SALES, New"`, "bob;Twin"), none)
		u.same("rows", rows, []string{"2 created ann", "3 created bob"})
		u.same("groups", []int64{run.Counts.GroupsCreated, run.Counts.MembersAdded, run.Counts.Conflicts}, []int64{1, 2, 1})
		members, err := u.Store.For(u.company.ID).GroupMembers(u.ctx, sales)
		if err != nil || len(members) != 1 || members[0].Name != "ann" {
			u.t.Errorf("members of Sales: %+v, %v", members, err)
		}
		_, run, _ = u.applied(text("b.csv", "login;groups", "ann;"), none)
		u.same("taken out", run.Counts.MembersRemoved, int64(0))
		_, run, _ = u.applied(text("c.csv", "login", "ann"), none)
		u.same("without the column", []any{run.State, len(run.Limits)}, []any{registry.RunDone, 0})
	})
}

// TestUploadHeld: the guard holds a file that would change too many addresses;
// nothing is changed until somebody approves, and then exactly that.
func TestUploadHeld(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		list := func(domain string) app.UploadFile {
			lines := []string{"login;email"}
			for i := range 60 {
				lines = append(lines, fmt.Sprintf("u%d;u%d@%s", i, i, domain))
			}
			return text("p.csv", lines...)
		}
		none := app.UploadChoices{Mail: "none"}
		u.applied(list("example.com"), none)
		up := u.receive(list("example.org"), none)
		run := u.run(up)
		u.same("state", []any{up.State, run.State}, []any{registry.UploadHeld, registry.RunHeld})
		u.same("address", u.person("u7").Email(), "u7@example.com")
		if _, err := u.ApplyUpload(u.ctx, up, "admin ann", nil); !errors.As(err, new(*app.MistakeError)) {
			u.t.Errorf("a held upload was run: %v", err)
		}
		run, err := u.Approve(u.ctx, run, app.Decision{By: "ann", Note: "the domain moved"}, nil)
		if err != nil || run.State != registry.RunDone {
			u.t.Fatalf("approved: %+v, %v", run, err)
		}
		u.same("address", u.person("u7").Email(), "u7@example.org")
		got, err := u.Upload(u.ctx, u.company.ID, up.PublicID)
		if err != nil || got.State != registry.UploadApplied || got.Counts.Updated != 60 {
			u.t.Errorf("the upload: %+v, %v", got, err)
		}
	})
}

// TestUploadKept: a discarded file goes, one that is gone says so, and what was
// done is written down.
func TestUploadKept(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		spool, err := app.SpoolUpload("p.csv", strings.NewReader("login\nann\n"))
		if err != nil {
			u.t.Fatal(err)
		}
		up := u.receive(spool.UploadFile, app.UploadChoices{})
		if err := spool.Close(); err != nil {
			u.t.Error(err)
		}
		run := u.preview(up)
		if err := u.DiscardUpload(u.ctx, up, "admin ann"); err != nil {
			u.t.Fatal(err)
		}
		if _, err := u.ApplyUpload(u.ctx, up, "admin ann", nil); !errors.As(err, new(*app.MistakeError)) {
			u.t.Errorf("a discarded upload was run: %v", err)
		}
		if err := u.Store.Sweep(u.ctx, u.Now().Add(time.Second), func(string) time.Duration { return 0 }); err != nil {
			u.t.Fatal(err)
		}
		err = u.UploadRows(u.ctx, up, run, func(app.UploadRow) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "not kept any more") {
			u.t.Errorf("rows of a file that is gone: %v", err)
		}
		deeds, err := u.Store.For(u.company.ID).Deeds(u.ctx, registry.DeedQuery{Action: "upload.", Limit: 10})
		if err != nil || len(deeds) != 2 || deeds[0].Action != "upload.discard" || deeds[1].Action != "upload.receive" {
			u.t.Errorf("deeds: %+v, %v", deeds, err)
		}
	})
}

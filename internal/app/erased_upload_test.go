package app_test

import (
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// TestUploadErased: a file does not bring back whom an admin erased: its row fails,
// and says why, until an admin lifts it.
func TestUploadErased(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		lines := []string{"login;e-mail", "zoe;zoe@example.com", "ann;ann@example.com"}
		u.run(u.receive(text("people.csv", lines[:2]...), app.UploadChoices{}))
		zoe := u.person("zoe")
		if err := u.EraseUser(u.ctx, "admin ann", zoe); err != nil {
			u.t.Fatal(err)
		}
		again := u.receive(text("again.csv", lines...), app.UploadChoices{})
		rows, _ := u.rows(again, u.run(again))
		u.same("rows", rows, []string{"2 failed zoe " + string(registry.CodeErased), "3 created ann"})
		if err := u.LiftErasure(u.ctx, "admin ann", zoe); err != nil {
			u.t.Fatal(err)
		}
		last := u.receive(text("last.csv", lines[:2]...), app.UploadChoices{})
		rows, _ = u.rows(last, u.run(last))
		u.same("rows after it was lifted", rows, []string{"2 created zoe"})
		if now := u.person("zoe"); now.ID == zoe.ID {
			u.t.Error("the erased person came back")
		}
	})
}

// TestExplainManager: whom a connection or a directory names as manager is named.
func TestExplainManager(t *testing.T) {
	u := newUploads(t, "")
	tenant := u.Store.For(u.company.ID)
	put := func(kind registry.OriginKind, name, manager string) registry.Result {
		t.Helper()
		origin, err := tenant.EnsureOrigin(u.ctx, kind, string(kind))
		if err != nil {
			t.Fatal(err)
		}
		a := registry.Attributes{registry.AttrUserName: {name}, registry.AttrDisplayName: {"The " + name}}
		a.Set(registry.AttrManager, manager)
		res, err := u.Registry.Apply(u.ctx, registry.Batch{Company: u.company.ID, Origin: origin, Actor: "test", Ops: []registry.Op{
			registry.PutUser{Anchor: name, Name: name, Enabled: true, Attributes: a},
		}})
		if err != nil || res[0].Refused != nil {
			t.Fatal(err, res[0].Refused)
		}
		return res[0]
	}
	boss := put(registry.OriginLDAP, "boss", "")
	report := put(registry.OriginLDAP, "ann", "")
	put(registry.OriginSCIM, "bob", boss.PublicID)
	put(registry.OriginSCIM, "eve", "nobody")
	origin, err := tenant.EnsureOrigin(u.ctx, registry.OriginLDAP, string(registry.OriginLDAP))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := u.Registry.Apply(u.ctx, registry.Batch{Company: u.company.ID, Origin: origin, Actor: "source ldap", Ops: []registry.Op{
		registry.SetManager{User: report.User, Manager: boss.User},
	}}); err != nil || res[0].Refused != nil {
		t.Fatal(err, res)
	}
	named := "The boss (" + boss.PublicID + ")"
	for who, want := range map[string][2]string{"ann": {named, "source ldap"}, "bob": {named, "test"}, "eve": {"nobody", "test"}, "boss": {}} {
		x, err := u.ExplainUser(u.ctx, u.person(who))
		if err != nil {
			t.Fatal(err)
		}
		var got [2]string
		for _, v := range x.Values {
			if v.Attribute == registry.AttrManager {
				got = [2]string{v.Values[0], v.Actor}
			}
		}
		if got != want {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
}

package scimserver_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// writesMail makes a contact of whoever writes from an address.
func (w *world) writesMail(address string, verified bool) registry.Result {
	w.t.Helper()
	company, err := w.store.CompanyByKey(w.t.Context(), "acme")
	if err != nil {
		w.t.Fatal(err)
	}
	mail, err := w.store.For(company.ID).EnsureOrigin(w.t.Context(), registry.OriginMail, "mail")
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := w.reg.Apply(w.t.Context(), registry.Batch{Company: company.ID, Origin: mail, Actor: "mail", Ops: []registry.Op{registry.Meet{
		Mailbox: registry.Tie{Origin: mail.ID, Anchor: address, Name: address}, Verified: verified,
		Attributes: registry.Attributes{
			registry.AttrEmails: {address}, registry.AttrDisplayName: {"C Johnson"}, registry.AttrGivenName: {"C"}, registry.AttrFamilyName: {"Johnson"},
		},
	}}})
	if err != nil || res[0].Refused != nil {
		w.t.Fatalf("%v, %v", err, res)
	}
	return res[0]
}

// TestPromoteContact: the person whom a connection brings is the contact who wrote,
// where the address is proven, nobody else's, and the connection may.
func TestPromoteContact(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		promote := w.connect("acme", "promote", registry.ConnectionSettings{OnForeign: registry.ForeignPromote, SetupMail: true})
		conflict := w.connect("acme", "conflict", registry.ConnectionSettings{OnForeign: registry.ForeignConflict})
		post := func(c *client, name, address string) string {
			t.Helper()
			return c.want(201, "POST", "/Users", fmt.Sprintf(
				`{%s,"userName":%q,"externalId":%q,"name":{"givenName":"Claire","familyName":"Johnson-Smith"},"emails":[{"value":%q,"primary":true}]}`, userSchema, name, name, address))["id"].(string)
		}
		contact := w.writesMail("c.johnson@acme.example", true)
		id := post(promote, "claire", "C.Johnson@acme.example")
		if id != contact.PublicID {
			t.Fatalf("somebody else: %s", id)
		}
		company, _ := w.store.CompanyByKey(t.Context(), "acme")
		u, err := w.store.For(company.ID).FindUser(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if u.State() != registry.StateInvited || u.UserName() != "claire" || u.DisplayName() != "Claire Johnson-Smith" {
			t.Errorf("the person is %s, %s, %s", u.State(), u.UserName(), u.DisplayName())
		}
		mails, err := w.store.For(company.ID).Mails(t.Context(), "", 10)
		if err != nil || len(mails) != 1 {
			t.Errorf("mails: %v, %v", mails, err)
		}
		if again := w.writesMail("c.johnson@acme.example", true); again.PublicID != id || again.Change != nil {
			t.Errorf("who writes is %+v", again)
		}
		for what, other := range map[string]string{
			"an address nobody proved": func() string { return w.writesMail("eve@acme.example", false).PublicID }(),
		} {
			if post(promote, "eve", "eve@acme.example") == other {
				t.Errorf("%s was promoted", what)
			}
		}
		bob := w.writesMail("bob@acme.example", true)
		if post(conflict, "bob", "bob@acme.example") == bob.PublicID {
			t.Error("a connection that may not promote did")
		}
		if post(promote, "robert", "bob@acme.example") == bob.PublicID {
			t.Error("an address that an account has too promoted a contact")
		}
		// Whose name is taken is told so, whatever the connection does with others'.
		for _, c := range []*client{promote, conflict} {
			if got := c.want(409, "POST", "/Users", `{`+userSchema+`,"userName":"bob","externalId":"another"}`); got["scimType"] != "uniqueness" {
				t.Errorf("a taken name: %v", got)
			}
		}
	})
}

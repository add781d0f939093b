package scimserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// credentials is what the database has of somebody's means to sign in.
func (c *client) credentials(id string) (got struct {
	hash, credential  string
	version           int64
	sessions, waiting int
}) {
	c.w.t.Helper()
	one := func(q string, into ...any) {
		c.w.t.Helper()
		if err := c.w.store.WriteDB().QueryRowContext(c.w.t.Context(), strings.ReplaceAll(q, "ID", "'"+id+"'")).Scan(into...); err != nil {
			c.w.t.Fatal(err)
		}
	}
	one(`SELECT coalesce(password_hash, ''), credential, version FROM users WHERE public_id = ID`, &got.hash, &got.credential, &got.version)
	one(`SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.public_id = ID`, &got.sessions)
	one(`SELECT count(*) FROM setup_links s JOIN users u ON u.id = s.user_id WHERE u.public_id = ID AND used_at = 0 AND superseded_at = 0`, &got.waiting)
	return got
}

func (c *client) signIn(id string) {
	c.w.t.Helper()
	u, err := c.tenant.FindUser(c.w.t.Context(), id)
	if err != nil {
		c.w.t.Fatal(err)
	}
	err = c.w.store.SaveSession(c.w.t.Context(), auth.Session{
		ID: "s" + id, Company: u.Company, User: u.ID, CredentialVersion: u.CredentialVersion, CreatedAt: u.CreatedAt, ExpiresAt: u.CreatedAt.Add(time.Hour),
	})
	if err != nil {
		c.w.t.Fatal(err)
	}
}

func TestPasswords(t *testing.T) {
	const first, second = "correct horse battery", "staple wagon umbrella"
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, SetupMail: true, Passwords: true})
		changing := func(c *client) any {
			return c.want(200, "GET", "/ServiceProviderConfig", "")["changePassword"].(map[string]any)["supported"]
		}
		doc := func(name, password string) string {
			return fmt.Sprintf(`{%s,"userName":%q,"externalId":%q,"emails":[{"value":"%s@example.com"}],"password":%q}`, userSchema, name, name, name, password)
		}
		made := c.want(201, "POST", "/Users", doc("ann", first))
		ann := made["id"].(string)
		got := c.credentials(ann)
		if got.hash != "hash of "+first || got.credential != "set" || got.waiting != 0 || made["password"] != nil {
			t.Errorf("made with a password: %+v, %v", got, made)
		}
		c.signIn(ann)
		if was := got; c.credentials(ann).sessions != 1 || was.sessions != 0 {
			t.Fatal("no session to end")
		}
		patched := c.want(200, "PATCH", "/Users/"+ann, fmt.Sprintf(`{%s,"Operations":[{"op":"replace","path":"password","value":%q}]}`, patchSchema, second))
		now := c.credentials(ann)
		if now.hash != "hash of "+second || now.sessions != 0 || now.version != got.version || patched["password"] != nil {
			t.Errorf("after a PATCH: %+v (was %+v), %v", now, got, patched)
		}
		c.want(200, "PUT", "/Users/"+ann, doc("ann", first))
		if got := c.credentials(ann); got.hash != "hash of "+first {
			t.Errorf("after a PUT: %+v", got)
		}
		c.want(200, "PUT", "/Users/"+ann, `{`+userSchema+`,"userName":"ann","externalId":"ann"}`)
		c.want(200, "PATCH", "/Users/"+ann, `{`+patchSchema+`,"Operations":[{"op":"replace","value":{"title":"Boss"}}]}`)
		if got := c.credentials(ann); got.hash != "hash of "+first || got.credential != "set" {
			t.Errorf("after changes without a password: %+v", got)
		}
		// Whoever was invited has a password now: the invitation is over.
		bob := c.user("bob", "b")
		if got := c.credentials(bob); got.waiting != 1 || got.credential != "invited" {
			t.Errorf("invited: %+v", got)
		}
		c.want(200, "PATCH", "/Users/"+bob, fmt.Sprintf(`{%s,"Operations":[{"op":"add","value":{"password":%q}}]}`, patchSchema, first))
		if got := c.credentials(bob); got.waiting != 0 || got.credential != "set" {
			t.Errorf("invited, and then given a password: %+v", got)
		}
		// Weak ones change nothing.
		for _, weak := range []string{"tiny", "ann ann ann ann ann", "passwordpassword1"} {
			for path, body := range map[string]string{
				"POST /Users":         doc("new", weak),
				"PUT /Users/" + ann:   doc("ann", weak),
				"PATCH /Users/" + ann: fmt.Sprintf(`{%s,"Operations":[{"op":"add","path":"title","value":"x"},{"op":"add","path":"password","value":%q}]}`, patchSchema, weak),
			} {
				method, address, _ := strings.Cut(path, " ")
				if got := c.want(400, method, address, body); got["scimType"] != "invalidValue" || strings.Contains(fmt.Sprint(got), weak) {
					t.Errorf("%s with %q: %v", path, weak, got)
				}
			}
		}
		if got := c.credentials(ann); got.hash != "hash of "+first {
			t.Errorf("after weak ones: %+v", got)
		}
		if got := c.want(200, "GET", "/Users/"+ann, ""); got["title"] != "Boss" {
			t.Errorf("a refused PATCH changed something: %v", got)
		}
		if v := changing(c); v != true {
			t.Errorf("changePassword: %v", v)
		}

		// By default a password is taken and forgotten, the weak one too.
		plain := w.connect("acme", "plain", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		eve := plain.want(201, "POST", "/Users", doc("eve", "short"))["id"].(string)
		if got := plain.credentials(eve); got.hash != "" || got.credential != "none" {
			t.Errorf("forgotten: %+v", got)
		}
		if v := changing(plain); v != false {
			t.Errorf("changePassword: %v", v)
		}
	})
}

package scimserver_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// TestCreatedIsWhatIsThere: the answer to a POST is made without reading the
// person back, and tells what a GET tells.
func TestCreatedIsWhatIsThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, SetupMail: true})
		for name, body := range map[string]string{
			"little": `"userName":"Ann"`,
			"much": `"userName":" Bob Ö ","externalId":"x2","active":false,"password":"secret","displayName":"Bob","title":"Engineer","nickName":"",
				"name":{"givenName":"Bob","familyName":"Ö"},"emails":[{"value":"B@example.com","type":"work"},{"value":"b@home.example","primary":true}],
				"phoneNumbers":[{"value":"+39 1","type":"mobile"}],"locale":"it-IT","roles":[{"value":"admin"}],"groups":[{"value":"x"}],
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"m"}}`,
		} {
			t.Run(name, func(t *testing.T) {
				made := c.want(http.StatusCreated, http.MethodPost, "/Users", `{`+userSchema+`,`+body+`}`)
				id, _ := made["id"].(string)
				if diff := cmp.Diff(c.want(http.StatusOK, http.MethodGet, "/Users/"+id, ""), made); diff != "" {
					t.Errorf("POST (+) tells another than GET (-):\n%s", diff)
				}
			})
		}
	})
}

package entra

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	kiotajson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// decodedUsers decodes a recorded page as the SDK does.
func decodedUsers(t *testing.T, name string) page[models.Userable] {
	return decoded[models.Userable](t, name, deltaUsers)
}

func decodedGroups(t *testing.T, name string) page[models.Groupable] {
	return decoded[models.Groupable](t, name, deltaGroups)
}

var (
	deltaUsers  serialization.ParsableFactory = users.CreateDeltaGetResponseFromDiscriminatorValue
	deltaGroups serialization.ParsableFactory = groups.CreateDeltaGetResponseFromDiscriminatorValue
)

func decoded[T comparable](t *testing.T, name string, factory serialization.ParsableFactory) page[T] {
	t.Helper()
	node, err := kiotajson.NewJsonParseNode(recorded(t, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pageFrom[T](node, factory)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pageFrom[T comparable](node *kiotajson.JsonParseNode, factory serialization.ParsableFactory) (page[T], error) {
	got, err := node.GetObjectValue(factory)
	if err != nil || got == nil {
		return page[T]{}, err
	}
	return pageOf(got.(deltaPage[T])), nil
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestContract pins how the SDK surfaces what its models have no field for. The
// pages have the shapes of Microsoft's examples (concepts/delta-query-groups.md,
// delta-query-users.md and delta-query-overview.md).
func TestContract(t *testing.T) {
	p := decodedGroups(t, "groups_delta.json")
	if p.next == "" || p.delta != "" || len(p.items) != 3 {
		t.Fatalf("next %q, delta %q, %d items", p.next, p.delta, len(p.items))
	}
	g := p.items[0]
	if g.GetMembers() != nil {
		t.Error("GetMembers is filled now: members@delta can be read there")
	}
	entry, ok := g.GetAdditionalData()["members@delta"].([]any)
	if !ok || len(entry) != 3 {
		t.Fatalf("members@delta is %T", g.GetAdditionalData()["members@delta"])
	}
	first, ok := entry[0].(map[string]any)
	if _, pointer := first["id"].(*string); !ok || !pointer {
		t.Errorf("a member is %T, its id %T: a pointer is expected", entry[0], first["id"])
	}
	want := []link{
		{ID: "693acd06-2877-4339-8ade-b704261fe7a0", Type: "#microsoft.graph.user"},
		{ID: "49320844-be99-4164-8167-87ff5d047ace", Type: "#microsoft.graph.group"},
		{ID: "ee5d3d0f-90a7-4d2a-9a2c-7b3f5a1f4d11", Type: "#microsoft.graph.user", Removed: "deleted"},
	}
	if diff := cmp.Diff(want, links(g.GetAdditionalData(), propMembers)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if r := removed(p.items[1].GetAdditionalData()); r != "deleted" {
		t.Errorf("reason %q", r)
	}
	if n := len(links(p.items[2].GetAdditionalData(), propMembers)); n != 0 {
		t.Errorf("%d links of a group without", n)
	}

	u := decodedUsers(t, "users_delta.json")
	if u.next != "" || u.delta == "" || len(u.items) != 4 {
		t.Fatalf("next %q, delta %q, %d items", u.next, u.delta, len(u.items))
	}
	cleared, absent := u.items[0], u.items[1]
	if cleared.GetJobTitle() != nil || absent.GetJobTitle() != nil {
		t.Error("null or an absent property has a value")
	}
	if _, told := cleared.GetAdditionalData()["jobTitle"]; told {
		t.Error("null can be told from absent now: people need not be read again")
	}
	if m := links(absent.GetAdditionalData(), propManager); len(m) != 1 || m[0].ID != "ca8ce4a2-9afc-4c1a-ab4b-3bb1f01c8cd4" {
		t.Errorf("manager %v", m)
	}
	for i, want := range map[int]string{0: "", 2: "changed", 3: "deleted"} {
		if got := removed(u.items[i].GetAdditionalData()); got != want {
			t.Errorf("user %d: reason %q, want %q", i, got, want)
		}
	}
	s, unknown := userShape([]string{"extension_25883231668a43a78de82a3d8e2f9a3b_skypeId", "businessPhones", "createdDateTime"})
	if len(unknown) > 0 {
		t.Fatal(unknown)
	}
	values := s.values(absent)
	for key, want := range map[string][]string{
		"businessphones": {"+1 425 555 0100", "+1 425 555 0101"}, "createddatetime": {"2024-05-06T07:08:09Z"},
		"extension_25883231668a43a78de82a3d8e2f9a3b_skypeid": {"adele.skype"}, "accountenabled": {"true"},
		"assignedlicenses": {"6fd2c87f-b296-42f0-b197-1e91e994b900"}, "extensionattribute1": {"one"},
	} {
		if diff := cmp.Diff(want, values[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// TestObjectGUID: only the usual form is taken for an objectGUID.
func TestObjectGUID(t *testing.T) {
	for in, want := range map[string]string{
		"AAECAwQFBgcICQoLDA0ODw==": "03020100-0504-0706-0809-0a0b0c0d0e0f", "": "", "uid=ann": "", "AAEC": "",
		"AAECAwQFBgcICQoLDA0ODxA=": "",
	} {
		if got := objectGUID(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzPage: whatever JSON comes, it is an error or a page that can be worked on.
func FuzzPage(f *testing.F) {
	for _, name := range []string{"users_delta.json", "groups_delta.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"value":[null,{"id":1,"@removed":null,"members@delta":[null,{"id":null}],"manager@delta":{}}]}`))
	f.Add([]byte(`{"value":[{"accountEnabled":"yes","assignedLicenses":[null],"onPremisesExtensionAttributes":[]}]}`))
	users, _ := userShape([]string{"identities", "employeeOrgData", "birthday"})
	groups, _ := groupShape(nil)
	s := &Source{users: users, groups: groups}
	f.Fuzz(func(_ *testing.T, data []byte) { s.work(data) })
}

// FuzzClaims: a token is what another party sends.
func FuzzClaims(f *testing.F) {
	f.Add("e30.eyJhcHBpZCI6IngiLCJyb2xlcyI6WyJhIl19.x")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		c := claimsOf(token)
		if granted, known := c.may("a"); granted && !known {
			t.Error("granted and not known")
		}
	})
}

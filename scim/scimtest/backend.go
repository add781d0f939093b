package scimtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

// RunBackend checks that a backend keeps its side of the contract. make gives
// an empty one each time; its context must need nothing, and all it makes be one
// client's. The backend is asked through a handler, because that is how it is
// used.
func RunBackend(t *testing.T, make func(t *testing.T) scim.Backend) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *suite){
		"create":           testCreate,
		"uniqueness":       testUniqueness,
		"replace":          testReplace,
		"patch":            testPatch,
		"delete":           testDelete,
		"reactivation":     testReactivation,
		"versions":         testVersions,
		"race":             testRace,
		"filters":          testFilters,
		"text":             testText,
		"order":            testOrder,
		"cursor":           testCursor,
		"members":          testMembers,
		"member race":      testMemberRace,
		"nesting":          testNesting,
		"root":             testRoot,
		"order of all":     testOrderOfAll,
		"extension":        testExtension,
		"manager":          testManager,
		"bulk":             testBulk,
		"badge":            testBadge,
		"badge uniqueness": testBadgeUniqueness,
		"badge patch":      testBadgePatch,
		"badge queries":    testBadgeQueries,
		"badge bulk":       testBadgeBulk,
		"group extension":  testGroupExtension,
		"user extension":   testUserExtension,
		"discovery":        testDiscovery,
	} {
		t.Run(name, func(t *testing.T) { test(t, newSuite(t, make(t))) })
	}
}

// suite is a client of a backend under test.
type suite struct{ Client }

func newSuite(t *testing.T, b scim.Backend) *suite {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	base, err := url.Parse(BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	h, err := scim.NewHandler(scim.Config{
		Backend: b, ResourceTypes: []*scim.ResourceType{UserType(), GroupType(), BadgeType()},
		BaseURL:   base,
		CursorKey: []byte("a key for tests, and nothing else"),
		Now:       func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &suite{Client{h}}
}

const (
	userHead   = `{"schemas":["` + scim.UserURN + `"],`
	groupHead  = `{"schemas":["` + scim.GroupURN + `"],`
	enterprise = scim.EnterpriseUserURN
)

// user makes a user of more JSON members and gives back the id.
func (s *suite) user(t *testing.T, name string, more ...string) string {
	t.Helper()
	members := append([]string{fmt.Sprintf(`"userName":%q`, name)}, more...)
	return s.Want(t, http.StatusCreated, "POST", "/Users", userHead+strings.Join(members, ",")+"}")["id"].(string)
}

// group makes a group and gives back the id.
func (s *suite) group(t *testing.T, name string, members ...string) string {
	t.Helper()
	return s.Want(t, http.StatusCreated, "POST", "/Groups", groupHead+fmt.Sprintf(`"displayName":%q,"members":%s}`, name, memberList(members)))["id"].(string)
}

func memberList(ids []string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// patch sends operations and checks the status.
func (s *suite) patch(t *testing.T, status int, path, operations string, headers ...string) map[string]any {
	t.Helper()
	return s.Want(t, status, "PATCH", path, `{"Operations":[`+operations+`]}`, headers...)
}

// get reads a resource.
func (s *suite) get(t *testing.T, path string) map[string]any {
	t.Helper()
	return s.Want(t, http.StatusOK, "GET", path, "")
}

// find lists the userNames, or else displayNames, of what a query finds.
func (s *suite) find(t *testing.T, path, filter, more string) []string {
	t.Helper()
	list := s.get(t, path+"?filter="+url.QueryEscape(filter)+more)
	names := []string{}
	for _, r := range list["Resources"].([]any) {
		o := r.(map[string]any)
		name, ok := o["userName"].(string)
		if !ok {
			name, _ = o["displayName"].(string)
		}
		names = append(names, name)
	}
	return names
}

// members lists the ids of a group's members.
func (s *suite) members(t *testing.T, group string) map[string]bool {
	t.Helper()
	list, _ := s.get(t, "/Groups/"+group)["members"].([]any)
	ids := map[string]bool{}
	for _, m := range list {
		ids[m.(map[string]any)["value"].(string)] = true
	}
	if len(ids) != len(list) {
		t.Errorf("a member is there twice: %v", list)
	}
	return ids
}

func (s *suite) wantMembers(t *testing.T, group string, want ...string) {
	t.Helper()
	got := s.members(t, group)
	for _, id := range want {
		if !got[id] {
			t.Errorf("%s is no member", id)
		}
	}
	if len(got) != len(want) {
		t.Errorf("members %v, want %v", got, want)
	}
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

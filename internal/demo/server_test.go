package demo_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/demo"
)

func begin() time.Time { return time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC) }

// connect serves the directory and gives a bound client.
func connect(t *testing.T, dir *demo.Directory) *ldap.Conn {
	t.Helper()
	c := dial(t, dir)
	if err := c.Bind(demo.BindDN, demo.BindPassword); err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t *testing.T, dir *demo.Directory) *ldap.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := demo.Serve(l, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func request(base string, scope int, filter string, attrs ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attrs, nil)
}

// find gives the entries of a paged subtree search.
func find(t *testing.T, c *ldap.Conn, base, filter string, attrs ...string) []*ldap.Entry {
	t.Helper()
	res, err := c.SearchWithPaging(request(base, ldap.ScopeWholeSubtree, filter, attrs...), 37)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return res.Entries
}

func code(err error) uint16 {
	var e *ldap.Error
	if errors.As(err, &e) {
		return e.ResultCode
	}
	return 0
}

func TestRootDSE(t *testing.T) {
	c := dial(t, demo.New(1, begin()))
	res, err := c.Search(request("", ldap.ScopeBaseObject, "(objectClass=*)", "*", "+"))
	if err != nil {
		t.Fatal(err)
	}
	root := res.Entries[0]
	for attr, want := range map[string]string{
		"objectClass": "OpenLDAProotDSE", "namingContexts": demo.BaseDN, "supportedControl": ldap.ControlTypePaging,
		"vendorName": "usher demo directory", "supportedLDAPVersion": "3",
	} {
		if !slices.Contains(root.GetAttributeValues(attr), want) {
			t.Errorf("%s: %v, want %s", attr, root.GetAttributeValues(attr), want)
		}
	}
}

func TestBind(t *testing.T) {
	c := dial(t, demo.New(1, begin()))
	search := func() error {
		_, err := c.Search(request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(uid=*)"))
		return err
	}
	if err := search(); code(err) != ldap.LDAPResultStrongAuthRequired {
		t.Errorf("search before bind: %v", err)
	}
	for _, tc := range []struct {
		name, password string
		want           uint16
	}{
		{demo.BindDN, "wrong", ldap.LDAPResultInvalidCredentials},
		{"cn=nobody," + demo.BaseDN, demo.BindPassword, ldap.LDAPResultInvalidCredentials},
		{"not a name", demo.BindPassword, ldap.LDAPResultInvalidCredentials},
	} {
		if err := c.Bind(tc.name, tc.password); code(err) != tc.want {
			t.Errorf("bind as %s: %v", tc.name, err)
		}
	}
	if err := c.UnauthenticatedBind(demo.BindDN); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("bind without password: %v", err)
	}
	if err := c.Bind(strings.ToUpper(demo.BindDN), demo.BindPassword); err != nil {
		t.Errorf("bind in capitals: %v", err)
	}
	if err := search(); err != nil {
		t.Errorf("search after bind: %v", err)
	}
	if err := c.Bind(demo.BindDN, "wrong"); err == nil || search() == nil {
		t.Error("a failed bind left the old one standing")
	}
}

func TestPaging(t *testing.T) {
	dir := demo.New(1, begin())
	c := connect(t, dir)
	whole, err := c.Search(request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(objectClass=inetOrgPerson)", "uid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []uint32{1, 50, 299, 300, 301, 10000} {
		res, err := c.SearchWithPaging(request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(objectClass=inetOrgPerson)", "uid"), size)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Entries) != dir.People() || len(whole.Entries) != dir.People() {
			t.Errorf("pages of %d: %d people, whole %d, want %d", size, len(res.Entries), len(whole.Entries), dir.People())
		}
		for i, e := range res.Entries {
			if e.DN != whole.Entries[i].DN {
				t.Fatalf("pages of %d differ from the whole at %d", size, i)
			}
		}
	}
}

// A change while a client turns the pages neither doubles nor drops anybody.
func TestPagesAreOneMoment(t *testing.T) {
	dir := demo.New(1, begin())
	c := connect(t, dir)
	req := request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(objectClass=inetOrgPerson)", "entryUUID")
	paging := ldap.NewControlPaging(100)
	req.Controls = []ldap.Control{paging}
	seen, before := map[string]bool{}, dir.People()
	for {
		res, err := c.Search(req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Entries {
			seen[e.GetAttributeValue("entryUUID")] = true
		}
		answer, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			t.Fatal("no paging control in the answer")
		}
		if len(answer.Cookie) == 0 {
			break
		}
		dir.NextDay()
		paging.SetCookie(answer.Cookie)
	}
	if len(seen) != before {
		t.Errorf("%d people, want %d", len(seen), before)
	}
	paging.SetCookie([]byte("made up"))
	if _, err := c.Search(req); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("made-up cookie: %v", err)
	}
}

func TestFilters(t *testing.T) {
	c := connect(t, demo.New(1, begin()))
	total := len(find(t, c, demo.PeopleDN, "(objectClass=inetOrgPerson)"))
	for _, tc := range []struct {
		filter string
		want   int
	}{
		{"(objectclass=PERSON)", total},
		{"(uid=salvatore.esposito)", 1},
		{"(UID=Salvatore.Esposito)", 1},
		{"(uid=salvatore.*)", 1},
		{"(uid=sal*re.*posi*)", 1},
		{"(uid=sal*posi*re.*)", 0},
		{"(uid=*.postini)", 1},
		{"(&(objectClass=inetOrgPerson)(!(mail=*)))", 3},
		{"(&(objectClass=inetOrgPerson)(pwdAccountLockedTime=*))", 4},
		{"(|(uid=primo.levanti)(uid=secondo.ponenti)(uid=nobody))", 2},
		{"(mail=reception@acme.example)", 2},
		{"(manager=uid=primo.levanti, ou=Milano,ou=People,DC=acme,dc=example)", 1},
		{"(&(objectClass=person)(modifyTimestamp>=20260112080000Z))", total},
		{"(modifyTimestamp<=20260112075959Z)", 0},
		{"(employeeNumber>=1001)", total},
		{"(employeeNumber<=1003)", 3},
		{"(cn~=teller)", 1},
		{"(foo=bar)", 0},
		{"(&)", 7 + total},
		{"(|)", 0},
		{"(ou:dn:=Milano)", 0},
	} {
		if got := len(find(t, c, demo.PeopleDN, tc.filter, "uid")); got != tc.want {
			t.Errorf("%s: %d entries, want %d", tc.filter, got, tc.want)
		}
	}
}

func TestScopesAndBases(t *testing.T) {
	c := connect(t, demo.New(1, begin()))
	for _, tc := range []struct {
		base  string
		scope int
		want  int
	}{
		{demo.BaseDN, ldap.ScopeBaseObject, 1},
		{demo.BaseDN, ldap.ScopeSingleLevel, 3},
		{"ou=People, dc=ACME,dc=example", ldap.ScopeSingleLevel, 6},
		{demo.GroupsDN, ldap.ScopeSingleLevel, 25},
	} {
		res, err := c.Search(request(tc.base, tc.scope, "(objectClass=*)", "1.1"))
		if err != nil || len(res.Entries) != tc.want {
			t.Errorf("%s scope %d: %v, %v, want %d", tc.base, tc.scope, res, err, tc.want)
		}
	}
	for _, base := range []string{"ou=nowhere," + demo.BaseDN, "not a name", ""} {
		if _, err := c.Search(request(base, ldap.ScopeWholeSubtree, "(objectClass=*)")); code(err) != ldap.LDAPResultNoSuchObject {
			t.Errorf("base %q: %v", base, err)
		}
	}
}

func TestAttributeSelection(t *testing.T) {
	c := connect(t, demo.New(1, begin()))
	for _, tc := range []struct {
		attrs      []string
		has, lacks []string
	}{
		{nil, []string{"uid", "cn", "mail"}, []string{"entryUUID", "modifyTimestamp"}},
		{[]string{"*"}, []string{"uid"}, []string{"entryUUID"}},
		{[]string{"+"}, []string{"entryUUID", "entryCSN", "modifyTimestamp", "createTimestamp"}, []string{"uid"}},
		{[]string{"*", "+"}, []string{"entryUUID", "uid"}, nil},
		{[]string{"UID", "entryuuid"}, []string{"uid", "entryUUID"}, []string{"cn", "entryCSN"}},
		{[]string{"1.1"}, nil, []string{"uid", "entryUUID"}},
	} {
		e := find(t, c, demo.PeopleDN, "(uid=moreno.postini)", tc.attrs...)[0]
		for _, a := range tc.has {
			if e.GetAttributeValue(a) == "" {
				t.Errorf("asked for %v: %s is missing", tc.attrs, a)
			}
		}
		for _, a := range tc.lacks {
			if e.GetAttributeValue(a) != "" {
				t.Errorf("asked for %v: got %s", tc.attrs, a)
			}
		}
	}
	req := request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(uid=moreno.postini)", "uid")
	req.TypesOnly = true
	if res, err := c.Search(req); err != nil || len(res.Entries[0].Attributes) != 1 || len(res.Entries[0].Attributes[0].Values) != 0 {
		t.Errorf("types only: %+v, %v", res, err)
	}
}

func TestRefusals(t *testing.T) {
	c := connect(t, demo.New(1, begin()))
	if err := c.Del(ldap.NewDelRequest(demo.PeopleDN, nil)); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("delete: %v", err)
	}
	change := ldap.NewModifyRequest(demo.PeopleDN, nil)
	change.Replace("ou", []string{"x"})
	if err := c.Modify(change); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("modify: %v", err)
	}
	if _, err := c.WhoAmI(nil); code(err) != ldap.LDAPResultProtocolError {
		t.Errorf("extended operation: %v", err)
	}
	req := request(demo.PeopleDN, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	req.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", true, "")}
	if _, err := c.Search(req); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("unknown critical control: %v", err)
	}
	req.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", false, "")}
	req.SizeLimit = 5
	res, err := c.Search(req)
	if code(err) != ldap.LDAPResultSizeLimitExceeded || len(res.Entries) != 5 {
		t.Errorf("size limit: %v, %d entries", err, len(res.Entries))
	}
}

// Close ends clients that stay and conversations that never began.
func TestCloseDoesNotWaitForClients(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := demo.Serve(l, demo.New(1, begin()))
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Bind(demo.BindDN, demo.BindPassword); err == nil {
		t.Error("still answered")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"))
	f.Add([]byte("\x30\x05\x02\x01\x01\x42\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x30\x25\x02\x01\x01\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00"))
	dir := demo.New(1, begin())
	f.Fuzz(func(_ *testing.T, raw []byte) { demo.Answer(dir, raw) })
}

func ExampleServe() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := demo.Serve(l, demo.New(1, begin()))
	defer func() { _ = s.Close() }()
	fmt.Println(strings.HasPrefix(s.URL(), "ldap://127.0.0.1:"))
	// Output: true
}

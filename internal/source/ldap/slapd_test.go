package ldap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/certs"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/slapd"
	"github.com/usherd/usher/internal/testkit/tcpfault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wantErr compares an error with a sentinel and a part of its text.
func wantErr(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil && err != nil) {
		t.Fatalf("error = %v, want %v", err, want)
	}
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("error %q does not say %q", err, text)
	}
}

// config reads a test server; change adjusts it.
func config(s *slapd.Server, change ...func(*sourceldap.Config)) sourceldap.Config {
	cfg := sourceldap.Config{
		Name: "corp", URLs: []string{s.URL}, BindDN: slapd.ReaderDN, BindPassword: sourceldap.Password(slapd.ReaderPassword),
		Users:  sourceldap.Search{Base: slapd.PeopleDN, Attributes: []string{"UID", "mail", "cn"}},
		Groups: sourceldap.Search{Base: slapd.GroupsDN, Attributes: []string{"cn"}},
	}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

// open makes a source or ends the test.
func open(tb testing.TB, cfg sourceldap.Config) *sourceldap.Source {
	tb.Helper()
	src, err := sourceldap.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

// readAll collects a read.
func readAll(ctx context.Context, src *sourceldap.Source) (map[string]source.Entry, source.Summary, error) {
	out := map[string]source.Entry{}
	sum, err := src.Read(ctx, source.Request{}, func(e source.Entry) error {
		out[e.Name] = e
		return nil
	})
	return out, sum, err
}

// mustRead is readAll for a read that has to be complete.
func mustRead(t *testing.T, src *sourceldap.Source) map[string]source.Entry {
	t.Helper()
	out, sum, err := readAll(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Complete || sum.Users+sum.Groups != len(out) {
		t.Fatalf("summary = %+v for %d entries", sum, len(out))
	}
	return out
}

// people is an LDIF of so many people and groups.
func people(n, groups, members int) func(io.Writer) error {
	return func(w io.Writer) error {
		return dirgen.LDIF(w, dirgen.Options{People: n, Groups: groups, Members: members, Seed: 1})
	}
}

func TestConnect(t *testing.T) {
	s := slapd.Start(t, slapd.Options{TLS: true, LDIF: people(3, 0, 0)})
	closed := "ldap://127.0.0.1:1"
	second, err := tcpfault.Start(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	// One that takes connections, as a balancer does, and says nothing.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	silent := listener.Addr().String()
	type cfg = sourceldap.Config
	for _, tc := range []struct {
		name   string
		change func(*cfg)
		err    error
		text   string
	}{
		{"ldap", func(*cfg) {}, nil, ""},
		{"socket", func(c *cfg) { c.URLs = []string{s.SocketURL} }, nil, ""},
		{"ldaps", func(c *cfg) { c.URLs, c.CAFile = []string{s.TLSURL}, s.CAFile }, nil, ""},
		{"starttls", func(c *cfg) { c.StartTLS, c.CAFile = true, s.CAFile }, nil, ""},
		{"server name", func(c *cfg) { c.StartTLS, c.CAFile, c.ServerName = true, s.CAFile, "ldap.example.com" }, nil, ""},
		{"second url", func(c *cfg) { c.URLs = []string{closed, s.URL} }, nil, ""},
		{"wrong ca", func(c *cfg) { c.URLs, c.CAFile = []string{s.TLSURL}, s.OtherCAFile }, source.ErrUnreachable, "ca_file"},
		{"wrong ca, starttls", func(c *cfg) { c.StartTLS, c.CAFile = true, s.OtherCAFile }, source.ErrUnreachable, "ca_file"},
		{"wrong name", func(c *cfg) { c.StartTLS, c.CAFile, c.ServerName = true, s.CAFile, "other.example.com" }, source.ErrUnreachable, "server_name"},
		{"tls on a plain port", func(c *cfg) { c.URLs = []string{"ldaps://" + s.Addr} }, source.ErrUnreachable, "this port may not speak it"},
		{"nobody there", func(c *cfg) { c.URLs = []string{closed} }, source.ErrUnreachable, "connect to " + closed},
		{"nobody listens", func(c *cfg) { c.URLs = []string{closed} }, source.ErrUnreachable, "nothing listens there"},
		{"silence instead of tls", func(c *cfg) { c.URLs, c.ConnectTimeout = []string{"ldaps://" + silent}, 50*time.Millisecond }, source.ErrUnreachable, "no answer came"},
		{"silence instead of starttls", func(c *cfg) {
			c.URLs, c.StartTLS, c.ConnectTimeout = []string{"ldap://" + silent}, true, 50*time.Millisecond
		}, source.ErrUnreachable, "no answer came"},
		{"the second answers", func(c *cfg) {
			c.URLs, c.CAFile, c.ConnectTimeout = []string{"ldaps://" + silent, s.TLSURL}, s.CAFile, 2*time.Second
		}, nil, ""},
		{"wrong password", func(c *cfg) { c.BindPassword = sourceldap.Password("nope") }, source.ErrAuth, "bind_password"},
		{"wrong password is not tried twice", func(c *cfg) {
			c.URLs, c.BindPassword = []string{s.URL, "ldap://" + second.Addr()}, sourceldap.Password("nope")
		}, source.ErrAuth, "Invalid Credentials"},
		{"empty password", func(c *cfg) { c.BindPassword = sourceldap.Password("") }, source.ErrAuth, "the password is empty"},
		{"no password file", func(c *cfg) { c.BindPassword = func() (string, error) { return "", os.ErrNotExist } }, source.ErrAuth, "read the password"},
		{"anonymous", func(c *cfg) { c.BindDN, c.BindPassword = "", nil }, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entries, sum, err := readAll(t.Context(), open(t, config(s, tc.change)))
			wantErr(t, err, tc.err, tc.text)
			if err == nil && (len(entries) != 3 || !sum.Complete) {
				t.Errorf("%d entries, %+v", len(entries), sum)
			}
			if err != nil && (strings.Contains(err.Error(), "nope") || sum.Complete) {
				t.Errorf("%+v, %v", sum, err)
			}
		})
	}
	if second.Connections() != 0 {
		t.Error("refused credentials were tried on the next server, which locks accounts")
	}
	if err := s.SetReaderPassword("changed"); err != nil {
		t.Fatal(err)
	}
	_, _, err = readAll(t.Context(), open(t, config(s)))
	wantErr(t, err, source.ErrAuth, "Invalid Credentials")
}

// TestCommonNameOnly: certificates as old domain controllers have them.
func TestCommonNameOnly(t *testing.T) {
	files, err := certs.Make(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1)) // shakes hands until the client gives up
			_ = c.Close()
		}
	}()
	src := open(t, sourceldap.Config{Name: "x", URLs: []string{"ldaps://" + l.Addr().String()}, CAFile: files.CA, Users: sourceldap.Search{Base: "dc=x"}})
	_, _, err = readAll(t.Context(), src)
	wantErr(t, err, source.ErrUnreachable, "no subjectAltName")
}

func TestNewFaults(t *testing.T) {
	_, err := sourceldap.New(sourceldap.Config{
		Name: "corp", URLs: []string{"http://x", "ldaps://x", "ldap://"}, StartTLS: true, CAFile: "no-such-file", BindDN: "cn=x",
		Users: sourceldap.Search{Filter: "(a=b"}, Groups: sourceldap.Search{Base: "nonsense"},
	})
	for _, want := range []string{
		`sources.corp.url: "http://x" does not start with`, `"ldaps://x" is encrypted from the start`, `"ldap:" names no host`,
		"sources.corp.ca_file: ", "sources.corp.bind_password: missing", "sources.corp.users.base: missing",
		"sources.corp.users.filter: column 1: this parenthesis is never closed", `sources.corp.groups.base: "nonsense" is no`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestReadEntries(t *testing.T) {
	s := slapd.Start(t, slapd.Options{})
	person := func(uid string) string { return "uid=" + uid + "," + slapd.PeopleDN }
	big := strings.Repeat("x", 5<<20)
	for _, err := range []error{
		s.AddPerson("ada", map[string][]string{"cn": {"Ada", "Ada L"}, "mail": {"a@example.com", "b@example.com"}}),
		s.AddPerson("locked", nil),
		s.Modify(person("locked"), map[string][]string{"pwdAccountLockedTime": {"000001010000Z"}}),
		s.AddPerson("lockout", nil),
		s.Modify(person("lockout"), map[string][]string{"pwdAccountLockedTime": {"20260101000000Z"}}),
		s.AddPerson("big", map[string][]string{"description": {big}}),
		s.AddPerson("bin", map[string][]string{"jpegPhoto": {"\xff\xd8\x00\xfe"}}),
		s.Add(`cn=Comma\, Name,`+slapd.PeopleDN, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"Comma, Name"}, "sn": {"x"}}),
		s.AddGroup("empty"),
		s.Add("cn=self,"+slapd.GroupsDN, map[string][]string{"objectClass": {"groupOfNames"}, "cn": {"self"},
			"member": {"cn=self," + slapd.GroupsDN, "UID=ADA, " + slapd.PeopleDN, `cn=comma\2c name,` + slapd.PeopleDN, "cn=empty," + slapd.GroupsDN}}),
		s.Add("cn=unique,"+slapd.GroupsDN, map[string][]string{"objectClass": {"groupOfUniqueNames"}, "cn": {"unique"}, "uniqueMember": {person("ada")}}),
		s.Add("cn=posix,"+slapd.GroupsDN, map[string][]string{"objectClass": {"posixGroup"}, "cn": {"posix"}, "gidNumber": {"7"}, "memberUid": {"ada", "Locked"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := mustRead(t, open(t, config(s, func(c *sourceldap.Config) {
		c.Users.Attributes = append(c.Users.Attributes, "jpegphoto", "DESCRIPTION")
		c.PageSize = 2
	})))
	ada := got[person("ada")]
	if d := cmp.Diff(map[string][]string{"uid": {"ada"}, "cn": {"Ada", "Ada L"}, "mail": {"a@example.com", "b@example.com"}}, ada.Values); d != "" {
		t.Errorf("values: %s", d)
	}
	if d := cmp.Diff([]string{"dn:uid=ada,ou=people,dc=example,dc=com", "uid:ada"}, ada.Keys); d != "" {
		t.Errorf("keys: %s", d)
	}
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(ada.Anchor) || !strings.Contains(ada.Marker, "#") || ada.Kind != source.User || ada.Disabled || ada.Problem != "" {
		t.Errorf("entry = %+v", ada)
	}
	if !got[person("locked")].Disabled || got[person("lockout")].Disabled {
		t.Error("only the administrative lock disables")
	}
	if v := got[person("big")].Values["description"]; len(v) != 1 || v[0] != big {
		t.Error("the large value did not arrive whole")
	}
	if v := got[person("bin")].Values["jpegphoto"]; len(v) != 1 || v[0] != "\xff\xd8\x00\xfe" {
		t.Errorf("binary value = %q", v)
	}
	for group, want := range map[string][]string{
		"empty":  {},
		"self":   {`dn:cn=comma\, name,ou=people,dc=example,dc=com`, "dn:cn=empty,ou=groups,dc=example,dc=com", "dn:uid=ada,ou=people,dc=example,dc=com"},
		"unique": {"dn:uid=ada,ou=people,dc=example,dc=com"},
		"posix":  {"uid:ada", "uid:locked"},
	} {
		e := got["cn="+group+","+slapd.GroupsDN]
		slices.Sort(e.Members)
		if d := cmp.Diff(want, e.Members); d != "" || e.Kind != source.Group || e.Anchor == "" {
			t.Errorf("%s: %+v\n%s", group, e, d)
		}
	}
	comma := got[`cn=Comma\2C Name,`+slapd.PeopleDN]
	if len(comma.Keys) != 1 || comma.Keys[0] != `dn:cn=comma\, name,ou=people,dc=example,dc=com` {
		t.Errorf("keys of a name with a comma: %+v (of %v)", comma.Keys, slices.Collect(maps.Keys(got)))
	}
}

func TestRenamedKeepsAnchor(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(5, 1, 3)})
	src := open(t, config(s))
	old, name := mustRead(t, src), "uid="+dirgen.UID(2)+","+slapd.PeopleDN
	if err := s.Rename(name, "uid=married", ""); err != nil {
		t.Fatal(err)
	}
	now, was := mustRead(t, src)["uid=married,"+slapd.PeopleDN], old[name]
	if now.Anchor != was.Anchor || now.Anchor == "" {
		t.Errorf("anchor was %q and is %q", was.Anchor, now.Anchor)
	}
	if now.Marker == was.Marker {
		t.Error("the change marker did not move")
	}
	again := mustRead(t, src)
	if d := cmp.Diff(again, mustRead(t, src)); d != "" {
		t.Errorf("two reads of one directory differ: %s", d)
	}
}

func TestBases(t *testing.T) {
	s := slapd.Start(t, slapd.Options{})
	for _, tc := range []struct {
		name   string
		change func(*sourceldap.Config)
		err    error
		text   string
	}{
		{"empty", func(*sourceldap.Config) {}, nil, ""},
		{"missing users base", func(c *sourceldap.Config) { c.Users.Base = "ou=nope," + slapd.BaseDN }, source.ErrProtocol, "the base does not exist"},
		{"missing groups base", func(c *sourceldap.Config) { c.Groups.Base = "ou=nope," + slapd.BaseDN }, source.ErrProtocol, `only "dc=example,dc=com" exists`},
		{"another suffix", func(c *sourceldap.Config) { c.Users.Base = "dc=other" }, source.ErrProtocol, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entries, sum, err := readAll(t.Context(), open(t, config(s, tc.change)))
			wantErr(t, err, tc.err, tc.text)
			if len(entries) > 0 || sum.Complete != (err == nil) {
				t.Errorf("%d entries, %+v", len(entries), sum)
			}
		})
	}
}

func TestSizeLimit(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(60, 2, 5), Limits: "size.soft=30 size.hard=30 size.prtotal=30"})
	src := open(t, config(s, func(c *sourceldap.Config) { c.PageSize = 20 }))
	entries, sum, err := readAll(t.Context(), src)
	if err != nil || sum.Complete || !strings.Contains(sum.Incomplete.String(), "size limit ended the listing after 30 users") {
		t.Errorf("%d entries, %+v, %v", len(entries), sum, err)
	}
	info, err := src.Probe(t.Context())
	if err != nil || !strings.Contains(fmt.Sprint(info), "30, not all") {
		t.Errorf("probe = %+v, %v", info, err)
	}
	if err := s.SetLimits(slapd.Unlimited); err != nil {
		t.Fatal(err)
	}
	mustRead(t, src)
}

func TestSample(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(30, 1, 5)})
	src := open(t, config(s))
	for n, want := range map[int]int{0: 0, 5: 5, 100: 30} {
		got, err := src.Sample(t.Context(), n)
		if err != nil || len(got) != want {
			t.Errorf("Sample(%d) = %d entries, %v", n, len(got), err)
		}
	}
}

// TestAnchorOverride and its faults.
func TestAnchorOverride(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(3, 0, 0)})
	if err := s.AddPerson("none", nil); err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, open(t, config(s, func(c *sourceldap.Config) { c.Users.Anchor = "EmployeeNumber" })))
	if e := got["uid="+dirgen.UID(1)+","+slapd.PeopleDN]; e.Anchor != "100001" || e.Problem != "" {
		t.Errorf("entry = %+v", e)
	}
	if e := got["uid=none,"+slapd.PeopleDN]; e.Anchor != "" || !strings.Contains(e.Problem.String(), "no EmployeeNumber") {
		t.Errorf("entry = %+v", e)
	}
}

// golden compares facts with testdata; UPDATE_GOLDEN=1 rewrites it. Values that
// differ by machine or day are replaced.
func golden(t *testing.T, name string, info source.Info, volatile ...string) {
	t.Helper()
	var out bytes.Buffer
	for _, f := range info.Facts {
		fmt.Fprintf(&out, "%s: %s\n", f.Name, f.Value)
	}
	text := out.String()
	for _, pattern := range volatile {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, "…")
	}
	file := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
}

func TestProbe(t *testing.T) {
	s := slapd.Start(t, slapd.Options{TLS: true, LDIF: people(1234, 7, 20)})
	info, err := open(t, config(s, func(c *sourceldap.Config) { c.StartTLS, c.CAFile = true, s.CAFile })).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openldap", info, `127\.0\.0\.1:\d+`, `\d{4}-\d\d-\d\d`)
}

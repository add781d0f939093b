package ldap_test

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// size reads a figure of the benchmark's directory from the environment.
func size(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// benchServer starts a server with USHER_BENCH_PEOPLE people (20,000 unless
// set) and one group of 200 for every hundred of them.
func benchServer(b *testing.B) (*slapd.Server, dirgen.Options) {
	b.Helper()
	people := size("USHER_BENCH_PEOPLE", 20_000)
	o := dirgen.Options{People: people, Groups: people / 100, Members: 200, Seed: 1}
	return slapd.Start(b, slapd.Options{LDIF: func(w io.Writer) error { return dirgen.LDIF(w, o) }}), o
}

var benchAttributes = []string{"uid", "mail", "givenName", "sn", "displayName", "title"}

// BenchmarkLdapsearch is what OpenLDAP's own client needs for the same listing.
func BenchmarkLdapsearch(b *testing.B) {
	s, o := benchServer(b)
	for b.Loop() {
		for base, attrs := range map[string][]string{
			o.PeopleBase(): append([]string{"entryUUID", "entryCSN"}, benchAttributes...),
			o.GroupsBase(): {"cn", "member", "entryUUID", "entryCSN"},
		} {
			args := append([]string{"-x", "-LLL", "-o", "ldif-wrap=no", "-H", s.URL, "-D", slapd.ReaderDN, "-w", slapd.ReaderPassword,
				"-E", "!pr=500/noprompt", "-s", "one", "-b", base, "(objectClass=*)"}, attrs...)
			cmd := exec.Command("ldapsearch", args...)
			cmd.Stdout = io.Discard
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkGoLDAP is a bare paged dump with go-ldap, nothing done with it.
func BenchmarkGoLDAP(b *testing.B) {
	s, o := benchServer(b)
	for b.Loop() {
		c, err := ldap.DialURL(s.URL)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Bind(slapd.ReaderDN, slapd.ReaderPassword); err != nil {
			b.Fatal(err)
		}
		for base, attrs := range map[string][]string{
			o.PeopleBase(): append([]string{"entryUUID", "entryCSN"}, benchAttributes...),
			o.GroupsBase(): {"cn", "member", "entryUUID", "entryCSN"},
		} {
			paging := ldap.NewControlPaging(500)
			for {
				res, err := c.Search(ldap.NewSearchRequest(base, ldap.ScopeSingleLevel, 0, 0, 0, false, "(objectClass=*)", attrs, []ldap.Control{paging}))
				if err != nil {
					b.Fatal(err)
				}
				p := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
				if len(p.Cookie) == 0 {
					break
				}
				paging.SetCookie(p.Cookie)
			}
		}
		c.Close()
	}
}

func newBenchSource(b *testing.B, s *slapd.Server, o dirgen.Options) *sourceldap.Source {
	b.Helper()
	src, err := sourceldap.New(sourceldap.Config{
		Name: "bench", URLs: []string{s.URL}, BindDN: slapd.ReaderDN, BindPassword: sourceldap.Password(slapd.ReaderPassword),
		Users:  sourceldap.Search{Base: o.PeopleBase(), Attributes: benchAttributes},
		Groups: sourceldap.Search{Base: o.GroupsBase(), Attributes: []string{"cn"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return src
}

// BenchmarkRead is the full read with a consumer that does nothing.
func BenchmarkRead(b *testing.B) {
	s, o := benchServer(b)
	src := newBenchSource(b, s, o)
	for b.Loop() {
		members := 0
		sum, err := src.Read(b.Context(), source.Request{}, func(e source.Entry) error { members += len(e.Members); return nil })
		if err != nil {
			b.Fatal(err)
		}
		if !sum.Complete || sum.Users != o.People || sum.Groups != o.Groups || members != o.Groups*o.Members {
			b.Fatalf("read %+v with %d members", sum, members)
		}
	}
}

// BenchmarkReadAndMap is the full read with every person and group mapped.
func BenchmarkReadAndMap(b *testing.B) {
	s, o := benchServer(b)
	m, err := mapping.Compile(mapping.Spec{Source: "bench", Attributes: map[string]string{
		"userName": "uid", "emails": "mail", "givenName": "givenName", "familyName": "sn",
		"displayName": `displayName ?? (givenName + " " + sn)`, "title": "title",
	}, Scope: `title != "Nobody"`})
	if err != nil {
		b.Fatal(err)
	}
	src := newBenchSource(b, s, o)
	for b.Loop() {
		people := 0
		_, err := src.Read(b.Context(), source.Request{}, func(e source.Entry) error {
			if e.Kind == source.Group {
				m.MapGroup(e.Values, e.Anchor, e.Name)
			} else if p := m.Map(e.Values, e.Disabled); p.InScope && len(p.Problems) == 0 {
				people++
			}
			return nil
		})
		if err != nil || people != o.People {
			b.Fatal(people, err)
		}
	}
}

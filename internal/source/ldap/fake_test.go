package ldap_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// A fakeServer misbehaves in ways a real one cannot be made to. It lets
// anybody in, answers the root DSE, and gives page n of every other search to
// the script.
type fakeServer struct {
	url    string
	script func(page int, answer func(op *ber.Packet, controls ...ldap.Control))
	// bind, when set, is the answer to a sign-in, else everybody is let in. It must
	// be set before anybody connects.
	bind *ber.Packet
	// root is more of the root DSE, as fakeEntry takes it; it must be set before
	// anybody connects.
	root []string
	// lax counts searches whose paging control was not critical.
	lax atomic.Int64
}

func startFake(t *testing.T, script func(page int, answer func(op *ber.Packet, controls ...ldap.Control))) *fakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &fakeServer{url: "ldap://" + l.Addr().String(), script: script}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	return f
}

func (f *fakeServer) serve(c net.Conn) {
	defer c.Close()
	for page := 0; ; {
		req, err := ber.ReadPacket(c)
		if err != nil || len(req.Children) < 2 {
			return
		}
		id, op := req.Children[0].Value.(int64), req.Children[1]
		answer := func(op *ber.Packet, controls ...ldap.Control) {
			m := ber.NewSequence("message")
			m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
			m.AppendChild(op)
			if len(controls) > 0 {
				list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
				for _, control := range controls {
					list.AppendChild(control.Encode())
				}
				m.AppendChild(list)
			}
			_, _ = c.Write(m.Bytes())
		}
		switch {
		case op.Tag == ldap.ApplicationUnbindRequest:
			return
		case op.Tag == ldap.ApplicationBindRequest && f.bind != nil:
			answer(f.bind)
		case op.Tag == ldap.ApplicationBindRequest:
			answer(fakeEnd(ldap.ApplicationBindResponse, 0, ""))
		case op.Tag == ldap.ApplicationSearchRequest && op.Children[0].Data.Len() == 0:
			answer(fakeEntry("", append(f.root, "supportedControl", ldap.ControlTypePaging)...))
			answer(fakeDone(0))
		case op.Tag == ldap.ApplicationSearchRequest && op.Children[0].Data.String() == "dc=x" && op.Children[1].Value == int64(ldap.ScopeBaseObject):
			answer(fakeDone(32)) // the base's own id
		case op.Tag == ldap.ApplicationSearchRequest:
			if !criticalPaging(req) && op.Children[1].Value != int64(ldap.ScopeBaseObject) {
				f.lax.Add(1)
			}
			f.script(page, answer)
			page++
		}
	}
}

// criticalPaging reports whether a request carries a critical paging control.
func criticalPaging(req *ber.Packet) bool {
	if len(req.Children) < 3 || len(req.Children[2].Children) != 1 {
		return false
	}
	control := req.Children[2].Children[0]
	return len(control.Children) == 3 && control.Children[0].Value == ldap.ControlTypePaging && control.Children[1].Value == true
}

// fakeEntry is a search entry of attribute, values pairs, the values joined by
// bars.
func fakeEntry(dn string, pairs ...string) *ber.Packet {
	list := ber.NewSequence("attributes")
	for i := 0; i < len(pairs); i += 2 {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		for v := range strings.SplitSeq(pairs[i+1], "|") {
			set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "value"))
		}
		attr := ber.NewSequence("attribute")
		attr.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i], "type"))
		attr.AppendChild(set)
		list.AppendChild(attr)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "entry")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "dn"))
	op.AppendChild(list)
	return op
}

func fakeDone(code int64) *ber.Packet { return fakeEnd(ldap.ApplicationSearchResultDone, code, "") }

// fakeEnd ends an operation with a result code and the server's words.
func fakeEnd(op ber.Tag, code int64, words string) *ber.Packet {
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "result")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "code"))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matched"))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, words, "message"))
	return result
}

func paging(announced uint32, cookie string) ldap.Control {
	return &ldap.ControlPaging{PagingSize: announced, Cookie: []byte(cookie)}
}

// TestLyingServers: what is not proved complete is not called complete.
func TestLyingServers(t *testing.T) {
	person := func(name string) *ber.Packet { return fakeEntry("uid="+name+",dc=x", "entryUUID", name) }
	type answerer = func(op *ber.Packet, controls ...ldap.Control)
	referral := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultReference, nil, "referral")
	referral.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "ldap://other/dc=y", "url"))
	for _, tc := range []struct {
		name       string
		script     func(page int, answer answerer)
		users      int
		incomplete string // part of Summary.Incomplete
		note       string
		err        error
		errText    string
	}{
		{
			name: "two honest pages and a referral",
			script: func(page int, answer answerer) {
				answer(person([]string{"a", "b"}[page]))
				answer(referral)
				answer(fakeDone(0), paging(0, []string{"more", ""}[page]))
			},
			users: 2, note: "referrals to other servers were not followed (2): ldap://other/dc=y",
		},
		{
			name:   "paging ignored",
			script: func(_ int, answer answerer) { answer(person("a")); answer(fakeDone(0)) },
			err:    source.ErrProtocol, errText: "no paging control",
		},
		{
			name:       "fewer than announced",
			script:     func(_ int, answer answerer) { answer(person("a")); answer(fakeDone(0), paging(3, "")) },
			users:      1,
			incomplete: "announced 3 users and gave 1",
		},
		{
			name: "administrative limit on page two",
			script: func(page int, answer answerer) {
				answer(person("a"))
				answer(fakeDone([]int64{0, 11}[page]), paging(0, "more"))
			},
			users:      2,
			incomplete: "administrative limit ended the listing after 2 users",
		},
		{
			name: "busy on page two",
			script: func(page int, answer answerer) {
				answer(person("a"))
				answer(fakeDone([]int64{0, 51}[page]), paging(0, "more"))
			},
			err: source.ErrUnreachable, errText: "busy",
		},
		{
			name:   "paging refused",
			script: func(_ int, answer answerer) { answer(fakeDone(12)) },
			err:    source.ErrProtocol, errText: "cannot page",
		},
		{
			name:   "cookies for ever",
			script: func(_ int, answer answerer) { answer(fakeDone(0), paging(0, "more")) },
			err:    source.ErrProtocol, errText: "pages in a row were empty",
		},
		{
			name: "an entry that is none",
			script: func(_ int, answer answerer) {
				e := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "entry")
				answer(e)
				answer(fakeDone(0), paging(0, ""))
			},
			err: source.ErrProtocol, errText: "malformed",
		},
		{
			name:   "an unknown result code",
			script: func(_ int, answer answerer) { answer(fakeDone(80)) },
			err:    source.ErrProtocol,
		},
		{
			name: "an entry without an anchor",
			script: func(_ int, answer answerer) {
				answer(fakeEntry("uid=a,dc=x", "uid", "a"))
				answer(person("b"))
				answer(fakeDone(0), paging(0, ""))
			},
			users: 2,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := startFake(t, tc.script)
			src, err := sourceldap.New(sourceldap.Config{Name: "x", URLs: []string{f.url}, Users: sourceldap.Search{Base: "dc=x"}, Timeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			sum, err := src.Read(t.Context(), source.Request{}, func(source.Entry) error { return nil })
			wantErr(t, err, tc.err, tc.errText)
			if f.lax.Load() > 0 {
				t.Error("the paging control was not critical")
			}
			if err != nil {
				if sum.Complete {
					t.Error("a failed read is called complete")
				}
				return
			}
			if sum.Users != tc.users || sum.Complete != (tc.incomplete == "") || !strings.Contains(sum.Incomplete.String(), tc.incomplete) {
				t.Errorf("summary = %+v", sum)
			}
			if got := strings.Join(registry.English(sum.Notes), "; "); !strings.Contains(got, tc.note) {
				t.Errorf("notes = %q, want %q", got, tc.note)
			}
		})
	}
}

// TestRanges plays Active Directory's way with large groups (MS-ADTS
// 3.1.1.3.1.3.3): an empty member beside a first range, and the rest on request.
func TestRanges(t *testing.T) {
	type answerer = func(op *ber.Packet, controls ...ldap.Control)
	ranges := func(parts ...string) func(page int, answer answerer) {
		return func(page int, answer answerer) {
			switch {
			case page == 0: // users
				answer(fakeDone(0), paging(0, ""))
			case page == 1:
				answer(fakeEntry("cn=big,dc=x", "entryUUID", "g", "Member;Range=0-1", "cn=a,dc=x|cn=b,dc=x"))
				answer(fakeEntry("cn=small,dc=x", "entryUUID", "h", "member", "cn=a,dc=x"))
				answer(fakeDone(0), paging(0, ""))
			case page-2 < len(parts) && parts[page-2] == "gone":
				answer(fakeDone(32))
			case page-2 < len(parts):
				option, values, _ := strings.Cut(parts[page-2], " ")
				answer(fakeEntry("cn=big,dc=x", "member;range="+option, values))
				answer(fakeDone(0))
			default:
				answer(fakeEntry("cn=big,dc=x"))
				answer(fakeDone(0))
			}
		}
	}
	for _, tc := range []struct {
		name    string
		script  func(page int, answer answerer)
		members int
		problem string
	}{
		{"two more ranges", ranges("2-3 cn=c,dc=x|cn=d,dc=x", "4-* cn=e,dc=x"), 5, ""},
		{"the group is gone", ranges("2-3 cn=c,dc=x|cn=d,dc=x", "gone"), 4, "the group has more than 4 members"},
		{"no progress", ranges("0-1 cn=a,dc=x|cn=b,dc=x"), 4, "repeats the group's members"},
		{"nothing more", ranges(), 2, "the server gave no further members"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := startFake(t, tc.script)
			src := open(t, sourceldap.Config{Name: "x", URLs: []string{f.url}, Users: sourceldap.Search{Base: "dc=x"}, Groups: sourceldap.Search{Base: "dc=x"}})
			got := mustRead(t, src)
			big, small := got["cn=big,dc=x"], got["cn=small,dc=x"]
			if len(big.Members) != tc.members || (big.Problem == "") != (tc.problem == "") || !strings.Contains(big.Problem.String(), tc.problem) {
				t.Errorf("entry = %+v", big)
			}
			if len(small.Members) != 1 || small.Problem != "" {
				t.Errorf("the other group: %+v", small)
			}
		})
	}
}

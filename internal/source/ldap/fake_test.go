package ldap_test

import (
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// A fakeServer misbehaves in ways a real one cannot be made to. It lets
// anybody in, answers the root DSE, and gives page n of every other search to
// the script.
type fakeServer struct {
	url    string
	script func(page int, answer func(op *ber.Packet, controls ...ldap.Control))
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
		case op.Tag == ldap.ApplicationSearchRequest && op.Children[0].Data.Len() == 0:
			answer(fakeEntry("", "supportedControl", ldap.ControlTypePaging))
			answer(fakeDone(0))
		case op.Tag == ldap.ApplicationSearchRequest:
			f.script(page, answer)
			page++
		}
	}
}

// fakeEntry is a search entry of attribute, value pairs.
func fakeEntry(dn string, pairs ...string) *ber.Packet {
	list := ber.NewSequence("attributes")
	for i := 0; i < len(pairs); i += 2 {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i+1], "value"))
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

func fakeDone(code int64) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultDone, nil, "done")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "code"))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matched"))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "message"))
	return op
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
			users: 2, note: "2 referrals to other servers were not followed: ldap://other/dc=y",
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
			sum, err := src.Read(t.Context(), func(source.Entry) error { return nil })
			wantErr(t, err, tc.err, tc.errText)
			if err != nil {
				if sum.Complete {
					t.Error("a failed read is called complete")
				}
				return
			}
			if sum.Users != tc.users || sum.Complete != (tc.incomplete == "") || !strings.Contains(sum.Incomplete, tc.incomplete) {
				t.Errorf("summary = %+v", sum)
			}
			if got := strings.Join(sum.Notes, "; "); !strings.Contains(got, tc.note) {
				t.Errorf("notes = %q, want %q", got, tc.note)
			}
		})
	}
}

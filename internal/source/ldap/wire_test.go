package ldap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"
)

// searchEntry encodes a SearchResultEntry message with the library's encoder.
func searchEntry(id int64, dn string, attrs ...rawAttr) []byte {
	list := ber.NewSequence("attributes")
	for _, a := range attrs {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		for _, v := range a.values {
			set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "value"))
		}
		attr := ber.NewSequence("attribute")
		attr.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, a.name, "type"))
		attr.AppendChild(set)
		list.AppendChild(attr)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 4, nil, "entry")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "dn"))
	op.AppendChild(list)
	return message(id, op).Bytes()
}

// message wraps an operation.
func message(id int64, op *ber.Packet) *ber.Packet {
	m := ber.NewSequence("message")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
	m.AppendChild(op)
	return m
}

var wireEntries = []rawEntry{
	{dn: "uid=ada,dc=x", attrs: []rawAttr{{"uid", []string{"ada"}}, {"mail", []string{"a@x", "b@x"}}, {"empty", []string{}}}},
	{dn: "", attrs: []rawAttr{}},
	{dn: "cn=big", attrs: []rawAttr{{"jpegPhoto", []string{string(bytes.Repeat([]byte{0xff, 0}, 3<<20))}}}},
	{dn: "cn=\xff", attrs: []rawAttr{{"cn;lang-it", []string{"\x00\xfe", ""}}}},
}

func TestDecodeEntry(t *testing.T) {
	var d decoder
	for _, want := range wireEntries {
		msg := string(searchEntry(300, want.dn, want.attrs...))
		tag, pos, err := operation(msg)
		if err != nil || tag != tagSearchEntry {
			t.Fatalf("operation: %#x, %v", tag, err)
		}
		got, err := d.entry(msg, pos)
		if err != nil {
			t.Fatal(err)
		}
		want.size = len(msg)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(rawEntry{}, rawAttr{})); d != "" {
			t.Errorf("entry (-want +got):\n%s", d)
		}
	}
}

// FuzzEntry holds the decoder against the library's: whatever message it
// accepts, the library reads the same from.
func FuzzEntry(f *testing.F) {
	for _, e := range wireEntries[:2] {
		f.Add(searchEntry(7, e.dn, e.attrs...))
	}
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x30, 0x07, 0x02, 0x01, 0x01, 0x64, 0x02, 0x04, 0x00})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var d decoder
		tag, pos, err := operation(string(msg))
		if err != nil || tag != tagSearchEntry {
			return
		}
		got, err := d.entry(string(msg), pos)
		if err != nil {
			return
		}
		p, err := ber.ReadPacket(bytes.NewReader(msg))
		if err != nil || len(p.Children) < 2 || len(p.Children[1].Children) < 2 {
			return // the library is stricter about what surrounds the entry
		}
		op := p.Children[1]
		if dn := op.Children[0].Data.String(); dn != got.dn {
			t.Errorf("dn %q, the library reads %q", got.dn, dn)
		}
		for i, attr := range op.Children[1].Children {
			if len(attr.Children) < 2 {
				return
			}
			if name := attr.Children[0].Data.String(); name != got.attrs[i].name {
				t.Errorf("name %q, the library reads %q", got.attrs[i].name, name)
			}
			for j, v := range attr.Children[1].Children {
				if s := v.Data.String(); s != got.attrs[i].values[j] {
					t.Errorf("value %q, the library reads %q", got.attrs[i].values[j], s)
				}
			}
		}
	})
}

// pipe is a connection whose answers come from a reader.
type pipe struct {
	net.Conn
	io.Reader
}

func (p pipe) Read(b []byte) (int, error)  { return p.Reader.Read(b) }
func (p pipe) SetDeadline(time.Time) error { return nil }

// tapOf makes a tap over bytes.
func tapOf(r io.Reader) *tap {
	t := newTap(pipe{Reader: r}, time.Second)
	return t
}

func TestTapDivertsEntriesOnly(t *testing.T) {
	done := message(2, ber.Encode(ber.ClassApplication, ber.TypeConstructed, 5, nil, "done")).Bytes()
	var stream []byte
	for i, e := range wireEntries {
		stream = append(stream, searchEntry(int64(i), e.dn, e.attrs...)...)
		stream = append(stream, done...)
	}
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream))} {
		tp := tapOf(r)
		var names []string
		tp.begin(func(e rawEntry) error { names = append(names, e.dn); return nil })
		rest, err := io.ReadAll(tp)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(rest, bytes.Repeat(done, len(wireEntries))) {
			t.Errorf("%s: go-ldap would read %d bytes, want %d", name, len(rest), len(wireEntries)*len(done))
		}
		if d := cmp.Diff([]string{"uid=ada,dc=x", "", "cn=big", "cn=\xff"}, names); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	tp := tapOf(bytes.NewReader(stream))
	tp.begin(nil)
	if rest, err := io.ReadAll(tp); err != nil || !bytes.Equal(rest, stream) {
		t.Errorf("without a listing %d of %d bytes pass, %v", len(rest), len(stream), err)
	}
}

func TestTapRefusesNonsense(t *testing.T) {
	whole := searchEntry(1, "cn=x", rawAttr{"cn", []string{"x"}})
	for name, tc := range map[string]struct {
		in   []byte
		want error
	}{
		"not LDAP":             {[]byte("HTTP/1.1 400 Bad Request"), errMalformed},
		"indefinite length":    {[]byte{0x30, 0x80, 0, 0}, errMalformed},
		"five length octets":   {[]byte{0x30, 0x85, 1, 1, 1, 1, 1}, errMalformed},
		"too large":            {[]byte{0x30, 0x84, 0x7f, 0, 0, 0}, errTooLarge},
		"lie about the length": {[]byte{0x30, 0x84, 0x0f, 0, 0, 0, 1, 2}, io.ErrUnexpectedEOF},
		"cut in the middle":    {whole[:len(whole)-1], io.ErrUnexpectedEOF},
		"inner length lies":    {append(append([]byte{}, whole[:len(whole)-2]...), 0x7f, 'x'), errMalformed},
		"nothing in it":        {[]byte{0x30, 0x03, 0x02, 0x01, 0x01}, errMalformed},
	} {
		tp := tapOf(bytes.NewReader(tc.in))
		tp.begin(func(rawEntry) error { return nil })
		_, err := io.ReadAll(tp)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if got := tp.end(); !errors.Is(got, tc.want) {
			t.Errorf("%s: remembers %v", name, got)
		}
	}
}

// TestTapIdle: the deadline counts only while an answer is owed.
func TestTapIdle(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	tp := newTap(client, 20*time.Millisecond)
	tp.begin(nil)
	if err := tp.end(); err != nil {
		t.Fatal(err)
	}
	reading := make(chan error, 1)
	go func() { _, err := bufio.NewReader(tp).ReadByte(); reading <- err }()
	select {
	case err := <-reading:
		t.Fatalf("reading ended while nothing was owed: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	tp.begin(nil)
	if err := <-reading; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence ended with %v", err)
	}
}

func TestNextRange(t *testing.T) {
	for _, tc := range []struct {
		in   string
		next int
		ok   bool
	}{{"0-1499", 1500, true}, {"1500-*", 0, false}, {"", 0, false}, {"0-x", 0, false}, {"0--5", 0, false}} {
		if n, ok := nextRange(tc.in); n != tc.next || ok != tc.ok {
			t.Errorf("nextRange(%q) = %d, %v", tc.in, n, ok)
		}
	}
}

func TestAnchorOf(t *testing.T) {
	guid := "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
	for _, tc := range []struct {
		name    string
		values  []string
		anchor  string
		problem string
	}{
		{"objectGUID", []string{guid}, "00112233-4455-6677-8899-aabbccddeeff", ""},
		{"MS-DS-ConsistencyGuid", []string{guid}, "00112233-4455-6677-8899-aabbccddeeff", ""},
		{"objectGUID", []string{"short"}, "", "objectGUID holds 5 bytes where a GUID has 16"},
		{"entryUUID", []string{"0A-F"}, "0a-f", ""},
		{"entryUUID", nil, "", "the entry has no entryUUID, or it may not be read"},
		{"employeeNumber", []string{"1", "2"}, "", "the entry has 2 values of employeeNumber, which must be one to identify it"},
		{"employeeNumber", []string{" A7 "}, "A7", ""},
		{"guid", []string{"\xff\x00"}, "ff00", ""},
	} {
		a, p := anchorOf(tc.name, tc.values)
		if a != tc.anchor || p.String() != tc.problem {
			t.Errorf("anchorOf(%s, %q) = %q, %q", tc.name, tc.values, a, p)
		}
	}
}

package ldap

import (
	"errors"
	"fmt"
)

// The BER tags of RFC 4511 that a search entry is made of.
const (
	tagSequence    = 0x30
	tagSet         = 0x31
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagSearchEntry = 0x64 // [APPLICATION 4]
)

// errMalformed: a message is not the BER of an LDAP message.
var errMalformed = errors.New("malformed LDAP message")

// rawEntry is a search entry as it came. Its strings share one piece of memory.
type rawEntry struct {
	dn    string
	attrs []rawAttr
	size  int // bytes of the message
}

// rawAttr is one attribute description with its values.
type rawAttr struct {
	name   string
	values []string
}

// element reads the tag and length at pos and gives where the content starts
// and ends. Only the definite lengths that RFC 4511 section 5.1 allows are
// read, and only single-byte tags, as LDAP uses no others.
func element(s string, pos, limit int) (tag byte, start, end int, err error) {
	if pos+2 > limit {
		return 0, 0, 0, fmt.Errorf("%w: it ends within an element", errMalformed)
	}
	tag, n := s[pos], int(s[pos+1])
	start = pos + 2
	if n >= 0x80 {
		octets := n & 0x7f
		if octets == 0 || octets > 4 || start+octets > limit {
			return 0, 0, 0, fmt.Errorf("%w: impossible length", errMalformed)
		}
		n = 0
		for range octets {
			n = n<<8 | int(s[start])
			start++
		}
	}
	if n > limit-start {
		return 0, 0, 0, fmt.Errorf("%w: an element is longer than its message", errMalformed)
	}
	return tag, start, start + n, nil
}

// expect is element for a known tag.
func expect(want byte, s string, pos, limit int) (start, end int, err error) {
	tag, start, end, err := element(s, pos, limit)
	if err == nil && tag != want {
		err = fmt.Errorf("%w: tag %#x where %#x belongs", errMalformed, tag, want)
	}
	return start, end, err
}

// operation finds the protocol operation of a whole message: its tag and where
// the tag stands.
func operation(msg string) (tag byte, pos int, err error) {
	start, end, err := expect(tagSequence, msg, 0, len(msg))
	if err != nil {
		return 0, 0, err
	}
	if _, pos, err = expect(tagInteger, msg, start, end); err != nil {
		return 0, 0, err
	}
	if pos >= end {
		return 0, 0, fmt.Errorf("%w: no operation in it", errMalformed)
	}
	return msg[pos], pos, nil
}

// decoder decodes search entries, reusing its scratch space.
type decoder struct {
	attrs  []span
	values []string
}

// span is an attribute whose values are decoder.values[from:to].
type span struct {
	name     string
	from, to int
}

// entry decodes the SearchResultEntry whose tag stands at pos (RFC 4511
// section 4.5.2). The result shares memory with msg only.
func (d *decoder) entry(msg string, pos int) (rawEntry, error) {
	start, end, err := expect(tagSearchEntry, msg, pos, len(msg))
	if err != nil {
		return rawEntry{}, err
	}
	dnStart, dnEnd, err := expect(tagOctetString, msg, start, end)
	if err != nil {
		return rawEntry{}, err
	}
	pos, end, err = expect(tagSequence, msg, dnEnd, end)
	if err != nil {
		return rawEntry{}, err
	}
	d.attrs, d.values = d.attrs[:0], d.values[:0]
	for pos < end {
		if pos, err = d.attribute(msg, pos, end); err != nil {
			return rawEntry{}, err
		}
	}
	return d.finish(msg, msg[dnStart:dnEnd]), nil
}

// attribute decodes one PartialAttribute and returns where the next begins.
func (d *decoder) attribute(msg string, pos, limit int) (next int, err error) {
	pos, next, err = expect(tagSequence, msg, pos, limit)
	if err != nil {
		return 0, err
	}
	nameStart, nameEnd, err := expect(tagOctetString, msg, pos, next)
	if err != nil {
		return 0, err
	}
	pos, end, err := expect(tagSet, msg, nameEnd, next)
	if err != nil {
		return 0, err
	}
	from := len(d.values)
	for pos < end {
		start, stop, err := expect(tagOctetString, msg, pos, end)
		if err != nil {
			return 0, err
		}
		d.values = append(d.values, msg[start:stop])
		pos = stop
	}
	d.attrs = append(d.attrs, span{name: msg[nameStart:nameEnd], from: from, to: len(d.values)})
	return next, nil
}

// finish copies the scratch space into an entry of its own.
func (d *decoder) finish(msg, dn string) rawEntry {
	values := make([]string, len(d.values))
	copy(values, d.values)
	attrs := make([]rawAttr, len(d.attrs))
	for i, a := range d.attrs {
		attrs[i] = rawAttr{name: a.name, values: values[a.from:a.to:a.to]}
	}
	clear(d.values) // do not keep the message alive until the next one
	return rawEntry{dn: dn, attrs: attrs, size: len(msg)}
}

package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// maxMessage is the largest request read, in bytes.
const maxMessage = 1 << 20

// message is a request as it came (RFC 4511 section 4.1.1).
type message struct {
	id       int64
	op       *ber.Packet
	controls []ldap.Control
}

// errMalformed: what came is not an LDAP message.
var errMalformed = errors.New("malformed LDAP message")

// readMessage reads the next request. The decoders below it index and convert
// what they hope to find; a message that disappoints them is malformed.
func readMessage(r io.Reader) (m message, err error) {
	defer func() {
		if recover() != nil {
			err = errMalformed
		}
	}()
	p, err := ber.ReadPacket(io.LimitReader(r, maxMessage))
	if err != nil {
		return message{}, fmt.Errorf("read LDAP message: %w", err)
	}
	m = message{id: p.Children[0].Value.(int64), op: p.Children[1]}
	if m.op.ClassType != ber.ClassApplication {
		return message{}, errMalformed
	}
	if len(p.Children) > 2 {
		for _, c := range p.Children[2].Children {
			control, err := ldap.DecodeControl(c)
			if err != nil {
				return message{}, fmt.Errorf("read LDAP control: %w", err)
			}
			m.controls = append(m.controls, control)
		}
	}
	return m, nil
}

// bindRequest is RFC 4511 section 4.2.
type bindRequest struct {
	name, password string
	simple         bool
}

func (m message) bind() bindRequest {
	auth := m.op.Children[2]
	return bindRequest{name: text(m.op.Children[1]), password: text(auth), simple: auth.Tag == 0}
}

// search reads a search request, RFC 4511 section 4.5.1.
func (m message) search() (query, error) {
	c := m.op.Children
	if len(c) != 8 {
		return query{}, errMalformed
	}
	q := query{
		base: text(c[0]), scope: int(c[1].Value.(int64)), sizeLimit: int(c[3].Value.(int64)),
		typesOnly: c[5].Value.(bool), filter: c[6],
	}
	for _, a := range c[7].Children {
		q.attributes = append(q.attributes, text(a))
	}
	return q, nil
}

// result is how an operation ended (RFC 4511 section 4.1.9).
type result struct {
	code int
	text string
}

// responder writes the answers to one request.
type responder struct {
	w  *bufio.Writer
	id int64
}

func (r responder) send(op *ber.Packet, controls ...ldap.Control) error {
	p := ber.NewSequence("LDAPMessage")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, r.id, "messageID"))
	p.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
		for _, c := range controls {
			list.AppendChild(c.Encode())
		}
		p.AppendChild(list)
	}
	_, err := r.w.Write(p.Bytes())
	return err
}

// result ends an operation.
func (r responder) result(tag ber.Tag, res result, controls ...ldap.Control) error {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "result")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, res.code, "resultCode"))
	op.AppendChild(octets(""))
	op.AppendChild(octets(res.text))
	return r.send(op, controls...)
}

// entry sends one entry of an answer.
func (r responder) entry(e found) error {
	list := ber.NewSequence("attributes")
	for _, a := range e.attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "vals")
		for _, v := range a.values {
			values.AppendChild(octets(v))
		}
		one := ber.NewSequence("attribute")
		one.AppendChild(octets(a.name))
		one.AppendChild(values)
		list.AppendChild(one)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "entry")
	op.AppendChild(octets(e.dn))
	op.AppendChild(list)
	return r.send(op)
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

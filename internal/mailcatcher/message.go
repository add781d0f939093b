package mailcatcher

import (
	"bytes"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
)

// Message is one caught mail.
type Message struct {
	// ID numbers the messages of a catcher from 1.
	ID int
	At time.Time
	// Conn is the number of the connection it came by, from 1.
	Conn int
	// TLS says that the connection was encrypted, User who had authenticated.
	TLS  bool
	User string
	// From and To are the envelope's addresses.
	From string
	To   []string
	// Subject, Text and HTML are decoded; either body may be empty.
	Subject, Text, HTML string
	// Headers are the message's header lines, decoded, in their order.
	Headers []HeaderLine
	// Raw is the message as it came.
	Raw []byte
	// Problem says why the message could not be parsed, or "".
	Problem string
}

// HeaderLine is one header of a message.
type HeaderLine struct{ Name, Value string }

// Header returns the first header of that name, or "".
func (m Message) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// matches looks for a text in addresses and subject.
func (m Message) matches(query string) bool {
	return strings.Contains(strings.ToLower(strings.Join(m.To, " ")+" "+m.Subject), strings.ToLower(query))
}

// parse fills in what can be read out of m.Raw. A message that is not well
// formed is kept all the same: seeing it is what the catcher is for.
func parse(m Message) Message {
	env, err := enmime.ReadEnvelope(bytes.NewReader(m.Raw))
	if err != nil {
		m.Problem = err.Error()
		return m
	}
	m.Subject, m.Text, m.HTML = env.GetHeader("Subject"), env.Text, env.HTML
	for _, name := range headerNames(m.Raw) {
		for _, v := range env.GetHeaderValues(name) {
			m.Headers = append(m.Headers, HeaderLine{name, v})
		}
	}
	return m
}

// headerNames lists the names in the order of their first appearance, which
// the parsed header, a map, has lost.
func headerNames(raw []byte) []string {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	seen := map[string]bool{}
	var names []string
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, _, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, " \t") || seen[strings.ToLower(name)] {
			continue
		}
		seen[strings.ToLower(name)] = true
		names = append(names, name)
	}
	return names
}

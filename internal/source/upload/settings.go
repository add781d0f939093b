package upload

import (
	"cmp"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// MaxSize is the largest file that is taken, in bytes: a hundred thousand
// people are a sixth of it.
const MaxSize = 64 << 20

// Format is the kind of a file.
type Format string

// The formats of files.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// What becomes of the set-up mails of an upload's new people.
const (
	MailSend = "send"
	MailHold = "hold"
	MailNone = "none"
)

// Column is one column of a file.
type Column struct {
	// Header is what stands above it.
	Header string `json:"header"`
	// Field is what it means, "" for a column that is not read.
	Field string `json:"field,omitempty"`
	// Why says, of one that is not read, why.
	Why string `json:"why,omitempty"`
}

// Settings are how a file is read, in every detail: a preview and the run that
// follows it use the very same.
type Settings struct {
	Format    Format    `json:"format"`
	Encoding  Encoding  `json:"encoding,omitempty"`
	Separator Separator `json:"separator,omitempty"`
	Sheet     string    `json:"sheet,omitempty"`
	// HeaderLine is where the header stands, from 1.
	HeaderLine int      `json:"header_line"`
	Columns    []Column `json:"columns"`
	// Key is the field that tells who a row is about: userName, emails or
	// employeeNumber.
	Key string `json:"key"`
	// Mail is send, hold or none.
	Mail string `json:"mail"`
}

// Choices are what a person says about a file instead of leaving it to be found.
// The zero Choices leave everything.
type Choices struct {
	Encoding  Encoding
	Separator Separator
	Sheet     string
	Key       string
	Mail      string
	// Map says by a column's header what it means; "" or "-" is not to read it.
	Map map[string]string
}

// ErrChoice is around a choice that does not fit the file. The text may be
// shown.
var ErrChoice = registry.Errorf("that does not fit the file")

func misfit(format registry.Format, args ...any) error {
	return registry.Errorf("%s: %s", ErrChoice, registry.Say(format, args...))
}

// Keys are the fields that may tell who a row is about, the likeliest first,
// each with the join rule that finds a person by it.
func Keys() []Key {
	return []Key{{registry.AttrUserName, "userName"}, {registry.AttrEmails, "email"}, {registry.AttrEmployeeNumber, "employeeNumber"}}
}

// Key is a field that may tell who a row is about.
type Key struct{ Field, JoinRule string }

// has reports whether some column means the field.
func (s *Settings) has(field string) bool {
	return slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Field == field })
}

// Fields are what the columns mean, each once.
func (s *Settings) Fields() []string {
	var out []string
	for _, c := range s.Columns {
		if c.Field != "" && !slices.Contains(out, c.Field) {
			out = append(out, c.Field)
		}
	}
	return out
}

// columns says what a header's cells mean.
func columns(header []string, by map[string]string) ([]Column, error) {
	chosen, err := chosen(by)
	if err != nil {
		return nil, err
	}
	known := heads()
	out := make([]Column, len(header))
	for i, h := range header {
		c := Column{Header: strings.TrimSpace(unformula(h))}
		field, byHand := chosen[headKey(c.Header)]
		if !byHand {
			field = known[headKey(c.Header)]
		}
		delete(by, c.Header)
		switch {
		case byHand && field == "":
			c.Why = "left out by hand"
		case c.Header == "":
			c.Why = "the column has no name"
		case field == "":
			c.Why = "no field is called so"
		}
		c.Field = field
		out[i] = c
	}
	nameAlone(out)
	once(out)
	for name := range by {
		if !slices.ContainsFunc(out, func(c Column) bool { return headKey(c.Header) == headKey(name) }) {
			return nil, misfit("there is no column %q; the columns are %s", name, strings.Join(header, ", "))
		}
	}
	return out, nil
}

// chosen are the choices by the keys of headers.
func chosen(by map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for header, name := range by {
		if name == "" || name == "-" {
			out[headKey(header)] = ""
			continue
		}
		f, ok := LookupField(name)
		if !ok {
			return nil, misfit("there is no field %q; there are %s", name, strings.Join(fieldNames(), ", "))
		}
		out[headKey(header)] = f.Name
	}
	return out, nil
}

func fieldNames() []string {
	var out []string
	for _, f := range Fields() {
		out = append(out, f.Name)
	}
	return out
}

// nameAlone takes a column "Name" beside one of family names for given names,
// and "Nome" without one for whole names.
func nameAlone(list []Column) {
	at := func(field string) int { return slices.IndexFunc(list, func(c Column) bool { return c.Field == field }) }
	given, family, whole := at(registry.AttrGivenName), at(registry.AttrFamilyName), at(registry.AttrDisplayName)
	switch {
	case given < 0 && family >= 0 && whole >= 0 && headKey(list[whole].Header) == "name":
		list[whole].Field = registry.AttrGivenName
	case given >= 0 && family < 0 && whole < 0 && slices.Contains([]string{"nome", "имя"}, headKey(list[given].Header)):
		list[given].Field = registry.AttrDisplayName
	}
}

// once leaves a field that holds one value to the first column that means it.
func once(list []Column) {
	taken := map[string]bool{}
	for i := range list {
		f, _ := LookupField(list[i].Field)
		if taken[f.Name] && !f.Multi && f.Name != FieldRights {
			list[i].Field, list[i].Why = "", "another column is "+f.Name+" already"
		}
		taken[f.Name] = f.Name != ""
	}
}

// settle fills in the key and the mail and says what is missing.
func (s *Settings) settle(c Choices) error {
	s.Mail = cmp.Or(c.Mail, MailSend)
	if !slices.Contains([]string{MailSend, MailHold, MailNone}, s.Mail) {
		return misfit("mail is %s, %s or %s, not %q", MailSend, MailHold, MailNone, s.Mail)
	}
	if !s.has(registry.AttrUserName) && !s.has(registry.AttrEmails) {
		return misfit("no column is a userName or an address, and each person needs one; say which column is, as in --map %q", s.example())
	}
	var keys []string
	for _, k := range Keys() {
		if s.has(k.Field) {
			keys = append(keys, k.Field)
		}
		if strings.EqualFold(c.Key, k.JoinRule) {
			c.Key = k.Field
		}
	}
	if c.Key != "" {
		if f, ok := LookupField(c.Key); ok {
			c.Key = f.Name
		}
		if !slices.Contains(keys, c.Key) {
			return misfit("the key %q is not among the columns; it can be %s", c.Key, strings.Join(keys, ", "))
		}
	}
	s.Key = cmp.Or(c.Key, keys[0])
	return nil
}

// example is a choice as somebody might make it for this file.
func (s *Settings) example() string {
	for _, c := range s.Columns {
		if c.Field == "" && c.Header != "" {
			return c.Header + "=" + registry.AttrEmails
		}
	}
	return "Mail=" + registry.AttrEmails
}

// Write says of each attribute that no column gives that it is not written.
func (s *Settings) Write() map[string]registry.WriteMode {
	out := map[string]registry.WriteMode{}
	for _, def := range registry.AttributeDefs() {
		if def.Name != registry.AttrUserName && !s.has(def.Name) {
			out[def.Name] = registry.WriteNever
		}
	}
	return out
}

// JoinRule is the rule that finds, for a row, a contact who is the person.
func (s *Settings) JoinRule() string {
	for _, k := range Keys() {
		if k.Field == s.Key {
			return k.JoinRule
		}
	}
	return ""
}

package registry

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest texts accepted beside the attributes, in bytes of UTF-8.
const (
	maxAnchor = 1024
	maxName   = 4096 // a DN
	maxShort  = 512  // names of groups and departments, contract numbers, markers
	// maxKey bounds the comparison form, which a single character can make
	// eighteen times longer: PostgreSQL indexes no value beyond 2704 bytes.
	maxKey = 1024
)

// screen refuses, before anything is looked up, operations whose values no
// database could keep or that name a record which another operation of the
// batch names too. It is what keeps one bad record from costing the batch.
func (u *unit) screen() {
	anchors := map[object]bool{}
	for i, op := range u.b.Ops {
		u.results[i].Name = Printable(nameOf(op))
		err := badValues(op)
		if a, group, ok := anchorOf(op); ok && err == nil {
			o := object{a, group && !u.b.Origin.Kind.Pulled()}
			if anchors[o] {
				err = Refuse(CodeAnchorTaken, "the id %s comes twice in one batch", a)
			}
			anchors[o] = true
		}
		u.results[i].Refused = err
	}
}

// object is an object at the origin. Those of a directory have one name space,
// those of a SCIM connection one for people and one for groups.
type object struct {
	anchor string
	group  bool
}

// anchorOf is the object at the origin that an operation is about, and whether
// it is a group.
func anchorOf(op Op) (anchor string, group, ok bool) {
	switch op := op.(type) {
	case PutUser:
		return op.Anchor, false, true
	case MissUser:
		return op.Anchor, false, true
	case DeleteUser:
		return op.Anchor, false, true
	case UnlinkUser:
		return op.Anchor, false, true
	case LinkUser:
		return op.Anchor, false, true
	case HandUser:
		return op.Anchor, false, true
	case HandGroup:
		return op.Anchor, true, true
	case TieUser:
		return op.Anchor, false, true
	case PutGroup:
		return op.Anchor, true, true
	case MissGroup:
		return op.Anchor, true, true
	}
	return "", false, false
}

// nameOf is what a report calls the record before it is known.
func nameOf(op Op) string {
	switch op := op.(type) {
	case PutUser:
		if name := op.Attributes.First(AttrUserName); name != "" {
			return name
		}
		return op.Name
	case CreateUser:
		return op.Attributes.First(AttrUserName)
	case Enrol:
		return op.Attributes.First(AttrUserName)
	case PutGroup:
		return op.DisplayName
	case CreateGroup:
		return op.DisplayName
	case PutResource:
		return op.Name
	}
	return ""
}

// badValues finds the first value of an operation that cannot be kept.
func badValues(op Op) *Error {
	switch op := op.(type) {
	case PutUser:
		return firstError(
			badAnchor(op.Anchor),
			badText("the name at the origin", op.Name, maxName), badText("the change marker", op.Marker, maxShort),
			badPlaces(op.Department, op.Contract), badAttributes(op.Attributes), badUserName(op.Attributes),
		)
	case CreateUser:
		return firstError(badPlaces(op.Department, op.Contract), badAttributes(op.Attributes), badUserName(op.Attributes))
	case Enrol:
		return firstError(badPlaces(op.Department, op.Contract), badAttributes(op.Attributes), badUserName(op.Attributes))
	case CreateGroup:
		return firstError(badKeyed("the group's name", op.DisplayName, maxShort), badGroupName(PutGroup{DisplayName: op.DisplayName}))
	case Meet:
		return badMeet(op)
	case LinkUser:
		return firstError(badAnchor(op.Anchor), badText("the name at the origin", op.Name, maxName))
	case TieUser:
		return firstError(badAnchor(op.Anchor), badText("the name at the origin", op.Name, maxName))
	case PutGroup:
		return firstError(
			badAnchor(op.Anchor),
			badText("the name at the origin", op.Name, maxName), badText("the change marker", op.Marker, maxShort),
			badKeyed("the group's name", op.DisplayName, maxShort), badGroupName(op),
			badText("the document", string(op.Document), maxDocument),
		)
	}
	if put, ok := op.(PutResource); ok {
		return badResource(put)
	}
	if a, _, ok := anchorOf(op); ok {
		return badAnchor(a)
	}
	return nil
}

func firstError(errs ...*Error) *Error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func badPlaces(department, contract string) *Error {
	return firstError(badKeyed("the department", department, maxShort), badKeyed("the contract", contract, maxShort))
}

func badAnchor(anchor string) *Error {
	if anchor == "" {
		return Refuse(CodeInvalidValue, "the id at the origin is empty")
	}
	return badText("the id at the origin", anchor, maxAnchor)
}

func badGroupName(op PutGroup) *Error {
	if blank(op.DisplayName) {
		return Refuse(CodeGroupNameMissing, "%s has no name", Printable(op.Name))
	}
	return nil
}

func badUserName(a Attributes) *Error {
	name := a.First(AttrUserName)
	if err := badSight(name); err != nil {
		return err
	}
	switch {
	case blank(name):
		return Refuse(CodeUserNameMissing, "a person needs a userName")
	case strings.TrimSpace(name) != name: // nobody sees the difference, and Key keeps it
		return Refuse(CodeInvalidValue, "userName begins or ends with white space")
	}
	return nil
}

// blank reports whether nothing of a name is left for comparing, or for seeing.
func blank(name string) bool { return strings.TrimSpace(seen(Key(name))) == "" }

func badAttributes(a Attributes) *Error {
	for name, values := range a {
		def, ok := attribute(name)
		if !ok {
			return Refuse(CodeInvalidValue, "there is no attribute %q", Printable(name))
		}
		if len(values) > 1 && !def.Multi {
			return Refuse(CodeInvalidValue, "%s holds one value, not %d", name, len(values))
		}
		if len(values) > maxValues {
			return Refuse(CodeInvalidValue, "%s holds at most %d values, not %d", name, maxValues, len(values))
		}
		for _, v := range values {
			if err := badValue(def, v, len(values)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxValues is how many values a list may have.
const maxValues = 100

func badValue(def AttributeDef, v string, of int) *Error {
	if v == "" && of > 1 {
		return Refuse(CodeInvalidValue, "%s has an empty value among others", def.Name)
	}
	if def.Name != AttrUserName && def.Name != AttrEmails {
		return badText(def.Name, v, def.MaxLength)
	}
	if strings.ContainsFunc(v, unicode.IsControl) {
		return Refuse(CodeInvalidValue, "%s contains a control character", def.Name)
	}
	return badKeyed(def.Name, v, def.MaxLength)
}

// badKeyed is badText for a value that is also kept in comparison form.
func badKeyed(what, v string, limit int) *Error {
	if err := badText(what, v, limit); err != nil {
		return err
	}
	if len(Key(v)) > maxKey {
		return Refuse(CodeInvalidValue, "%s is longer than %d bytes in comparison form", what, maxKey)
	}
	return nil
}

// badText refuses what is no text to a database: PostgreSQL keeps neither a
// NUL nor invalid UTF-8, and SQLite would keep both.
func badText(what, v string, limit int) *Error {
	switch {
	case len(v) > limit:
		return Refuse(CodeInvalidValue, "%s is longer than %d bytes", what, limit)
	case !utf8.ValidString(v):
		return Refuse(CodeInvalidValue, "%s is not valid UTF-8", what)
	case strings.IndexByte(v, 0) >= 0:
		return Refuse(CodeInvalidValue, "%s contains a NUL", what)
	}
	return nil
}

// maxPrintable is how much of a hostile name a report shows.
const maxPrintable = 256

// Printable makes any bytes into a short text that every database and every
// page can show: what is not text, or cannot be seen, becomes U+FFFD, what is
// too long is cut.
func Printable(s string) string {
	cut := len(s) > maxPrintable
	if cut {
		s = s[:maxPrintable]
	}
	runes := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	shown := slices.Clone(runes)
	for i, r := range runes {
		if unicode.IsControl(r) || invisible(r) && !joins(runes, i) {
			shown[i] = utf8.RuneError
		}
	}
	s = string(shown)
	if cut {
		s += "…"
	}
	return s
}

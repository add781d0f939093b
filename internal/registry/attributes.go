package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The attributes of a user by the names used in configuration files, reports
// and pages. They follow RFC 7643 section 4 where it has a name.
const (
	AttrUserName       = "userName"
	AttrDisplayName    = "displayName"
	AttrGivenName      = "givenName"
	AttrFamilyName     = "familyName"
	AttrMiddleName     = "middleName"
	AttrNickName       = "nickName"
	AttrTitle          = "title"
	AttrUserType       = "userType"
	AttrLocale         = "locale"
	AttrTimezone       = "timezone"
	AttrEmails         = "emails"
	AttrPhone          = "phone"
	AttrMobile         = "mobile"
	AttrEmployeeNumber = "employeeNumber"
	AttrCostCenter     = "costCenter"
	AttrOrganization   = "organization"
	AttrDivision       = "division"
	AttrDepartment     = "department"
	AttrManager        = "manager"
)

// AttributeDef says what a user attribute may hold.
type AttributeDef struct {
	// Name is the attribute's name, one of the Attr constants.
	Name string
	// Multi is true where the attribute holds a list; the first value is the
	// primary one.
	Multi bool
	// MaxLength is the longest value accepted, in bytes of UTF-8.
	MaxLength int
}

// catalogue lists every user attribute in the order pages and reports show it.
var catalogue = []AttributeDef{
	{Name: AttrUserName, MaxLength: 256},
	{Name: AttrDisplayName, MaxLength: 512},
	{Name: AttrGivenName, MaxLength: 256},
	{Name: AttrMiddleName, MaxLength: 256},
	{Name: AttrFamilyName, MaxLength: 256},
	{Name: AttrNickName, MaxLength: 256},
	{Name: AttrEmails, Multi: true, MaxLength: 320},
	{Name: AttrPhone, MaxLength: 128},
	{Name: AttrMobile, MaxLength: 128},
	{Name: AttrTitle, MaxLength: 512},
	{Name: AttrUserType, MaxLength: 512},
	{Name: AttrLocale, MaxLength: 512}, // RFC 7643 section 4.1.1: preferredLanguage is a list with weights
	{Name: AttrTimezone, MaxLength: 128},
	{Name: AttrEmployeeNumber, MaxLength: 128},
	{Name: AttrOrganization, MaxLength: 512},
	{Name: AttrDivision, MaxLength: 512},
	{Name: AttrDepartment, MaxLength: 512},
	{Name: AttrCostCenter, MaxLength: 128},
	{Name: AttrManager, MaxLength: 1024},
}

// AttributeDefs returns every user attribute in display order. The caller may
// keep and change the slice.
func AttributeDefs() []AttributeDef { return slices.Clone(catalogue) }

// LookupAttribute finds an attribute by name, ignoring case.
func LookupAttribute(name string) (AttributeDef, bool) {
	for _, d := range catalogue {
		if strings.EqualFold(d.Name, name) {
			return d, true
		}
	}
	return AttributeDef{}, false
}

// attribute finds an attribute by its exact name.
func attribute(name string) (AttributeDef, bool) {
	for _, d := range catalogue {
		if d.Name == name {
			return d, true
		}
	}
	return AttributeDef{}, false
}

// Attributes are the values of a user by attribute name. Single-valued
// attributes hold one value; an absent or empty list means "no value".
type Attributes map[string][]string

// First returns the first value of the attribute, or "".
func (a Attributes) First(name string) string {
	if v := a[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set gives the attribute these values; no values, or a single empty one,
// remove it.
func (a Attributes) Set(name string, values ...string) {
	if len(values) == 0 || (len(values) == 1 && values[0] == "") {
		delete(a, name)
		return
	}
	a[name] = values
}

// Clone returns a copy that shares no lists with a.
func (a Attributes) Clone() Attributes {
	out := make(Attributes, len(a))
	for k, v := range a {
		out[k] = slices.Clone(v)
	}
	return out
}

// Fingerprint identifies a set of attribute values plus the enabled flag: two
// assertions are equal exactly when their fingerprints are. It is the first 16
// bytes of a SHA-256 over a length-prefixed, sorted encoding.
type Fingerprint [16]byte

// IsZero reports whether the fingerprint was never computed.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// FingerprintOf computes the fingerprint of values and further facts that
// belong to the assertion (the enabled flag, the kind).
func FingerprintOf(a Attributes, facts ...string) Fingerprint {
	h := sha256.New()
	var n [4]byte
	put := func(s string) {
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // lengths are capped far below 4 GiB
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if len(a[k]) == 0 {
			continue
		}
		put(k)
		binary.BigEndian.PutUint32(n[:], uint32(len(a[k]))) //nolint:gosec // as above
		h.Write(n[:])
		for _, v := range a[k] {
			put(v)
		}
	}
	put("\x00facts")
	for _, f := range facts {
		put(f)
	}
	var out Fingerprint
	copy(out[:], h.Sum(nil))
	return out
}

// Key is the form in which names and addresses are compared: NFKC, then
// Unicode case folding, then NFKC again because folding can denormalise
// (RFC 8265 section 3.3 uses the same steps). The typed form is kept beside it.
func Key(s string) string {
	if isPlainLowerASCII(s) {
		return s
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

// isPlainLowerASCII is the common case in which Key has nothing to do.
func isPlainLowerASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x80 || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

package ldap

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/text/cases"

	"github.com/usherd/usher/internal/registry"
)

// The prefixes of reference keys: by distinguished name (member, uniqueMember),
// by login name (memberUid of posixGroup, RFC 2307) and by security identifier
// (Active Directory's primary group).
const (
	dnPrefix  = "dn:"
	uidPrefix = "uid:"
	sidPrefix = "sid:"
)

// dnKey is the reference key of a distinguished name, or "" for the empty name.
func dnKey(dn string) string {
	if dn == "" {
		return ""
	}
	key := string(appendDN(append(make([]byte, 0, len(dnPrefix)+len(dn)), dnPrefix...), dn))
	if key == dnPrefix {
		return ""
	}
	return key
}

// uidKey is the reference key of a login name. uid compares without case
// (RFC 4519 section 2.39) although memberUid is spelled exactly.
func uidKey(uid string) string { return uidPrefix + registry.Key(uid) }

// appendDN appends the canonical form of a DN: types and values in folded case
// and compatibility-composed form, insignificant spaces gone (RFC 4518), the
// parts of a multi-valued RDN sorted, and only the escapes of RFC 4514 that are
// needed. Two DNs that name one entry under caseIgnoreMatch, which is what
// directories use for nearly every naming attribute, have one canonical form.
// What is no DN at all is kept with its ASCII letters in lower case.
func appendDN(dst []byte, dn string) []byte {
	if !plainDN(dn) {
		return append(dst, canonicalDN(dn)...)
	}
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// plainDN reports whether lowering ASCII letters is all that canonicalDN would
// do. Nearly every DN is plain, and a large read has hundreds of thousands.
func plainDN(dn string) bool {
	prev := byte(',')
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		switch {
		case c < ' ' || c > '~':
			return false
		case c == '\\' || c == '"' || c == '+' || c == ';' || c == '<' || c == '>' || c == '#':
			return false
		case (c == ' ' || c == ',' || c == '=') && prev == ' ':
			return false
		case (c == ' ' || c == '=') && (prev == ',' || prev == '='):
			return false // ParseDN lets pass what has no type; that is no DN
		}
		prev = c
	}
	return prev != ' '
}

// canonicalDN is the general case of appendDN.
func canonicalDN(dn string) string {
	if !utf8.ValidString(dn) {
		return lowerASCII(dn) // ParseDN would make one of all invalid bytes
	}
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return lowerASCII(dn)
	}
	rdns := make([]string, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			name := prepare(a.Type)
			if name == "" {
				return lowerASCII(dn)
			}
			parts[j] = escapeDN(name, true) + "=" + escapeDN(prepare(a.Value), false)
		}
		slices.Sort(parts)
		rdns[i] = strings.Join(parts, "+")
	}
	return strings.Join(rdns, ",")
}

// prepare is the string preparation of RFC 4518 for caseIgnoreMatch: invisible
// characters dropped, separators made spaces, folded, spaces squeezed. Values
// that are not text are left alone but for ASCII case.
func prepare(v string) string {
	if !utf8.ValidString(v) {
		return lowerASCII(v)
	}
	v = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.In(r, unicode.Z):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf) || r == '\u034f' || r == '\ufffc' || unicode.In(r, unicode.Variation_Selector):
			return -1
		}
		return r
	}, v)
	// Folding first makes forms equal that differ only in the order in which
	// folding and composition meet (U+0345 beside another mark).
	return strings.Join(strings.FieldsFunc(registry.Key(cases.Fold().String(v)), func(r rune) bool { return r == ' ' }), " ")
}

// escapeDN escapes what RFC 4514 section 2.4 demands; an equals sign only
// within a type, where it would end it.
func escapeDN(v string, isType bool) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case c == '\\', c == ',', c == '+', c == ';', c == '"', c == '<', c == '>',
			c == '#' && i == 0, c == '=' && isType:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// lowerASCII lowers the letters A to Z and leaves every other byte.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

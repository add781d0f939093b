package demo

import (
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// matches reports whether a search filter in its wire form (RFC 4511 section
// 4.5.1.7) holds for the entry. Extensible matching rules are unknown here and
// so, by the standard, never match.
func matches(p *ber.Packet, o *object) bool {
	switch p.Tag {
	case ldap.FilterAnd:
		for _, c := range p.Children {
			if !matches(c, o) {
				return false
			}
		}
		return true
	case ldap.FilterOr:
		for _, c := range p.Children {
			if matches(c, o) {
				return true
			}
		}
		return false
	case ldap.FilterNot:
		return !matches(p.Children[0], o)
	case ldap.FilterPresent:
		_, values := o.lookup(text(p))
		return len(values) > 0
	case ldap.FilterExtensibleMatch:
		return false
	}
	attr, values := o.lookup(text(p.Children[0]))
	for _, v := range values {
		if matchesValue(p, attr, v) {
			return true
		}
	}
	return false
}

// matchesValue compares one value with an assertion about it.
func matchesValue(p *ber.Packet, attr, value string) bool {
	if p.Tag == ldap.FilterSubstrings {
		return matchesSubstrings(p.Children[1].Children, value)
	}
	want := text(p.Children[1])
	switch p.Tag {
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch:
		return equal(attr, value, want)
	case ldap.FilterGreaterOrEqual:
		return compare(value, want) >= 0
	case ldap.FilterLessOrEqual:
		return compare(value, want) <= 0
	}
	return false
}

// equal compares as the attribute's matching rule would: names of entries part
// by part, all else regardless of case.
func equal(attr, a, b string) bool {
	switch attr {
	case "member", "manager", "entryDN", "creatorsName", "modifiersName":
		x, errX := ldap.ParseDN(a)
		y, errY := ldap.ParseDN(b)
		if errX == nil && errY == nil {
			return x.EqualFold(y)
		}
	}
	return strings.EqualFold(a, b)
}

// compare orders numbers as numbers and all else, times among it, as text.
func compare(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return x - y
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

func matchesSubstrings(parts []*ber.Packet, value string) bool {
	rest := strings.ToLower(value)
	for _, part := range parts {
		want := strings.ToLower(text(part))
		switch part.Tag {
		case ldap.FilterSubstringsInitial:
			if !strings.HasPrefix(rest, want) {
				return false
			}
			rest = rest[len(want):]
		case ldap.FilterSubstringsFinal:
			return strings.HasSuffix(rest, want)
		default:
			at := strings.Index(rest, want)
			if at < 0 {
				return false
			}
			rest = rest[at+len(want):]
		}
	}
	return true
}

// text is the octet string in a packet.
func text(p *ber.Packet) string { return ber.DecodeString(p.Data.Bytes()) }

package attr

import (
	"strings"
	"time"
)

// ParseTime reads an xsd:dateTime (RFC 7643 section 2.3.5). One without a zone, which
// XML Schema allows, is taken for UTC, so that it can be compared.
func ParseTime(s string) (time.Time, bool) {
	const furthest = 14 * 60 * 60 // seconds of the zone that is furthest off
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			_, offset := t.Zone()
			return t, -furthest <= offset && offset <= furthest && !strings.Contains(s, ",") // which Go takes before fractions
		}
	}
	return time.Time{}, false
}

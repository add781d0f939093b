package scim

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// isJSON reports whether a Content-Type is one of the two that RFC 7644 section
// 8.1 wants understood. A missing one is taken for SCIM.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	t, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || t != mediaType && t != "application/json" {
		return false
	}
	charset := parameters["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

// accepts reports whether a client takes JSON, by its Accept headers.
func accepts(headers []string) bool {
	if len(headers) == 0 {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		t, parameters, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil && q == 0 {
			continue
		}
		switch t {
		case mediaType, "application/json", "application/*", "*/*", "*":
			return true
		}
	}
	return strings.TrimSpace(strings.Join(headers, "")) == ""
}

// preconditions are the entity tags that a request names (RFC 9110 section 13),
// "" where it names none.
type preconditions struct{ match, noneMatch string }

func preconditionsOf(h http.Header) preconditions {
	return preconditions{
		match:     strings.Join(h.Values("If-Match"), ","),
		noneMatch: strings.Join(h.Values("If-None-Match"), ","),
	}
}

// forWrite is the preconditions as a backend checks them.
func (p preconditions) forWrite() Precondition {
	if p.match == "" && p.noneMatch == "" {
		return Precondition{}
	}
	return Precondition{Match: func(version string) bool {
		return (p.match == "" || tagged(p.match, ofVersion(version))) && (p.noneMatch == "" || !tagged(p.noneMatch, ofVersion(version)))
	}}
}

// ofVersion tells the entity tags of a version, whatever it showed of others.
func ofVersion(version string) func(tag string) bool {
	return func(tag string) bool { return tag == version || strings.HasPrefix(tag, version+viewMark) }
}

// tagged reports whether a list of entity tags has one that is meant. Tags are
// compared weakly: a version is the whole resource's, however it is shown. A
// tag without its quotes is taken as well.
func tagged(list string, meant func(tag string) bool) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return true
		}
		tag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
		if tag != "" && meant(tag) {
			return true
		}
	}
	return false
}

// entityTag is what Meta.tag gives as a weak entity tag.
func entityTag(tag string) string { return `W/"` + tag + `"` }

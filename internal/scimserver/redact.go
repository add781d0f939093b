package scimserver

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/usherd/usher/internal/registry"
)

// secretNames are what attributes and parameters are called whose values must not
// be kept.
var secretNames = []string{"password", "client_secret", "client_assertion", "access_token"}

// masked stands in the log for what must not be kept.
const masked = "•••"

var (
	// plainPaths is a list of attributes and nothing else: no value hides in it.
	plainPaths = regexp.MustCompile(`^[A-Za-z0-9:._$-]+(, *[A-Za-z0-9:._$-]+)*$`)
	// wholeToken is a token or a client's secret that may be good, with its
	// beginning, which is shown everywhere.
	wholeToken = regexp.MustCompile(`(ushs?_[a-z2-7]{6})[a-z2-7]{34}`)
)

// redact takes the values of secrets out of a body. What is no JSON is not kept:
// a secret could stand anywhere in it.
func redact(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return "(not JSON, or longer than is kept)"
	}
	out, err := json.Marshal(hide(doc))
	if err != nil {
		return ""
	}
	return clip(hideTokens(string(out)), bodyLimit)
}

// redactURI takes them out of an address.
func redactURI(uri string) string {
	path, query, asked := strings.Cut(uri, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = hideEscaped(s)
	}
	out := strings.Join(segments, "/")
	if asked {
		params := strings.Split(query, "&")
		for i, p := range params {
			params[i] = hideParam(p)
		}
		out += "?" + strings.Join(params, "&")
	}
	return clip(hideTokens(out), 2048)
}

// redactDetail takes them out of an error, which quotes what it is about.
func redactDetail(detail string) string {
	from, to := strings.IndexByte(detail, '"'), strings.LastIndexByte(detail, '"')
	if from < to && mentions(detail) && !plainPaths.MatchString(detail[from+1:to]) {
		detail = detail[:from+1] + masked + detail[to:] // quotes within quotes have no end to go by
	}
	return hideTokens(detail)
}

// hide replaces the values of attributes that are secrets.
func hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return hideIn(v)
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
	case string:
		return hideText(v)
	}
	return v
}

// hideIn does it for an object. One that names a secret beside its value, as an
// operation of a PATCH does by its path, is not kept with it.
func hideIn(object map[string]any) map[string]any {
	named := false
	for _, value := range object {
		named = named || names(value)
	}
	out := make(map[string]any, len(object))
	for name, value := range object {
		if secret(name) || named && registry.Key(name) == "value" {
			value = masked
		}
		out[hideText(name)] = hide(value)
	}
	return out
}

// names reports whether a value is the name of a secret, or a list with one.
func names(value any) bool {
	switch value := value.(type) {
	case string:
		return mentions(value)
	case []any:
		return slices.ContainsFunc(value, names)
	}
	return false
}

// hideText masks a text that may hold a secret with its name: a filter, a path
// with one, JSON in a string.
func hideText(s string) string {
	if mentions(s) && !plainPaths.MatchString(s) {
		return masked
	}
	return s
}

// hideEscaped does it for a part of an address, in which tokens may be escaped,
// too. What cannot be read is not kept.
func hideEscaped(s string) string {
	text, err := url.QueryUnescape(s)
	if err != nil || hideText(text) != text || hideTokens(text) != text && hideTokens(s) == s {
		return masked
	}
	return s
}

// hideParam does it for a parameter.
func hideParam(param string) string {
	name, value, _ := strings.Cut(param, "=")
	shown := hideEscaped(name)
	if len(name) == len(param) {
		return shown
	}
	if plain, err := url.QueryUnescape(name); err != nil || secret(plain) {
		return shown + "=" + masked
	}
	return shown + "=" + hideEscaped(value)
}

// hideTokens leaves of each token what tells it from others.
func hideTokens(s string) string {
	if !strings.Contains(s, "ush") { // most have none
		return s
	}
	return wholeToken.ReplaceAllString(s, "$1"+masked)
}

// mentions reports whether a text has the name of a secret in it. JSON may spell
// it in escapes.
func mentions(s string) bool {
	key := registry.Key(strings.ToLower(s))
	for _, name := range secretNames {
		if strings.Contains(key, name) {
			return true
		}
	}
	start := strings.TrimSpace(s)
	return start != "" && strings.IndexByte(`{["`, start[0]) >= 0 && strings.Contains(s, `\u`)
}

// secret reports whether an attribute's value must not be kept, whether it is
// named by itself, behind its schema's URN or in a longer path.
func secret(name string) bool {
	parts := strings.FieldsFunc(registry.Key(name), func(r rune) bool {
		return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(secretNames, part) })
}

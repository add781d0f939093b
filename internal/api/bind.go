package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
)

// bodyLimit is how much of a body is read.
const bodyLimit = 256 << 10

// IfMatch is in the input of routes that change a record which has a version.
type IfMatch struct {
	// Version is the one the record must still be at, 0 for any.
	Version int64 `in:"header" name:"If-Match" doc:"The record's ETag: the change is made only while it is that"`
}

// formatParam chooses an export's format, for those who cannot set Accept.
const formatParam = "format"

// bind fills a route's input from a request. The tag `in` says where a field
// comes from (path, query, header, body or file) and `name` what it is called there;
// `enum`, `min`, `max` and `doc` say what it may be. What nobody asked for is
// refused by name: a filter that was misspelt must not find everything.
func (r *Route) bind(req *http.Request, body []byte) (reflect.Value, error) {
	in := reflect.New(r.in)
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return in, refuse(registry.CodeBadRequest, "the query cannot be read")
	}
	known := map[string]bool{formatParam: r.Export}
	for _, f := range fields(r.in) {
		name, to := f.Tag.Get("name"), in.Elem().FieldByIndex(f.Index)
		switch f.Tag.Get("in") {
		case "path":
			err = setParam(f, to, name, req.PathValue(name))
		case "header":
			err = setVersion(to, name, req.Header.Get(name))
		case "query":
			known[name] = true
			if list, ok := to.Addr().Interface().(*[]string); ok {
				*list, err = query[name], textOnly(name, query[name])
				break
			}
			if len(query[name]) > 1 {
				return in, refuse(registry.CodeBadRequest, "%s is given more than once", name).at(name)
			}
			if query.Has(name) {
				err = setParam(f, to, name, query.Get(name))
			}
		case "body":
			err = decode(body, to)
		}
		if err != nil {
			return in, err
		}
	}
	for name := range query {
		if !known[name] {
			return in, refuse(registry.CodeUnknownMember, "there is no parameter %q here", clip(name)).at(clip(name))
		}
	}
	return in, nil
}

// textOnly refuses values that are no text.
func textOnly(name string, values []string) error {
	for _, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return refuse(registry.CodeBadRequest, "%s is no text", name).at(name)
		}
	}
	return nil
}

// setParam reads a parameter.
func setParam(f reflect.StructField, to reflect.Value, name, text string) error {
	if err := textOnly(name, []string{text}); err != nil {
		return err
	}
	switch p := to.Addr().Interface().(type) {
	case *string:
		*p = text
		return inEnum(f, text, name)
	case *bool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return refuse(registry.CodeBadRequest, "%s is true or false", name).at(name)
		}
		*p = v
	case *int:
		v, err := strconv.Atoi(text)
		least, most := bounds(f)
		if err != nil || v < least || v > most {
			return refuse(registry.CodeBadRequest, "%s is a number from %d to %d", name, least, most).at(name)
		}
		*p = v
	case *time.Time:
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return refuse(registry.CodeBadRequest, "%s is a time as 2026-01-31T12:00:00Z", name).at(name)
		}
		*p = v
	}
	return nil
}

// bounds are the least and the most of a number.
func bounds(f reflect.StructField) (least, most int) {
	least, _ = strconv.Atoi(f.Tag.Get("min"))
	most, err := strconv.Atoi(f.Tag.Get("max"))
	if err != nil {
		most = 1 << 30
	}
	return least, most
}

// inEnum holds a text to the words it may be.
func inEnum(f reflect.StructField, text, pointer string) error {
	words := f.Tag.Get("enum")
	if words == "" || text == "" && strings.Contains(f.Tag.Get("json"), ",omitempty") || slices.Contains(strings.Split(words, ","), text) {
		return nil
	}
	code := registry.CodeBadRequest
	if strings.HasPrefix(pointer, "/") {
		code = registry.CodeInvalidValue
	}
	return refuse(code, "%s is one of %s", strings.TrimPrefix(pointer, "/"), strings.ReplaceAll(words, ",", ", ")).at(pointer)
}

// setVersion reads a version out of an entity tag.
func setVersion(to reflect.Value, name, tag string) error {
	if tag == "" || tag == "*" {
		return nil
	}
	v, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if err != nil || v < 1 {
		return refuse(registry.CodeStale, "%s is no entity tag of this record", name).at(name)
	}
	to.SetInt(v)
	return nil
}

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// readBody reads a body that is not too long.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, refuse(registry.CodeTooLarge, "a body has at most %d bytes", long.Limit)
	case err != nil:
		return nil, refuse(registry.CodeBadRequest, "the body broke off")
	}
	return body, nil
}

// decode reads a JSON body, and holds it to what its struct's tags say. Names are
// those of the document to the letter, and null is no value.
func decode(body []byte, to reflect.Value) error {
	if len(body) == 0 {
		body = []byte("{}")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return refuse(registry.CodeBadRequest, "the body is no JSON object")
	}
	known := map[string]bool{}
	for _, f := range fields(to.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = true
	}
	for name, value := range members {
		switch {
		case !known[name]:
			return refuse(registry.CodeUnknownMember, "there is no member %q here", clip(name)).at("/" + pointerPart(clip(name)))
		case string(value) == "null":
			return refuse(registry.CodeInvalidValue, "%s is null; leave it out instead", name).at("/" + name)
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // in what is deeper
	err := d.Decode(to.Addr().Interface())
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ):
		return refuse(registry.CodeInvalidValue, "%s has a value of the wrong type: %s", typ.Field, typ.Value).at("/" + strings.ReplaceAll(typ.Field, ".", "/"))
	case err != nil:
		return refuse(registry.CodeBadRequest, "the body does not fit: %s", clip(strings.TrimPrefix(err.Error(), "json: ")))
	}
	return check(to)
}

// check holds the members of a body to their tags: one without omitempty must be
// there.
func check(v reflect.Value) error {
	for _, f := range fields(v.Type()) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		member := v.FieldByIndex(f.Index)
		if !strings.Contains(rest, "omit") && member.IsZero() && f.Type.Kind() != reflect.Bool {
			return refuse(registry.CodeInvalidValue, "%s is needed", name).at("/" + name)
		}
		switch f.Type.Kind() {
		case reflect.String:
			if err := inEnum(f, member.String(), "/"+name); err != nil {
				return err
			}
		case reflect.Int:
			if least, most := bounds(f); !member.IsZero() && (member.Int() < int64(least) || member.Int() > int64(most)) {
				return refuse(registry.CodeInvalidValue, "%s is a number from %d to %d", name, least, most).at("/" + name)
			}
		default:
		}
	}
	return nil
}

// pointerPart escapes a name for a JSON pointer (RFC 6901 section 3).
func pointerPart(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// clip bounds what of a request is repeated to it.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}

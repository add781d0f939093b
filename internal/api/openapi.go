package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Document is the OpenAPI 3.1 description of a table of routes. An error is a
// fault of the table.
func Document(routes []Route, version string) ([]byte, error) {
	s := newSchemas()
	paths := map[string]object{}
	seen := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		if err := r.check(); err != nil {
			return nil, err
		}
		if seen[r.ID] {
			return nil, fmt.Errorf("operation %s is in the table twice", r.ID)
		}
		seen[r.ID] = true
		if paths[r.Pattern] == nil {
			paths[r.Pattern] = object{}
		}
		paths[r.Pattern][strings.ToLower(r.Method)] = s.operation(r)
	}
	s.ref(reflect.TypeFor[Problem](), false)
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "usher", "version": version, "license": object{"name": "Apache License 2.0", "identifier": "Apache-2.0"},
			"description": "The user registry of a helpdesk, for programs. A token sees its company and nothing else.",
		},
		"servers":  []object{{"url": Base}},
		"security": []object{{"token": []string{}}},
		"tags":     tags(routes),
		"paths":    paths,
		"components": object{
			"schemas": s.parts,
			"securitySchemes": object{"token": object{
				"type": "http", "scheme": "bearer", "description": "A token of the company, as `usher token create --scope` prints it once.",
			}},
		},
	}, "", " ")
}

// check says what is wrong with a row.
func (r *Route) check() error {
	switch {
	case r.serve == nil && r.stream == nil:
		return fmt.Errorf("operation %q has nothing that carries it out", r.ID)
	case r.ID == "" || r.Tag == "" || r.Summary == "":
		return fmt.Errorf("%s %s has no id, tag or summary", r.Method, r.Pattern)
	case r.Method != http.MethodGet && r.Deed == "":
		return fmt.Errorf("operation %s does something that the audit has no name for", r.ID)
	case r.Export && !r.Paged():
		return fmt.Errorf("operation %s exports what is no list", r.ID)
	}
	var have []string
	for _, f := range fields(r.in) {
		if f.Tag.Get("in") == "path" {
			have = append(have, f.Tag.Get("name"))
		}
	}
	want := wildcards(r.Pattern)
	if slices.Sort(have); !slices.Equal(have, slices.Sorted(slices.Values(want))) {
		return fmt.Errorf("operation %s takes %v from the path %s", r.ID, have, r.Pattern)
	}
	for _, c := range r.Codes {
		if _, ok := registry.ReasonOf(string(c)); !ok {
			return fmt.Errorf("operation %s refuses with %s, which the catalogue does not have", r.ID, c)
		}
	}
	return nil
}

// tags are the groups of operations, in the table's order.
func tags(routes []Route) (out []object) {
	var have []string
	for _, r := range routes {
		if !slices.Contains(have, r.Tag) {
			have = append(have, r.Tag)
			out = append(out, object{"name": r.Tag})
		}
	}
	return out
}

// operation describes a route.
func (s *schemas) operation(r *Route) object {
	op := object{
		"operationId": r.ID, "tags": []string{r.Tag}, "summary": r.Summary, "description": strings.TrimSpace(r.Notes + "\n\n" + scopeWords(r.Right)),
		"responses": s.responses(r),
	}
	if params := s.parameters(r); len(params) > 0 {
		op["parameters"] = params
	}
	if f, ok := r.body(); ok {
		op["requestBody"] = object{
			"required": needed(f.Type), "content": object{"application/json": object{"schema": s.of(f.Type, true)}},
		}
	}
	if r.TakesFile() {
		op["requestBody"] = fileBody()
	}
	return op
}

// needed reports whether a body has a member that must be there.
func needed(t reflect.Type) bool {
	return slices.ContainsFunc(fields(t), func(f reflect.StructField) bool {
		return !strings.Contains(f.Tag.Get("json"), ",omit") && f.Type.Kind() != reflect.Bool
	})
}

// scopeWords says which tokens open an operation.
func scopeWords(right auth.Right) string {
	if right == "" {
		return "Every token may."
	}
	var scopes []string
	for _, scope := range Scopes {
		p := Who{Company: 1, Scopes: []string{scope}}
		if p.May(right, 1) {
			scopes = append(scopes, "`"+scope+"`")
		}
	}
	return "For tokens with the scope " + strings.Join(scopes, " or ") + "."
}

// Scopes are what a token can have.
var Scopes = []string{"read", "operate", "approve", "contacts", "privacy"}

// parameters describes what is not the body.
func (s *schemas) parameters(r *Route) (out []object) {
	for _, f := range fields(r.in) {
		in := f.Tag.Get("in")
		if in == "body" || in == "file" {
			continue
		}
		schema := s.of(f.Type, true)
		p := object{"name": f.Tag.Get("name"), "in": in, "schema": schema}
		describe(schema, f)
		if doc, ok := schema["description"]; ok {
			p["description"] = doc
			delete(schema, "description")
		}
		if in == "path" {
			p["required"] = true
		}
		if in == "header" {
			p["schema"] = object{"type": "string"}
		}
		out = append(out, p)
	}
	if r.Export {
		out = append(out, object{
			"name": formatParam, "in": "query", "description": "The format, for those who cannot set Accept; ndjson and csv give the whole list",
			"schema": object{"type": "string", "enum": []format{formatJSON, formatNDJSON, formatCSV}},
		})
	}
	if r.Repeatable() {
		out = append(out, object{
			"name": keyHeader, "in": "header", "schema": object{"type": "string", "minLength": 1, "maxLength": keyLength},
			"description": "A word of one's own for this request: repeated within 24 hours with the same word, it is not carried out twice",
		})
	}
	return out
}

// responses describes the answers.
func (s *schemas) responses(r *Route) object {
	content := object{"application/json": object{"schema": s.of(r.out, false)}}
	if r.Export {
		items, _ := r.out.FieldByName("Items")
		content["application/x-ndjson"] = object{"schema": s.of(items.Type.Elem(), false)}
		content["text/csv"] = object{"schema": object{"type": "string"}}
	}
	headers := object{"X-Request-Id": header("Names the request in the log and in the audit")}
	if r.out.Implements(reflect.TypeFor[versioned]()) {
		headers["ETag"] = header("The record's version, for If-Match and If-None-Match")
	}
	if r.out.Implements(reflect.TypeFor[located]()) && r.Status != http.StatusOK {
		headers["Location"] = header("Where the record is")
	}
	if r.Paged() {
		headers["Link"] = header("The following page, as rel=next")
	}
	if r.Repeatable() {
		headers[replayedHeader] = header("true where this is the answer to an earlier request with the same " + keyHeader)
	}
	out := object{strconv.Itoa(r.Status): object{"description": http.StatusText(r.Status), "content": content, "headers": headers}}
	if r.Method == http.MethodGet && r.out.Implements(reflect.TypeFor[versioned]()) {
		out["304"] = object{"description": "The client has this version already", "headers": object{"ETag": headers["ETag"]}}
	}
	codes := r.codes()
	for _, status := range slices.Sorted(maps.Keys(codes)) {
		out[strconv.Itoa(status)] = problems(status, codes[status])
	}
	return out
}

func header(doc string) object {
	return object{"description": doc, "schema": object{"type": "string"}}
}

// problems describes the refusals of one status.
func problems(status int, codes []registry.Code) object {
	var words []string
	for _, c := range codes {
		reason, _ := registry.ReasonOf(string(c))
		words = append(words, fmt.Sprintf("`%s`: %s", c, reason.Meaning))
	}
	headers := object{"X-Request-Id": header("Names the request in the log and in the audit")}
	switch status {
	case http.StatusTooManyRequests:
		headers["Retry-After"] = header("How many seconds to wait")
	case http.StatusUnauthorized:
		headers["WWW-Authenticate"] = header("How to send a token")
	}
	return object{
		"description": strings.Join(words, "\n\n"), "headers": headers,
		"content": object{problemType: object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}
}

// codes are all refusals of a route by status: its own, and those that follow from
// what it takes.
func (r *Route) codes() map[int][]registry.Code {
	all := []registry.Code{registry.CodeUnauthorized, registry.CodeBadRequest, registry.CodeUnknownMember, registry.CodeNotAcceptable, registry.CodeRateLimited, registry.CodeInternal}
	if r.Right != "" {
		all = append(all, registry.CodeForbidden)
	}
	if len(wildcards(r.Pattern)) > 0 {
		all = append(all, registry.CodeNotFound)
	}
	if r.Paged() {
		all = append(all, registry.CodeBadCursor)
	}
	if r.TakesBody() || r.TakesFile() {
		all = append(all, registry.CodeMediaType, registry.CodeTooLarge, registry.CodeInvalidValue)
	}
	if r.Method != http.MethodGet {
		all = append(all, registry.CodeTooLarge)
	}
	if r.Repeatable() {
		all = append(all, registry.CodeKeyReused, registry.CodeKeyAtWork)
	}
	if slices.ContainsFunc(fields(r.in), func(f reflect.StructField) bool { return f.Tag.Get("in") == "header" }) {
		all = append(all, registry.CodeStale)
	}
	out := map[int][]registry.Code{}
	for _, c := range append(all, r.Codes...) {
		if status := statusOf(c); !slices.Contains(out[status], c) {
			out[status] = append(out[status], c)
		}
	}
	return out
}

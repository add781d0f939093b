package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// object is a piece of a JSON document.
type object map[string]any

// schemas makes JSON Schemas (2020-12) of Go types, each struct once by its name.
type schemas struct {
	parts object
	types map[string]reflect.Type
}

func newSchemas() *schemas { return &schemas{object{}, map[string]reflect.Type{}} }

// of is the schema of a type.
func (s *schemas) of(t reflect.Type, closed bool) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), closed)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem(), closed)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem(), closed)}
	case reflect.Struct:
		if t.Name() == "" {
			return s.object(t, closed)
		}
		return s.ref(t, closed)
	default:
		return object{"type": "string"}
	}
}

// nameOf is a struct's name in the document: "Run", or "RunPage" for a Page of it.
func nameOf(t reflect.Type) string {
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	of = strings.TrimSuffix(of, "]")
	return of[strings.LastIndexByte(of, '.')+1:] + name
}

// ref names a struct's schema, and makes it where there is none yet.
func (s *schemas) ref(t reflect.Type, closed bool) object {
	name := nameOf(t)
	if had, ok := s.types[name]; ok && had != t {
		panic(fmt.Sprintf("two structs of the API are called %s: %s and %s", name, had, t)) // a fault of the table: its test finds it
	} else if !ok {
		s.types[name] = t
		s.parts[name] = object{}
		s.parts[name] = s.object(t, closed)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// object is the schema of a struct. What requests send may have no other members.
func (s *schemas) object(t reflect.Type, closed bool) object {
	properties, required := object{}, []string{}
	for _, f := range fields(t) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" && f.Tag.Get("json") != "" {
			continue
		}
		p := s.of(f.Type, closed)
		describe(p, f)
		if optional := strings.Contains(rest, "omit") || closed && f.Type.Kind() == reflect.Bool; !optional {
			required = append(required, name)
			if closed && f.Type.Kind() == reflect.String {
				p["minLength"] = 1
			}
		}
		properties[name] = p
	}
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if closed {
		out["additionalProperties"] = false
	}
	return out
}

// describe adds what a field's tags say.
func describe(p object, f reflect.StructField) {
	if doc := f.Tag.Get("doc"); doc != "" {
		p["description"] = doc
	}
	if words := f.Tag.Get("enum"); words != "" {
		p["enum"] = strings.Split(words, ",")
	}
	for tag, keyword := range map[string]string{"min": "minimum", "max": "maximum"} {
		if n, err := strconv.Atoi(f.Tag.Get(tag)); err == nil {
			p[keyword] = n
		}
	}
}

package config

import (
	"encoding"
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The library's own strict decoder stops at the first fault and knows no
// places afterwards. walk goes over its syntax tree instead, so that every
// fault is found in one go and later checks can still point into the file.

// places remembers where in the file each path was written.
type places struct {
	file string
	at   map[string]token.Position
}

// find returns the place of a path, or of the nearest thing around it that the
// file has, or a zero place.
func (p places) find(path string) token.Position {
	for path != "" {
		if at, ok := p.at[path]; ok {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return token.Position{}
}

func (p places) fault(path, problem, fix string) Fault {
	at := p.find(path)
	return Fault{File: p.file, Line: at.Line, Column: at.Column, Path: path, Problem: problem, Fix: fix}
}

// shaper is a setting whose keys and defaults depend on its kind.
type shaper interface{ shape(kind string) error }

type walker struct {
	places
	env    func(string) (string, bool)
	faults Faults
}

func (w *walker) bad(path, problem, fix string) {
	w.faults = append(w.faults, w.fault(path, problem, fix))
}

// document parses the file and reads its only document into out, a struct. It
// returns false when there was nothing to read.
func (w *walker) document(data []byte, out reflect.Value) bool {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		w.faults = append(w.faults, w.syntaxFault(err))
		return false
	}
	if len(file.Docs) > 1 {
		w.faults = append(w.faults, Fault{File: w.file, Problem: "more than one YAML document", Fix: "remove the --- lines"})
		return false
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			w.value(doc.Body, "", out)
		}
	}
	return true
}

func (w *walker) syntaxFault(err error) Fault {
	f := Fault{File: w.file, Problem: "not YAML: " + err.Error(), Fix: "check the indentation, and quote values with special characters"}
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		f.Problem = "not YAML: " + syntax.GetMessage()
		if tk := syntax.GetToken(); tk != nil {
			f.Line, f.Column = tk.Position.Line, tk.Position.Column
		}
	}
	return f
}

// value reads one node into out by what the node is.
func (w *walker) value(node ast.Node, path string, out reflect.Value) {
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		// A file that people compare line by line is better off without them,
		// and they come about by mistake: * and ! begin plain values too.
		w.bad(path, "a YAML anchor, alias or tag", "write the value out, or put it in quotes if it begins with *, & or !")
	case ast.MapNode:
		w.mapping(n, path, out)
	case *ast.SequenceNode:
		w.sequence(n, path, out)
	case *ast.LiteralNode:
		w.scalar(n.Value.Value, path, out)
	case ast.ScalarNode:
		w.scalar(n.GetToken().Value, path, out)
	default:
		w.bad(path, "not a value, a list or a mapping", "")
	}
}

// mapping reads a YAML mapping into a struct or a Go map.
func (w *walker) mapping(n ast.MapNode, path string, out reflect.Value) {
	known := settings(out)
	if out.Kind() == reflect.Map {
		out.Set(reflect.MakeMap(out.Type()))
	} else if len(known) == 0 {
		w.bad(path, "a mapping where "+expected(out)+" belongs", "")
		return
	}
	for it := n.MapRange(); it.Next(); {
		key, ok := it.Key().(ast.ScalarNode)
		if !ok || it.Key().IsMergeKey() {
			w.bad(path, "a merged or computed key", "write the keys out")
			continue
		}
		name := key.GetToken().Value
		child := strings.TrimPrefix(path+"."+name, ".")
		w.at[child] = *key.GetToken().Position
		if out.Kind() == reflect.Map {
			w.element(it.Value(), name, child, out)
		} else if field, ok := known[name]; ok {
			w.value(it.Value(), child, field)
		} else {
			w.bad(child, "unknown key "+strconv.Quote(name), hint(name, known))
		}
	}
}

// element reads one value of a Go map, with the defaults of its kind.
func (w *walker) element(node ast.Node, name, path string, out reflect.Value) {
	elem := reflect.New(out.Type().Elem())
	if s, ok := elem.Interface().(shaper); ok {
		if err := s.shape(w.peek(node, "kind")); err != nil {
			w.badValue(path+".kind", err)
			return
		}
	}
	w.value(node, path, elem.Elem())
	out.SetMapIndex(reflect.ValueOf(name), elem.Elem())
}

// peek returns the scalar under a key of a mapping, or "".
func (w *walker) peek(node ast.Node, name string) string {
	n, ok := node.(ast.MapNode)
	if !ok {
		return ""
	}
	for it := n.MapRange(); it.Next(); {
		key, okKey := it.Key().(ast.ScalarNode)
		value, okValue := it.Value().(ast.ScalarNode)
		if okKey && okValue && key.GetToken().Value == name {
			return value.GetToken().Value
		}
	}
	return ""
}

func (w *walker) sequence(n *ast.SequenceNode, path string, out reflect.Value) {
	if out.Kind() != reflect.Slice {
		w.bad(path, "a list where "+expected(out)+" belongs", "")
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), len(n.Values), len(n.Values)))
	for i, item := range n.Values {
		child := path + "[" + strconv.Itoa(i) + "]"
		if item != nil && item.GetToken() != nil {
			w.at[child] = *item.GetToken().Position
		}
		w.value(item, child, out.Index(i))
	}
}

// scalar reads text into out, after expanding ${VAR} in it.
func (w *walker) scalar(text, path string, out reflect.Value) {
	if out.Kind() == reflect.Pointer { // a setting for which "not written" means something of its own
		out.Set(reflect.New(out.Type().Elem()))
		out = out.Elem()
	}
	text, err := expand(text, w.env)
	if err == nil {
		err = setScalar(text, out)
	}
	if err != nil {
		w.badValue(path, err)
	}
}

func (w *walker) badValue(path string, err error) {
	if reason, ok := errors.AsType[wrong](err); ok {
		w.bad(path, reason.problem, reason.fix)
		return
	}
	w.bad(path, err.Error(), "")
}

func setScalar(text string, out reflect.Value) (err error) {
	switch u := out.Addr().Interface().(type) {
	case *netip.Prefix:
		if *u, err = netip.ParsePrefix(text); err != nil {
			return wrong{"not a network", "write it as 10.0.0.0/8, or 10.0.0.1/32 for one machine"}
		}
		return nil
	case encoding.TextUnmarshaler:
		return u.UnmarshalText([]byte(text))
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(text)
		return nil
	case reflect.Int:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 32); err == nil {
			out.SetInt(n)
			return nil
		}
	case reflect.Bool:
		if text == "true" || text == "false" {
			out.SetBool(text == "true")
			return nil
		}
	}
	return wrong{"not " + expected(out), ""}
}

// settings returns the fields of a struct by the keys they have in the file.
func settings(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	if v.Kind() != reflect.Struct {
		return fields
	}
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			// A nil pointer is a kind of settings that this one does not have.
			maps.Copy(fields, settings(reflect.Indirect(v.Field(i))))
		case name != "" && name != "-":
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// expected names what a setting holds.
func expected(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Map:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	case reflect.Struct:
		if len(settings(v)) > 0 {
			return "a mapping"
		}
	}
	return "a single value"
}

// hint helps with an unknown key.
func hint(name string, known map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(known))
	if near := nearest(name, names); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return "known here: " + strings.Join(names, ", ")
}

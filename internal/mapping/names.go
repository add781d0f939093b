package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/usherd/usher/internal/registry"
)

// The functions expressions have beyond expr's own. Both are replaced by a
// plain read when an expression is compiled.
const (
	fnAll  = "all"
	fnAttr = "attr"
)

// read is one attribute an expression uses.
type read struct {
	// env is its name in the environment. A first letter that no identifier
	// can have keeps attributes apart from functions and local names.
	env  string
	attr string // in lower case
	list bool   // all values instead of the first
}

func readOf(attr string, list bool) read {
	attr = strings.ToLower(strings.TrimSpace(attr))
	if list {
		return read{env: "*" + attr, attr: attr, list: true}
	}
	return read{env: "=" + attr, attr: attr}
}

// names knows which names of one expression are attributes. As a visitor it
// replaces them, and calls of all() and attr(), by reads.
type names struct {
	locals map[string]bool // made by let
	found  map[read]bool
	source file.Source
	err    error
	// patch is false while looking and true while replacing.
	patch bool
}

// scan parses an expression and finds its names.
func scan(text string) (*names, error) {
	n := &names{locals: map[string]bool{}, found: map[read]bool{}, source: file.NewSource(text)}
	c := conf.CreateNew()
	for _, o := range n.functions() {
		o(c)
	}
	tree, err := parser.ParseWithConfig(text, c)
	if err != nil {
		return nil, err
	}
	ast.Walk(&tree.Node, localNames(n.locals))
	ast.Walk(&tree.Node, n)
	if n.err != nil {
		return nil, n.err
	}
	n.patch = true
	return n, nil
}

// localNames collects the names that let makes. They are locals in the whole
// expression: hiding an attribute behind a local helps nobody.
type localNames map[string]bool

// Visit implements ast.Visitor.
func (l localNames) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		l[n.Name] = true
	}
}

// functions declares what is added to expr and what is taken out.
func (n *names) functions() []expr.Option {
	never := func(...any) (any, error) { return nil, errors.New("not replaced when compiled") }
	return []expr.Option{
		expr.Env(map[string]any{}),
		expr.AllowUndefinedVariables(),
		expr.Function(fnAll, never, new(func(string) []string)),
		expr.Function(fnAttr, never, new(func(string) any)),
		expr.DisableBuiltin("now"),
	}
}

// options are the compiler's options for the expression. The result's type is
// judged by this package, whose words for it are clearer.
func (n *names) options() []expr.Option {
	return append(n.functions(), expr.Patch(n), expr.AsAny())
}

// reads lists what was found, sorted.
func (n *names) reads() []read {
	return slices.SortedFunc(maps.Keys(n.found), func(a, b read) int { return strings.Compare(a.env, b.env) })
}

// Visit implements ast.Visitor; children come before their parents.
func (n *names) Visit(node *ast.Node) {
	switch t := (*node).(type) {
	case *ast.IdentifierNode:
		n.identifier(node, t)
	case *ast.CallNode:
		n.call(node, t)
	}
}

// identifier handles a name that stands alone, or before an argument list.
func (n *names) identifier(node *ast.Node, id *ast.IdentifierNode) {
	switch {
	case n.locals[id.Value] || id.Value == fnAll || id.Value == fnAttr || strings.ContainsAny(id.Value[:1], "=*"):
		return
	case id.Value == "$env":
		n.fail(id, "$env is not available: name the attributes, so that the directory can be asked for them")
	case !n.patch:
		n.found[readOf(id.Value, false)] = true
	default:
		ast.Patch(node, &ast.IdentifierNode{Value: readOf(id.Value, false).env})
	}
}

// call handles all("…") and attr("…"), and refuses functions nobody made.
func (n *names) call(node *ast.Node, call *ast.CallNode) {
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return // a method of a value; the checker or the run says what it is
	}
	if callee.Value != fnAll && callee.Value != fnAttr {
		// What stands before an argument list was taken for an attribute above.
		n.fail(callee, "there is no function %s%s", callee.Value, didYouMean(callee.Value, functionNames()))
		return
	}
	arg := ""
	if len(call.Arguments) == 1 {
		if s, ok := call.Arguments[0].(*ast.StringNode); ok {
			arg = strings.TrimSpace(s.Value)
		}
	}
	if arg == "" {
		n.fail(call, `%s takes one attribute name in quotes, e.g. %s("mail")`, callee.Value, callee.Value)
		return
	}
	if !utf8.ValidString(arg) || strings.ContainsFunc(arg, func(r rune) bool { return !unicode.IsPrint(r) }) {
		n.fail(call, "%s is no attribute name: it holds characters that cannot be printed", quote(arg))
		return
	}
	r := readOf(arg, callee.Value == fnAll)
	if !n.patch {
		n.found[r] = true
		return
	}
	ast.Patch(node, &ast.IdentifierNode{Value: r.env})
}

// fail keeps the first fault, with its place.
func (n *names) fail(at ast.Node, format string, args ...any) {
	if n.err == nil {
		n.err = (&file.Error{Location: at.Location(), Message: fmt.Sprintf(format, args...)}).Bind(n.source)
	}
}

// functionNames are the functions an expression may call.
func functionNames() []string {
	out := []string{fnAttr}
	for name := range builtin.Index {
		if name != "now" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// attributeNames are the user attributes in display order.
func attributeNames() []string {
	var out []string
	for _, d := range registry.AttributeDefs() {
		out = append(out, d.Name)
	}
	return out
}

// didYouMean gives the ending of a message: a suggestion, or nothing.
func didYouMean(name string, known []string) string {
	if n := nearest(name, known); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

// nearest finds the known name that at most a third of the letters separate
// from the given one, or "".
func nearest(name string, known []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

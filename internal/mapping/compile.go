package mapping

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/usherd/usher/internal/registry"
)

// maxExpression is the longest expression accepted, in bytes; the parser
// recurses, so that depth is bounded by length.
const maxExpression = 4096

// Fault is one thing wrong with a Spec.
type Fault struct {
	// Path is where it stands in the configuration, with dots.
	Path string
	// Line and Column count from 1 within the expression; 0 where the fault
	// has no place in it.
	Line, Column int
	Message      string
	// Snippet shows the line with a mark below the place, or is "".
	Snippet string
}

// Error gives the path, the place and what is wrong, and shows the line.
func (f *Fault) Error() string {
	var at string
	switch {
	case f.Line > 1:
		at = fmt.Sprintf("line %d, column %d: ", f.Line, f.Column)
	case f.Column > 0:
		at = fmt.Sprintf("column %d: ", f.Column)
	}
	return f.Path + ": " + at + f.Message + f.Snippet
}

// compiler collects the faults of a whole Spec.
type compiler struct {
	source string
	faults []error
}

// Compile checks a whole Spec and makes a Mapper of it. All faults come back
// together, joined, each a *Fault.
func Compile(spec Spec) (*Mapper, error) {
	c := &compiler{source: spec.Source}
	m := &Mapper{fixedKind: registry.EndUser, keepKind: spec.KeepKind}
	if m.keepKind {
		m.fixedKind = ""
	}
	c.userAttributes(m, spec.Attributes)
	m.scope = c.optional("users.scope", spec.Scope, wantBool)
	c.kindOfUser(m, spec.KindOfUser)
	m.department = c.optional("department", spec.Department, wantText)
	m.contract = c.optional("contract", spec.Contract, wantText)
	m.protect = c.optional("protect", spec.Protect, wantBool)
	c.join(m, spec.Join)
	c.groups(m, spec.Groups)
	m.groupScope = c.optional("groups.scope", spec.GroupScope, wantBool)
	c.groupMap(m, spec)
	if err := errors.Join(c.faults...); err != nil {
		return nil, err
	}
	m.collectWants()
	return m, nil
}

func (c *compiler) fault(path, format string, args ...any) {
	c.faults = append(c.faults, &Fault{Path: c.path(path), Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) path(path string) string { return "sources." + c.source + "." + path }

// userAttributes compiles the attributes in catalogue order, so that people
// look the same whatever the order of the configuration.
func (c *compiler) userAttributes(m *Mapper, attributes map[string]string) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		path := "users.attributes." + name
		def, ok := registry.LookupAttribute(name)
		if !ok {
			c.fault(path, "there is no user attribute of this name%s", didYouMean(name, attributeNames()))
			continue
		}
		if other, ok := taken[def.Name]; ok {
			c.fault(path, "%s is mapped twice, here and as %s", def.Name, other)
			continue
		}
		taken[def.Name] = name
		want := wantText
		if def.Multi {
			want = wantTexts
		}
		if p := c.compile(path, attributes[name], want); p != nil {
			m.attributes = append(m.attributes, target{def: def, program: p})
		}
	}
	if _, ok := taken[registry.AttrUserName]; !ok {
		c.fault("users.attributes", "userName is missing: say which attribute people sign in with, e.g. userName: uid")
	}
	order := attributeNames()
	slices.SortFunc(m.attributes, func(a, b target) int {
		return slices.Index(order, a.def.Name) - slices.Index(order, b.def.Name)
	})
}

// kindOfUser takes a literal kind or an expression that gives one.
func (c *compiler) kindOfUser(m *Mapper, text string) {
	const path = "kind_of_user"
	kinds := []string{string(registry.EndUser), string(registry.SupportStaff)}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
	case slices.Contains(kinds, text):
		m.fixedKind = registry.Kind(text)
	case nearest(text, kinds) != "":
		c.fault(path, "%q is no kind of user%s", text, didYouMean(text, kinds))
	default:
		m.kind = c.compile(path, text, wantText)
	}
}

// groups compiles the group attributes.
func (c *compiler) groups(m *Mapper, attributes map[string]string) {
	text := "cn"
	path := "groups.attributes." + registry.AttrDisplayName
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !strings.EqualFold(name, registry.AttrDisplayName) {
			c.fault("groups.attributes."+name, "groups have only a displayName")
			continue
		}
		text, path = attributes[name], "groups.attributes."+name
	}
	def, _ := registry.LookupAttribute(registry.AttrDisplayName)
	m.groupName = target{def: def, program: c.compile(path, text, wantText)}
}

// joinable are what a join rule may compare: what the registry can look people
// up by.
var joinable = []string{"userName", "email", "employeeNumber"}

// join compiles the rules that have an expression.
func (c *compiler) join(m *Mapper, rules []JoinRule) {
	m.join = make([]*program, len(rules))
	for i, r := range rules {
		path := fmt.Sprintf("join[%d]", i)
		if !slices.Contains(joinable, r.Attribute) {
			c.fault(path, "people cannot be looked up by %q%s", r.Attribute, didYouMean(r.Attribute, joinable))
		}
		m.join[i] = c.optional(path+".value", r.Value, wantText)
	}
}

// groupMap takes the map of groups over in the form in which names are compared.
func (c *compiler) groupMap(m *Mapper, spec Spec) {
	if spec.GroupMap == nil {
		return
	}
	m.groupMap, m.onlyMapped = make(map[string]GroupTarget, len(spec.GroupMap)), spec.OnlyMapped
	for _, name := range slices.Sorted(maps.Keys(spec.GroupMap)) {
		key, to := nameKey(name), spec.GroupMap[name]
		path := "groups.map." + name
		if _, double := m.groupMap[key]; double {
			c.fault(path, "the group is in the map twice")
		}
		if to.Role != registry.RoleNone && to.Role != registry.RoleSupport {
			c.fault(path, "%q is no role of a group%s", string(to.Role), didYouMean(string(to.Role), []string{string(registry.RoleSupport)}))
		}
		m.groupMap[key] = to
	}
}

func (c *compiler) optional(path, text string, want want) *program {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return c.compile(path, text, want)
}

// want is what an expression must give.
type want uint8

const (
	wantText want = iota
	wantTexts
	wantBool
)

// program is one compiled expression.
type program struct {
	name   string // the last part of its path, for problems
	source string
	code   *vm.Program
	// reads are the attributes it uses.
	reads []read
	// direct is true when the expression is nothing but one attribute; no
	// machine is needed then.
	direct bool
}

// compile checks one expression. It returns nil after a fault.
func (c *compiler) compile(path, text string, want want) *program {
	p := &program{name: path[strings.LastIndexByte(path, '.')+1:], source: text}
	if strings.TrimSpace(text) == "" {
		c.fault(path, "the expression is empty")
		return nil
	}
	if len(text) > maxExpression {
		c.fault(path, "the expression is longer than %d bytes", maxExpression)
		return nil
	}
	names, err := scan(text)
	if err == nil {
		p.code, err = expr.Compile(text, names.options()...)
	}
	if err != nil {
		c.bad(path, err)
		return nil
	}
	if kind, ok := fits(p.code.Node().Type(), want); !ok {
		c.fault(path, "gives a %s where %s belongs", kind, wanted[want])
		return nil
	}
	p.reads = names.reads()
	if id, ok := p.code.Node().(*ast.IdentifierNode); ok && len(p.reads) == 1 && p.reads[0].env == id.Value {
		p.direct = true
	}
	return p
}

// bad records an error of the expression library with its place.
func (c *compiler) bad(path string, err error) {
	f := &Fault{Path: c.path(path), Message: err.Error()}
	var at *file.Error
	if errors.As(err, &at) {
		f.Message, f.Line, f.Column, f.Snippet = at.Message, at.Line, at.Column+1, at.Snippet
	}
	c.faults = append(c.faults, f)
}

// wanted words what an expression must give.
var wanted = map[want]string{wantText: "a text", wantTexts: "a text or a list of texts", wantBool: "a condition"}

// fits judges what is known of an expression's result before it runs. Mostly
// nothing is, because attributes may be absent.
func fits(t reflect.Type, want want) (kind string, ok bool) {
	if t == nil {
		return "", true
	}
	switch t.Kind() {
	case reflect.Interface:
		return "", true
	case reflect.String, reflect.Int, reflect.Float64:
		return t.String(), want != wantBool
	case reflect.Bool:
		return "condition (true or false)", want == wantBool
	case reflect.Slice, reflect.Array:
		return "list", want == wantTexts
	}
	return t.Kind().String(), false
}

// collectWants gathers what the programs read.
func (m *Mapper) collectWants() {
	people := map[string]bool{}
	programs := append([]*program{m.scope, m.kind, m.department, m.contract, m.protect}, m.join...)
	for _, t := range m.attributes {
		programs = append(programs, t.program)
	}
	for _, p := range programs {
		if p != nil {
			for _, r := range p.reads {
				people[r.attr] = true
			}
		}
	}
	groups := map[string]bool{}
	for _, p := range []*program{m.groupName.program, m.groupScope} {
		if p != nil {
			for _, r := range p.reads {
				groups[r.attr] = true
			}
		}
	}
	m.wants, m.groupWants = slices.Sorted(maps.Keys(people)), slices.Sorted(maps.Keys(groups))
}

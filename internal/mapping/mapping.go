package mapping

import (
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/vm"

	"github.com/usherd/usher/internal/registry"
)

// Spec is what the configuration says about one source.
type Spec struct {
	// Source is the source's name, for error texts.
	Source string
	// Attributes maps user attributes, in any case, to expressions. userName
	// is required.
	Attributes map[string]string
	// Scope is a condition; "" takes everybody.
	Scope string
	// KindOfUser is end_user, support_staff or an expression that gives one of
	// them; "" is end_user.
	KindOfUser string
	// KeepKind leaves people the kind they have where nothing says one.
	KeepKind bool
	// Department and Contract are expressions for the person's department and
	// service contract number; "" for none.
	Department, Contract string
	// Groups maps attributes of groups to expressions. The only one is
	// displayName, which is cn unless mapped.
	Groups map[string]string
	// Protect is a condition for the people whom no sync may deactivate or
	// delete; "" is nobody.
	Protect string
	// Join are the source's join rules, in order.
	Join []JoinRule
	// GroupScope is a condition over a group's entry; "" takes all.
	GroupScope string
	// GroupMap says, by a group's name at the directory (a DN) or by its
	// displayName, what it becomes. nil is no map; OnlyMapped then has no meaning,
	// else it leaves every other group out.
	GroupMap   map[string]GroupTarget
	OnlyMapped bool
}

// JoinRule is a rule by which somebody new may be tied to an existing person.
type JoinRule struct {
	// Attribute is what is compared: userName, email or employeeNumber.
	Attribute string
	// Value is an expression for what it is compared with; "" is the person's own
	// attribute.
	Value string
}

// GroupTarget is what a group of the map becomes.
type GroupTarget struct {
	Name string // "" leaves the name
	Role registry.GroupRole
}

// Code says in one word what is wrong with a record. Codes are stable.
type Code string

// What can be wrong with a record.
const (
	CodeUserNameMissing  Code = "user_name_missing"
	CodeGroupNameMissing Code = "group_name_missing"
	CodeInvalidUTF8      Code = "invalid_utf8"
	CodeTooLong          Code = "value_too_long"
	CodeControlCharacter Code = "control_character"
	CodeBadEmail         Code = "malformed_email"
	CodeDuplicateEmail   Code = "duplicate_email"
	CodeSeveralValues    Code = "several_values"
	CodeBadResult        Code = "bad_result"
	CodeExpression       Code = "expression_failed"
)

// Problem is one thing wrong with one record. Message is for an admin to read
// and quotes at most a few characters of the value.
type Problem struct {
	Code Code
	// Attribute is the user attribute, or scope, kind_of_user, department,
	// contract.
	Attribute string
	Message   registry.Said
}

// Said is what is wrong, with where.
func (p Problem) Said() registry.Said {
	if p.Attribute == "" {
		return p.Message
	}
	return registry.Say("%s: %s", p.Attribute, p.Message)
}

// Person is what an entry says about somebody.
type Person struct {
	Attributes registry.Attributes
	// Enabled is false when the directory has disabled the account.
	Enabled bool
	// Kind is "" where the Spec keeps kinds and nothing says one.
	Kind registry.Kind
	// Department and Contract are names and numbers to look up, or "".
	Department, Contract string
	// Protected is true for somebody whom no sync may deactivate.
	Protected bool
	// Join are the values of the join rules that have an expression, by the
	// rule's place; "" for the others. nil where no rule has one.
	Join []string
	// InScope is false for somebody the scope expression leaves out. Nothing
	// else is evaluated then and the other fields but Enabled are empty.
	InScope bool
	// Problems refuse the person: nothing may be concluded from this entry, not
	// even that the person is gone.
	Problems []Problem
	// Warnings were dealt with by dropping the value.
	Warnings []Problem
}

// Group is what an entry says about a group.
type Group struct {
	DisplayName string
	Role        registry.GroupRole
	// InScope is false for a group that the scope or the map leaves out; the
	// other fields are empty then.
	InScope bool
	// Problems refuse the group.
	Problems []Problem
}

// Mapper applies a compiled Spec. It may be used by several goroutines.
type Mapper struct {
	attributes []target
	scope      *program
	kind       *program // nil when fixed
	keepKind   bool
	fixedKind  registry.Kind
	department *program
	contract   *program
	protect    *program
	join       []*program // nil at the places of rules without an expression
	groupName  target
	groupScope *program
	groupMap   map[string]GroupTarget // by nameKey
	onlyMapped bool
	wants      []string
	groupWants []string
	workers    sync.Pool
}

// target is one user attribute and how it is made.
type target struct {
	def     registry.AttributeDef
	program *program
}

// worker is what evaluating needs and can reuse.
type worker struct {
	vm  vm.VM
	env map[string]any
}

// Wants are the directory attributes the expressions read, in lower case and
// sorted: what a source must be asked for.
func (m *Mapper) Wants() []string { return slices.Clone(m.wants) }

// GroupWants is Wants for groups.
func (m *Mapper) GroupWants() []string { return slices.Clone(m.groupWants) }

// Map makes a person of an entry's values, which are keyed in lower case and
// may be anything a directory can hold. It never fails: what is wrong is in the
// result. The result may share memory with the values.
func (m *Mapper) Map(values map[string][]string, disabled bool) Person {
	w := m.worker()
	defer m.workers.Put(w)
	p := Person{Enabled: !disabled, Kind: m.fixedKind, InScope: true}
	if m.scope != nil {
		in, problem := w.condition(m.scope, values)
		if problem != nil {
			p.Problems = append(p.Problems, *problem)
			return p
		}
		if !in {
			return Person{Enabled: !disabled}
		}
	}
	p.Attributes = make(registry.Attributes, len(m.attributes))
	for i := range m.attributes {
		w.attribute(&p, &m.attributes[i], values)
	}
	if p.Attributes.First(registry.AttrUserName) == "" && len(p.Problems) == 0 {
		p.Problems = append(p.Problems, Problem{CodeUserNameMissing, registry.AttrUserName,
			registry.Say("the entry gives no userName: %s is empty or absent", m.userNameSource())})
	}
	if m.kind != nil {
		p.Kind = w.kindOf(&p, m, values)
	}
	p.Department = w.fact(&p, m.department, values)
	p.Contract = w.fact(&p, m.contract, values)
	m.policy(w, &p, values)
	return p
}

// policy evaluates what a source's policy asks of the entry.
func (m *Mapper) policy(w *worker, p *Person, values map[string][]string) {
	if m.protect != nil {
		var problem *Problem
		if p.Protected, problem = w.condition(m.protect, values); problem != nil {
			problem.Attribute = m.protect.name
			p.Problems = append(p.Problems, *problem)
		}
	}
	for i, prog := range m.join {
		if prog == nil {
			continue
		}
		if p.Join == nil {
			p.Join = make([]string, len(m.join))
		}
		p.Join[i] = w.fact(p, prog, values)
	}
}

// MapGroup makes a group of an entry's values. names are what the directory calls
// it, its id and its DN: the group map may use any of them, and the display name.
func (m *Mapper) MapGroup(values map[string][]string, names ...string) Group {
	w := m.worker()
	defer m.workers.Put(w)
	if m.groupScope != nil {
		in, problem := w.condition(m.groupScope, values)
		if problem != nil {
			problem.Attribute = m.groupScope.name
			return Group{InScope: true, Problems: []Problem{*problem}}
		}
		if !in {
			return Group{}
		}
	}
	var p Person
	p.Attributes = registry.Attributes{}
	w.attribute(&p, &m.groupName, values)
	g := Group{InScope: true, DisplayName: p.Attributes.First(m.groupName.def.Name), Problems: append(p.Problems, p.Warnings...)}
	if m.groupMap != nil {
		var to GroupTarget
		mapped := false
		for _, name := range append(names, g.DisplayName) {
			if !mapped {
				to, mapped = m.groupMap[nameKey(name)]
			}
		}
		if !mapped && m.onlyMapped {
			return Group{}
		}
		if g.Role = to.Role; to.Name != "" {
			g.DisplayName, g.Problems = to.Name, nil
		}
	}
	if g.DisplayName == "" && len(g.Problems) == 0 {
		g.Problems = append(g.Problems, Problem{CodeGroupNameMissing, m.groupName.def.Name,
			registry.Say("the entry gives no group name: %s is empty or absent", m.groupName.program.source)})
	}
	return g
}

// nameKey is the form in which the names of the group map are compared: that of
// the registry's names, and for a DN without spaces around its parts.
func nameKey(name string) string {
	parts := strings.Split(registry.Key(name), ",")
	for i, part := range parts {
		attribute, value, dn := strings.Cut(part, "=")
		if parts[i] = strings.TrimSpace(part); dn {
			parts[i] = strings.TrimSpace(attribute) + "=" + strings.TrimSpace(value)
		}
	}
	return strings.Join(parts, ",")
}

func (m *Mapper) worker() *worker {
	if w, ok := m.workers.Get().(*worker); ok {
		return w
	}
	return &worker{env: map[string]any{}}
}

// userNameSource is the expression behind userName, for messages.
func (m *Mapper) userNameSource() string {
	for _, t := range m.attributes {
		if t.def.Name == registry.AttrUserName {
			return strings.TrimSpace(t.program.source)
		}
	}
	return registry.AttrUserName
}

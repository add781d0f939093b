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
	// Department and Contract are expressions for the person's department and
	// service contract number; "" for none.
	Department, Contract string
	// Groups maps attributes of groups to expressions. The only one is
	// displayName, which is cn unless mapped.
	Groups map[string]string
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
	Message   string
}

// Person is what an entry says about somebody.
type Person struct {
	Attributes registry.Attributes
	// Enabled is false when the directory has disabled the account.
	Enabled bool
	Kind    registry.Kind
	// Department and Contract are names and numbers to look up, or "".
	Department, Contract string
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
	// Problems refuse the group.
	Problems []Problem
}

// Mapper applies a compiled Spec. It may be used by several goroutines.
type Mapper struct {
	attributes []target
	scope      *program
	kind       *program // nil when fixed
	fixedKind  registry.Kind
	department *program
	contract   *program
	groupName  target
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
			"the entry gives no userName: " + m.userNameSource() + " is empty or absent"})
	}
	if m.kind != nil {
		p.Kind = w.kindOf(&p, m.kind, values)
	}
	p.Department = w.fact(&p, m.department, values)
	p.Contract = w.fact(&p, m.contract, values)
	return p
}

// MapGroup makes a group of an entry's values.
func (m *Mapper) MapGroup(values map[string][]string) Group {
	w := m.worker()
	defer m.workers.Put(w)
	var p Person
	p.Attributes = registry.Attributes{}
	w.attribute(&p, &m.groupName, values)
	g := Group{DisplayName: p.Attributes.First(m.groupName.def.Name), Problems: append(p.Problems, p.Warnings...)}
	if g.DisplayName == "" && len(g.Problems) == 0 {
		g.Problems = append(g.Problems, Problem{CodeGroupNameMissing, m.groupName.def.Name,
			"the entry gives no group name: " + m.groupName.program.source + " is empty or absent"})
	}
	return g
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

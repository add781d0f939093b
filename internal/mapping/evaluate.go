package mapping

import (
	"errors"
	"fmt"
	"math"
	"net/mail"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"golang.org/x/text/unicode/norm"

	"github.com/usherd/usher/internal/registry"
)

// attribute evaluates one target into the person.
func (w *worker) attribute(p *Person, t *target, values map[string][]string) {
	report := &p.Warnings
	if t.def.Name == registry.AttrUserName {
		report = &p.Problems
	}
	texts, problem := w.texts(t.program, values, t.def.Multi)
	if problem != nil {
		problem.Attribute = t.def.Name
		*report = append(*report, *problem)
		return
	}
	kept := texts[:0:0]
	for i, text := range texts {
		clean, problem := cleaned(t.def, text)
		if problem == nil && t.def.Name == registry.AttrEmails && clean != "" {
			problem = checkEmail(clean, kept)
		}
		switch {
		case problem != nil:
			problem.Attribute = t.def.Name
			*report = append(*report, *problem)
		case clean == "":
		case i == 0 && len(texts) == 1 && clean == text:
			kept = texts // nothing to copy in the usual case
		default:
			kept = append(kept, clean)
		}
	}
	p.Attributes.Set(t.def.Name, kept...)
}

// fact evaluates an expression for a single text that is no user attribute.
func (w *worker) fact(p *Person, prog *program, values map[string][]string) string {
	if prog == nil {
		return ""
	}
	texts, problem := w.texts(prog, values, false)
	clean := ""
	if problem == nil && len(texts) > 0 {
		clean, problem = cleaned(registry.AttributeDef{Name: prog.name, MaxLength: 512}, texts[0])
	}
	if problem != nil {
		problem.Attribute = prog.name
		p.Problems = append(p.Problems, *problem)
	}
	return clean
}

// kindOf evaluates the kind of user.
func (w *worker) kindOf(p *Person, m *Mapper, values map[string][]string) registry.Kind {
	prog, before := m.kind, len(p.Problems)
	switch k := registry.Kind(w.fact(p, prog, values)); {
	case k == registry.EndUser, k == registry.SupportStaff, k == "" && m.keepKind:
		return k
	default:
		if len(p.Problems) == before {
			p.Problems = append(p.Problems, Problem{CodeBadResult, prog.name,
				registry.Say("gives %s where %s or %s belongs", quote(string(k)), registry.EndUser, registry.SupportStaff)})
		}
		return ""
	}
}

// condition evaluates a condition.
func (w *worker) condition(prog *program, values map[string][]string) (bool, *Problem) {
	result, problem := w.run(prog, values)
	if problem != nil {
		return false, problem
	}
	b, ok := result.(bool)
	if !ok {
		return false, &Problem{CodeBadResult, prog.name, registry.Say("gives %s where true or false belongs", describe(result))}
	}
	return b, nil
}

// texts evaluates an expression to texts. multi asks for all of them.
func (w *worker) texts(prog *program, values map[string][]string, multi bool) ([]string, *Problem) {
	if prog.direct && (multi || !prog.reads[0].list) {
		v := values[prog.reads[0].attr]
		if !multi && len(v) > 1 {
			v = v[:1:1]
		}
		return v, nil
	}
	result, problem := w.run(prog, values)
	if problem != nil {
		return nil, problem
	}
	out, ok := toTexts(result)
	if !ok {
		return nil, &Problem{CodeBadResult, prog.name, registry.Say("gives %s where a text belongs", describe(result))}
	}
	if !multi && len(out) > 1 {
		return nil, &Problem{CodeSeveralValues, prog.name, registry.Say("gives %d values where one belongs", len(out))}
	}
	return out, nil
}

// run evaluates an expression on the entry's values.
func (w *worker) run(prog *program, values map[string][]string) (any, *Problem) {
	var absent []string
	for _, r := range prog.reads {
		v := values[r.attr]
		switch {
		case r.list:
			w.env[r.env] = v
		case len(v) > 0:
			w.env[r.env] = v[0]
		default:
			w.env[r.env] = nil
			absent = append(absent, r.attr)
		}
	}
	result, err := w.vm.Run(prog.code, w.env)
	if err != nil {
		return nil, &Problem{CodeExpression, prog.name, evaluationMessage(err, absent)}
	}
	return result, nil
}

// evaluationMessage words why an expression failed on one record. What fails is
// nearly always an operation on an attribute the entry does not have.
func evaluationMessage(err error, absent []string) registry.Said {
	var at *file.Error
	failed := registry.Verbatim(quoteless(err.Error()))
	if errors.As(err, &at) {
		failed = registry.Say("column %d: %s", at.Column+1, quoteless(at.Message))
	}
	if len(absent) > 0 {
		return registry.Say("%s; the entry has no %s (write %s ?? \"\" to allow that)", failed, strings.Join(absent, ", "), absent[0])
	}
	return failed
}

// toTexts converts a result. Numbers are texts too; nil is no value.
func toTexts(result any) ([]string, bool) {
	switch v := result.(type) {
	case nil:
		return nil, true
	case []string:
		return v, true
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if e == nil {
				continue
			}
			s, ok := toText(e)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	s, ok := toText(result)
	return []string{s}, ok
}

func toText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return "", false
}

// cleaned trims and composes a value (Unicode NFC) and judges it.
func cleaned(def registry.AttributeDef, v string) (string, *Problem) {
	v = strings.TrimSpace(v)
	if len(v) <= def.MaxLength && printableASCII(v) {
		return v, nil
	}
	// Composing makes text at most three times shorter, and five megabytes need
	// not be looked at letter by letter.
	if len(v) > 3*def.MaxLength {
		return "", tooLong(def, len(v))
	}
	if !utf8.ValidString(v) {
		return "", &Problem{Code: CodeInvalidUTF8, Message: registry.Say("the value is not valid UTF-8: %s", quote(v))}
	}
	if i := strings.IndexFunc(v, unicode.IsControl); i >= 0 {
		return "", &Problem{Code: CodeControlCharacter, Message: registry.Say("the value holds a control character: %s", quote(v))}
	}
	if v = norm.NFC.String(v); len(v) > def.MaxLength {
		return "", tooLong(def, len(v))
	}
	return v, nil
}

func tooLong(def registry.AttributeDef, n int) *Problem {
	return &Problem{Code: CodeTooLong, Message: registry.Say("the value is %d bytes long, at most %d are accepted", n, def.MaxLength)}
}

func printableASCII(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] < 0x20 || v[i] > 0x7e {
			return false
		}
	}
	return true
}

// checkEmail judges an address: one mailbox as RFC 5322 writes it, without a
// name, and not yet among those kept.
func checkEmail(v string, kept []string) *Problem {
	if a, err := mail.ParseAddress(v); err != nil || a.Name != "" || a.Address != v {
		return &Problem{Code: CodeBadEmail, Message: registry.Say("%s is no e-mail address and was left out", quote(v))}
	}
	key := registry.Key(v)
	for _, k := range kept {
		if registry.Key(k) == key {
			return &Problem{Code: CodeDuplicateEmail, Message: registry.Say("%s is there twice and was left out once", quote(v))}
		}
	}
	return nil
}

// maxQuoted is how many characters of a value a message shows.
const maxQuoted = 40

// quote shows a value, shortened and with what is unprintable escaped.
func quote(v string) string {
	n := 0
	for i := range v {
		if n++; n > maxQuoted {
			return strconv.Quote(v[:i]) + "…"
		}
	}
	return strconv.Quote(v)
}

// quoteless shortens a message of the expression library, which may hold a
// value of any length.
func quoteless(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message = strings.ToValidUTF8(strings.ReplaceAll(message, "<nil>", "nothing"), "�")
	if len(message) > 200 {
		message = strings.ToValidUTF8(message[:200], "") + "…"
	}
	return message
}

// describe names the type of a result.
func describe(v any) registry.Said {
	switch v := v.(type) {
	case nil:
		return registry.Say("nothing")
	case bool:
		return registry.Verbatim(fmt.Sprint(v))
	case string:
		return registry.Verbatim(quote(v))
	case []any, []string:
		return registry.Say("a list of something else")
	}
	return registry.Say("a value of type %s", fmt.Sprintf("%T", v))
}

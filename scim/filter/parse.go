package filter

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// The limits of a filter or path. They are far beyond what identity providers
// send, and small enough that a tree can be walked by recursion and compiled to
// SQL (SQLite takes 1,000 levels).
const (
	MaxLength  = 8 << 10 // bytes
	MaxNesting = 60      // open parentheses and brackets, a bracket counting twice
	MaxTerms   = 400     // comparisons
)

// Parse reads a filter. Operators, and, or, not, true, false and null are
// case-blind. a[f].b op v, which clients write though the RFC's grammar has it
// only in paths, becomes a[f and b op v]. The error is an *Error.
func Parse(text string) (Expr, error) {
	if err := checkLimits(text); err != nil {
		return nil, err
	}
	p := &parser{text: text}
	e, err := p.or(anywhere)
	if err != nil {
		return nil, err
	}
	if p.pos < len(text) {
		return nil, at(p.pos, "expected and, or, or the end, found %s", p.found())
	}
	return e, nil
}

// ParsePath reads the path of a PATCH operation: an attribute, with or without
// URN and sub-attribute; one with a value filter, with or without sub-attribute;
// or an extension's URN alone. Without the schemas such a URN looks like an
// attribute of a shorter one; ResolvePath tells them apart. The error is an
// *Error.
func ParsePath(text string) (Path, error) {
	if err := checkLimits(text); err != nil {
		return Path{}, err
	}
	p := &parser{text: text}
	token := p.token()
	attr, err := splitAttr(token, 0)
	if p.pos == len(text) {
		if err != nil && strings.Contains(token, ":") {
			return Path{Attr: Attr{URI: token}}, nil
		}
		return Path{Attr: attr}, err
	}
	if err != nil {
		return Path{}, err
	}
	if !p.take('[') {
		return Path{}, at(p.pos, "expected [ or the end of the path, found %s", p.found())
	}
	body, err := p.brackets(attr)
	if err != nil {
		return Path{}, err
	}
	if p.take('.') {
		if attr.Sub, err = p.subAttribute(); err != nil {
			return Path{}, err
		}
	}
	if p.pos < len(text) {
		return Path{}, at(p.pos, "expected the end of the path, found %s", p.found())
	}
	return Path{Attr: attr, Filter: body}, nil
}

// checkLimits refuses what must not reach the recursive parser.
func checkLimits(text string) error {
	if len(text) > MaxLength {
		return at(MaxLength, "longer than %d bytes", MaxLength)
	}
	if !utf8.ValidString(text) {
		return at(0, "not valid UTF-8")
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // whatever is escaped does not end the string
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == '[':
			// Twice, because rewriting a[f].b op v may add a pair of parentheses.
			depth += 2
		case c == ')':
			depth--
		case c == ']':
			depth -= 2
		}
		if depth > MaxNesting {
			return at(i, "nested deeper than %d levels", MaxNesting)
		}
	}
	return nil
}

// place is where an attribute stands: anywhere, or within the brackets of a
// value path, where it is a sub-attribute.
type place int

const (
	anywhere place = iota
	inBrackets
)

// parser goes through the text by recursive descent, one method a rule: or →
// and → term.
type parser struct {
	text  string
	pos   int
	terms int
}

func (p *parser) or(where place) (Expr, error) {
	left, err := p.and(where)
	for err == nil && p.keyword("or") {
		var right Expr
		if right, err = p.and(where); err == nil {
			left = Or{left, right}
		}
	}
	return left, err
}

func (p *parser) and(where place) (Expr, error) {
	left, err := p.term(where)
	for err == nil && p.keyword("and") {
		var right Expr
		if right, err = p.term(where); err == nil {
			left = And{left, right}
		}
	}
	return left, err
}

// term reads not (…), (…) or a comparison.
func (p *parser) term(where place) (Expr, error) {
	p.space()
	start := p.pos
	negated := p.keyword("not")
	p.space()
	if p.take('(') {
		e, err := p.or(where)
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(')') {
			return nil, at(p.pos, "expected ), found %s", p.found())
		}
		if negated {
			e = Not{e}
		}
		return e, p.trailing()
	}
	p.pos = start // it was an attribute called not, or nothing
	e, err := p.comparison(where)
	if err != nil {
		return nil, err
	}
	return e, p.trailing()
}

// trailing skips the space behind a term, so that what follows is seen.
func (p *parser) trailing() error {
	if p.terms > MaxTerms {
		return at(p.pos, "more than %d comparisons", MaxTerms)
	}
	p.space()
	return nil
}

func (p *parser) comparison(where place) (Expr, error) {
	start := p.pos
	token := p.token()
	if where == inBrackets {
		if token != "" && !isName(token) {
			return nil, at(start, "within brackets expected a sub-attribute's name, found %q", token)
		}
		if token == "" {
			return nil, at(start, "expected a sub-attribute's name, found %s", p.found())
		}
		return p.operation(Attr{Sub: token})
	}
	attr, err := splitAttr(token, start)
	if err != nil {
		if token == "" {
			err = at(start, "expected an attribute's name, found %s", p.found())
		}
		return nil, err
	}
	if !p.take('[') {
		return p.operation(attr)
	}
	body, err := p.brackets(attr)
	if err != nil {
		return nil, err
	}
	if p.take('.') {
		sub, err := p.subAttribute()
		if err != nil {
			return nil, err
		}
		test, err := p.operation(Attr{Sub: sub})
		if err != nil {
			return nil, err
		}
		body = And{body, test}
	}
	return ValuePath{attr, body}, nil
}

// brackets reads the filter of a value path and its closing bracket.
func (p *parser) brackets(of Attr) (Expr, error) {
	if of.Sub != "" {
		return nil, at(p.pos-1, "%s is a sub-attribute: brackets may only follow an attribute", of)
	}
	body, err := p.or(inBrackets)
	if err != nil {
		return nil, err
	}
	if !p.take(']') {
		return nil, at(p.pos, "expected ], found %s", p.found())
	}
	return body, nil
}

func (p *parser) subAttribute() (string, error) {
	start := p.pos
	name := p.token()
	if !isName(name) {
		return "", at(start, "expected a sub-attribute's name after the full stop")
	}
	return name, nil
}

// operation reads pr, or a comparison operator and its value.
func (p *parser) operation(attr Attr) (Expr, error) {
	p.terms++
	p.space()
	if p.keyword("pr") {
		return Present{attr}, nil
	}
	for _, op := range operators {
		if p.keyword(string(op)) {
			p.space()
			value, err := p.value()
			return Compare{attr, op, value}, err
		}
	}
	return nil, at(p.pos, "expected an operator after %s (eq, ne, co, sw, ew, gt, ge, lt, le or pr), found %s", attr, p.found())
}

var operators = [...]Op{
	Equal, NotEqual, Contains, StartsWith, EndsWith,
	GreaterThan, GreaterOrEqual, LessThan, LessOrEqual,
}

// value reads a JSON value that is not an array or object.
func (p *parser) value() (any, error) {
	if p.pos < len(p.text) && p.text[p.pos] == '"' {
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(" \t\r\n()[]\"", rune(p.text[p.pos])) {
		p.pos++
	}
	word := p.text[start:p.pos]
	switch strings.ToLower(word) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if word != "" && strings.ContainsRune("-0123456789", rune(word[0])) && json.Valid([]byte(word)) {
		return json.Number(word), nil
	}
	p.pos = start
	return nil, at(start, `expected a value (a string in double quotes, a number, true, false or null), found %s`, p.found())
}

// quoted reads a JSON string.
func (p *parser) quoted() (any, error) {
	start := p.pos
	for p.pos++; p.pos < len(p.text) && p.text[p.pos] != '"'; p.pos++ {
		if p.text[p.pos] == '\\' {
			p.pos++
		}
	}
	if p.pos >= len(p.text) {
		p.pos = len(p.text)
		return nil, at(start, "a string that is not closed: its double quote is missing")
	}
	p.pos++
	raw := p.text[start:p.pos]
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return nil, at(start, "not a JSON string: control characters and backslashes must be escaped")
	}
	// encoding/json puts U+FFFD for half a surrogate pair, and PostgreSQL keeps
	// no NUL: nothing can match either.
	if strings.Count(s, "\uFFFD") > strings.Count(raw, "\uFFFD")+strings.Count(strings.ToLower(raw), `\ufffd`) {
		return nil, at(start, "a string with half a surrogate pair")
	}
	if strings.ContainsRune(s, 0) {
		return nil, at(start, "a string with a NUL character")
	}
	return s, nil
}

// keyword takes a word, case-blind, if it stands here as a whole.
func (p *parser) keyword(word string) bool {
	end := p.pos + len(word)
	if end > len(p.text) || !strings.EqualFold(p.text[p.pos:end], word) {
		return false
	}
	if end < len(p.text) && isTokenByte(p.text[end]) {
		return false
	}
	p.pos = end
	return true
}

func (p *parser) take(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// token takes the bytes that may form an attribute with its URN.
func (p *parser) token() string {
	start := p.pos
	for p.pos < len(p.text) && isTokenByte(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// found names what stands here, for an error.
func (p *parser) found() string {
	const enough = 20
	rest := []rune(p.text[p.pos:])
	if len(rest) == 0 {
		return "the end"
	}
	if len(rest) > enough {
		return string(rest[:enough]) + "…"
	}
	return string(rest)
}

// splitAttr takes [URN:]name[.sub] apart. A URN has colons and full stops of its
// own, so the last colon is what counts.
func splitAttr(token string, offset int) (Attr, error) {
	colon := strings.LastIndexByte(token, ':')
	name, sub, dotted := strings.Cut(token[colon+1:], ".")
	attr := Attr{Name: name, Sub: sub}
	if colon >= 0 {
		attr.URI = token[:colon]
	}
	if !isName(name) || dotted && !isName(sub) || colon == 0 {
		return Attr{}, at(offset, "%q is not an attribute's name", token)
	}
	return attr, nil
}

func isTokenByte(c byte) bool {
	return isNameByte(c) || strings.IndexByte(".:/~%+", c) >= 0
}

func isNameByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '$'
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isName follows ATTRNAME, with the $ of $ref, which RFC 7643 forgot there.
func isName(s string) bool {
	if s == "" || !isLetter(s[0]) && s[0] != '$' {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}

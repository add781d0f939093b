package filter

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// Match evaluates a resolved filter in brackets on one element of the
// multi-valued attribute that of defines. An element that is not complex is
// given as {"value": element}.
//
// A missing sub-attribute equals null and is unequal to anything else; a missing
// primary is false (RFC 7643 section 2.4). Strings compare by caseExact, in the
// form that fold gives them: attr.Fold, or what remembers its answers. The error
// tells of a filter that was not resolved against this attribute.
func Match(e Expr, of *attr.Definition, element map[string]any, fold func(string) string) (bool, error) {
	switch e := e.(type) {
	case And:
		left, err := Match(e.Left, of, element, fold)
		if err != nil || !left {
			return false, err
		}
		return Match(e.Right, of, element, fold)
	case Or:
		left, err := Match(e.Left, of, element, fold)
		if err != nil || left {
			return left, err
		}
		return Match(e.Right, of, element, fold)
	case Not:
		x, err := Match(e.X, of, element, fold)
		return err == nil && !x, err
	case Present:
		return present(element[e.Attr.Sub]), nil
	case Compare:
		return matchCompare(e, of, element, fold)
	}
	return false, fmt.Errorf("match element of %s: no filter in brackets: %T", of.Name, e)
}

func matchCompare(e Compare, of *attr.Definition, within map[string]any, fold func(string) string) (bool, error) {
	d := element(of, e.Attr.Sub)
	if d == nil {
		return false, fmt.Errorf("match element of %s: no sub-attribute %s", of.Name, e.Attr.Sub)
	}
	value := within[d.Name]
	if value == nil && d.Name == "primary" {
		value = false
	}
	if e.Value == nil || !present(value) {
		equal := (e.Value == nil) == !present(value)
		return e.Op == Equal && equal || e.Op == NotEqual && !equal, nil
	}
	values, several := value.([]any)
	if !several {
		values = []any{value}
	}
	for _, v := range values {
		if holds(e.Op, v, e.Value, d, fold) {
			return true, nil
		}
	}
	return false, nil
}

// present follows the definition of pr: there, and not empty.
func present(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// holds compares two values of one type. Values of different types are unequal.
func holds(op Op, have, want any, d *attr.Definition, fold func(string) string) bool {
	order, ok := 0, false
	switch h := have.(type) {
	case string:
		w, isString := want.(string)
		if !isString {
			break
		}
		if d.Type == attr.DateTime {
			order, ok = compareTimes(h, w)
			break
		}
		if !d.CaseExact {
			h, w = fold(h), fold(w)
		}
		if substring[op] {
			return holdsSubstring(op, h, w)
		}
		order, ok = strings.Compare(h, w), true
	case bool:
		if w, isBool := want.(bool); isBool {
			ok = true
			if h != w {
				order = 1
			}
		}
	case json.Number:
		if w, isNumber := want.(json.Number); isNumber {
			order, ok = compareNumbers(h, w)
		}
	}
	if !ok {
		return op == NotEqual
	}
	return holdsOrder(op, order)
}

func holdsSubstring(op Op, have, want string) bool {
	switch op {
	case StartsWith:
		return strings.HasPrefix(have, want)
	case EndsWith:
		return strings.HasSuffix(have, want)
	default:
		return strings.Contains(have, want)
	}
}

func holdsOrder(op Op, order int) bool {
	switch op {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case GreaterThan:
		return order > 0
	case GreaterOrEqual:
		return order >= 0
	case LessThan:
		return order < 0
	case LessOrEqual:
		return order <= 0
	}
	return false
}

func compareTimes(a, b string) (order int, ok bool) {
	have, ok := attr.ParseTime(a)
	if !ok {
		return 0, false
	}
	want, ok := attr.ParseTime(b)
	return have.Compare(want), ok
}

// compareNumbers is exact beyond what float64 tells apart. The precision covers
// any 64-bit integer and any sensible decimal, and is fixed, so that the exponent
// a client writes costs nothing.
func compareNumbers(a, b json.Number) (order int, ok bool) {
	const precision = 256
	have, _, err := big.ParseFloat(a.String(), 10, precision, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	want, _, err := big.ParseFloat(b.String(), 10, precision, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	return have.Cmp(want), true
}

package filter_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	peer "github.com/scim2/filter-parser/v2"

	"github.com/usherd/usher/scim/filter"
)

// TestAgainstAnotherParser holds the parser against github.com/scim2/filter-parser,
// written by others from the same grammar: what both read, they read as the same
// tree, and what the other reads, this one reads.
func TestAgainstAnotherParser(t *testing.T) {
	random := rand.New(rand.NewPCG(7644, 2))
	shared := 0
	for range 3_000 {
		text := written(random, 3)
		theirs, err := peer.ParseFilterNumber([]byte(text))
		if err != nil {
			continue // it reads less of the grammar: see doc.go
		}
		shared++
		ours, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(translated(t, theirs, false), ours, cmp.Comparer(sameNumber)); diff != "" {
			t.Fatalf("%s:\n%s", text, diff)
		}
	}
	if shared < 800 {
		t.Errorf("only %d filters of 3000 were read by both", shared)
	}
}

// written is a random filter with expressions up to depth deep, as text.
func written(r *rand.Rand, depth int) string {
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	attribute := one("userName", "title", "name.familyName", "urn:a:2.0:User:userName", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "x-y", "$ref", "emails.value")
	compare := func(attribute string) string {
		if r.IntN(6) == 0 {
			return attribute + " " + one("pr", "PR")
		}
		return attribute + " " + one("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Co") + " " +
			one(`"a b"`, `""`, `"or"`, `"\u00E9\n\"q\\"`, `"кит"`, "true", "FALSE", "null", "0", "-12", "3.25", "1e3", "-0.5E-2")
	}
	switch {
	case depth == 0 || r.IntN(3) == 0:
		return compare(attribute)
	case r.IntN(5) == 0:
		inner := compare(one("type", "value"))
		if r.IntN(2) == 0 {
			inner += one(" and ", " or ") + compare("primary")
		}
		return one("emails", "urn:a:members") + "[" + inner + "]"
	case r.IntN(4) == 0:
		return one("not ", "NOT", "") + "(" + written(r, depth-1) + ")"
	}
	return written(r, depth-1) + one(" and ", " or ", " AND ", " Or ") + written(r, depth-1)
}

// translated is the other parser's tree as ours; within a value path names are
// those of sub-attributes.
func translated(t *testing.T, e peer.Expression, within bool) filter.Expr {
	t.Helper()
	switch e := e.(type) {
	case *peer.LogicalExpression:
		left, right := translated(t, e.Left, within), translated(t, e.Right, within)
		if e.Operator == peer.AND {
			return filter.And{Left: left, Right: right}
		}
		return filter.Or{Left: left, Right: right}
	case *peer.NotExpression:
		return filter.Not{X: translated(t, e.Expression, within)}
	case *peer.ValuePath:
		return filter.ValuePath{Attr: name(e.AttributePath, false), Filter: translated(t, e.ValueFilter, true)}
	case *peer.AttributeExpression:
		if e.Operator == peer.PR {
			return filter.Present{Attr: name(e.AttributePath, within)}
		}
		return filter.Compare{Attr: name(e.AttributePath, within), Op: filter.Op(e.Operator), Value: value(t, e.CompareValue)}
	}
	t.Fatalf("a tree of %T", e)
	return nil
}

func name(p peer.AttributePath, within bool) filter.Attr {
	if within {
		return filter.Attr{Sub: p.AttributeName}
	}
	return filter.Attr{URI: strings.TrimSuffix(p.URI(), ":"), Name: p.AttributeName, Sub: p.SubAttributeName()}
}

// value takes the escapes out of a string, which the other parser leaves in.
func value(t *testing.T, v any) any {
	t.Helper()
	s, ok := v.(string)
	if !ok {
		return v
	}
	var out string
	if err := json.Unmarshal([]byte(`"`+s+`"`), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func sameNumber(a, b json.Number) bool {
	x, errX := strconv.ParseFloat(a.String(), 64)
	y, errY := strconv.ParseFloat(b.String(), 64)
	return x == y && fmt.Sprint(errX) == fmt.Sprint(errY)
}

package patch_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// show writes steps as "where[…] only -a +b" each.
func show(steps []patch.MemberStep) []string {
	var lines []string
	for _, s := range steps {
		var words []string
		if s.Where != nil {
			words = append(words, "where["+s.Where.String()+"]")
		}
		if s.Only {
			words = append(words, "only")
		}
		for _, m := range s.Remove {
			words = append(words, "-"+m.Value+m.Type)
		}
		for _, m := range s.Add {
			words = append(words, "+"+m.Value+m.Type)
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

func TestMembers(t *testing.T) {
	for _, test := range []struct {
		name, ops string
		want      []string
		rest      int
	}{
		{"none", `replace displayName := "G"`, nil, 1},
		{"add", `add members := [{"value":"a","type":"User"},{"value":"b"}]`, []string{"+aUser +b"}, 0},
		{"add one, not in an array", `add members := {"value":"a"}`, []string{"+a"}, 0},
		{"add twice", "add members := [{\"value\":\"a\"},{\"value\":\"a\"}]\nadd members := [{\"value\":\"a\",\"type\":\"User\"}]", []string{"+aUser"}, 0},
		{"Okta adds and removes", "remove members[value eq \"a\"]\nadd members := [{\"value\":\"b\"}]\nremove members[value eq \"c\"]", []string{"-a -c +b"}, 0},
		{"Entra removes by array", `remove members := [{"$ref":null,"value":"a"},{"value":"b"}]`, []string{"-a -b"}, 0},
		{"an empty array removes nobody", `remove members := []`, []string{""}, 0},
		{"so does an empty string", `remove members := ""`, []string{""}, 0},
		{"remove all", `remove members`, []string{"only"}, 0},
		{"Okta's empty push", `replace members := []`, []string{"only"}, 0},
		{"replace by null", `replace members := null`, []string{"only"}, 0},
		{"replace", `replace members := [{"value":"a"}]`, []string{"only +a"}, 0},
		{"add after replace", "replace members := [{\"value\":\"a\"}]\nadd members := [{\"value\":\"b\"}]", []string{"only +a +b"}, 0},
		{"remove after replace", "replace members := [{\"value\":\"a\"},{\"value\":\"b\"}]\nremove members[value eq \"a\"]", []string{"only +b"}, 0},
		{"replace voids what was before", "add members := [{\"value\":\"a\"}]\nremove members[type eq \"Group\"]\nreplace members := [{\"value\":\"b\"}]", []string{"only +b"}, 0},
		{"the last word counts", "add members := [{\"value\":\"a\"}]\nremove members[value eq \"a\"]", []string{"-a"}, 0},
		{"and again", "remove members[value eq \"a\"]\nadd members := [{\"value\":\"a\"}]", []string{"+a"}, 0},
		{"several by filter", `remove members[value eq "a" or (value eq "b" or value eq "c")]`, []string{"-a -b -c"}, 0},
		{"replace by nothing, by filter", `replace members[value eq "a"] := null`, []string{"-a"}, 0},
		{"by another filter", `remove members[type eq "Group"]`, []string{`where[type eq "Group"]`}, 0},
		{"by another filter, in between", "add members := [{\"value\":\"a\"}]\nremove members[value sw \"x\"]\nadd members := [{\"value\":\"b\"}]",
			[]string{"+a", `where[value sw "x"] +b`}, 0},
		{"with others", "replace displayName := \"G\"\nadd members := [{\"value\":\"a\"}]\nremove externalId", []string{"+a"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			steps, rest, err := patch.Members(operations(t, attrtest.Group(), test.ops))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(steps)); diff != "" || len(rest) != test.rest {
				t.Errorf("%d others (-want +got):\n%s", len(rest), diff)
			}
		})
	}
}

func TestMembersFaults(t *testing.T) {
	for ops, want := range map[string]patch.Reason{
		`add members := ["a"]`:                           patch.InvalidValue,
		`add members := "a"`:                             patch.InvalidValue,
		`add members := [{"display":"a"}]`:               patch.InvalidValue,
		`add members := [{"value":""}]`:                  patch.InvalidValue,
		`remove members := [{"value":null}]`:             patch.InvalidValue,
		`add members[value eq "a"] := {"value":"a"}`:     patch.InvalidPath,
		`replace members[value eq "a"] := {"value":"b"}`: patch.Mutability,
		`replace members[value eq "a"].display := "b"`:   patch.Mutability,
		`remove members.value`:                           patch.Mutability,
		`move members := [{"value":"a"}]`:                patch.InvalidSyntax,
	} {
		steps, rest, err := patch.Members(operations(t, attrtest.Group(), "replace displayName := \"G\"\n"+ops))
		var fault *patch.Error
		if !errors.As(err, &fault) || fault.Reason != want || fault.Operation != 1 || steps != nil || rest != nil {
			t.Errorf("%s: got %v, want %s", ops, err, want)
		}
	}
}

// FuzzMembers holds Members to what Apply makes of the same operations on a
// document.
func FuzzMembers(f *testing.F) {
	f.Add("a+b+c-a=bd-*+a")
	f.Add("=abc?a+d?b-d")
	f.Add("+aaa-a-a=*=")
	set := attrtest.Group()
	f.Fuzz(func(t *testing.T, script string) {
		ops := scriptOperations(script)
		doc := map[string]any{"displayName": "G", "members": memberList("bcy")}
		present := map[string]bool{"b": true, "c": true, "y": true}
		if _, err := patch.Apply(doc, ops, set); err != nil {
			t.Skip(err)
		}
		steps, rest, err := patch.Members(ops)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%q: %v, %d others", script, err, len(rest))
		}
		for _, s := range steps {
			carryOut(t, present, s)
		}
		var want, got []string
		list, _ := doc["members"].([]any)
		for _, m := range list {
			want = append(want, m.(map[string]any)["value"].(string))
		}
		for id := range present {
			got = append(got, id)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("%q: steps %q leave %v, Apply leaves %v", script, show(steps), got, want)
		}
	})
}

// carryOut does what the comment on MemberStep tells a backend to do.
func carryOut(t *testing.T, present map[string]bool, s patch.MemberStep) {
	t.Helper()
	members, _ := attrtest.Group().Lookup("", "members")
	for id := range present {
		if s.Where != nil {
			matches, err := filter.Match(s.Where, members, map[string]any{"value": id}, attr.Fold)
			if err != nil {
				t.Fatal(err)
			}
			if matches {
				delete(present, id)
			}
		}
		if s.Only {
			delete(present, id)
		}
	}
	for _, m := range s.Remove {
		delete(present, m.Value)
	}
	for _, m := range s.Add {
		present[m.Value] = true
	}
}

// scriptOperations reads "+ab" as add a and b, "-ab" as remove by array, "-*" as
// remove all, "=ab" as replace, "?a" as removal of those from a on, by filter.
func scriptOperations(script string) []patch.Operation {
	var ops []patch.Operation
	kinds := map[byte]patch.Kind{'+': patch.Add, '-': patch.Remove, '=': patch.Replace, '?': patch.Remove}
	for i := 0; i < len(script); i++ {
		kind, ok := kinds[script[i]]
		if !ok {
			continue
		}
		end := i + 1
		for end < len(script) && (script[end] >= 'a' && script[end] <= 'z' || script[end] == '*') {
			end++
		}
		ids := script[i+1 : end]
		op := patch.Operation{Kind: kind, Path: filter.Path{Attr: filter.Attr{Name: "members"}}, Value: memberList(ids)}
		switch {
		case kind == patch.Remove && ids == "*":
			op.Value = nil
		case strings.Contains(ids, "*"):
			continue
		case script[i] == '?' && ids != "":
			op.Value = nil
			op.Path.Filter = filter.Compare{Attr: filter.Attr{Sub: "value"}, Op: filter.GreaterOrEqual, Value: ids}
		case script[i] == '?':
			continue
		}
		ops = append(ops, op)
	}
	return ops
}

func memberList(ids string) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, map[string]any{"value": string(id)})
	}
	return list
}

func BenchmarkMembers(b *testing.B) {
	for _, size := range []int{1, 1000} {
		var items []any
		for i := range size {
			items = append(items, map[string]any{"value": strconv.Itoa(i), "n": json.Number("1")})
		}
		ops := []patch.Operation{{Kind: patch.Add, Path: filter.Path{Attr: filter.Attr{Name: "members"}}, Value: items}}
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := patch.Members(ops); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

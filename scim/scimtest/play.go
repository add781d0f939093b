package scimtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// BaseURL is the address that a service under test must have: transcripts and
// suite compare locations with it.
const BaseURL = "https://people.example.com/scim/v2"

// Play plays transcripts: dir holds a folder for each identity provider, named
// like the profile its connection has, and in it files of exchanges. serve makes
// a service with no resources for each file; paths in transcripts lie below its
// base.
//
// A file is a list of exchanges between lines of "---". In each,
//
//	# what the provider does here
//	> PATCH /Users/{{anna}}
//	> Content-Type: application/scim+json
//	{"schemas": [...], "Operations": [...]}
//	< 200
//	< ETag: *
//	{"id": "{{anna}}", "active": false, "members": "{{absent}}"}
//
// the expected body names what must be there and may leave out the rest of an
// object, but not of an array, whose elements may come in any order. "{{name}}"
// stands for whatever is found there first, and for the same ever after, also
// within paths and bodies; "{{any}}" for anything, "{{absent}}" for nothing. A
// header's * is anything, and - is that there is none.
func Play(t *testing.T, dir string, serve func(t *testing.T, profile string) http.Handler) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in %s: %v", dir, err)
	}
	for _, file := range files {
		profile := filepath.Base(filepath.Dir(file))
		name := profile + "/" + strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file) //nolint:gosec // a test names its own transcripts
			if err != nil {
				t.Fatal(err)
			}
			PlayText(t, string(text), serve(t, profile))
		})
	}
}

// PlayText plays one transcript on a service.
func PlayText(t *testing.T, text string, h http.Handler) {
	t.Helper()
	if err := play(text, h); err != nil {
		t.Fatal(err)
	}
}

// play plays a transcript up to the first difference.
func play(text string, h http.Handler) error {
	vars := map[string]string{}
	for i, part := range regexp.MustCompile(`(?m)^---\s*$`).Split(text, -1) {
		x, err := parseExchange(part)
		if err != nil {
			return fmt.Errorf("exchange %d: %w", i+1, err)
		}
		if x == nil {
			continue
		}
		if err := x.play(h, vars); err != nil {
			return fmt.Errorf("exchange %d (%s): %s %s: %w", i+1, x.title, x.method, x.path, err)
		}
	}
	return nil
}

// exchange is a request and the answer that is expected.
type exchange struct {
	title, method, path string
	request, expected   http.Header
	body, answer        string
	status              int
}

// parseExchange reads one exchange; nil for comments alone.
func parseExchange(text string) (*exchange, error) {
	x := &exchange{request: http.Header{}, expected: http.Header{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "#"):
			x.title = strings.TrimSpace(x.title + " " + strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "> ") && x.method == "":
			x.method, x.path, _ = strings.Cut(strings.TrimSpace(line[2:]), " ")
		case strings.HasPrefix(line, "> "):
			name, value, _ := strings.Cut(line[2:], ":")
			x.request.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		case strings.HasPrefix(line, "< ") && x.status == 0:
			if _, err := fmt.Sscan(line[2:], &x.status); err != nil {
				return nil, fmt.Errorf("status line %q: %w", line, err)
			}
		case strings.HasPrefix(line, "< "):
			name, value, _ := strings.Cut(line[2:], ":")
			x.expected.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		case x.status != 0:
			x.answer += line + "\n"
		case x.method != "":
			x.body += line + "\n"
		}
	}
	x.body, x.answer = strings.TrimSpace(x.body), strings.TrimSpace(x.answer)
	if x.method == "" && x.status == 0 {
		return nil, nil
	}
	if x.path == "" || x.status == 0 {
		return nil, fmt.Errorf("needs a request line and a status line")
	}
	return x, nil
}

// play sends the request and compares.
func (x *exchange) play(h http.Handler, vars map[string]string) error {
	path := strings.ReplaceAll(fill(x.path, vars), " ", "%20")
	headers := []string{"Accept: application/scim+json"}
	for name, values := range x.request {
		headers = append(headers, name+": "+fill(values[0], vars))
	}
	w := Client{h}.Do(x.method, path, fill(x.body, vars), headers...)
	if w.Code != x.status {
		return fmt.Errorf("status %d, want %d: %s", w.Code, x.status, w.Body)
	}
	for name := range x.expected {
		want, got := fill(x.expected.Get(name), vars), w.Header().Get(name)
		if want == "-" && got != "" || want == "*" && got == "" || want != "*" && want != "-" && want != got {
			return fmt.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if x.answer == "" {
		if w.Code == http.StatusNoContent && w.Body.Len() > 0 {
			return fmt.Errorf("a body where there must be none: %s", w.Body)
		}
		return nil
	}
	var want, got any
	if err := decodeJSON(fill(x.answer, vars), &want); err != nil {
		return fmt.Errorf("expected body: %w", err)
	}
	if err := decodeJSON(w.Body.String(), &got); err != nil {
		return fmt.Errorf("body %q: %w", w.Body, err)
	}
	if err := compare("", want, got, vars); err != nil {
		return fmt.Errorf("%w\nin %s", err, w.Body)
	}
	return nil
}

func decodeJSON(text string, v *any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	return nil
}

// fill puts values in the place of the variables that have one.
func fill(text string, vars map[string]string) string {
	for name, value := range vars {
		text = strings.ReplaceAll(text, "{{"+name+"}}", value)
	}
	return text
}

// compare compares what was expected with what came.
func compare(at string, want, got any, vars map[string]string) error {
	switch want := want.(type) {
	case map[string]any:
		o, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v, want an object", at, got)
		}
		for name, w := range want {
			g, there := o[name]
			if w == "{{absent}}" {
				if there {
					return fmt.Errorf("%s.%s is there: %v", at, name, g)
				}
				continue
			}
			if !there {
				return fmt.Errorf("%s.%s is missing", at, name)
			}
			if err := compare(at+"."+name, w, g, vars); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("%s is %v, want %d elements", at, got, len(want))
		}
		return compareLists(at, want, list, vars)
	case string:
		if want == "{{any}}" {
			return nil
		}
		if name, ok := strings.CutPrefix(want, "{{"); ok && vars[strings.TrimSuffix(name, "}}")] == "" {
			vars[strings.TrimSuffix(name, "}}")] = fmt.Sprint(got)
			return nil
		}
	}
	if want != got {
		return fmt.Errorf("%s is %v, want %v", at, got, want)
	}
	return nil
}

// compareLists finds for each expected element another that is like it.
func compareLists(at string, want, got []any, vars map[string]string) error {
	taken := map[int]bool{}
	for i, w := range want {
		found := false
		var last error
		for j, g := range got {
			if taken[j] {
				continue
			}
			if last = compare(fmt.Sprintf("%s[%d]", at, i), w, g, vars); last == nil {
				taken[j], found = true, true
				break
			}
		}
		if !found {
			return fmt.Errorf("%s has nothing like element %d: %w", at, i, last)
		}
	}
	return nil
}

package mail

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// digestSections are the parts of a digest in their order. Each takes the keys of
// Message.Data that begin with its name and a dot, what follows being what the
// fact is about: "did.corp", "held.12".
func digestSections() []string {
	return []string{"did", "scim", "held", "fails", "paused", "hook", "mails", "token", "quiet"}
}

// digestFacts are what a digest tells.
func (w *words) digestFacts() (out []fact) {
	names := slices.Sorted(maps.Keys(w.data))
	for _, section := range digestSections() {
		for _, name := range names {
			item, ok := strings.CutPrefix(name, section+".")
			if !ok {
				continue
			}
			about := map[string]string{"Item": item, "Value": w.digestValue(w.data[name])}
			value := about["Value"]
			if section == "held" {
				value = w.sayWith("digest.held.value", about)
			}
			out = append(out, fact{w.sayWith("digest."+section, about), value})
		}
	}
	return out
}

// digestValue puts a value into words: a time, figures as "created=12 updated=3",
// or a word that the catalogue may have.
func (w *words) digestValue(value string) string {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return w.date(at)
	}
	if !strings.Contains(value, "=") {
		return w.sayOr("digest.word."+value, value)
	}
	var out []string
	for _, figure := range strings.Fields(value) {
		name, n, _ := strings.Cut(figure, "=")
		out = append(out, w.sayWith("digest.n."+name, map[string]string{"N": n}))
	}
	return strings.Join(out, ", ")
}

package dialect

import (
	"github.com/usherd/usher/scim/attr"
)

// google is what Google Workspace says.
func google() []Rewrite {
	return []Rewrite{
		{
			Name: "google-nested-core",
			Doc: "Core attributes may stand in an object under the core schema's URN; what stands outside it holds" +
				" where both do.",
			Document: nestedCore,
		},
	}
}

func nestedCore(set *attr.Set, doc map[string]any) {
	for name, v := range doc {
		inner, ok := v.(map[string]any)
		if !ok || !set.IsCore(name) {
			continue
		}
		delete(doc, name)
		for k, value := range inner {
			if _, taken := doc[k]; !taken {
				doc[k] = value
			}
		}
		return
	}
}

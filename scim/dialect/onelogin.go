package dialect

import (
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// oneLogin is what OneLogin says, whose connectors send a JSON template that an
// administrator may have written years ago.
func oneLogin() []Rewrite {
	return []Rewrite{
		{
			Name: "onelogin-draft-urn",
			Doc: "The schema URNs of SCIM 1.1 and of the drafts of 2.0 mean those of the RFC:" +
				" urn:scim:schemas:core:1.0, urn:scim:schemas:core:2.0:User.",
			Document: draftURNs,
		},
	}
}

// draftPrefix begins every schema URN before the RFC.
const draftPrefix = "urn:scim:schemas:"

func draftURNs(set *attr.Set, doc map[string]any) {
	core := set.Cores()[0].ID
	for name, v := range doc {
		if list, ok := v.([]any); ok && strings.EqualFold(name, "schemas") {
			for i, e := range list {
				if s, ok := e.(string); ok {
					list[i] = modernURN(set, core, s)
				}
			}
		}
	}
	for name, v := range doc {
		if modern := modernURN(set, core, name); modern != name {
			if _, taken := doc[modern]; !taken {
				delete(doc, name)
				doc[modern] = v
			}
			return
		}
	}
}

// modernURN is what a URN is called today.
func modernURN(set *attr.Set, core, old string) string {
	tail, ok := strings.CutPrefix(strings.ToLower(old), draftPrefix)
	switch {
	case !ok:
		return old
	case strings.HasPrefix(tail, "core:"):
		return core
	case strings.HasPrefix(tail, "extension:enterprise:"):
		for _, e := range set.Extensions() {
			if strings.Contains(e.ID, ":extension:enterprise:") {
				return e.ID
			}
		}
	}
	return old
}

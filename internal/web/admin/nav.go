package admin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/web"
)

// navGroup are pages that belong together, under a name or none.
type navGroup struct {
	name  string
	pages []navPage
}

// navPage is a page that the navigation leads to.
type navPage struct {
	name, path string
	right      auth.Right
}

// navigation is the one table of what the console's navigation offers, in its
// order. What is not in the table of routes is left out.
var navigation = []navGroup{
	{"", []navPage{
		{"overview", "", auth.RightRead},
		{"runs", "runs", auth.RightRead},
		{"matches", "matches", auth.RightRead},
	}},
	{"registry", []navPage{
		{"people", "people", auth.RightRead},
		{"applicants", "applicants", auth.RightRead},
		{"contacts", "contacts", auth.RightRead},
		{"groups", "groups", auth.RightRead},
		{"places", "places", auth.RightRead},
	}},
	{"doors", []navPage{
		{"sources", "sources", auth.RightRead},
		{"scim", "scim", auth.RightRead},
		{"uploads", "uploads", auth.RightRead},
	}},
	{"company", []navPage{
		{"mails", "mails", auth.RightRead},
		{"webhooks", "webhooks", auth.RightRead},
		{"tokens", "tokens", auth.RightRead},
		{"audit", "audit", auth.RightRead},
		{"team", "team", auth.RightRead},
		{"settings", "settings", auth.RightRead},
		{"diagnostics", "diagnostics", auth.RightManage},
	}},
}

// linked is the navigation without the pages that there are not.
func linked(routes []route) []navGroup {
	there := map[string]bool{}
	for _, r := range routes {
		there[r.pattern] = true
	}
	var out []navGroup
	for _, g := range navigation {
		g.pages = slices.DeleteFunc(slices.Clone(g.pages), func(p navPage) bool {
			return !there["GET /"+cmp.Or(p.path, "{$}")]
		})
		if len(g.pages) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// nav is the navigation as the visitor may use it. Operators, who stand outside
// companies, can change to another one.
func (v *visit) nav() web.Nav {
	out := web.Nav{Name: v.company.Name}
	if v.who.Operator() {
		out.Switch = root
	}
	home := root + "/" + v.company.Key + "/"
	here, _, _ := strings.Cut(strings.TrimPrefix(v.r.URL.Path, home), "/")
	for _, g := range v.pages {
		group := web.NavGroup{}
		if g.name != "" {
			group.Label = "admin.nav.group." + g.name
		}
		for _, p := range g.pages {
			if v.who.May(p.right, v.company.ID) {
				group.Items = append(group.Items, web.NavItem{Label: "admin.nav." + p.name, URL: home + p.path, Current: here == p.path})
			}
		}
		if len(group.Items) > 0 {
			out.Groups = append(out.Groups, group)
		}
	}
	return out
}

package demo

import (
	"slices"
	"strings"
)

// addGroup adds a group; without members it gets the one that stands for none.
func (b *builder) addGroup(cn, description string, members ...string) *object {
	if len(members) == 0 {
		members = []string{nobodyDN}
	}
	return b.add("cn="+escape(cn)+","+GroupsDN, map[string][]string{
		"objectClass": {"top", "groupOfNames"}, "cn": {cn}, "description": {description}, "member": members,
	})
}

// escape quotes what separates the parts of a name (RFC 4514 section 2.4).
func escape(value string) string { return strings.ReplaceAll(value, ",", `\,`) }

// names are the DNs of the people for whom keep holds.
func (b *builder) names(keep func(*object) bool) []string {
	var out []string
	for _, o := range b.people() {
		if keep(o) {
			out = append(out, o.dn)
		}
	}
	return out
}

// buildGroups adds the groups: by department, by office, nested, and awkward.
func (b *builder) buildGroups() {
	byDept := map[string]string{}
	for _, d := range b.depts {
		g := b.addGroup(d.name, "Everybody in "+d.name, b.names(func(o *object) bool { return o.first("ou") == d.name })...)
		byDept[d.key] = g.dn
	}
	for _, office := range []string{"Milano", "Москва", "London", "Berlin"} {
		b.addGroup("Office "+office, "Everybody at this office", b.names(func(o *object) bool { return o.first("l") == office })...)
	}
	b.addGroup("Technology", "Nested: development and operations", byDept["development"], byDept["operations"])
	b.addGroup("Back Office", "Nested: finance, HR, legal, purchasing",
		byDept["finance"], byDept["hr"], byDept["legal"], byDept["purchasing"])
	b.addGroup("Everyone in Technology and Support", "Nested twice",
		"cn=Technology,"+GroupsDN, byDept["support"], b.heads["management"].dn)
	heads := make([]string, 0, len(b.heads))
	for _, o := range b.heads {
		heads = append(heads, o.dn)
	}
	slices.Sort(heads)
	b.addGroup("Managers", "The heads of all departments", heads...)
	everyThird := 0
	b.addGroup("VPN Users", "Every third person", b.names(func(*object) bool { everyThird++; return everyThird%3 == 0 })...)
	b.addGroup("Works Council", "Empty: holds only the member that stands for none")
	b.addGroup("Project Atlas", "Empty: its one member is the empty name", "")
	// Two groups that contain each other, and a member who is no longer there.
	loop := b.addGroup("Evening Shift", "In a circle with Night Shift", "cn=Night Shift,"+GroupsDN, b.heads["warehouse"].dn)
	b.addGroup("Night Shift", "In a circle with Evening Shift", loop.dn, b.heads["production"].dn,
		"uid=gone.long.ago,ou=Milano,"+PeopleDN)
}

package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// NextDay lets a working day pass: people are hired, leave, marry, move and are
// locked out, and groups change. It returns what happened, a sentence each.
func (d *Directory) NextDay() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.b
	b.now = b.now.Add(24 * time.Hour)
	day := &day{builder: b, used: map[*object]bool{}}
	for range 2 + b.rand.IntN(3) {
		day.leave()
	}
	for range 1 + b.rand.IntN(2) {
		day.marry()
	}
	day.lockOut()
	day.relocate()
	for range 3 + b.rand.IntN(4) {
		day.welcome()
	}
	day.regroup()
	return day.said
}

// BadDay makes most people invisible, as a wrong access rule or a mistyped
// filter does: nobody left, but a careless sync would think so. It returns what
// happened.
func (d *Directory) BadDay() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	people, hidden := d.b.people(), 0
	for _, o := range people {
		// One office stays visible: an answer that is merely short is more
		// dangerous than an empty one.
		o.hidden = o.first("l") != "Berlin"
		if o.hidden {
			hidden++
		}
	}
	return []string{fmt.Sprintf(
		"An access rule went wrong: %d of %d people can no longer be read, only those in Berlin.", hidden, len(people))}
}

// Recover ends a bad day. It returns what happened.
func (d *Directory) Recover() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	back := 0
	for _, o := range d.b.objects {
		if o.hidden {
			o.hidden = false
			back++
		}
	}
	if back == 0 {
		return []string{"Nothing to mend: everybody can be read."}
	}
	return []string{fmt.Sprintf("The access rule was mended: %d people can be read again.", back)}
}

// day is what happens between two nights.
type day struct {
	*builder
	used map[*object]bool // nobody has two things happen on one day
	said []string
}

func (d *day) say(format string, args ...any) { d.said = append(d.said, fmt.Sprintf(format, args...)) }

// somebody picks a person to whom nothing happened today and who is neither
// the head of a department nor one of the awkward cases, which stay for the
// next look at them.
func (d *day) somebody() *object {
	people := slices.DeleteFunc(d.people(), func(o *object) bool {
		_, locked := o.operational["pwdAccountLockedTime"]
		return d.used[o] || locked || d.isHead(o) || !strings.HasPrefix(o.first("mail"), o.first("uid")+"@")
	})
	o := pick(d.rand, people)
	d.used[o] = true
	return o
}

func (d *day) isHead(o *object) bool {
	return slices.Contains(slices.Collect(maps.Values(d.heads)), o)
}

func (d *day) leave() {
	o := d.somebody()
	d.remove(o)
	d.say("%s (%s, %s) left the company.", o.first("cn"), o.first("uid"), o.first("ou"))
}

// marry gives somebody a new family name, and with it a new login name, address
// and DN; the old address keeps working behind the new one.
func (d *day) marry() {
	o := d.somebody()
	c := d.cultures[slices.IndexFunc(d.cultures, func(c culture) bool { return c.language == o.first("preferredLanguage") })]
	was, wasUID, wasMail := o.first("cn"), o.first("uid"), o.first("mail")
	given, woman := d.givenName(c, o.first("givenName"))
	last := name{o.first("sn"), ""}
	for last.native == o.first("sn") {
		f := pick(d.rand, c.families)
		if last = f.man; woman {
			last = f.woman
		}
	}
	uid := d.login(given, last)
	d.set(o, "sn", last.native)
	d.set(o, "cn", fullName(c, given.native, last.native))
	d.set(o, "uid", uid)
	d.set(o, "mail", uid+"@"+mailDomain, wasMail)
	d.move(o, "uid="+uid+",ou="+o.first("l")+","+PeopleDN)
	d.say("%s (%s) is now %s (%s).", was, wasUID, o.first("cn"), uid)
}

// givenName finds a given name in its pool again.
func (d *day) givenName(c culture, native string) (given name, woman bool) {
	is := func(n name) bool { return n.native == native }
	if i := slices.IndexFunc(c.women, is); i >= 0 {
		return c.women[i], true
	}
	return c.men[slices.IndexFunc(c.men, is)], false
}

func (d *day) lockOut() {
	o := d.somebody()
	d.lock(o)
	d.say("%s (%s) is on leave, the account was locked.", o.first("cn"), o.first("uid"))
}

// relocate moves somebody to another office, and so to another OU.
func (d *day) relocate() {
	o := d.somebody()
	from := o.first("l")
	to := pick(d.rand, slices.DeleteFunc(d.offices(), func(office string) bool { return office == from }))
	d.set(o, "l", to)
	d.move(o, "uid="+o.first("uid")+",ou="+to+","+PeopleDN)
	d.say("%s (%s) moved from %s to %s.", o.first("cn"), o.first("uid"), from, to)
}

func (d *day) welcome() {
	c := pick(d.rand, d.cultures)
	dept := d.depts[1+d.rand.IntN(len(d.depts)-1)]
	o := d.hire(c, dept, dept.titles[1+d.rand.IntN(len(dept.titles)-1)])
	d.used[o] = true
	for _, g := range d.groups() {
		if cn := g.first("cn"); cn == dept.name || cn == "Office "+c.office {
			d.set(g, "member", append(slices.Clone(g.attrs["member"]), o.dn)...)
		}
	}
	d.say("%s (%s) was hired for %s.", o.first("cn"), o.first("uid"), dept.name)
}

// regroup lets one person join the VPN users and another leave them.
func (d *day) regroup() {
	groups := d.groups()
	vpn := groups[slices.IndexFunc(groups, func(g *object) bool { return g.first("cn") == "VPN Users" })]
	members := slices.Clone(vpn.attrs["member"])
	joins := d.somebody()
	for slices.Contains(members, joins.dn) {
		joins = d.somebody()
	}
	goes := pick(d.rand, members)
	members = append(slices.DeleteFunc(members, func(m string) bool { return m == goes }), joins.dn)
	d.set(vpn, "member", members...)
	d.say("%s joined VPN Users, %s left the group.", joins.first("cn"), d.nameOf(goes))
}

func (d *day) nameOf(dn string) string {
	for _, o := range d.objects {
		if o.dn == dn {
			return o.first("cn")
		}
	}
	return dn
}

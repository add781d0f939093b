package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// builder makes people and groups out of the pools.
type builder struct {
	*store
	rand     *rand.Rand
	cultures []culture
	depts    []department
	taken    map[string]bool // login names, never given twice
	number   int             // the last employee number
	heads    map[string]*object
}

func newBuilder(s *store, seed uint64) *builder {
	b := &builder{
		store: s, rand: rand.New(rand.NewPCG(seed, seed)), //nolint:gosec // sample data
		cultures: cultures(), depts: departments(),
		taken: map[string]bool{}, number: 1000, heads: map[string]*object{},
	}
	s.uuid = func() string {
		var raw uuid.UUID
		for i := range raw {
			raw[i] = byte(b.rand.Uint32() & 0xff)
		}
		raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
		return raw.String()
	}
	return b
}

// build fills an empty tree.
func (b *builder) build() {
	b.containers()
	for i, d := range b.depts {
		b.heads[d.key] = b.hire(b.cultures[i%len(b.cultures)], d, d.titles[0])
	}
	boss := b.heads["management"]
	for _, d := range b.depts[1:] {
		b.set(b.heads[d.key], "manager", boss.dn)
	}
	b.set(boss, "manager")
	for _, c := range b.cultures {
		for range c.share - 2 {
			d := b.depts[1+b.rand.IntN(len(b.depts)-1)]
			b.hire(c, d, d.titles[1+b.rand.IntN(len(d.titles)-1)])
		}
	}
	b.awkwardPeople()
	b.buildGroups()
}

func (b *builder) containers() {
	b.add(BaseDN, map[string][]string{"objectClass": {"top", "dcObject", "organization"}, "dc": {"acme"}, "o": {"Acme"}})
	for _, dn := range []string{PeopleDN, GroupsDN, systemDN} {
		ou := strings.TrimPrefix(strings.SplitN(dn, ",", 2)[0], "ou=")
		b.add(dn, map[string][]string{"objectClass": {"top", "organizationalUnit"}, "ou": {ou}})
	}
	for _, o := range b.offices() {
		b.add("ou="+o+","+PeopleDN, map[string][]string{"objectClass": {"top", "organizationalUnit"}, "ou": {o}})
	}
	for _, cn := range []string{"admin", "usher", "nobody"} {
		b.add("cn="+cn+","+systemDN, map[string][]string{"objectClass": {"top", "organizationalRole"}, "cn": {cn}})
	}
}

// offices are the places of the company, each once.
func (b *builder) offices() []string {
	var out []string
	for _, c := range b.cultures {
		if !slices.Contains(out, c.office) {
			out = append(out, c.office)
		}
	}
	return out
}

// hire adds a person with a name out of the culture's pool.
func (b *builder) hire(c culture, d department, title string) *object {
	woman := b.rand.IntN(2) == 0
	given, fam := pick(b.rand, c.men), pick(b.rand, c.families)
	last := fam.man
	if woman {
		given, last = pick(b.rand, c.women), fam.woman
	}
	return b.addPerson(c, d, title, given, last)
}

// addPerson adds a person of that name.
func (b *builder) addPerson(c culture, d department, title string, given, last name) *object {
	b.number++
	uid := b.login(given, last)
	attrs := map[string][]string{
		"objectClass":       {"top", "person", "organizationalPerson", "inetOrgPerson"},
		"uid":               {uid},
		"cn":                {fullName(c, given.native, last.native)},
		"sn":                {last.native},
		"givenName":         {given.native},
		"mail":              {uid + "@" + mailDomain},
		"title":             {title},
		"ou":                {d.name},
		"departmentNumber":  {d.number},
		"telephoneNumber":   {fmt.Sprintf("%s %04d", c.phone, b.number)},
		"employeeNumber":    {fmt.Sprintf("%05d", b.number)},
		"preferredLanguage": {c.language},
		"l":                 {c.office},
	}
	if head := b.heads[d.key]; head != nil {
		attrs["manager"] = []string{head.dn}
	}
	return b.add("uid="+uid+",ou="+c.office+","+PeopleDN, attrs)
}

func fullName(c culture, given, last string) string {
	if c.familyFirst {
		return last + " " + given
	}
	return given + " " + last
}

// login makes a login name that nobody ever had: first.last, and a number where
// that is taken.
func (b *builder) login(given, last name) string {
	want := strings.ToLower(given.plain + "." + last.plain)
	for n := 1; ; n++ {
		uid := want
		if n > 1 {
			uid = fmt.Sprintf("%s%d", want, n)
		}
		if !b.taken[uid] {
			b.taken[uid] = true
			return uid
		}
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// dept finds a department by its key.
func (b *builder) dept(key string) department {
	return b.depts[slices.IndexFunc(b.depts, func(d department) bool { return d.key == key })]
}

// lockedForGood is what OpenLDAP's password policy writes for an account locked
// by an administrator (draft-behera-ldap-password-policy section 5.3.3).
const lockedForGood = "000001010000Z"

// awkwardPeople adds the cases a sync must live with.
func (b *builder) awkwardPeople() {
	it, en := b.cultures[0], b.cultures[2]
	worker := func(given, last string) *object {
		return b.addPerson(it, b.dept("warehouse"), "Warehouse Worker", name{given, given}, name{last, last})
	}
	for _, given := range []string{"Salvatore", "Carmela", "Gennaro"} { // without mail
		b.set(worker(given, "Esposito"), "mail")
	}
	for _, given := range []string{"Ugo", "Rosa", "Ennio", "Teresa"} { // disabled
		b.lock(worker(given, "Ferri"))
	}
	for _, given := range []string{"Ada", "Ida"} { // one mail for two
		b.set(worker(given, "Portieri"), "mail", "reception@"+mailDomain)
	}
	// A manager loop.
	one, two := worker("Primo", "Levanti"), worker("Secondo", "Ponenti")
	b.set(one, "manager", two.dn)
	b.set(two, "manager", one.dn)
	// A name longer than any form foresees, and one that is a single word.
	b.addPerson(en, b.dept("legal"), "Contractor",
		name{"Wolfeschlegelsteinhausen Maximilian Bartholomew Alexander", "wolfe"},
		name{"Fitzgerald-Montgomery-Cholmondeley-Featherstonehaugh of Upper Blackwater and the Outer Marches", "featherstonehaugh"})
	mono := b.addPerson(en, b.dept("marketing"), "Content Editor", name{"", "teller"}, name{"Teller", "magic"})
	b.set(mono, "cn", "Teller")
	b.set(mono, "givenName")
	// Several addresses, a plus tag, capitals.
	many := worker("Moreno", "Postini")
	b.set(many, "mail", "Moreno.Postini@Acme.Example", "m.postini+lists@"+mailDomain)
}

// lock disables an account.
func (b *builder) lock(o *object) {
	o.operational["pwdAccountLockedTime"] = []string{lockedForGood}
	b.touch(o)
}

package dirgen

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Options say how large a directory to write.
type Options struct {
	// Base is the suffix; "" means dc=example,dc=com.
	Base string
	// People is the number of inetOrgPerson entries below ou=people.
	People int
	// Groups is the number of groupOfNames entries below ou=groups.
	Groups int
	// Members is the number of members of each group, capped at People.
	Members int
	// Seed picks the names, numbers and memberships.
	Seed uint64
}

// DefaultBase is the suffix used when Options.Base is empty.
const DefaultBase = "dc=example,dc=com"

// UID is the uid of the n-th person, counted from 0.
func UID(n int) string { return fmt.Sprintf("u%07d", n) }

// PersonDN is the DN of the n-th person.
func (o Options) PersonDN(n int) string { return "uid=" + UID(n) + ",ou=people," + o.base() }

// GroupDN is the DN of the n-th group.
func (o Options) GroupDN(n int) string { return fmt.Sprintf("cn=team-%05d,ou=groups,%s", n, o.base()) }

// PeopleBase is the DN under which the people are.
func (o Options) PeopleBase() string { return "ou=people," + o.base() }

// GroupsBase is the DN under which the groups are.
func (o Options) GroupsBase() string { return "ou=groups," + o.base() }

func (o Options) base() string {
	if o.Base == "" {
		return DefaultBase
	}
	return o.Base
}

// LDIF writes the directory, the suffix entry and the two containers included,
// parents before children, as slapadd wants it.
func LDIF(w io.Writer, o Options) error {
	out := bufio.NewWriterSize(w, 1<<16)
	rng := rand.New(rand.NewPCG(o.Seed, 0x7573686572)) //nolint:gosec // repeatable on purpose
	base := o.base()
	entry(out, base, "objectClass", "dcObject", "objectClass", "organization", "o", "Example",
		"dc", strings.TrimPrefix(strings.SplitN(base, ",", 2)[0], "dc="))
	entry(out, o.PeopleBase(), "objectClass", "organizationalUnit", "ou", "people")
	entry(out, o.GroupsBase(), "objectClass", "organizationalUnit", "ou", "groups")
	for n := range o.People {
		writePerson(out, rng, o, n)
	}
	for n := range o.Groups {
		writeGroup(out, rng, o, n)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write directory: %w", err)
	}
	return nil
}

func writePerson(w *bufio.Writer, rng *rand.Rand, o Options, n int) {
	given, family := pick(rng, givenNames), pick(rng, familyNames)
	uid := UID(n)
	fields := []string{
		"objectClass", "inetOrgPerson", "uid", uid,
		"cn", given + " " + family, "sn", family, "givenName", given,
		"displayName", given + " " + family,
		"mail", uid + "@example.com",
		"employeeNumber", strconv.Itoa(100_000 + n),
		"title", pick(rng, titles),
		"departmentNumber", pick(rng, departments),
		"telephoneNumber", fmt.Sprintf("+39 02 %07d", rng.IntN(10_000_000)),
		"preferredLanguage", pick(rng, languages),
	}
	if n >= 10 {
		// Everyone but the first ten has a manager with a lower number, so
		// that managers form no loop.
		fields = append(fields, "manager", o.PersonDN(rng.IntN(n/10+1)))
	}
	entry(w, o.PersonDN(n), fields...)
}

func writeGroup(w *bufio.Writer, rng *rand.Rand, o Options, n int) {
	members := min(o.Members, o.People)
	fields := make([]string, 0, 6+2*members)
	fields = append(fields, "objectClass", "groupOfNames", "cn", fmt.Sprintf("team-%05d", n),
		"description", pick(rng, departments))
	if members == 0 {
		fields = append(fields, "member", "") // groupOfNames needs one: the usual placeholder
	} else {
		// A stride coprime to the population visits each person at most once.
		start, stride := rng.IntN(o.People), coprime(rng, o.People)
		for i := range members {
			fields = append(fields, "member", o.PersonDN((start+i*stride)%o.People))
		}
	}
	entry(w, o.GroupDN(n), fields...)
}

// coprime picks a number below n that shares no factor with it.
func coprime(rng *rand.Rand, n int) int {
	for {
		c := 1 + rng.IntN(n)
		a, b := c, n
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return c
		}
	}
}

// entry writes one LDIF record from attribute, value pairs (RFC 2849). Errors
// stay in the writer until Flush.
func entry(w *bufio.Writer, dn string, pairs ...string) {
	line(w, "dn", dn)
	for i := 0; i+1 < len(pairs); i += 2 {
		line(w, pairs[i], pairs[i+1])
	}
	_ = w.WriteByte('\n')
}

func line(w *bufio.Writer, name, value string) {
	_, _ = w.WriteString(name)
	if safe(value) {
		_, _ = w.WriteString(": ")
		_, _ = w.WriteString(value)
	} else {
		_, _ = w.WriteString(":: ")
		_, _ = w.WriteString(base64.StdEncoding.EncodeToString([]byte(value)))
	}
	_ = w.WriteByte('\n')
}

// safe reports whether the value is a SAFE-STRING of RFC 2849.
func safe(v string) bool {
	if v == "" {
		return true
	}
	if v[0] == ' ' || v[0] == ':' || v[0] == '<' || v[len(v)-1] == ' ' {
		return false
	}
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

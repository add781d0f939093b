package graphfake

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Population describes what a tenant begins with. The same description makes
// the same tenant, down to the object ids.
type Population struct {
	// Seed picks ids, names and memberships.
	Seed uint64
	// People and Groups are how many there are.
	People, Groups int
	// Members is how many people each group has, at most People.
	Members int
	// Nested is how many of the groups are also a member of another: group n
	// of group (n-1)/2, for n from 1 to Nested.
	Nested int
	// Guests, Disabled and Synced are out of a hundred people: guests, accounts
	// that may not sign in, and people synchronised from Active Directory.
	Guests, Disabled, Synced int
	// Domain is the tenant's verified domain; "" means contoso.example.
	Domain string
	// TenantID is the tenant's id; "" means one made from the seed.
	TenantID string
	// Name is the organization's display name; "" means Contoso.
	Name string
}

func (p Population) withDefaults() Population {
	p.Members = min(p.Members, p.People)
	p.Nested = max(0, min(p.Nested, p.Groups-1))
	if p.Domain == "" {
		p.Domain = "contoso.example"
	}
	if p.TenantID == "" {
		p.TenantID = p.id(kindTenant, 0)
	}
	if p.Name == "" {
		p.Name = "Contoso"
	}
	return p
}

// kind tells what an object is.
type kind uint8

const (
	kindUser kind = iota
	kindGroup
	kindTenant
	kindCreated
	kindRequest
)

// mix is the finaliser of SplitMix64: it spreads a number over 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// id is the object id of a slot: it looks random, and number finds the slot
// again, so that a million ids need no index.
func (p Population) id(k kind, n int) string {
	hi := mix(p.Seed ^ mix(uint64(k)<<32|uint64(uint32(n)))) //nolint:gosec // a slot is small and not negative
	hi = hi&^0xf000 | 0x4000                                 // version 4 (RFC 9562 section 5.4)
	lo := mix(hi ^ uint64(k))
	lo = lo&^(3<<62|0xffffffff) | 2<<62 | uint64(uint32(lo)^uint32(n)) //nolint:gosec // the low half is where the slot hides
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	return u.String()
}

// number is the slot whose id this is, if it is one of the first count.
func (p Population) number(k kind, id string, count int) (int, bool) {
	u, err := uuid.Parse(id)
	if err != nil {
		return 0, false
	}
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	n := int(uint32(lo) ^ uint32(mix(hi^uint64(k)))) //nolint:gosec // undoes what id did
	return n, n < count && p.id(k, n) == u.String()
}

// epoch is when the generated objects were created.
func epoch() time.Time { return time.Date(2024, time.January, 8, 8, 0, 0, 0, time.UTC) }

// dice takes choices out of a number.
type dice uint64

func (d *dice) roll(n int) int {
	v := uint64(*d)
	*d = dice(mix(v))
	return int(v % uint64(n)) //nolint:gosec // n is a small positive number
}

func (d *dice) pick(from []string) string { return from[d.roll(len(from))] }

// user makes the person of a slot.
func (p Population) user(n int) *User {
	d := dice(mix(p.Seed ^ uint64(n)*0x2545f4914f6cdd1d)) //nolint:gosec // a slot is not negative
	local := login(n)
	given, surname, place := d.pick(givenNames), d.pick(surnames), cities[d.roll(len(cities))]
	mail := local + "@" + p.Domain
	u := &User{
		ID:                p.id(kindUser, n),
		UserPrincipalName: mail, Mail: mail, MailNickname: local,
		GivenName: given, Surname: surname, DisplayName: given + " " + surname,
		ProxyAddresses: []string{"SMTP:" + mail},
		BusinessPhones: []string{"+39 02 " + strconv.Itoa(1_000_000+d.roll(9_000_000))},
		JobTitle:       d.pick(jobTitles), Department: d.pick(departments), CompanyName: d.pick(companies),
		EmployeeID: strconv.Itoa(100_000 + n), EmployeeType: d.pick(kinds),
		OfficeLocation: strconv.Itoa(1+d.roll(40)) + "/" + strconv.Itoa(1000+d.roll(3000)),
		City:           place[0], Country: place[1], UsageLocation: place[2], PreferredLanguage: d.pick(languages),
		UserType: "Member", AccountEnabled: d.roll(100) >= p.Disabled,
		CreatedDateTime:  epoch().Add(time.Duration(n%500_000) * time.Minute),
		AssignedLicenses: []License{{SkuID: d.pick(skus)}},
	}
	if d.roll(3) == 0 {
		u.MobilePhone = "+39 333 " + strconv.Itoa(1_000_000+d.roll(9_000_000))
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+local+"@mail."+p.Domain)
	}
	if n > 0 {
		u.Manager = p.id(kindUser, managerOf(n))
	}
	if d.roll(100) < p.Guests {
		p.makeGuest(u, local)
	} else if d.roll(100) < p.Synced {
		p.makeSynced(u, local, d)
	}
	return u
}

// login is the first part of a generated person's names.
func login(n int) string {
	digits := strconv.Itoa(n)
	return "u0000000"[:max(1, 8-len(digits))] + digits
}

// managerOf is the slot of the manager: everybody but the first has one, ten
// people each, without a loop.
func managerOf(n int) int { return (n - 1) / 10 }

// makeGuest names the user as an invited guest is named.
func (p Population) makeGuest(u *User, local string) {
	u.UserType, u.Mail = "Guest", local+"@partner.example"
	u.UserPrincipalName = local + "_partner.example#EXT#@" + p.Domain
	u.ProxyAddresses = []string{"SMTP:" + u.Mail}
	u.AssignedLicenses = nil
}

// makeSynced adds what Entra Connect brings. The immutable id is the object's
// GUID in Active Directory in base64, its usual source anchor.
func (p Population) makeSynced(u *User, local string, d dice) {
	var guid [16]byte
	binary.LittleEndian.PutUint64(guid[:8], mix(uint64(d)))
	binary.LittleEndian.PutUint64(guid[8:], mix(uint64(d)+1))
	u.OnPremisesSyncEnabled = new(true)
	u.OnPremisesImmutableID = base64.StdEncoding.EncodeToString(guid[:])
	u.OnPremisesSamAccountName = local
	u.OnPremisesUserPrincipalName = u.UserPrincipalName
	u.OnPremisesDomainName = "corp." + p.Domain
	u.OnPremisesDistinguishedName = "CN=" + u.DisplayName + ",OU=People,DC=corp,DC=" + strings.ReplaceAll(p.Domain, ".", ",DC=")
	u.OnPremisesSecurityIdentifier = "S-1-5-21-1004336348-1177238915-682003330-" + strconv.Itoa(1000+int(uint32(d)>>2)) //nolint:gosec // any number will do
	u.OnPremisesExtensionAttributes[0] = "cc-" + strconv.Itoa(d.roll(500))
}

// group makes the group of a slot: every other one a Microsoft 365 group.
func (p Population) group(n int) *Group {
	nick := fmt.Sprintf("team-%05d", n)
	g := &Group{
		ID: p.id(kindGroup, n), DisplayName: "Team " + strconv.Itoa(n), MailNickname: nick,
		Description: departments[n%len(departments)], SecurityEnabled: true,
		CreatedDateTime: epoch().Add(time.Duration(n) * time.Minute),
	}
	if n%2 == 1 {
		g.GroupTypes, g.Visibility, g.MailEnabled, g.SecurityEnabled = []string{"Unified"}, "Private", true, false
		g.Mail = nick + "@" + p.Domain
		g.ProxyAddresses = []string{"SMTP:" + g.Mail}
	}
	return g
}

// stride is how the members of a generated group are found: from start in steps
// that share no factor with the number of people, so that nobody comes twice.
// back undoes a step: who is a member is known without listing them.
type stride struct{ start, step, back int }

func (p Population) stride(group int) stride {
	d := dice(mix(p.Seed + uint64(group)*0x9e3779b9)) //nolint:gosec // a slot is not negative
	s := stride{start: d.roll(p.People)}
	for s.back == 0 {
		s.step = 1 + d.roll(p.People)
		s.back = inverse(s.step, p.People)
	}
	return s
}

// inverse is the number that undoes multiplying by a modulo n, 0 if there is
// none (the extended Euclidean algorithm).
func inverse(a, n int) int {
	if n == 1 {
		return 1
	}
	t, next, r, rest := 0, 1, n, a%n
	for rest != 0 {
		q := r / rest
		t, next = next, t-q*next
		r, rest = rest, r-q*rest
	}
	if r != 1 {
		return 0
	}
	return (t%n + n) % n
}

// members are the members a generated group begins with.
func (p Population) members(group int) []ref {
	var all []ref
	if p.Members > 0 {
		s := p.stride(group)
		all = make([]ref, 0, p.Members+2)
		for i := range p.Members {
			all = append(all, ref{kindUser, (s.start + i*s.step) % p.People})
		}
	}
	for _, nested := range []int{2*group + 1, 2*group + 2} {
		if nested <= p.Nested {
			all = append(all, ref{kindGroup, nested})
		}
	}
	return all
}

// has reports whether a generated group begins with the member.
func (p Population) has(group int, m ref) bool {
	if m.kind == kindGroup {
		return m.slot >= 1 && m.slot <= p.Nested && (m.slot-1)/2 == group
	}
	if p.Members == 0 || m.slot >= p.People {
		return false
	}
	s := p.stride(group)
	return (m.slot-s.start+p.People)%p.People*s.back%p.People < p.Members
}

package tenant

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// The sample tenant's application. The secret guards made-up data on this machine
// and is none.
const (
	ClientID     = "5a3d9c1e-7b42-4f06-8d1a-2c9e6f0b7a54"
	ClientSecret = "sample-tenant"
	domain       = "acme.onmicrosoft.example"
)

// Tenant is the sample tenant, served.
type Tenant struct {
	*graphfake.Running

	mu    sync.Mutex
	rng   *rand.Rand
	hired int
	gone  []graphfake.User
}

// Start serves the tenant on an address, with its certificate in a folder. The same
// seed makes the same people and the same days.
func Start(seed uint64, addr, dir string, now func() time.Time) (*Tenant, error) {
	people := graphfake.Population{Seed: seed, People: 80, Groups: 8, Members: 12, Nested: 3, Guests: 8, Disabled: 4, Domain: domain, Name: "Acme"}
	server, err := graphfake.New(graphfake.NewTenant(people, now), graphfake.Options{Seed: seed, DeltaPage: 25, Apps: []graphfake.App{{
		ClientID: ClientID, Secrets: []string{ClientSecret}, Roles: []string{"User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"},
	}}})
	if err != nil {
		return nil, fmt.Errorf("make sample tenant: %w", err)
	}
	running, err := graphfake.Start(server, addr, dir)
	if err != nil {
		return nil, fmt.Errorf("start sample tenant: %w", err)
	}
	return &Tenant{Running: running, rng: rand.New(rand.NewPCG(seed, 1))}, nil //nolint:gosec // the same days each time
}

// NextDay lets a working day pass: people are hired, leave, come back, change their
// work and their groups. It returns what happened, a sentence each.
func (t *Tenant) NextDay() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var people []graphfake.User
	for u := range t.Tenant().Users() {
		people = append(people, u)
	}
	t.rng.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	var said []string
	for _, happen := range []func(u graphfake.User) (string, error){t.leave, t.promote, t.disable, t.regroup, t.hire, t.hire, t.comeBack} {
		text, err := happen(people[0])
		if people = people[1:]; err == nil && text != "" {
			said = append(said, text)
		}
	}
	return said
}

func (t *Tenant) leave(u graphfake.User) (string, error) {
	t.gone = append(t.gone, u)
	return fmt.Sprintf("%s (%s) was deleted in the tenant.", u.DisplayName, u.UserPrincipalName), t.Tenant().DeleteUser(u.ID)
}

func (t *Tenant) promote(u graphfake.User) (string, error) {
	return fmt.Sprintf("%s (%s) is Head of %s now.", u.DisplayName, u.UserPrincipalName, u.Department),
		t.Tenant().UpdateUser(u.ID, func(u *graphfake.User) { u.JobTitle = "Head of " + u.Department })
}

func (t *Tenant) disable(u graphfake.User) (string, error) {
	return fmt.Sprintf("%s (%s) may no longer sign in.", u.DisplayName, u.UserPrincipalName),
		t.Tenant().UpdateUser(u.ID, func(u *graphfake.User) { u.AccountEnabled = false })
}

func (t *Tenant) regroup(u graphfake.User) (string, error) {
	g := t.Tenant().GroupID(t.rng.IntN(8))
	group, _ := t.Tenant().Group(g)
	return fmt.Sprintf("%s (%s) joined %s.", u.DisplayName, u.UserPrincipalName, group.DisplayName), t.Tenant().AddMember(g, u.ID)
}

// hire adds somebody who is called like a colleague.
func (t *Tenant) hire(like graphfake.User) (string, error) {
	t.hired++
	name := fmt.Sprintf("new%03d", t.hired)
	u := graphfake.User{
		UserPrincipalName: name + "@" + domain, MailNickname: name, Mail: name + "@" + domain, DisplayName: like.DisplayName,
		GivenName: like.GivenName, Surname: like.Surname, JobTitle: "Trainee", Department: like.Department,
		UserType: "Member", AccountEnabled: true, PreferredLanguage: like.PreferredLanguage,
	}
	_, err := t.Tenant().CreateUser(u)
	return fmt.Sprintf("%s (%s) was hired.", u.DisplayName, u.UserPrincipalName), err
}

// comeBack restores whom the day before yesterday deleted.
func (t *Tenant) comeBack(graphfake.User) (string, error) {
	if len(t.gone) < 3 {
		return "", nil
	}
	u := t.gone[0]
	t.gone = t.gone[1:]
	return fmt.Sprintf("%s (%s) was restored in the tenant.", u.DisplayName, u.UserPrincipalName), t.Tenant().RestoreUser(u.ID)
}

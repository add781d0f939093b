package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestLoginNamesStayTheirs: a login name that was chosen at registration is never
// anybody else's: not a directory's, an identity provider's, an admin's, or another
// applicant's, whatever became of who chose it.
func TestLoginNamesStayTheirs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, gone := range map[string]func(d *desk, id registry.UserID) registry.Result{
			"living": func(*desk, registry.UserID) (none registry.Result) { return none },
			"deleted": func(d *desk, id registry.UserID) registry.Result { // by a directory that they were tied to
				d.put(registry.LinkUser{User: id, Anchor: "ada"})
				return d.put(registry.DeleteUser{Anchor: "ada"})[0]
			},
			"erased": func(d *desk, id registry.UserID) registry.Result { return d.admin(registry.EraseUser{User: id}) },
			"erased, and that was lifted": func(d *desk, id registry.UserID) registry.Result {
				d.admin(registry.EraseUser{User: id})
				return d.admin(registry.LiftErasure{User: id})
			},
			"merged": func(d *desk, id registry.UserID) registry.Result { return d.merge(d.byHand("stays"), id) },
			"merged, and that was undone": func(d *desk, id registry.UserID) registry.Result {
				return d.admin(registry.UndoMerge{Merge: d.merge(d.byHand("stays"), id).Merge.PublicID})
			},
		} {
			rule(t, s, name, func(t *testing.T, _ *world) {
				d := newDesk(t, s, wide())
				d.r.Blind, d.r.ChosenName = blind, func(name string) []byte { return onboard.LoginNameHash(d.vault, name) }
				const login = "ada"
				d.register(registry.EndUser, form(login, registry.FieldContract, "C-1001"))
				d.is(registry.ApplicationDone, "")
				id := d.named(d.acme, login).ID
				if res := gone(d, id); res.Refused != nil {
					t.Fatal(res.Refused)
				}
				want(t, "living", d.number(`SELECT count(*) FROM users WHERE user_name_key = 'ada' AND deleted_at = 0`) == 1, name == "living" || strings.HasSuffix(name, "undone"))
				again := strings.ToUpper(login)
				okta := d.door(registry.OriginSCIM, "okta")
				contact := d.byMail(d.meet(fmt.Sprintf("new%d@example.com", id), verified)).User
				for door, res := range map[string]registry.Result{
					"a directory's person": d.put(address(person("n1", again), "n1@example.com"))[0],
					"a push":               d.putAs(okta, address(person("n2", again), "n2@example.com"))[0],
					"by hand":              d.admin(registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {again}}}),
					"a contact's account":  d.admin(registry.Enrol{User: contact, Attributes: registry.Attributes{registry.AttrUserName: {again}}, Kind: registry.EndUser, ByHand: true}),
				} {
					code := registry.CodeUserNameTaken
					if name == "erased" && (door == "a directory's person" || door == "a push") {
						code = registry.CodeErased
					}
					if res.Refused == nil || res.Refused.Code != code || res.Refused.User == 0 {
						t.Errorf("%s: %+v", door, res.Refused)
					}
				}
				d.register(registry.EndUser, form(again, registry.FieldContract, "C-1001", registry.FieldMail, "other@example.com"))
				d.is(registry.ApplicationRefused, registry.CodeUserNameTaken)
				if other := d.put(person("free", "free"))[0]; other.Refused != nil {
					t.Errorf("another name: %v", other.Refused)
				} else if renamed := d.put(person("free", again))[0]; renamed.Refused == nil {
					t.Error("a directory renamed somebody to it")
				}
			})
		}
	})
}

// TestEachLimitOfRegistration: each limit holds alone, for those it is about and for
// nobody else.
func TestEachLimitOfRegistration(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		type try struct {
			from, mail, contract string
			unproven             bool
		}
		one := try{from: "192.0.2.1", mail: "ada@example.com", contract: "N-1"}
		for name, c := range map[string]struct {
			limit        func(*onboard.RegistrationLimits) *auth.Rate
			first        try
			stands, goes try
		}{
			"address":  {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Address }, one, try{from: "192.0.2.1"}, try{from: "192.0.2.2"}},
			"prefix":   {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Prefix }, one, try{from: "192.0.2.9"}, try{from: "192.0.3.1"}},
			"prefix 6": {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Prefix }, try{from: "2001:db8::1"}, try{from: "2001:db8::9:9"}, try{from: "2001:db8:0:1::1"}},
			"wide":     {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Wide }, one, try{from: "192.0.9.9"}, try{from: "192.1.0.1"}},
			"mail":     {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Mail }, one, try{mail: "ADA@example.com"}, try{mail: "eve@example.com"}},
			"contract": {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Contract }, one, try{contract: "n-1"}, try{contract: "N-2"}},
			"unproven from one network": {
				func(l *onboard.RegistrationLimits) *auth.Rate { return &l.UnprovenAddress }, try{from: "192.0.2.1", unproven: true},
				try{from: "192.0.2.7", unproven: true}, try{from: "192.0.2.1"},
			},
			"unproven": {
				func(l *onboard.RegistrationLimits) *auth.Rate { return &l.UnprovenGlobal }, try{unproven: true}, try{unproven: true}, try{},
			},
			"global": {func(l *onboard.RegistrationLimits) *auth.Rate { return &l.Global }, one, try{}, try{from: "later"}},
		} {
			rule(t, s, name, func(t *testing.T, _ *world) {
				limits := wide()
				*c.limit(limits) = auth.Rate{Burst: 1, Every: time.Hour}
				d, n := newDesk(t, s, limits), 0
				send := func(x try) error {
					n++
					address := fmt.Sprintf("10.%d.0.1", n)
					switch x.from {
					case "":
					case "later":
						d.now = d.now.Add(2 * time.Hour)
					default:
						address = x.from
					}
					typed := form(fmt.Sprint("user", n), registry.FieldContract, fmt.Sprint("X-", n))
					if x.mail != "" {
						typed[registry.FieldMail] = x.mail
					}
					if x.contract != "" {
						typed[registry.FieldContract] = x.contract
					}
					proof := auth.Proof{}
					if proof.Challenge, _ = d.g.Challenge(); !x.unproven {
						proof = d.proof()
					}
					return d.g.Register(t.Context(), registry.EndUser, typed, proof, from(address))
				}
				must(t, send(c.first))
				was := d.number(`SELECT count(*) FROM applications`)
				var slow *auth.ThrottledError
				if err := send(c.stands); !errors.As(err, &slow) || slow.RetryAfter <= 0 {
					t.Errorf("a second: %v", err)
				}
				want(t, "applications of the second", d.number(`SELECT count(*) FROM applications`), was)
				if err := send(c.goes); err != nil {
					t.Errorf("somebody else: %v", err)
				}
			})
		}
	})
}

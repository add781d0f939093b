package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/usherd/usher/ent/db/change"
	"github.com/usherd/usher/ent/db/email"
	"github.com/usherd/usher/ent/db/mail"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/onboard/onboardtest"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// shelf is the store as the suite of onboarding arranges it and looks at it.
type shelf struct {
	onboard.Store
	auth.SessionStore
	s *store.Store
}

func newShelf(s *store.Store) shelf {
	return shelf{s.Onboarding("example.com", func() string { return uuid.Must(uuid.NewV7()).String() }), s, s}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// AddCompany implements onboardtest.Fixture.
func (f shelf) AddCompany(t testing.TB, c registry.Company) registry.Company {
	t.Helper()
	must(t, f.s.Settle(t.Context(), store.Settled{Companies: []registry.Company{c}}))
	out, err := f.s.CompanyByKey(t.Context(), c.Key)
	must(t, err)
	return out
}

func (f shelf) save(t testing.TB, company registry.CompanyID, w *registry.Writes) {
	t.Helper()
	must(t, f.s.Write(t.Context(), company, nil, func(tx registry.Tx) error { return tx.Save(t.Context(), w) }))
}

// AddUser implements onboardtest.Fixture.
func (f shelf) AddUser(t testing.TB, u registry.User, hash string, verified bool) registry.User {
	t.Helper()
	u.Version = 1
	f.save(t, u.Company, &registry.Writes{
		NewUsers: []*registry.User{&u}, Emails: []registry.EmailList{{User: &u, Verified: verified}},
	})
	must(t, f.s.Rows().User.UpdateOneID(int64(u.ID)).SetPasswordHash(hash).Exec(store.Crossing(t.Context())))
	return u
}

// SetUser implements onboardtest.Fixture.
func (f shelf) SetUser(t testing.TB, u registry.User) {
	t.Helper()
	f.save(t, u.Company, &registry.Writes{ChangedUsers: []*registry.User{&u}})
}

// AddLink implements onboardtest.Fixture.
func (f shelf) AddLink(t testing.TB, l onboard.Link) {
	t.Helper()
	must(t, f.s.Rows().SetupLink.Create().SetCompanyID(int64(l.Company)).SetUserID(int64(l.User)).SetUID(l.UID).
		SetPurpose(string(l.Purpose)).SetTokenHash(l.TokenHash).SetAddress(l.Address).SetCredentialVersion(l.CredentialVersion).
		SetCreatedAt(l.CreatedAt.UnixMicro()).SetExpiresAt(l.ExpiresAt.UnixMicro()).Exec(store.Crossing(t.Context())))
}

// Mails implements onboardtest.Fixture, and holds each row to what the queue's
// index rests on.
func (f shelf) Mails(t testing.TB) []onboardtest.Mail {
	t.Helper()
	rows, err := f.s.Rows().Mail.Query().Order(mail.ByID()).All(store.Crossing(t.Context()))
	must(t, err)
	var out []onboardtest.Mail
	for _, m := range rows {
		if (m.NextTry != 0) != (m.State == "queued") {
			t.Errorf("mail %d is %s with next_try %d", m.ID, m.State, m.NextTry)
		}
		out = append(out, onboardtest.Mail{
			Company: registry.CompanyID(m.CompanyID), User: registry.UserID(m.UserID), Kind: onboard.MailKind(m.Kind),
			Address: m.Address, LinkUID: m.LinkUID, Cancelled: m.State == "cancelled",
		})
	}
	return out
}

// Actions implements onboardtest.Fixture.
func (f shelf) Actions(t testing.TB, company registry.CompanyID, user registry.UserID) []string {
	t.Helper()
	var out []string
	must(t, f.s.Rows().Change.Query().Where(change.CompanyID(int64(company)), change.UserID(int64(user))).
		Order(change.ByID()).Select(change.FieldAction).Scan(store.Crossing(t.Context()), &out))
	return out
}

// Verified implements onboardtest.Fixture.
func (f shelf) Verified(t testing.TB, company registry.CompanyID, user registry.UserID, address string) bool {
	t.Helper()
	ok, err := f.s.Rows().Email.Query().Where(email.CompanyID(int64(company)), email.UserID(int64(user)),
		email.AddressKey(registry.Key(address)), email.VerifiedAtNEQ(0)).Exist(store.Crossing(t.Context()))
	must(t, err)
	return ok
}

func TestOnboardingSuite(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			onboardtest.Run(t, func(tb testing.TB) onboardtest.Fixture {
				s := openStore(tb, d.address(tb), store.Options{Driver: store.FencedDriver(d.driver)})
				must(tb, s.Migrate(tb.Context()))
				return newShelf(s)
			})
		})
	}
}

// invited is a company with one person whose set-up mail waits in the given
// state.
func invited(t *testing.T, s *store.Store, how registry.SetupMail) (registry.Source, registry.UserID) {
	t.Helper()
	src := corp(t.Context(), t, s)
	op := person("a1", "ada")
	op.SetupMail = how
	res, err := newRegistry(s).Apply(t.Context(), registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: []registry.Op{op}})
	must(t, err)
	return src, res[0].User
}

// linkFor is a set-up link as onboarding makes them.
func linkFor(company registry.CompanyID, user registry.UserID, uid string) onboard.Link {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return onboard.Link{
		UID: uid, Company: company, User: user, Purpose: auth.PurposeSetup, TokenHash: onboard.HashToken(uid), Address: "ada@example.com",
		CredentialVersion: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// Asking for a new link is no way past an admin who has yet to let people in.
func TestNewLinkWaitsWhereItsPredecessorDid(t *testing.T) {
	for _, c := range []struct {
		how  registry.SetupMail
		want map[string]int64
	}{
		{registry.SetupHold, map[string]int64{"held": 1, "cancelled": 1}},
		{registry.SetupSend, map[string]int64{"queued": 1, "cancelled": 1}},
	} {
		onBoth(t, func(t *testing.T, s *store.Store) {
			src, user := invited(t, s, c.how)
			must(t, newShelf(s).IssueLink(t.Context(), linkFor(src.Company, user, "new"), onboard.MailSetup))
			got, err := s.For(src.Company).MailCounts(t.Context())
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}

// A block that comes while a link is being spent either comes first, and the
// link is closed, or second, and finds a person with a password: never a
// password set by someone blocked.
func TestConsumeAgainstBlock(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src, _ := invited(t, s, registry.SetupSend)
		r, f := newRegistry(s), newShelf(s)
		apply := func(ops ...registry.Op) ([]registry.Result, error) {
			return r.Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: ops})
		}
		for i := range 20 {
			uid := uuid.NewString()
			res, err := apply(person(uid, "p"+uid))
			must(t, err)
			user := res[0].User
			l := linkFor(src.Company, user, uid)
			l.Address = "p" + uid + "@example.com"
			must(t, f.IssueLink(ctx, l, onboard.MailSetup))
			start, blocked := make(chan struct{}), make(chan error)
			go func() {
				<-start
				_, err := apply(registry.SetBlocks{User: user, Set: registry.BlockAdmin})
				blocked <- err
			}()
			close(start)
			_, err = f.ConsumeLink(ctx, onboard.ConsumeLink{TokenHash: l.TokenHash, PasswordHash: "h", Now: l.CreatedAt})
			must(t, <-blocked)
			var le *auth.LinkError
			if err != nil && (!errors.As(err, &le) || le.State != auth.LinkClosed) {
				t.Fatalf("round %d: %v", i, err)
			}
			p, gerr := f.GetPerson(context.WithoutCancel(ctx), src.Company, user)
			must(t, gerr)
			if (err == nil) != (p.PasswordHash == "h") || p.User.State() != registry.StateBlocked {
				t.Fatalf("round %d: consumed: %v, person %s with hash %q", i, err, p.User.State(), p.PasswordHash)
			}
		}
	})
}

// A session that ended is gone, and not only refused: the rows of people who
// left say nothing about them.
func TestPasswordLeavesNoSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src, user := invited(t, s, registry.SetupNone)
		f := newShelf(s)
		now := time.Now()
		for i, id := range []registry.UserID{user, user, user + 1} {
			must(t, s.SaveSession(ctx, auth.Session{
				ID: uuid.NewString(), Company: src.Company, User: id, CredentialVersion: int64(i), Agent: "a\x00b", ExpiresAt: now.Add(time.Hour),
			}))
		}
		l := linkFor(src.Company, user, "l")
		must(t, f.IssueLink(ctx, l, onboard.MailSetup))
		_, err := f.ConsumeLink(ctx, onboard.ConsumeLink{TokenHash: l.TokenHash, PasswordHash: "h", Now: l.CreatedAt})
		must(t, err)
		left := s.Rows().Session.Query().AllX(store.Crossing(ctx))
		if len(left) != 1 || left[0].UserID != int64(user)+1 {
			t.Errorf("left: %v", left)
		}
	})
}

package store_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

type minter struct{}

func (minter) LinkHash(uid, purpose string) []byte {
	h := sha256.Sum256([]byte(purpose + uid))
	return h[:]
}

func newRegistry(s *store.Store) *registry.Registry {
	return &registry.Registry{
		Store: s, Now: time.Now, NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
		Minter: minter{}, LinkLife: 7 * 24 * time.Hour, MessageDomain: "example.com",
	}
}

// corp settles one company with one LDAP source and gives its origin.
func corp(ctx context.Context, t testing.TB, s *store.Store) registry.Source {
	t.Helper()
	err := s.Settle(ctx, store.Settled{
		Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "it"}},
		Sources:   []store.SettledSource{{Key: "corp", CompanyKey: "acme", Kind: registry.OriginLDAP}},
	})
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.SourceByKey(ctx, "corp")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func person(anchor, name string) registry.PutUser {
	a := registry.Attributes{registry.AttrUserName: {name}, registry.AttrEmails: {name + "@example.com"}}
	return registry.PutUser{Anchor: anchor, Name: "uid=" + name, Attributes: a, Enabled: true, SetupMail: registry.SetupSend,
		Fingerprint: registry.FingerprintOf(a, "true")}
}

func TestPutUser(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src, r := corp(ctx, t, s), newRegistry(s)
		put := func(ops ...registry.Op) []registry.Result {
			t.Helper()
			res, err := r.Apply(ctx, registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "test", Ops: ops})
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		res := put(person("a1", "Ann"), person("a2", "bob"), person("a3", "ann"))
		if res[0].Change == nil || !res[0].Mailed || res[2].Refused == nil || res[2].Refused.Code != registry.CodeUserNameTaken {
			t.Fatalf("create: %+v", res)
		}
		if again := put(person("a1", "Ann")); again[0].Change != nil || again[0].Mailed || again[0].User != res[0].User {
			t.Fatalf("same again: %+v", again[0])
		}
		swap := put(person("a1", "bob"), person("a2", "Ann"))
		if swap[0].Refused != nil || swap[1].Refused != nil || swap[0].Change.Action != registry.ActionRename {
			t.Fatalf("swap: %+v", swap)
		}
		gone := put(registry.MissUser{Anchor: "a1", Reason: "missing", Deactivate: true})
		if gone[0].Change == nil || gone[0].Change.Action != registry.ActionDeactivate {
			t.Fatalf("miss: %+v", gone[0])
		}
		back := put(person("a1", "bob"))
		if back[0].Change == nil || back[0].Change.Action != registry.ActionEnable || !back[0].Mailed {
			t.Fatalf("return: %+v", back[0])
		}
		g := put(registry.PutGroup{Anchor: "g1", Name: "cn=sales", DisplayName: "Sales"})
		m := put(registry.PatchMembers{Group: g[0].Group, AddUsers: []registry.UserID{res[0].User, res[1].User}})
		if m[0].Change == nil || m[0].Change.Payload.Added != 2 {
			t.Fatalf("members: %+v", m[0])
		}
		if m := put(registry.PatchMembers{Group: g[0].Group, AddUsers: []registry.UserID{res[0].User}}); m[0].Change != nil {
			t.Fatalf("members again: %+v", m[0])
		}
	})
}

package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// cheap keeps the tests fast; the real costs are tested once.
func cheap() Params { return Params{Memory: 64, Time: 1, Threads: 1} }

func newHasher(t *testing.T, p Params) *Hasher {
	t.Helper()
	h, err := NewHasher(p, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHasher(t *testing.T) {
	h := newHasher(t, DefaultParams())
	phc, err := h.Hash(t.Context(), "a long enough phrase")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %s", phc)
	}
	again, _ := h.Hash(t.Context(), "a long enough phrase")
	if again == phc {
		t.Error("two hashes share a salt")
	}
	for _, c := range []struct {
		stored, password string
		want             bool
	}{
		{phc, "a long enough phrase", true},
		{phc, "a long enough phrasE", false},
		{phc, "", false},
		{"", "", false},
		{"", "nobody has this password", false}, // the stand-in's own
		{h.dummy, "x", false},
		{"$argon2id$v=19$m=4000000000,t=2,p=1$AAAA$AAAA", "x", false},
		{"$2a$10$abcdefghijklmnopqrstuv", "x", false},
	} {
		ok, rehash, err := h.Verify(t.Context(), c.stored, c.password)
		if err != nil || ok != c.want || rehash {
			t.Errorf("verify %q with %q: %v, rehash %v, %v", c.stored, c.password, ok, rehash, err)
		}
	}
}

func TestRehashWhenCostsMove(t *testing.T) {
	old := newHasher(t, cheap())
	phc, err := old.Hash(t.Context(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	renewed := newHasher(t, Params{Memory: 128, Time: 1, Threads: 1})
	if ok, rehash, err := renewed.Verify(t.Context(), phc, "secret"); !ok || !rehash || err != nil {
		t.Errorf("ok %v, rehash %v, %v", ok, rehash, err)
	}
	if ok, rehash, err := renewed.Verify(t.Context(), phc, "wrong"); ok || rehash || err != nil {
		t.Errorf("wrong password: ok %v, rehash %v, %v", ok, rehash, err)
	}
}

func TestHasherWidth(t *testing.T) {
	h := newHasher(t, cheap())
	n := int64(runtime.NumCPU())
	if !h.places.TryAcquire(n) {
		t.Fatal("fewer places than cores")
	}
	if h.places.TryAcquire(1) {
		t.Fatal("more places than cores")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting hash: %v", err)
	}
	h.places.Release(n)
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5")
	f.Add("$argon2id$v=19$m=-1,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, _, key, err := parsePHC(s)
		if err == nil && (p.Memory > maxMemory || p.Time < 1 || p.Time > maxTime || p.Threads < 1 || len(key) == 0 || len(key) > maxKey) {
			t.Errorf("accepted %q", s)
		}
	})
}

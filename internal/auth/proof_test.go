package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
)

func TestChallenges(t *testing.T) {
	vault, err := auth.NewVault([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := auth.NewVault([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	make1 := func(v *auth.Vault, bits uint8) *auth.Challenges {
		return &auth.Challenges{Vault: v, Now: func() time.Time { return now }, Bits: bits, Life: time.Hour}
	}
	c := make1(vault, 8)
	challenge := c.New()
	if challenge == c.New() {
		t.Error("two forms have one challenge")
	}
	tries, good := 0, auth.Proof{Challenge: challenge}
	for ; ; tries++ {
		good.Nonce = fmt.Sprint(tries)
		if s, err := c.Check(good); err == nil && s.Worked {
			break
		}
	}
	without, err := c.Check(auth.Proof{Challenge: challenge})
	if err != nil || without.Worked || !without.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("without the work: %+v, %v", without, err)
	}
	easy := make1(other, 0).New()
	for what, p := range map[string]auth.Proof{
		"another key's": {Challenge: easy, Nonce: "0"}, "none": {Nonce: good.Nonce}, "a changed one": {Challenge: "B" + challenge[1:], Nonce: good.Nonce},
		"no signature": {Challenge: strings.SplitN(challenge, ".", 2)[0], Nonce: good.Nonce}, "long": {Challenge: challenge, Nonce: good.Nonce + strings.Repeat("0", 20)},
		"wrong work": {Challenge: challenge, Nonce: "no"},
	} {
		if s, err := c.Check(p); !errors.Is(err, auth.ErrProof) {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}
	now = now.Add(time.Hour)
	if _, err := c.Check(good); !errors.Is(err, auth.ErrProof) {
		t.Errorf("an hour later: %v", err)
	}
}

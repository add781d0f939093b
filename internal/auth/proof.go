package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"time"
)

// Challenges make and judge the proof of work that stands before a door open to
// everybody. It is no wall: it makes a flood cost more than the people it is
// meant for notice. A challenge is signed, ends, and says itself how hard it is,
// so nothing is stored until one is used.
type Challenges struct {
	Vault *Vault
	Now   func() time.Time
	// Bits is how many leading zero bits the hash must have; each doubles the
	// work. 16 are a tenth of a second on a desktop and a second on an old phone.
	Bits uint8
	// Life is how long a form may be filled in.
	Life time.Duration
}

// Proof is what a form brings back. The Nonce is "" where the browser runs no
// script.
type Proof struct{ Challenge, Nonce string }

// Spent names a challenge that is used up.
type Spent struct {
	Hash    []byte
	Expires time.Time
	// Worked reports whether the work was done.
	Worked bool
}

// ErrProof: the challenge is not ours, has ended or was used, or the work is
// wrong. The form has to be shown with a fresh one.
var ErrProof = errors.New("proof of work is not good")

// challengePurpose keeps these signatures from meaning anything elsewhere.
const challengePurpose = "challenge"

// challengeLength is the length of a challenge's content: when it ends, how hard
// it is, and what makes it the only one of its kind.
const challengeLength = 8 + 1 + 16

// New makes a challenge.
func (c *Challenges) New() string {
	content := make([]byte, challengeLength)
	binary.BigEndian.PutUint64(content, uint64(c.Now().Add(c.Life).Unix())) //nolint:gosec // no time before 1970
	content[8] = c.Bits
	_, _ = rand.Read(content[9:]) // it never fails
	text := base64.RawURLEncoding.EncodeToString(content)
	return text + "." + c.sign(text)
}

func (c *Challenges) sign(text string) string {
	return base64.RawURLEncoding.EncodeToString(c.Vault.Blind(challengePurpose, text)[:16])
}

// Check judges a proof; whether the challenge was used before is for the store
// to say. Without a nonce it judges the challenge alone.
func (c *Challenges) Check(p Proof) (Spent, error) {
	text, signature, _ := strings.Cut(p.Challenge, ".")
	content, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(content) != challengeLength || !hmac.Equal([]byte(signature), []byte(c.sign(text))) {
		return Spent{}, ErrProof
	}
	sum := sha256.Sum256([]byte(p.Challenge))
	out := Spent{Hash: sum[:], Expires: time.Unix(int64(binary.BigEndian.Uint64(content)), 0)} //nolint:gosec // we signed it
	if !c.Now().Before(out.Expires) {
		return Spent{}, ErrProof
	}
	if p.Nonce == "" {
		return out, nil
	}
	if len(p.Nonce) > 20 || zeroBits(sha256.Sum256([]byte(p.Challenge+":"+p.Nonce))) < int(content[8]) {
		return Spent{}, ErrProof
	}
	out.Worked = true
	return out, nil
}

// zeroBits counts the leading zero bits.
func zeroBits(sum [sha256.Size]byte) (n int) {
	for _, b := range sum {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}

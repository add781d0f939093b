package onboard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// minKey is the shortest server key accepted, in bytes: the strength of every
// link rests on it.
const minKey = 32

// domain separates these tokens from every other use of the server's key.
const domain = "usher-link/1"

// Minter derives the tokens of mailed links from the server's key, so that
// none is stored and a retried mail repeats the same one.
type Minter struct{ key []byte }

// NewMinter makes a Minter; the key has at least 32 bytes.
func NewMinter(key []byte) (*Minter, error) {
	if len(key) < minKey {
		return nil, errors.New("server key is shorter than 32 bytes")
	}
	return &Minter{key: append([]byte(nil), key...)}, nil
}

// Token is what the mailed link carries: 256 bits, base64url, 43 characters.
func (m *Minter) Token(uid, purpose string) string {
	mac := hmac.New(sha256.New, m.key)
	for _, part := range []string{domain, purpose, uid} {
		// A NUL ends each part; none of them can hold one.
		mac.Write(append([]byte(part), 0))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// LinkHash is what is stored of the link's token.
func (m *Minter) LinkHash(uid, purpose string) []byte { return HashToken(m.Token(uid, purpose)) }

// HashToken is the stored form of a token: its SHA-256. A token has 256 bits of
// its own, so the hash needs neither salt nor slowness.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// tag names a token in a form without giving it away.
func tag(token string) string {
	sum := sha256.Sum256(append([]byte("usher-link-tag/1\x00"), token...))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// wellFormed reports whether a token can be one of ours, which spares the store
// a look-up of anything else.
func wellFormed(token string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(b) == sha256.Size
}

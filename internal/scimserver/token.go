package scimserver

import (
	"crypto/sha256"
	"io"
	"strings"
)

// TokenPrefix begins every bearer token, so that scanners for leaked secrets
// know one when they see it.
const TokenPrefix = "ush_"

// alphabet has 32 letters, so that every 5 bits of randomness are one.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// tokenLetters gives a token 200 bits of randomness.
const tokenLetters = 40

// shownLetters is how much of a token is kept to tell it from others.
const shownLetters = 6

// NewToken makes a bearer token from a source of randomness: the secret, which
// is shown once, what is stored of it, and how it begins.
func NewToken(random io.Reader) (secret string, hash []byte, prefix string, err error) {
	if secret, err = letters(random, TokenPrefix, tokenLetters); err != nil {
		return "", nil, "", err
	}
	return secret, HashToken(secret), ShownOf(secret), nil
}

// ShownOf is how a token begins that is given whole, in part, or as lists show it,
// with an ellipsis: whoever ends a leaked token has the whole of it at hand.
func ShownOf(token string) string {
	token = strings.TrimSuffix(strings.TrimSpace(token), "…")
	return token[:min(len(token), len(TokenPrefix)+shownLetters)]
}

// What OAuth clients are known by and prove themselves with begins with these.
const (
	clientPrefix = "ushc_"
	secretPrefix = "ushs_"
)

// clientLetters gives a client's name 80 bits of randomness: it is no secret,
// but nobody finds one by trying.
const clientLetters = 16

// NewClient makes the name of an OAuth client, and a secret for it with what is
// stored of that.
func NewClient(random io.Reader) (name, secret string, hash []byte, err error) {
	if name, err = letters(random, clientPrefix, clientLetters); err != nil {
		return "", "", nil, err
	}
	if secret, err = letters(random, secretPrefix, tokenLetters); err != nil {
		return "", "", nil, err
	}
	return name, secret, HashToken(secret), nil
}

// letters are n random letters behind a prefix.
func letters(random io.Reader, prefix string, n int) (string, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", err
	}
	for i, b := range raw {
		raw[i] = alphabet[b&31]
	}
	return prefix + string(raw), nil
}

// HashToken is the stored form of a token: its SHA-256. A token has 200 bits of
// its own, so the hash needs neither salt nor slowness.
func HashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// bearer takes the token out of an Authorization header (RFC 6750 section 2.1).
func bearer(header string) (string, bool) {
	scheme, secret, ok := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	return secret, ok && strings.EqualFold(scheme, "Bearer") && secret != ""
}

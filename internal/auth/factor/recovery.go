package factor

import (
	"fmt"
	"io"
	"strings"
)

const (
	// RecoveryCodes is how many codes a person gets at once.
	RecoveryCodes = 10
	// recoveryLength characters of 5 bits are 50 bits: too many to guess through a
	// limit on tries.
	recoveryLength = 10
	// recoveryAlphabet is Crockford's base32: no letter looks like a digit.
	recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// NewRecoveryCodes draws codes as a person can write them down.
func NewRecoveryCodes(random io.Reader) ([]string, error) {
	raw := make([]byte, RecoveryCodes*recoveryLength)
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, fmt.Errorf("draw recovery codes: %w", err)
	}
	out := make([]string, RecoveryCodes)
	for i := range out {
		var code strings.Builder
		for j, b := range raw[i*recoveryLength : (i+1)*recoveryLength] {
			if j == recoveryLength/2 {
				code.WriteByte('-')
			}
			code.WriteByte(recoveryAlphabet[b&31])
		}
		out[i] = code.String()
	}
	return out, nil
}

// RecoveryKey is the form in which codes are compared, or "" for what is none.
func RecoveryKey(typed string) string {
	key := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(recoveryAlphabet, r):
			return r
		case r == 'o':
			return '0'
		case r == 'i' || r == 'l':
			return '1'
		case r == '-' || r == ' ':
			return -1
		}
		return '?'
	}, strings.ToLower(strings.TrimSpace(typed)))
	if len(key) != recoveryLength || strings.Contains(key, "?") {
		return ""
	}
	return key
}

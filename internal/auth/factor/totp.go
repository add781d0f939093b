package factor

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"rsc.io/qr"
)

// What every authenticator app can do: six digits by SHA-1, anew every 30
// seconds (RFC 6238 section 4). Apps ignore what asks for more.
const (
	period       = 30 // seconds
	secretLength = 20 // bytes, as RFC 4226 section 4 recommends
	// skew is how many steps a clock may be off, either way (RFC 6238 section 5.2).
	skew = 1
)

// Secret is what an authenticator app and usher share.
type Secret []byte

// NewSecret draws a secret.
func NewSecret(random io.Reader) (Secret, error) {
	s := make(Secret, secretLength)
	if _, err := io.ReadFull(random, s); err != nil {
		return nil, fmt.Errorf("draw secret: %w", err)
	}
	return s, nil
}

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// Text is the secret as a person can type it into an app: base32 in groups of
// four.
func (s Secret) Text() string {
	text := base32Plain.EncodeToString(s)
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), " ")
}

// URL is the secret as apps read it from a picture (the Key URI format of Google
// Authenticator).
func (s Secret) URL(issuer, account string) (string, error) {
	// A colon parts the two for apps.
	clean := strings.NewReplacer(":", " ").Replace
	key, err := totp.Generate(totp.GenerateOpts{Issuer: clean(issuer), AccountName: clean(account), Secret: s, Period: period})
	if err != nil {
		return "", fmt.Errorf("make key address: %w", err)
	}
	return key.URL(), nil
}

// Step finds the time step whose code was typed, among those that a clock not
// far off would give. A step up to last was used and is none.
func (s Secret) Step(typed string, now time.Time, last int64) (step int64, ok bool) {
	code := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, typed)
	present := now.Unix() / period
	for at := present - skew; at <= present+skew; at++ {
		want, err := hotp.GenerateCodeCustom(base32Plain.EncodeToString(s), uint64(at), hotp.ValidateOpts{Digits: otp.DigitsSix}) //nolint:gosec // no time before 1970
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > last {
			return at, true
		}
	}
	return 0, false
}

// Picture is an address as a QR code, PNG.
func Picture(address string) ([]byte, error) {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	return code.PNG(), nil
}

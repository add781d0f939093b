package scim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/usherd/usher/scim/filter"
)

// sealer makes a backend's positions into the opaque, authenticated, expiring
// cursors of RFC 9865 section 4: a cursor shows nothing of what it holds (a
// position may be a person's name) and is good only for the query and the
// caller it was made for.
type sealer struct {
	aead    cipher.AEAD
	nonces  []byte // key of the nonces, which are derived from what is sealed
	timeout time.Duration
	now     func() time.Time
}

func newSealer(key []byte, timeout time.Duration, now func() time.Time) (sealer, error) {
	block, err := aes.NewCipher(derive(key, "cursor encryption"))
	if err != nil {
		return sealer{}, fmt.Errorf("make cursor cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return sealer{}, fmt.Errorf("make cursor cipher: %w", err)
	}
	return sealer{aead: aead, nonces: derive(key, "cursor nonce"), timeout: timeout, now: now}, nil
}

// derive makes a key for one purpose.
func derive(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// seal makes a cursor of a position. The nonce is a MAC of what is sealed, so
// that it never repeats for different contents.
func (s sealer) seal(position, binding string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(s.timeout).Unix())) //nolint:gosec // the clock stands after 1970
	plain = append(plain, position...)
	nonce := derive(s.nonces, string(plain)+binding)[:s.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(binding)))
}

// open is the position in a cursor; that of the first page is "".
func (s sealer) open(cursor, binding string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	// The decoder passes over line ends and spare bits: a cursor has one spelling.
	spelt := base64.RawURLEncoding.EncodeToString(sealed) == cursor
	if err != nil || !spelt || len(sealed) < s.aead.NonceSize() {
		return "", Errorf(InvalidCursor, "the cursor is not one of this service")
	}
	nonce, box := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, box, []byte(binding))
	if err != nil || len(plain) < 8 {
		return "", Errorf(InvalidCursor, "the cursor is not one of this service, or was for another query")
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // sealed by us from an int64
	if !s.now().Before(expires) {
		return "", Errorf(ExpiredCursor, "the cursor is older than %v: begin again without it", s.timeout)
	}
	return string(plain[8:]), nil
}

// bindingOf names the caller and the query that a cursor belongs to. Count and
// projection may differ from page to page.
func bindingOf(caller string, q Query) string {
	types := ""
	for _, t := range q.Types {
		types += t.ID + ","
	}
	sort := filter.Attr{}
	if q.SortBy != nil {
		sort = *q.SortBy
	}
	return fmt.Sprintf("%q %q %v %q %t", caller, types, q.Filter, sort, q.Descending)
}

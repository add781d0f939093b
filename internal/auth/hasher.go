package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

// Params are the costs of argon2id.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8  // lanes
}

// DefaultParams are the second of OWASP's equivalent minimum choices (Password
// Storage Cheat Sheet: m=19 MiB, t=2, p=1).
func DefaultParams() Params { return Params{Memory: 19 * 1024, Time: 2, Threads: 1} }

const (
	saltLength = 16
	keyLength  = 32
	// The largest costs and key that a stored hash may ask of us: a damaged or
	// planted row must not be able to exhaust the machine.
	maxMemory  = 1 << 18 // KiB
	maxTime    = 16
	maxThreads = 16
	maxKey     = 128
)

// errHashFormat: a stored hash is not an argon2id PHC string we accept.
var errHashFormat = errors.New("not an accepted argon2id hash")

// Hasher hashes and verifies passwords with argon2id, no more at once than the
// machine has cores: each takes memory and a whole core, and a burst of
// sign-ins must queue rather than stop everything else.
type Hasher struct {
	params Params
	random io.Reader
	places *semaphore.Weighted
	dummy  string
}

// NewHasher makes a Hasher. Randomness is for salts (crypto/rand.Reader outside
// tests). It computes one hash, the stand-in for people who do not exist.
func NewHasher(p Params, random io.Reader) (*Hasher, error) {
	h := &Hasher{params: p, random: random, places: semaphore.NewWeighted(int64(runtime.NumCPU()))}
	dummy, err := h.Hash(context.Background(), "nobody has this password")
	if err != nil {
		return nil, fmt.Errorf("hash stand-in password: %w", err)
	}
	h.dummy = dummy
	return h, nil
}

// Hash returns the PHC string of a normalised password. It waits for a place
// until ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("read salt: %w", err)
	}
	key, err := h.derive(ctx, h.params, password, salt, keyLength)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.params.Memory, h.params.Time, h.params.Threads, enc(salt), enc(key)), nil
}

// Verify reports whether the password is the one behind the stored hash, and
// whether the hash should be made anew because the costs have moved. An empty
// or unreadable stored hash costs the same work and never matches, so that
// nobody can time who exists.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, rehash bool, err error) {
	p, salt, want, perr := parsePHC(stored)
	if perr != nil {
		p, salt, want, _ = parsePHC(h.dummy) // our own, always readable
	}
	got, err := h.derive(ctx, p, password, salt, uint32(len(want))) //nolint:gosec // parsePHC caps the length
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, want) == 1 && perr == nil
	return ok, ok && p != h.params, nil
}

func (h *Hasher) derive(ctx context.Context, p Params, password string, salt []byte, length uint32) ([]byte, error) {
	if err := h.places.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a hashing place: %w", err)
	}
	defer h.places.Release(1)
	return argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, length), nil
}

// parsePHC reads "$argon2id$v=19$m=…,t=…,p=…$salt$key" (the PHC string format).
func parsePHC(s string) (p Params, salt, key []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHashFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Threads); err != nil {
		return p, nil, nil, errHashFormat
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if errors.Join(err1, err2) != nil || len(key) == 0 || len(key) > maxKey ||
		p.Memory > maxMemory || p.Time == 0 || p.Time > maxTime || p.Threads == 0 || p.Threads > maxThreads {
		return p, nil, nil, errHashFormat
	}
	return p, salt, key, nil
}

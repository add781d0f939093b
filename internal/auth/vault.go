package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Vault keeps what must be read again but not by whoever reads the database, and
// blinds what is only ever compared. Each purpose has a key of its own, derived
// from the server's (RFC 5869), so that a value of one use means nothing in
// another.
type Vault struct{ key []byte }

// NewVault makes a Vault; the key has at least 32 bytes.
func NewVault(key []byte) (*Vault, error) {
	if len(key) < sha256.Size {
		return nil, errors.New("server key is shorter than 32 bytes")
	}
	return &Vault{key: append([]byte(nil), key...)}, nil
}

// ErrSealed is what opening gives for a value that this key did not seal.
var ErrSealed = errors.New("sealed value does not open: it was made under another server key")

// Seal encrypts a secret (AES-256-GCM, a random nonce before it).
func (v *Vault) Seal(purpose string, secret []byte) ([]byte, error) {
	gcm, err := v.gcm(purpose)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(secret)+gcm.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal %s: %w", purpose, err)
	}
	return gcm.Seal(nonce, nonce, secret, []byte(purpose)), nil
}

// Open decrypts what Seal gave; ErrSealed for anything else.
func (v *Vault) Open(purpose string, sealed []byte) ([]byte, error) {
	gcm, err := v.gcm(purpose)
	if err != nil {
		return nil, err
	}
	if len(sealed) < gcm.NonceSize() {
		return nil, ErrSealed
	}
	secret, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}

// Blind is a keyed hash (HMAC-SHA-256) of a value that has to be recognised
// later without being kept: a login name, an address, what a limit counts.
func (v *Vault) Blind(purpose, value string) []byte {
	key, err := v.derive("blind " + purpose)
	if err != nil {
		panic(err) // only a length that SHA-256 cannot give fails
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

func (v *Vault) gcm(purpose string) (cipher.AEAD, error) {
	key, err := v.derive("seal " + purpose)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

func (v *Vault) derive(info string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, v.key, nil, "usher/1 "+info, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return key, nil
}

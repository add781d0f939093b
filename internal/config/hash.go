package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Hash identifies what processes that share a database must agree on: public
// URL, mail, retention, companies, sources and the secret key. Addresses,
// certificates, file names and passwords are each machine's own: they may
// differ, as they do while a password is being changed. The result may be
// stored and shown: the only secret in it is the key, which is long enough not
// to be guessed.
func (c *Config) Hash() string {
	settings, err := json.Marshal(c)
	if err != nil {
		// Strings, numbers and maps of them always encode.
		panic(fmt.Sprintf("encode configuration: %v", err))
	}
	h := sha256.New()
	h.Write(settings)
	h.Write([]byte(c.SecretKey.Reveal()))
	return hex.EncodeToString(h.Sum(nil))
}

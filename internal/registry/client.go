package registry

import "time"

// ClientID is the key of an OAuth client.
type ClientID int64

// OAuthClient is a connection's credential for the client credentials grant
// (RFC 6749 section 4.4): a secret, or whoever can sign an assertion (RFC 7523)
// with an issuer's keys.
type OAuthClient struct {
	ID     ClientID
	Origin OriginID
	// Name is what the client calls itself, its client_id.
	Name string
	// SecretHash is SHA-256 of the secret, nil for a client that signs.
	SecretHash []byte `json:"-"`
	// Issuer, Subject and Audience are what an assertion must say, and JWKSURI
	// is where the keys are that must have signed it; "" with a secret.
	Issuer, Subject, Audience, JWKSURI string
	CreatedAt                          time.Time
	ExpiresAt                          time.Time // zero for never
	LastUsedAt                         time.Time
	RevokedAt                          time.Time
	// Tokens is how many live tokens it holds, where they were counted.
	Tokens int
}

// Live reports whether the client may be given tokens now.
func (c OAuthClient) Live(now time.Time) bool {
	return c.RevokedAt.IsZero() && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}

// IssuedToken is a token that a client is given.
type IssuedToken struct {
	Origin  OriginID
	Client  ClientID
	Hash    []byte
	Prefix  string
	Expires time.Time
	// Spent names, as a hash, what the client proved itself with when that is
	// good only once; nil otherwise. It is remembered until SpentUntil.
	Spent      []byte
	SpentUntil time.Time
}

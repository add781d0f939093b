package graphfake

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// jwt is a signed token (RFC 7519) in its compact form.
type jwt struct {
	header struct {
		Algorithm string `json:"alg"`
	}
	claims struct {
		Issuer    string   `json:"iss"`
		Subject   string   `json:"sub"`
		Audience  audience `json:"aud"`
		Expires   float64  `json:"exp"`
		NotBefore float64  `json:"nbf"`
	}
	signed    string
	signature []byte
}

// audience is one name or several (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

var errJWT = errors.New("malformed token")

// readJWT reads a token without judging it.
func readJWT(text string) (*jwt, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errJWT
	}
	j := &jwt{signed: parts[0] + "." + parts[1]}
	for i, to := range []any{&j.header, &j.claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, fmt.Errorf("decode token: %w", err)
		}
		if err := json.Unmarshal(data, to); err != nil {
			return nil, fmt.Errorf("decode token: %w", err)
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("decode token: %w", err)
	}
	j.signature = signature
	return j, nil
}

func (j *jwt) expires() time.Time   { return time.Unix(int64(j.claims.Expires), 0) }
func (j *jwt) notBefore() time.Time { return time.Unix(int64(j.claims.NotBefore), 0) }

// verify checks the signature, by the algorithms that Entra ID takes (RFC 7518
// section 3.1).
func (j *jwt) verify(key crypto.PublicKey) error {
	sum := sha256.Sum256([]byte(j.signed))
	switch k := key.(type) {
	case *rsa.PublicKey:
		if j.header.Algorithm == "PS256" {
			return rsa.VerifyPSS(k, crypto.SHA256, sum[:], j.signature, nil)
		}
		if j.header.Algorithm == "RS256" {
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], j.signature)
		}
	case *ecdsa.PublicKey:
		if j.header.Algorithm == "ES256" && len(j.signature) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(j.signature[:32]), new(big.Int).SetBytes(j.signature[32:])) {
			return nil
		}
	}
	return errJWT
}

// signer signs the access tokens.
type signer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return &signer{key: key, id: rand.Text()}, nil
}

func (s *signer) sign(claims map[string]any) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(marshal(map[string]string{"typ": "JWT", "alg": "ES256", "kid": s.id})) + "." + encode(marshal(claims))
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + encode(signature[:]), nil
}

// keys is the public half as a JWK set (RFC 7517).
func (s *signer) keys() (map[string]any, error) {
	point, err := s.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": s.id, "x": encode(point[1:33]), "y": encode(point[33:]),
	}}}, nil
}

// issue makes an access token and remembers what it stands for. Clients have to
// treat it as opaque; its claims are those of
// entra/identity-platform/access-token-claims-reference.
func (s *Server) issue(c *call, app App, resource string) (string, error) {
	at := s.now()
	until := at.Add(s.opt.TokenLife)
	word, err := s.signer.sign(map[string]any{
		"aud": resource, "iss": c.base + "/" + s.tenant.ID() + "/v2.0", "tid": s.tenant.ID(), "appid": app.ClientID, "azp": app.ClientID,
		"sub": app.ClientID, "oid": app.ClientID, "idtyp": "app", "roles": app.Roles, "ver": "2.0",
		"iat": at.Unix(), "nbf": at.Unix(), "exp": until.Unix(), "uti": s.requestID(),
	})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, g := range s.grants {
		if at.Sub(g.until) > time.Hour { // long enough to be told apart from an unknown one
			delete(s.grants, old)
		}
	}
	s.grants[word] = &grant{app: app.ClientID, roles: app.Roles, until: until}
	return word, nil
}

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The Bot Framework's issuer and where it says what its keys are
// (learn.microsoft.com, "Authenticate requests from the Bot Connector service").
const (
	BotIssuer   = "https://api.botframework.com"
	BotMetadata = "https://login.botframework.com/v1/.well-known/openidconfiguration"
)

const (
	// botSkew is how far its clock and ours may be apart.
	botSkew = 5 * time.Minute
	// botKeysAge is how old known keys may get.
	botKeysAge = 24 * time.Hour
)

// BotTokens judges the tokens that come with activities of the Bot Framework. It
// is safe for concurrent use.
type BotTokens struct {
	appID, metadata string
	client          *http.Client
	now             func() time.Time

	mu      sync.Mutex
	keys    map[string]botKey
	fetched time.Time
}

// botKey is a key with the channels it is good for.
type botKey struct {
	jose.JSONWebKey
	endorsements []string
}

// NewBotTokens makes a judge for the tokens of one bot. The metadata's address is
// BotMetadata but for tests.
func NewBotTokens(appID, metadata string, now func() time.Time) *BotTokens {
	return &BotTokens{appID: appID, metadata: metadata, client: newKeyRing(now).client, now: now}
}

// Verify judges a token by the activity it came with: who signed it, that it is
// for this bot and this moment, that it names the activity's serviceUrl, and that
// its key may speak for the activity's channel. The error is an *AssertionError.
func (b *BotTokens) Verify(ctx context.Context, raw, serviceURL, channel string) error {
	refuse := func(format string, args ...any) error { return &AssertionError{Reason: fmt.Sprintf(format, args...)} }
	if len(raw) > maxAssertion {
		return refuse("it is longer than %d bytes", maxAssertion)
	}
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(token.Headers) != 1 {
		return refuse("it is no token signed with RS256")
	}
	key, err := b.key(ctx, token.Headers[0].KeyID)
	if err != nil {
		return refuse("%s", err)
	}
	var c jwt.Claims
	var own struct {
		ServiceURL string `json:"serviceurl"`
	}
	if err := token.Claims(key.Key, &c, &own); err != nil {
		return refuse("its signature does not fit")
	}
	err = c.ValidateWithLeeway(jwt.Expected{Issuer: BotIssuer, AnyAudience: jwt.Audience{b.appID}, Time: b.now()}, botSkew)
	switch {
	case err != nil:
		return refuse("%s", err)
	case c.Expiry == nil:
		return refuse("it has no exp")
	case serviceURL == "" || own.ServiceURL != serviceURL:
		return refuse("its serviceurl is not the activity's")
	case !slices.Contains(key.endorsements, channel):
		return refuse("its key may not speak for the channel %.100q", channel)
	}
	return nil
}

// key finds a key by its id. Unknown ids and old keys have them fetched; how often
// that may be is the door's to say (keysRate). Keys that cannot be fetched anew
// stay good: Microsoft's change every few days, and are published before.
func (b *BotTokens) key(ctx context.Context, id string) (botKey, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key, known := b.keys[id]
	if known && b.now().Sub(b.fetched) < botKeysAge {
		return key, nil
	}
	keys, err := b.fetch(ctx)
	if err == nil {
		b.keys, b.fetched = keys, b.now()
		key, known = keys[id]
	}
	switch {
	case known:
		return key, nil
	case err != nil:
		return botKey{}, fmt.Errorf("its key cannot be looked up: %w", err)
	}
	return botKey{}, errors.New("its key is none of the issuer's")
}

// fetch reads the metadata and the keys they name.
func (b *BotTokens) fetch(ctx context.Context) (map[string]botKey, error) {
	var meta struct {
		JWKSURI    string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := b.get(ctx, b.metadata, &meta); err != nil {
		return nil, fmt.Errorf("fetch metadata: %w", err)
	}
	if !slices.Contains(meta.Algorithms, string(jose.RS256)) {
		return nil, errors.New("the issuer does not sign with RS256")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := b.get(ctx, meta.JWKSURI, &set); err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	out := map[string]botKey{}
	for _, raw := range set.Keys {
		var k botKey
		var more struct {
			Endorsements []string `json:"endorsements"`
		}
		if k.UnmarshalJSON(raw) != nil || json.Unmarshal(raw, &more) != nil || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue // a key of a kind we do not know is no reason to do without the others
		}
		k.endorsements = more.Endorsements
		out[k.KeyID] = k
	}
	return out, nil
}

func (b *BotTokens) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

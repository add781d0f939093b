package issuer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// Bot serves an issuer's keys as the Bot Framework serves its own: metadata that
// name the keys, and keys that say which channels they may speak for.
type Bot struct {
	*Issuer
	server  *httptest.Server
	fetches atomic.Int64
}

// NewBot gives an issuer the Bot Framework's face, until the test ends. Its keys
// are good for these channels.
func (i *Issuer) NewBot(endorsements ...string) *Bot {
	b := &Bot{Issuer: i}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": "https://api.botframework.com", "jwks_uri": b.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		b.fetches.Add(1)
		i.mu.Lock()
		set := i.keys()
		i.mu.Unlock()
		keys := make([]map[string]any, len(set.Keys))
		for n, k := range set.Keys {
			raw, err := k.MarshalJSON()
			if err == nil {
				err = json.Unmarshal(raw, &keys[n])
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			keys[n]["endorsements"] = endorsements
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	})
	b.server = httptest.NewServer(mux)
	i.t.Cleanup(b.server.Close)
	return b
}

// Metadata is the address of its metadata.
func (b *Bot) Metadata() string { return b.server.URL + "/metadata" }

// KeyFetches is how often its keys were fetched.
func (b *Bot) KeyFetches() int { return int(b.fetches.Load()) }

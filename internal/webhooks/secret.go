package webhooks

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

const (
	// secretPrefix begins a secret as receivers are given it.
	secretPrefix = "whsec_"
	// secretBytes is within the 24 to 64 that the specification asks for.
	secretBytes = 32
	// sealPurpose is what the secrets are sealed for.
	sealPurpose = "webhook secret"
)

// newSecret makes a secret, in the form for receivers and sealed.
func newSecret(vault *auth.Vault, random io.Reader) (secret string, sealed []byte, err error) {
	raw := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", nil, fmt.Errorf("make webhook secret: %w", err)
	}
	if sealed, err = vault.Seal(sealPurpose, raw); err != nil {
		return "", nil, fmt.Errorf("seal webhook secret: %w", err)
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(raw), sealed, nil
}

// sign is the webhook-signature header: one signature, and beside it one by the
// secret before while a rotation lasts.
func sign(vault *auth.Vault, hook *registry.Webhook, id string, at time.Time, payload []byte) (string, error) {
	sealed := [][]byte{hook.Secret}
	if len(hook.FormerSecret) > 0 && at.Before(hook.FormerUntil) {
		sealed = append(sealed, hook.FormerSecret)
	}
	signatures := make([]string, len(sealed))
	for i, s := range sealed {
		raw, err := vault.Open(sealPurpose, s)
		if err != nil {
			return "", fmt.Errorf("open webhook secret: %w", err)
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return "", fmt.Errorf("sign delivery: %w", err)
		}
		if signatures[i], err = signer.Sign(id, at, payload); err != nil {
			return "", fmt.Errorf("sign delivery: %w", err)
		}
	}
	return strings.Join(signatures, " "), nil
}

package self_test

import (
	"context"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/self"
)

// access is what stands beside the password where there is nothing but the
// password; the real one is tried in internal/app.
type access struct{ self.Access }

func (access) Doors(registry.Company) auth.Doors {
	return auth.Doors{Password: true, Passkey: true, Providers: []auth.Door{{Key: "corp", Name: "Acme & Co"}}}
}

func (access) Factors(context.Context, auth.Session) (auth.Factors, error) {
	return auth.Factors{Passkey: true}, nil
}

func (access) StartTOTP(context.Context, auth.Session, string) (auth.TOTPSetup, error) {
	return auth.TOTPSetup{Text: "ABCD EFGH", Picture: []byte("PNG"), Sealed: "sealed"}, nil
}

func (access) AskAnyPasskey(context.Context, registry.CompanyID) (auth.PasskeyAsk, error) {
	return auth.PasskeyAsk{Options: `{"publicKey":{"challenge":"AA"}}`, Sealed: "sealed"}, nil
}

func (access) StartPasskey(context.Context, auth.Session) (auth.PasskeyAsk, error) {
	return auth.PasskeyAsk{Options: `{"publicKey":{"challenge":"AA"}}`, Sealed: "sealed"}, nil
}

func (access) StartProvider(context.Context, registry.Company, string, string, *auth.Session) (auth.Passage, error) {
	return auth.Passage{}, &auth.ProviderError{Reason: auth.ProviderUnavailable}
}

func (access) SignedIn(context.Context, auth.Identity, auth.Client) error { return nil }

func (access) SignedOut(context.Context, auth.Session, auth.Client) error { return nil }

func (access) SessionsEnded(context.Context, auth.Session, int, auth.Client) error { return nil }

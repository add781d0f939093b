package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/auth/factor"
	"github.com/usherd/usher/internal/registry"
)

// The purposes of what a browser keeps, and of what the vault seals or blinds.
const (
	sealTOTP        = "totp"
	sealPasskeyAdd  = "passkey add"
	sealPasskeyShow = "passkey show"
	sealPasskeyIn   = "passkey in"
	sealProvider    = "provider"
	secretPurpose   = "totp secret"
	recoveryPurpose = "recovery code"
)

// Factors are what a person has.
func (s *Service) Factors(ctx context.Context, v auth.Session) (auth.Factors, error) {
	all, err := s.Store.Factors(ctx, v.Company, v.User)
	if err != nil {
		return auth.Factors{}, fmt.Errorf("read factors: %w", err)
	}
	out := auth.Factors{Passkey: s.Passkeys != nil, Needed: s.cfg.Required && v.Account.Privileged()}
	for _, f := range all {
		if f.Kind == auth.FactorRecovery {
			out.Recovery++
			continue
		}
		out.List = append(out.List, auth.Factor{ID: f.ID, Kind: f.Kind, Name: f.Name, CreatedAt: f.CreatedAt, UsedAt: f.LastUsedAt})
	}
	return out, nil
}

// StartTOTP draws a secret for an authenticator app. Given what an earlier call
// sealed it shows the same secret again, so that a code mistyped costs nobody a
// new entry in their app.
func (s *Service) StartTOTP(_ context.Context, v auth.Session, earlier string) (auth.TOTPSetup, error) {
	var secret factor.Secret
	if kept, ok := s.unseal(sealTOTP, earlier, v.Company, v.User); ok {
		secret = kept.Secret
	} else {
		var err error
		if secret, err = factor.NewSecret(s.Random); err != nil {
			return auth.TOTPSetup{}, err
		}
	}
	address, err := secret.URL(s.cfg.Issuer, v.Account.UserName+" ("+v.Account.CompanyName+")")
	if err != nil {
		return auth.TOTPSetup{}, err
	}
	picture, err := factor.Picture(address)
	if err != nil {
		return auth.TOTPSetup{}, err
	}
	text, err := s.seal(sealTOTP, sealed{Company: v.Company, User: v.User, Secret: secret})
	return auth.TOTPSetup{Text: secret.Text(), Picture: picture, Sealed: text}, err
}

// Added is what follows from a new factor.
type Added = auth.Added

// FinishTOTP keeps an authenticator app that has shown a right code. Errors:
// auth.ErrFactor, *auth.ThrottledError.
func (s *Service) FinishTOTP(ctx context.Context, v auth.Session, kept, code, name string, c auth.Client) (Added, error) {
	if wait := s.limits.factor.Take(account(v), c.Address); wait > 0 {
		return Added{}, &auth.ThrottledError{RetryAfter: wait}
	}
	flow, ok := s.unseal(sealTOTP, kept, v.Company, v.User)
	if !ok {
		return Added{}, auth.ErrFactor
	}
	step, ok := factor.Secret(flow.Secret).Step(code, s.Now(), 0)
	if !ok {
		return Added{}, auth.ErrFactor
	}
	secret, err := s.Vault.Seal(secretPurpose, flow.Secret)
	if err != nil {
		return Added{}, err
	}
	return s.add(ctx, v, c, Factor{Kind: auth.FactorTOTP, Name: clean(name, ""), Secret: secret, LastStep: step})
}

// StartPasskey asks for a new passkey.
func (s *Service) StartPasskey(ctx context.Context, v auth.Session) (auth.PasskeyAsk, error) {
	h, err := s.holder(ctx, v)
	if err != nil {
		return auth.PasskeyAsk{}, err
	}
	ask, err := s.Passkeys.BeginAdd(h)
	if err != nil {
		return auth.PasskeyAsk{}, err
	}
	return s.ask(sealPasskeyAdd, sealed{Company: v.Company, User: v.User}, ask)
}

// FinishPasskey keeps a new passkey. Errors: auth.ErrFactor,
// *auth.ThrottledError.
func (s *Service) FinishPasskey(ctx context.Context, v auth.Session, kept, answer, name string, c auth.Client) (Added, error) {
	if wait := s.limits.factor.Take(account(v), c.Address); wait > 0 {
		return Added{}, &auth.ThrottledError{RetryAfter: wait}
	}
	flow, ok := s.unseal(sealPasskeyAdd, kept, v.Company, v.User)
	if !ok || s.Passkeys == nil {
		return Added{}, auth.ErrFactor
	}
	h, err := s.holder(ctx, v)
	if err != nil {
		return Added{}, err
	}
	p, err := s.Passkeys.FinishAdd(h, flow.State, []byte(answer))
	if err != nil {
		return Added{}, s.wrong(ctx, err)
	}
	return s.add(ctx, v, c, Factor{Kind: auth.FactorPasskey, Name: clean(name, ""), CredentialID: p.ID, Data: p.Data})
}

// add keeps a factor; the first of a person brings recovery codes.
func (s *Service) add(ctx context.Context, v auth.Session, c auth.Client, f Factor) (Added, error) {
	codes, hashes, err := s.newRecovery(v.User)
	if err != nil {
		return Added{}, err
	}
	f.Company, f.User, f.CreatedAt = v.Company, v.User, s.Now()
	first, err := s.Store.AddFactor(ctx, f, hashes)
	if err != nil {
		return Added{}, fmt.Errorf("add factor: %w", err)
	}
	out := Added{Identity: proved(v)}
	out.Identity.FactorAt = s.Now()
	if first {
		out.Recovery = codes
	}
	d := s.deed(v, c, registry.DeedFactorAdd)
	d.Detail = map[string]string{"kind": string(f.Kind), "name": f.Name}
	return out, s.audit(ctx, v.Company, d)
}

// NewRecovery puts new recovery codes in the place of those there are.
func (s *Service) NewRecovery(ctx context.Context, v auth.Session, c auth.Client) ([]string, error) {
	codes, hashes, err := s.newRecovery(v.User)
	if err != nil {
		return nil, err
	}
	if err := s.Store.ReplaceRecovery(ctx, v.Company, v.User, hashes, s.Now()); err != nil {
		return nil, fmt.Errorf("replace recovery codes: %w", err)
	}
	return codes, s.audit(ctx, v.Company, s.deed(v, c, registry.DeedRecoveryCodes))
}

func (s *Service) newRecovery(user registry.UserID) (codes []string, hashes [][]byte, err error) {
	if codes, err = factor.NewRecoveryCodes(s.Random); err != nil {
		return nil, nil, err
	}
	for _, code := range codes {
		hashes = append(hashes, s.recoveryHash(user, factor.RecoveryKey(code)))
	}
	return codes, hashes, nil
}

func (s *Service) recoveryHash(user registry.UserID, key string) []byte {
	return s.Vault.Blind(recoveryPurpose, fmt.Sprint(user, " ", key))
}

// RemoveFactor takes a factor of the person away. Errors: auth.ErrLastFactor,
// registry.ErrNotFound.
func (s *Service) RemoveFactor(ctx context.Context, v auth.Session, id int64, c auth.Client) error {
	f, err := s.Store.RemoveFactor(ctx, v.Company, v.User, id, s.cfg.Required && v.Account.Privileged())
	if err != nil {
		return fmt.Errorf("remove factor: %w", err)
	}
	d := s.deed(v, c, registry.DeedFactorRemove)
	d.Detail = map[string]string{"kind": string(f.Kind), "name": f.Name}
	return s.audit(ctx, v.Company, d)
}

// ResetFactors takes every factor of a person away, at somebody else's word, and
// signs them out everywhere. It says how many factors there were.
func (s *Service) ResetFactors(ctx context.Context, by *auth.Principal, company registry.CompanyID, user registry.UserID) (int, error) {
	u, err := s.Store.User(ctx, company, user)
	if err != nil {
		return 0, fmt.Errorf("read person: %w", err)
	}
	n, err := s.Store.ResetFactors(ctx, company, user)
	if err != nil {
		return 0, fmt.Errorf("reset factors: %w", err)
	}
	d := byPrincipal(by, registry.DeedFactorReset, &u)
	d.At, d.Detail = s.Now(), map[string]string{"factors": fmt.Sprint(n)}
	return n, s.audit(ctx, company, d)
}

// holder is the person as authenticators know them.
func (s *Service) holder(ctx context.Context, v auth.Session) (factor.Holder, error) {
	u, err := s.Store.User(ctx, v.Company, v.User)
	if err != nil {
		return factor.Holder{}, fmt.Errorf("read person: %w", err)
	}
	return s.holderOf(ctx, &u)
}

func (s *Service) holderOf(ctx context.Context, u *registry.User) (factor.Holder, error) {
	all, err := s.Store.Factors(ctx, u.Company, u.ID)
	if err != nil {
		return factor.Holder{}, fmt.Errorf("read factors: %w", err)
	}
	h := factor.Holder{Handle: u.PublicID, Name: u.UserName(), DisplayName: u.DisplayName()}
	for _, f := range all {
		if f.Kind == auth.FactorPasskey {
			h.Passkeys = append(h.Passkeys, factor.Passkey{ID: f.CredentialID, Data: f.Data})
		}
	}
	return h, nil
}

// ask seals a ceremony's state.
func (s *Service) ask(purpose string, v sealed, c factor.Ceremony) (auth.PasskeyAsk, error) {
	v.State = c.State
	text, err := s.seal(purpose, v)
	return auth.PasskeyAsk{Options: string(c.Options), Sealed: text}, err
}

// wrong turns a refusal into the one answer there is and logs its reason; other
// errors stay.
func (s *Service) wrong(ctx context.Context, err error) error {
	if !errors.Is(err, factor.ErrPasskey) {
		return err
	}
	s.Log.InfoContext(ctx, "passkey refused", "error", err)
	return auth.ErrFactor
}

// proved is the identity behind a session.
func proved(v auth.Session) auth.Identity {
	return auth.Identity{
		Company: v.Company, User: v.User, CredentialVersion: v.CredentialVersion, Admin: v.Account.Privileged(), Method: v.Method, FactorAt: v.FactorAt,
	}
}

// account is whose tries are counted.
func account(v auth.Session) string { return fmt.Sprint(v.Company, "/", v.User) }

// ofKind are the factors of a kind.
func ofKind(all []Factor, kind auth.FactorKind) []Factor {
	return slices.DeleteFunc(slices.Clone(all), func(f Factor) bool { return f.Kind != kind })
}

package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/auth/factor"
	"github.com/usherd/usher/internal/registry"
)

// ProveCode takes a code of an authenticator app or a recovery code. Errors:
// auth.ErrFactor, *auth.ThrottledError.
func (s *Service) ProveCode(ctx context.Context, v auth.Session, typed string, c auth.Client) (auth.Identity, error) {
	if wait := s.limits.factor.Take(account(v), c.Address); wait > 0 {
		return auth.Identity{}, &auth.ThrottledError{RetryAfter: wait}
	}
	kind, err := s.takeCode(ctx, v, typed)
	if err != nil {
		return auth.Identity{}, err
	}
	return s.shown(ctx, v, kind, c)
}

// takeCode finds and spends what was typed; "" for a wrong code.
func (s *Service) takeCode(ctx context.Context, v auth.Session, typed string) (auth.FactorKind, error) {
	all, err := s.Store.Factors(ctx, v.Company, v.User)
	if err != nil {
		return "", fmt.Errorf("read factors: %w", err)
	}
	for _, f := range ofKind(all, auth.FactorTOTP) {
		secret, err := s.Vault.Open(secretPurpose, f.Secret)
		if err != nil {
			s.Log.ErrorContext(ctx, "second factor cannot be read", "factor", f.ID, "error", err)
			continue
		}
		step, ok := factor.Secret(secret).Step(typed, s.Now(), f.LastStep)
		if !ok {
			continue
		}
		// Of two who send the same code, one is let in.
		if ok, err = s.Store.UseStep(ctx, f, step, s.Now()); err != nil {
			return "", fmt.Errorf("use code: %w", err)
		}
		if ok {
			return auth.FactorTOTP, nil
		}
	}
	key := factor.RecoveryKey(typed)
	if key == "" {
		return "", nil
	}
	ok, err := s.Store.SpendRecovery(ctx, v.Company, v.User, s.recoveryHash(v.User, key))
	if err != nil {
		return "", fmt.Errorf("spend recovery code: %w", err)
	}
	if ok {
		return auth.FactorRecovery, nil
	}
	return "", nil
}

// AskPasskey asks for one of the person's passkeys.
func (s *Service) AskPasskey(ctx context.Context, v auth.Session) (auth.PasskeyAsk, error) {
	h, err := s.holder(ctx, v)
	if err != nil {
		return auth.PasskeyAsk{}, err
	}
	ask, err := s.Passkeys.BeginProve(h)
	if err != nil {
		return auth.PasskeyAsk{}, err
	}
	return s.ask(sealPasskeyShow, sealed{Company: v.Company, User: v.User}, ask)
}

// ProvePasskey takes a passkey as second factor. Errors: as ProveCode.
func (s *Service) ProvePasskey(ctx context.Context, v auth.Session, kept, answer string, c auth.Client) (auth.Identity, error) {
	if wait := s.limits.factor.Take(account(v), c.Address); wait > 0 {
		return auth.Identity{}, &auth.ThrottledError{RetryAfter: wait}
	}
	flow, ok := s.unseal(sealPasskeyShow, kept, v.Company, v.User)
	if !ok || s.Passkeys == nil {
		return auth.Identity{}, auth.ErrFactor
	}
	h, err := s.holder(ctx, v)
	if err != nil {
		return auth.Identity{}, err
	}
	p, err := s.Passkeys.FinishProve(h, flow.State, []byte(answer))
	if err = s.used(ctx, v.Company, p, err); err != nil && !errors.Is(err, auth.ErrFactor) {
		return auth.Identity{}, err
	}
	kind := auth.FactorPasskey
	if err != nil {
		kind = ""
	}
	return s.shown(ctx, v, kind, c)
}

// shown ends a try: a kind of "" is a wrong one.
func (s *Service) shown(ctx context.Context, v auth.Session, kind auth.FactorKind, c auth.Client) (auth.Identity, error) {
	d := s.deed(v, c, registry.DeedSecondFactor)
	if kind == "" {
		d.Outcome = registry.OutcomeWrongCode
		if err := s.audit(ctx, v.Company, d); err != nil {
			return auth.Identity{}, err
		}
		return auth.Identity{}, auth.ErrFactor
	}
	d.Detail = map[string]string{"kind": string(kind)}
	id := proved(v)
	id.FactorAt = s.Now()
	return id, s.audit(ctx, v.Company, d)
}

// used keeps a passkey as it is after a proof that went well.
func (s *Service) used(ctx context.Context, company registry.CompanyID, p factor.Passkey, err error) error {
	if err != nil {
		return s.wrong(ctx, err)
	}
	f, err := s.Store.FactorByCredential(ctx, company, p.ID)
	if err != nil {
		return fmt.Errorf("find passkey: %w", err)
	}
	f.Data = p.Data
	ok, err := s.Store.UsePasskey(ctx, f, s.Now())
	if err == nil && !ok {
		return auth.ErrFactor
	}
	return err
}

// AskAnyPasskey asks for any passkey of somebody of the company.
func (s *Service) AskAnyPasskey(_ context.Context, company registry.CompanyID) (auth.PasskeyAsk, error) {
	ask, err := s.Passkeys.BeginSignIn()
	if err != nil {
		return auth.PasskeyAsk{}, err
	}
	return s.ask(sealPasskeyIn, sealed{Company: company}, ask)
}

// SignInPasskey signs in with a passkey alone, which is two proofs: having it,
// and the finger, face or PIN that it asks for. Errors: auth.ErrSignIn,
// *auth.ThrottledError.
func (s *Service) SignInPasskey(ctx context.Context, company registry.CompanyID, kept, answer string, c auth.Client) (auth.Identity, error) {
	if wait := s.limits.passkey.Take("", c.Address); wait > 0 {
		return auth.Identity{}, &auth.ThrottledError{RetryAfter: wait}
	}
	flow, ok := s.unseal(sealPasskeyIn, kept, company, 0)
	if !ok || s.Passkeys == nil {
		return auth.Identity{}, auth.ErrSignIn
	}
	var who registry.User
	p, err := s.Passkeys.FinishSignIn(flow.State, []byte(answer), func(id []byte) (factor.Holder, error) {
		f, err := s.Store.FactorByCredential(ctx, company, bytes.Clone(id))
		if errors.Is(err, registry.ErrNotFound) {
			return factor.Holder{}, factor.ErrPasskey
		}
		if err != nil {
			return factor.Holder{}, fmt.Errorf("find passkey: %w", err)
		}
		if who, err = s.Store.User(ctx, company, f.User); err != nil {
			return factor.Holder{}, fmt.Errorf("read person: %w", err)
		}
		return s.holderOf(ctx, &who)
	})
	err = s.used(ctx, company, p, err)
	switch {
	case errors.Is(err, auth.ErrFactor), err == nil && !who.MaySignIn():
		return auth.Identity{}, auth.ErrSignIn
	case err != nil:
		return auth.Identity{}, err
	}
	return identity(&who, auth.MethodPasskey, s.Now()), nil
}

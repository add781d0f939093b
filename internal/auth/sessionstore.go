package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// touchEvery is how stale SeenAt may grow: reading a page must not cost a write.
const touchEvery = time.Minute

// codec keeps a session as JSON; the library's own is gob, which ties rows to
// Go types.
type codec struct{}

// Encode implements scs.Codec. The deadline is the session's own ExpiresAt.
func (codec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	s, ok := values[sessionKey].(Session)
	if !ok {
		return nil, errors.New("encode session: nobody is signed in")
	}
	return json.Marshal(s)
}

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var s Session
	if err := json.Unmarshal(b, &s); err != nil {
		return time.Time{}, nil, fmt.Errorf("decode session: %w", err)
	}
	return s.ExpiresAt, map[string]any{sessionKey: s}, nil
}

// scsStore turns the library's byte store into SessionStore. Its tokens are
// hashes already (HashTokenInStore).
type scsStore struct {
	store SessionStore
	cfg   SessionConfig
}

// FindCtx implements scs.CtxStore and keeps SeenAt fresh.
func (a *scsStore) FindCtx(ctx context.Context, id string) ([]byte, bool, error) {
	now := a.cfg.Now()
	s, err := a.store.FindSession(ctx, id, now)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	if a.cfg.over(s, now) {
		return nil, false, nil
	}
	if now.Sub(s.SeenAt) >= min(touchEvery, a.cfg.life(s.Account.Privileged()).Idle/4) {
		// Not worth failing a page for: the next one tries again.
		if err := a.store.TouchSession(ctx, id, now); err != nil {
			a.cfg.Log.WarnContext(ctx, "session not touched", "error", err)
		}
	}
	b, err := json.Marshal(s)
	return b, err == nil, err
}

// CommitCtx implements scs.CtxStore.
func (a *scsStore) CommitCtx(ctx context.Context, id string, b []byte, _ time.Time) error {
	_, values, err := codec{}.Decode(b)
	if err != nil {
		return err
	}
	s := values[sessionKey].(Session) //nolint:forcetypeassert // codec's own
	s.ID = id
	if err := a.store.SaveSession(ctx, s); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// DeleteCtx implements scs.CtxStore.
func (a *scsStore) DeleteCtx(ctx context.Context, id string) error {
	if err := a.store.DeleteSession(ctx, id); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// errNoContext: the library calls the context-free methods only where a store
// lacks the others.
var errNoContext = errors.New("session store used without a context")

// Find implements scs.Store.
func (a *scsStore) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit implements scs.Store.
func (a *scsStore) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete implements scs.Store.
func (a *scsStore) Delete(string) error { return errNoContext }

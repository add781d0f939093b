package store

import (
	"context"
	"sync"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// admissions remember for a moment which token opens which connection, so that
// not every request asks. What this process does to tokens and connections
// counts at once; what another does, as a command beside a running server,
// within rememberedFor.
type admissions struct {
	mu    sync.Mutex
	known map[string]admission
	// epoch tells an answer that was on its way when forget was called.
	epoch int
}

type admission struct {
	token registry.Token
	conn  registry.Connection
	at    time.Time
}

const (
	rememberedFor = time.Second
	mostAdmitted  = 10_000 // tokens in use at once; then all are forgotten
)

// TokenByHash finds a live token and its connection by the hash of its secret;
// registry.ErrNotFound for any other.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error) {
	return s.admitted(ctx, registry.OriginSCIM, hash)
}

// APIToken implements api.Tokens.
func (s *Store) APIToken(ctx context.Context, hash []byte) (registry.Token, registry.Origin, error) {
	token, conn, err := s.admitted(ctx, registry.OriginAPI, hash)
	return token, conn.Origin, err
}

// admitted finds a live token of one kind of door.
func (s *Store) admitted(ctx context.Context, door registry.OriginKind, hash []byte) (registry.Token, registry.Connection, error) {
	token, conn, err := s.remembered(ctx, hash)
	if err == nil && conn.Origin.Kind != door {
		return registry.Token{}, registry.Connection{}, registry.ErrNotFound
	}
	return token, conn, err
}

// remembered finds a live token, whatever it opens.
func (s *Store) remembered(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error) {
	now := s.now()
	a := &s.admissions
	a.mu.Lock()
	known, ok := a.known[string(hash)]
	epoch := a.epoch
	a.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < rememberedFor && known.token.Live(now) {
		return known.token, known.conn, nil
	}
	token, conn, err := s.tokenByHash(ctx, hash)
	if err != nil {
		return token, conn, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// A person's token is good for no longer than the person: it is asked anew.
	if a.epoch == epoch && token.User == 0 {
		if a.known == nil || len(a.known) >= mostAdmitted {
			a.known = map[string]admission{}
		}
		a.known[string(hash)] = admission{token, conn, now}
	}
	return token, conn, nil
}

// forget lets nobody be admitted by what was known before.
func (a *admissions) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.known)
	a.epoch++
}

// ended is called after a change that ends tokens. It returns when no process
// admits anybody by them any more: "revoked" then means just that.
func (s *Store) ended(ctx context.Context) error {
	s.admissions.forget()
	return s.untilKnown(ctx)
}

// untilKnown returns when no other process goes by what it remembered before the
// call.
func (s *Store) untilKnown(ctx context.Context) error {
	live, err := s.LiveProcesses(ctx)
	others := len(live)
	if s.announced.Load() {
		others--
	}
	if err != nil || others <= 0 {
		return err
	}
	wait := time.NewTimer(rememberedFor)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	port "github.com/usherd/usher/internal/source"
)

// api builds the way in for programs, and mounts it beside what else there is.
func (s *Server) api(work context.Context, root *http.ServeMux, more ...api.Route) (*apiDesk, error) {
	vault, err := auth.NewVault([]byte(s.Config.SecretKey.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	ctx, cancel := context.WithCancel(work)
	var runs sync.WaitGroup
	s.onStop("runs of programs", func(context.Context) error {
		cancel()
		runs.Wait()
		return nil
	})
	desk := &apiDesk{Server: s, vault: vault, begin: func(fn func(context.Context)) { runs.Go(func() { fn(ctx) }) }}
	door, err := api.New(api.Config{
		Desk: desk, Tokens: s.Store, Open: func(id registry.CompanyID) api.Records { return s.Store.For(id) }, Vault: vault, Version: cmp.Or(s.process.Version, "dev"),
		ClientIP: clientIP(s.Config.TrustedProxies), Now: s.Now, NewID: newID, Log: s.Log, More: more, Spool: spool,
	})
	if err != nil {
		return nil, err
	}
	desk.door = door
	s.background(work, "use of the API's tokens", door.Run)
	root.Handle(api.Base+"/", renewing(door, s.patience.Write))
	return desk, nil
}

// apiDesk is api.Desk: what programs ask for is done by what the command line and
// the pages use too.
type apiDesk struct {
	*Server
	vault *auth.Vault
	// begin does work that goes on when its request is answered.
	begin func(func(context.Context))
	// door serves programs, and gives pages whole lists.
	door *api.Server
}

var _ api.Desk = (*apiDesk)(nil)

// opaque is an id for a row that has none but its key.
func (d *apiDesk) opaque(kind string, key int64) string {
	return fmt.Sprintf("%x", d.vault.Blind("api id", fmt.Sprintf("%s %d", kind, key))[:12])
}

// apiCodes is the one table between errors of other rooms and codes.
var apiCodes = []struct {
	err  error
	code registry.Code
}{
	{reconcile.ErrNotHeld, registry.CodeNotHeld},
	{reconcile.ErrExpired, registry.CodeHeldTooLong},
	{reconcile.ErrSuperseded, registry.CodeSuperseded},
	{reconcile.ErrOtherPlan, registry.CodeOtherPlan},
	{reconcile.ErrNoNote, registry.CodeInvalidValue},
	{reconcile.ErrNoFailed, registry.CodeNothingToRetry},
	{reconcile.ErrNoFinder, registry.CodeNoFinder},
	{port.ErrAuth, reconcile.CodeSourceAuth},
	{port.ErrUnreachable, reconcile.CodeSourceUnreachable},
	{port.ErrProtocol, reconcile.CodeSourceAnswer},
}

// coded gives an error of another room its code.
func coded(err error) error {
	for _, c := range apiCodes {
		if errors.Is(err, c.err) {
			return registry.Refuse(c.code, "%s", err)
		}
	}
	return err
}

// byProgram carries one operation out through the door of a company's programs.
func (d *apiDesk) byProgram(ctx context.Context, who *api.Who, op registry.Op) error {
	origin, err := d.Store.For(who.Company).EnsureOrigin(ctx, registry.OriginAPI, "api")
	if err != nil {
		return err
	}
	_, err = d.apply(ctx, origin, who.Actor, op)
	return err
}

// set is a time for JSON, nil for none.
func set(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// origins are a list of doors as programs see them.
func origins(list []registry.Origin) []api.Origin {
	out := make([]api.Origin, 0, len(list))
	for _, o := range list {
		out = append(out, api.Origin{Kind: string(o.Kind), Key: o.Key})
	}
	return out
}

package reconcile

import (
	"context"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// guard asks the guard. What it stops is put to the registry first: a change that
// the registry will not carry out does no harm, and is listed as no harm either, so
// that no approval could ever let it through.
func (r *run) guard(ctx context.Context, limits plan.Limits, history plan.History, allowed *plan.Allowance) ([]registry.Limit, error) {
	if passed := plan.Guard(r.plan, limits, history, allowed); len(passed) == 0 {
		return nil, nil
	}
	if err := r.foresee(ctx); err != nil {
		return nil, err
	}
	return plan.Guard(r.plan, limits, history, allowed), nil
}

// foresee marks the changes to people that the registry would refuse, or of which it
// would make nothing, and those that would give nobody another address.
func (r *run) foresee(ctx context.Context) error {
	at := 0
	return r.applyUsers(ctx, r.Registry.Preview, func(_ context.Context, _ plan.UserChange, res registry.Result) {
		c := &r.plan.Users[at]
		at++
		c.Moot = res.Refused != nil || res.Change == nil
		c.Mail = c.Mail && !c.Moot && changesMail(&res.Change.Payload)
	}, func(int) {})
}

// changesMail reports whether a change takes an address that somebody had.
func changesMail(p *registry.Payload) bool { return len(p.Before[registry.AttrEmails]) > 0 }

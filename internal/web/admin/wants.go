package admin

import (
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// late is how long after its time a source's run may begin before somebody is
// told: processes look every minute.
const late = 15 * time.Minute

// lastEnds is when the last of some tokens ends that are good now: zero for one
// without end, and for none.
func lastEnds(tokens []registry.Token, now time.Time) time.Time {
	var last time.Time
	for _, t := range tokens {
		switch {
		case !t.Live(now):
		case t.ExpiresAt.IsZero():
			return time.Time{}
		case t.ExpiresAt.After(last):
			last = t.ExpiresAt
		}
	}
	return last
}

// overdue says of a source whose time has passed that nothing runs it.
func (p page) overdue(s Source) []attention {
	if s.NextDue.IsZero() || p.now.Sub(s.NextDue) < late || s.Last != nil && s.Last.State.Active() {
		return nil
	}
	return []attention{{web.Say("admin.needs.overdue", "Name", s.Key), p.To("sources", s.Key), "look", true}}
}

// ofConnection says what of a connection waits for somebody.
func (p page) ofConnection(c Connection, tokens []registry.Token) []attention {
	key := c.Origin.Key
	var out []attention
	if c.Paused {
		out = append(out, attention{web.Say("admin.needs.closed", "Name", key), p.To("scim", key), "look", false})
	}
	if ends := lastEnds(tokens, p.now); p.Ends(ends) {
		const days = 24 * time.Hour
		out = append(out, attention{web.Say("admin.needs.token_ends", "Name", key, "Count", int64((ends.Sub(p.now)+days-1)/days)), p.To("scim", key) + "#tokens", "look", ends.Sub(p.now) < 3*days})
	}
	if c.Failures > 0 {
		out = append(out, attention{web.Say("admin.needs.refused", "Name", key, "Count", c.Failures), p.To("scim", key, "log") + "?failed=1", "look", false})
	}
	return out
}

// ofHook says what of a webhook waits for somebody. One that an admin paused does
// not.
func (p page) ofHook(k registry.Webhook) []attention {
	switch {
	case !k.Live() && k.DisabledReason != registry.DisabledByHand:
		return []attention{{web.Say("admin.needs.hook_off", "Name", k.Name), p.To("webhooks", k.PublicID), "look", true}}
	case k.Live() && !k.FailingSince.IsZero():
		return []attention{{web.Say("admin.needs.hook_failing", "Name", k.Name), p.To("webhooks", k.PublicID), "look", false}}
	}
	return nil
}

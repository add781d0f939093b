package admin

import (
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var reasonRoutes = []route{
	{"GET /reasons", auth.RightRead, "", (*Handlers).reasons},
}

// reasonWords are the catalogue's words on a code in the visitor's language; nil
// for a code that is not in it.
type reasonWords struct {
	Code         registry.Code
	Meaning, Act *web.Message
	Who          *web.Message
}

// Reason says what a code means, what mends it and who does that.
func (page) Reason(code any) *reasonWords {
	var name string
	switch c := code.(type) {
	case registry.Code:
		name = string(c)
	case string:
		name = c
	}
	r, ok := registry.ReasonOf(name)
	if !ok {
		return nil
	}
	key := "admin.reason." + string(r.Code)
	return &reasonWords{Code: r.Code, Meaning: web.Say(key + ".meaning"), Act: web.Say(key + ".action"), Who: web.Say("admin.actor." + string(r.Who))}
}

// because puts a refusal into the visitor's language where the catalogue knows
// all there is to say about it.
func because(r *Refusal) *web.Message {
	switch r.Code {
	case registry.CodeAlreadyRunning, registry.CodeNotHeld, registry.CodeHeldTooLong, registry.CodeSuperseded, registry.CodeOtherPlan,
		registry.CodeNotRunning, registry.CodeNothingToRetry, registry.CodeNoFinder, registry.CodeMailState, registry.CodeNotInvitable, registry.CodeStale, registry.CodeUnvouched:
		return web.Say("admin.reason." + string(r.Code) + ".meaning")
	}
	return web.Say("admin.refused", "Reason", r.Reason)
}

// reasonsView is the catalogue of reasons.
type reasonsView struct {
	page
	Reasons []*reasonWords
}

func (h *Handlers) reasons(v *visit) {
	view := reasonsView{page: h.page(v)}
	for _, r := range registry.Reasons() {
		view.Reasons = append(view.Reasons, view.Reason(r.Code))
	}
	h.show(v, "admin_reasons", web.Say("admin.reasons.title"), view)
}

package admin

import (
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var listRoutes = []route{
	{"GET /reasons", auth.RightRead, "", (*Handlers).reasons},
}

// reasonsView is the catalogue of reasons.
type reasonsView struct {
	page
	Reasons []registry.Reason
}

func (h *Handlers) reasons(v *visit) {
	h.show(v, "admin_reasons", web.Say("admin.reasons.title"), reasonsView{h.page(v), registry.Reasons()})
}

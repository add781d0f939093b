package admin

import (
	"fmt"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var standingRoutes = []route{
	{"GET /settings", auth.RightRead, "", (*Handlers).settings},
	{"GET /diagnostics", auth.RightManage, "", (*Handlers).diagnostics},
	{"POST /diagnostics", auth.RightManage, "diagnostics.run", (*Handlers).examine},
}

// settingsView is what the configuration file says.
type settingsView struct {
	page
	Chapters []Chapter
	// ByHand is set where the company is changed here.
	ByHand, Installs bool
	Form             companyForm
}

// installs reports whether the visitor runs the installation.
func (v *visit) installs() bool { return v.who.May(auth.RightInstall, v.company.ID) }

func (h *Handlers) settings(v *visit) {
	h.showSettings(v, companyForm{Name: v.company.Name, Locale: v.company.Locale})
}

// diagnosticsView is how things stand, and what an examination found.
type diagnosticsView struct {
	page
	Standing
	Whole   bool
	Done    bool
	Found   []Finding
	Counts  map[string]int
	Support string
}

// FindingStates are the states of a finding in the order of how bad they are.
func (diagnosticsView) FindingStates() []string { return []string{"fail", "warn", "ok", "skipped"} }

// staleBackup is how old the last backup may be, as for `usher doctor`.
const staleBackup = 7 * 24 * time.Hour

// Stale reports whether a backup is too old to be of much help.
func (v diagnosticsView) Stale(b registry.Backup) bool { return v.now.Sub(b.At) > staleBackup }

// Mega is a size in megabytes.
func (diagnosticsView) Mega(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }

func (h *Handlers) diagnostics(v *visit) { h.showDiagnostics(v, func(*diagnosticsView) {}) }

func (h *Handlers) showDiagnostics(v *visit, add func(*diagnosticsView)) {
	view := diagnosticsView{page: h.page(v), Whole: v.installs()}
	var err error
	if view.Standing, err = v.desk.Standing(v.ctx(), view.Whole); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	add(&view)
	h.show(v, "admin_diagnostics", web.Say("admin.diagnostics.title"), view)
}

// examine looks at everything now and shows what came of it.
func (h *Handlers) examine(v *visit) {
	found, support, err := v.desk.Examine(v.ctx(), v.installs())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.showDiagnostics(v, func(view *diagnosticsView) {
		view.Done, view.Found, view.Support, view.Counts = true, found, support, map[string]int{}
		for _, f := range found {
			view.Counts[f.State]++
		}
	})
}

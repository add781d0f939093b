package admin

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// What is shown of a run at work comes from its row, so that it does not matter
// which process does the run.
const (
	// lookEvery is how often a watched run is looked at.
	lookEvery = time.Second
	// watchFor is how long one answer goes on. The browser asks again by itself,
	// and is let in again only if it still may.
	watchFor = time.Minute
	// sendWithin is how long one piece may take to reach the browser.
	sendWithin = 10 * time.Second
	// refreshAfter is after how many seconds a browser without script looks again.
	refreshAfter = 5
)

// liveView is what changes on the page of a run at work.
type liveView struct {
	page
	Run    *registry.Run
	Counts []count
	// Expected is how many records the last run read, 0 where there was none.
	Expected int64
}

// Read is how many records were read so far.
func (v liveView) Read() int64 { return v.Run.Counts.Users + v.Run.Counts.Groups }

// Now is when the page was made.
func (v liveView) Now() time.Time { return v.now }

// Phase says what the run does now.
func (v liveView) Phase() *web.Message {
	switch v.Run.State {
	case registry.RunReading:
		return web.Say("admin.live.reading", "Count", v.Read())
	case registry.RunApplying:
		return web.Say("admin.live.applying", "Count", v.Run.Counts.Changes())
	default:
		return web.Say("admin.live.planning", "Count", v.Read())
	}
}

// expected is how many records the newest finished run among some has read.
func expected(recent []*registry.Run) int64 {
	for _, r := range recent {
		if r.Complete && !r.State.Active() {
			return r.Counts.Users + r.Counts.Groups
		}
	}
	return 0
}

// liveOf is the changing part of a run's page.
func (h *Handlers) liveOf(v *visit, run *registry.Run, expected int64) liveView {
	return liveView{page: h.page(v), Run: run, Counts: countsOf(run), Expected: expected}
}

// events sends the changing part of a run's page for as long as the run is at
// work, the browser listens and the server lives (WHATWG HTML, server-sent
// events).
func (h *Handlers) events(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	recent, err := v.desk.Runs(v.ctx(), registry.RunQuery{Source: run.Source, Mode: registry.ModeRun, Limit: 5})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	about := expected(recent)
	head := v.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // proxies that gather would hold it all back
	out := http.NewResponseController(v.w)
	_ = out.SetReadDeadline(time.Time{}) // nothing more is read, and waiting for it is no fault
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	over := time.NewTimer(watchFor)
	defer over.Stop()
	for run.State.Active() {
		if err := h.tell(v, out, run, about); err != nil {
			return // nobody listens any more
		}
		select {
		case <-v.ctx().Done():
			return
		case <-h.Closing:
			return
		case <-over.C:
			return
		case <-tick.C:
		}
		if run, err = v.desk.Run(v.ctx(), run.Number); err != nil {
			return // the browser asks again
		}
	}
	_ = send(out, v.w, "end", nil)
}

// tell sends how a run stands.
func (h *Handlers) tell(v *visit, out *http.ResponseController, run *registry.Run, about int64) error {
	part, err := h.Part(v.r, "admin_run", "live", h.liveOf(v, run, about))
	if err != nil {
		h.Log.ErrorContext(v.ctx(), "show run", "error", err)
		return err
	}
	return send(out, v.w, "live", part)
}

// send writes one event.
func send(out *http.ResponseController, w http.ResponseWriter, name string, data []byte) error {
	// Where the connection has no deadlines, the server's holds.
	_ = out.SetWriteDeadline(time.Now().Add(sendWithin)) //nolint:forbidigo // the network keeps real time
	if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, bytes.ReplaceAll(bytes.TrimSpace(data), []byte("\n"), []byte("\ndata: "))); err != nil {
		return err
	}
	return out.Flush()
}

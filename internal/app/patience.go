package app

import (
	"net/http"
	"time"
)

// Patience is how long clients are waited for. A zero field has its default.
type Patience struct {
	Header time.Duration // for a request's header; 10 seconds
	Read   time.Duration // for a whole request, its body included; 1 minute
	// Write is for a page from its request on, and for each part of a SCIM
	// answer; 2 minutes.
	Write time.Duration
	Idle  time.Duration // between two requests; 2 minutes
}

// withDefaults fills what was left open.
func (p Patience) withDefaults() Patience {
	for _, d := range []struct {
		have *time.Duration
		want time.Duration
	}{
		{&p.Header, 10 * time.Second}, {&p.Read, time.Minute}, {&p.Write, 2 * time.Minute}, {&p.Idle, 2 * time.Minute},
	} {
		if *d.have <= 0 {
			*d.have = d.want
		}
	}
	return p
}

// renewing serves answers that may take long because they are long: whoever goes
// on reading is served to the end, whoever stops is cut off.
func renewing(h http.Handler, patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&renewed{w, http.NewResponseController(w), patience}, r)
	})
}

// renewed gives each write, which is of bounded size, time of its own.
type renewed struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// Write implements io.Writer.
func (w *renewed) Write(p []byte) (int, error) {
	// A connection that knows no deadlines keeps the server's.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.patience)) // the network keeps real time
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *renewed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package scimserver

import (
	"context"
	"fmt"
	"net/http"
)

// statusGone is the status in the log of a request whose client did not stay for
// the answer; no client ever sees it. Others' logs call it that, too.
const statusGone = 499

// brokenOff is what the log says of an answer that did not arrive whole, whatever
// status it began with.
type brokenOff struct {
	status int
	detail string
}

// outcome is nil for an answer that went out whole.
func outcome(ctx context.Context, w *observed, whole bool) *brokenOff {
	gone := w.failed != nil || ctx.Err() != nil
	switch {
	case whole && (w.failed != nil || gone && w.code() >= http.StatusInternalServerError):
		return &brokenOff{statusGone, "the client left before it was answered"}
	case whole:
		return nil
	case gone:
		return &brokenOff{statusGone, fmt.Sprintf("the client left, or stopped reading, after %d bytes of the answer", w.sent)}
	}
	return &brokenOff{http.StatusInternalServerError, fmt.Sprintf("the answer broke off after %d bytes; the server's operator finds the reason in the log", w.sent)}
}

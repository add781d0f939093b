package registry

import "context"

// Request is one request while it is served. Its answer, the lines about it in
// the log, the row of the SCIM log and the deeds of the audit carry its ID.
type Request struct {
	ID string
	// Route is the pattern by which it was served, "" until that is known. The
	// path itself is kept nowhere: it can hold tokens.
	Route string
}

type (
	requestKey struct{}
	runKey     struct{}
)

// WithRequest puts a request's trail into its context.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf is the trail of the request being served; an empty one, for nobody
// to see, outside of requests.
func RequestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// RequestID is the id of the request being served, "" outside of requests.
func RequestID(ctx context.Context) string { return RequestOf(ctx).ID }

// WithRun puts the public id of a run into the context of its work.
func WithRun(ctx context.Context, publicID string) context.Context {
	return context.WithValue(ctx, runKey{}, publicID)
}

// RunOf is the public id of the run at work, "" outside of runs.
func RunOf(ctx context.Context) string {
	id, _ := ctx.Value(runKey{}).(string)
	return id
}

// Package apitest holds what the API is asked and answers against its own
// document, with somebody else's reading of OpenAPI 3.1.
package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Checker knows the document.
type Checker struct {
	Doc    *openapi3.T
	base   string
	router routers.Router
}

// New reads a document, and says what is wrong with it by the standard.
func New(ctx context.Context, document []byte) (*Checker, error) {
	base := ""
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("load document: %w", err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		return nil, fmt.Errorf("the document is of OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(ctx); err != nil {
		return nil, fmt.Errorf("validate document: %w", err)
	}
	base = doc.Servers[0].URL
	doc.Servers = nil // the router wants a whole address, or none
	router, err := legacy.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	return &Checker{doc, base, router}, nil
}

// Exchange says what of a request and its answer the document does not allow. A
// request that was refused may be against it; the refusal may not.
func (c *Checker) Exchange(req *http.Request, sent []byte, res *http.Response, got []byte) error {
	asked := req.Clone(context.Background())
	asked.Body = io.NopCloser(bytes.NewReader(sent))
	asked.URL.Path, asked.URL.RawPath = strings.TrimPrefix(asked.URL.Path, c.base), strings.TrimPrefix(asked.URL.RawPath, c.base)
	route, params, err := c.router.FindRoute(asked)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if res.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			return fmt.Errorf("request of %s: %w", route.Operation.OperationID, err)
		}
	}
	if err := headers(route, res); err != nil {
		return err
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media == "application/x-ndjson" || media == "text/csv" {
		if r := route.Operation.Responses.Status(res.StatusCode); r == nil || r.Value.Content.Get(media) == nil {
			return fmt.Errorf("answer of %s: %s is not in the document", route.Operation.OperationID, media)
		}
		return nil
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: res.StatusCode, Header: res.Header, Options: in.Options}
	if err := openapi3filter.ValidateResponse(req.Context(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer of %s, %d: %w", route.Operation.OperationID, res.StatusCode, err)
	}
	return nil
}

// headers holds what the answer says in headers to the document.
func headers(route *routers.Route, res *http.Response) error {
	r := route.Operation.Responses.Status(res.StatusCode)
	if r == nil || r.Value == nil {
		return fmt.Errorf("%s does not say that it answers %d", route.Operation.OperationID, res.StatusCode)
	}
	for _, name := range []string{"ETag", "Location", "Link", "Retry-After", "Idempotent-Replayed", "WWW-Authenticate"} {
		if _, told := r.Value.Headers[name]; res.Header.Get(name) != "" && !told {
			return fmt.Errorf("answer %d of %s has a header %s that the document does not tell of", res.StatusCode, route.Operation.OperationID, name)
		}
	}
	return nil
}

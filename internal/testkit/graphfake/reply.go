package graphfake

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Reply is an answer before it is written. An Effect may change it.
type Reply struct {
	// Status is the HTTP status, 200 when not set.
	Status int
	Header http.Header
	// Body is written as it is, unless there is a Page or Err.
	Body []byte
	// Page is the answer of a collection.
	Page *Page
	// Err is an error as Graph writes it.
	Err *odataError
	// Wait is how long to hold the answer back.
	Wait time.Duration
	// Break is what becomes of the finished body; nil leaves it.
	Break func(body []byte) (rest []byte, cut bool)
}

// Page is one page of a collection.
type Page struct {
	// Context is the @odata.context.
	Context string
	// Count is the @odata.count; negative for none.
	Count int
	// Items are the objects, each in JSON.
	Items [][]byte
	// Next and Delta are the links to the next page and the next round.
	Next, Delta string
	// Self is a link to this very page.
	Self string
}

// odataError is an error in Graph's form (concepts/errors.md).
type odataError struct {
	status        int
	code, message string
}

func badRequest(code, message string) *odataError {
	return &odataError{http.StatusBadRequest, code, message}
}

// notFound is what Graph says of an object that is not there.
func notFound(id string) *odataError {
	return &odataError{http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '" + id + "' does not exist or one of its queried reference-property objects are not present."}
}

func unsupported(message string) *odataError { return badRequest("Request_UnsupportedQuery", message) }

func failed(e *odataError) *Reply { return &Reply{Err: e} }

func answer(status int, v any) *Reply { return &Reply{Status: status, Body: marshal(v)} }

// body renders the answer; ids are the request's and the client's own.
func (r *Reply) body(at time.Time, requestID, clientID string) []byte {
	switch {
	case r.Err != nil:
		return marshal(map[string]any{"error": map[string]any{
			"code": r.Err.code, "message": r.Err.message,
			"innerError": map[string]string{
				"date": at.UTC().Format("2006-01-02T15:04:05"), "request-id": requestID, "client-request-id": clientID,
			},
		}})
	case r.Page != nil:
		return r.Page.json()
	default:
		return r.Body
	}
}

func (p *Page) json() []byte {
	size := 512
	for _, item := range p.Items {
		size += len(item) + 1
	}
	b := append(make([]byte, 0, size), '{')
	b = quote(key(b, "@odata.context"), p.Context)
	if p.Count >= 0 {
		b = strconv.AppendInt(key(append(b, ','), "@odata.count"), int64(p.Count), 10)
	}
	if p.Next != "" {
		b = quote(key(append(b, ','), "@odata.nextLink"), p.Next)
	}
	if p.Delta != "" {
		b = quote(key(append(b, ','), "@odata.deltaLink"), p.Delta)
	}
	b = append(key(append(b, ','), "value"), '[')
	b = append(b, bytes.Join(p.Items, []byte{','})...)
	return append(b, ']', '}')
}

// set gives the answer a header.
func (r *Reply) set(name, value string) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, value)
}

func (r *Reply) status() int {
	switch {
	case r.Err != nil:
		return r.Err.status
	case r.Status == 0:
		return http.StatusOK
	default:
		return r.Status
	}
}

// write sends the answer, and cuts the connection where a fault wants it.
func (r *Reply) write(w http.ResponseWriter, body []byte) {
	maps.Copy(w.Header(), r.Header)
	if len(body) > 0 && w.Header().Get("Content-Type") == "" {
		// As Graph says it; the token endpoint sets its own.
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	}
	cut := false
	length := len(body)
	if r.Break != nil {
		if body, cut = r.Break(body); !cut {
			length = len(body)
		}
	}
	if r.status() != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(r.status())
	_, _ = w.Write(body)
	if cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

package graphfake

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// maxBatch is how many requests a batch holds (concepts/json-batching.md).
const maxBatch = 20

type batchRequest struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	Depends []string          `json:"dependsOn"`
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch answers POST /$batch: each request on its own, with its own status,
// faults and throttling.
func (c *call) batch() *Reply {
	var in struct {
		Requests []batchRequest `json:"requests"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, c.r.Body, 4<<20)).Decode(&in); err != nil {
		return failed(badRequest("BadRequest", "Invalid batch payload format."))
	}
	if len(in.Requests) > maxBatch {
		return failed(badRequest("BadRequest", "Number of batch request steps exceeds the maximum value of 20."))
	}
	status := map[string]int{}
	out := make([]batchResponse, 0, len(in.Requests))
	for _, b := range in.Requests {
		if _, twice := status[b.ID]; twice || b.ID == "" {
			return failed(badRequest("BadRequest", "Every request of a batch needs an id of its own."))
		}
		one := c.single(b, status)
		status[b.ID] = one.Status
		out = append(out, one)
	}
	return answer(http.StatusOK, map[string]any{"responses": out})
}

// single answers one request of a batch.
func (c *call) single(b batchRequest, done map[string]int) batchResponse {
	for _, id := range b.Depends {
		if s := done[id]; s < 200 || s > 299 {
			return batchResponse{ID: b.ID, Status: http.StatusFailedDependency}
		}
	}
	address := c.base + "/v1.0/" + strings.ReplaceAll(strings.TrimPrefix(b.URL, "/"), " ", "%20")
	r, err := http.NewRequestWithContext(c.r.Context(), b.Method, address, bytes.NewReader(b.Body))
	if err != nil || strings.HasPrefix(r.URL.Path, "/v1.0/$batch") {
		return batchResponse{ID: b.ID, Status: http.StatusBadRequest}
	}
	r.TLS, r.Host = c.r.TLS, c.r.Host
	r.Header.Set("Authorization", c.r.Header.Get("Authorization"))
	if r.Header.Get("Authorization") == "" {
		r.Header.Del("Authorization")
	}
	for name, value := range b.Headers {
		r.Header.Set(name, value)
	}
	reply := c.s.reply(r)
	c.s.note(r, reply, c.s.spoil(r, reply))
	id := c.s.requestID()
	one := batchResponse{ID: b.ID, Status: reply.status(), Body: reply.body(c.s.now(), id, id), Headers: map[string]string{"Content-Type": "application/json"}}
	for name := range reply.Header {
		one.Headers[name] = reply.Header.Get(name)
	}
	if !json.Valid(one.Body) {
		one.Body = nil
	}
	return one
}

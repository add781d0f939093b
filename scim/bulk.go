package scim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The schemas of a Bulk body and its answer (RFC 7644 section 3.7).
const (
	bulkSchema         = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseSchema = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulkOperation is one operation of a Bulk and what became of it.
type bulkOperation struct {
	method, bulkID, path, version string
	data                          map[string]any
	state                         bulkState
	answer                        *answer
	t                             *ResourceType
	below                         []string // what the path has below the type's endpoint
	id                            string
	err                           *Error
}

// bulkState is how far an operation is.
type bulkState int

const (
	waiting bulkState = iota
	running           // what it refers to is being made
	done
)

// bulkRun carries out one Bulk. Every operation is a transaction of its own;
// one that refers to another by bulkId waits for that, wherever it stands. Of
// operations that refer to each other in a circle, the one reached first is done
// without the references that close the circle, which are added when all of it
// is there.
type bulkRun struct {
	h       *handler
	c       *call
	ops     []*bulkOperation
	byID    map[string]*bulkOperation
	circles []circle
	errors  int
	// until is when the Bulk has taken enough of everybody's time: what has not
	// begun by then is refused, for the client to send again.
	until time.Time
	// failOnErrors is how many errors end the Bulk; 0 for any number.
	failOnErrors int
}

// bulk answers a POST to /Bulk.
func (h *handler) bulk(c *call) (*answer, error) {
	run, err := h.readBulk(c)
	if err != nil {
		return nil, err
	}
	c.body = nil // the answer must not hold it
	for i := 0; i < len(run.ops) && !run.over(); i++ {
		run.do(run.ops[i])
		run.closeCircles()
	}
	return &answer{status: http.StatusOK, write: run.write}, nil
}

// over reports whether no more operations are to be tried.
func (b *bulkRun) over() bool {
	return b.failOnErrors > 0 && b.errors >= b.failOnErrors || b.c.ctx.Err() != nil
}

// readBulk reads the body of a Bulk.
func (h *handler) readBulk(c *call) (*bulkRun, error) {
	if err := checkMessage(c.profile, c.body, bulkSchema); err != nil {
		return nil, err
	}
	run := &bulkRun{h: h, c: c, byID: map[string]*bulkOperation{}, until: h.Now().Add(h.Limits.BulkTime)}
	if _, v := lookupFold(c.body, "failOnErrors"); v != nil {
		n, ok := v.(json.Number)
		count, err := strconv.Atoi(string(n))
		if !ok || err != nil || count < 0 {
			return nil, Errorf(InvalidSyntax, "failOnErrors must be a whole number")
		}
		run.failOnErrors = count
	}
	_, v := lookupFold(c.body, "Operations")
	list, ok := v.([]any)
	if !ok {
		return nil, Errorf(InvalidSyntax, "Operations must be an array of operations")
	}
	if len(list) > h.Limits.BulkOperations {
		return nil, Errorf(PayloadTooLarge, "more than %d operations in one Bulk", h.Limits.BulkOperations)
	}
	for _, e := range list {
		op, err := readBulkOperation(e)
		if err != nil {
			return nil, err
		}
		if op.bulkID != "" {
			if run.byID[op.bulkID] != nil {
				return nil, Errorf(InvalidSyntax, "two operations have the bulkId %q", op.bulkID)
			}
			run.byID[op.bulkID] = op
		}
		run.ops = append(run.ops, op)
	}
	return run, nil
}

// readBulkOperation reads one operation. What is wrong with its method, path or
// data is that operation's failure; what is no operation at all is the Bulk's.
func readBulkOperation(v any) (*bulkOperation, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, Errorf(InvalidSyntax, "an operation must be an object")
	}
	op := &bulkOperation{}
	for name, to := range map[string]*string{
		"method": &op.method, "bulkId": &op.bulkID, "path": &op.path, "version": &op.version,
	} {
		if _, v := lookupFold(o, name); v != nil {
			if *to, ok = v.(string); !ok {
				return nil, Errorf(InvalidSyntax, "%s must be a string", name)
			}
		}
	}
	op.method = strings.ToUpper(op.method)
	switch _, v := lookupFold(o, "data"); v := v.(type) {
	case nil:
	case map[string]any:
		op.data = v
	case []any:
		// The example in RFC 7644 section 3.7 has a PATCH's operations bare.
		op.data = map[string]any{"schemas": []any{patchSchema}, "Operations": v}
	default:
		return nil, Errorf(InvalidSyntax, "data must be an object")
	}
	return op, nil
}

// do carries out an operation and, before it, those it refers to.
func (b *bulkRun) do(op *bulkOperation) {
	if op.state != waiting {
		return
	}
	op.state = running
	var open []string
	err := b.late()
	if err == nil {
		open, err = b.resolve(op)
	}
	if err == nil && (len(b.circles) == 0 || op.method != http.MethodPost) { // a circle is closed, late or not
		err = b.late() // what it refers to took its time
	}
	if err == nil {
		err = b.act(op, open)
	}
	op.state = done
	op.data = nil
	b.failed(op, err)
}

// late refuses an operation that comes when the Bulk's time is over: whole, as
// RFC 7644 section 3.7 has an operation done or not done.
func (b *bulkRun) late() error {
	if b.h.Now().Before(b.until) {
		return nil
	}
	return Errorf(Unavailable, "the operations before it took %v: send it again, in a smaller Bulk", b.h.Limits.BulkTime)
}

// failed notes an operation's failure, if it is one.
func (b *bulkRun) failed(op *bulkOperation, err error) {
	if err == nil {
		return
	}
	op.err = AsError(err)
	b.errors++
	if op.err.Kind == Internal && b.c.ctx.Err() == nil {
		b.h.Log.ErrorContext(b.c.ctx, "scim bulk operation failed", "method", op.method, "path", op.path, "error", err)
	}
}

// act carries out an operation whose references are resolved, save those in
// open, which it takes out to be added when what they refer to is there.
func (b *bulkRun) act(op *bulkOperation, open []string) error {
	later, err := b.postpone(op, open)
	if err != nil {
		return err
	}
	if err := b.send(op); err != nil {
		return err
	}
	if len(later) > 0 {
		b.circles = append(b.circles, circle{op, later})
	}
	return nil
}

// target reads the path of an operation, and whose endpoint it leads to.
func (b *bulkRun) target(op *bulkOperation) (*url.URL, error) {
	u, err := url.Parse(op.path)
	if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return nil, Errorf(InvalidPath, "path must begin with / and lie below the service")
	}
	segments, err := splitPath(u)
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 || b.h.types[segments[0]] == nil || len(segments) > 2 || segments[len(segments)-1] == ".search" {
		return nil, Errorf(InvalidPath, "path must be a resource type's endpoint or a resource")
	}
	op.t, op.below = b.h.types[segments[0]], segments[1:]
	return u, nil
}

// send carries out an operation as if it had come by itself.
func (b *bulkRun) send(op *bulkOperation) error {
	u, err := b.target(op)
	if err != nil {
		return err
	}
	query, err := queryOf(u)
	if err != nil {
		return err
	}
	if len(op.below) > 0 {
		op.id = op.below[0]
	}
	act, ok := b.h.typeRoute(op.t, op.below)[op.method]
	switch {
	case !ok || op.method == http.MethodGet:
		return Errorf(InvalidValue, "method %q cannot be used on %s", op.method, op.path)
	case op.method == http.MethodPost && op.bulkID == "":
		return Errorf(InvalidValue, "POST needs a bulkId")
	case op.data == nil && op.method != http.MethodDelete:
		return Errorf(InvalidSyntax, "%s needs data", op.method)
	}
	a, err := act(&call{
		ctx: b.c.ctx, method: op.method, query: query, profile: b.c.profile, body: op.data,
		pre: preconditions{match: op.version}, quiet: true,
	})
	if err != nil {
		return err
	}
	op.answer = a
	if a.id != "" {
		op.id = a.id
	}
	return nil
}

// write writes what became of the operations, in the order they were sent.
// Those that a failure kept from being tried are left out.
func (b *bulkRun) write(s *stream) error {
	s.text(`{"schemas":["` + bulkResponseSchema + `"],"Operations":[`)
	first := true
	for _, op := range b.ops {
		if op.state != done {
			continue
		}
		if !first {
			s.text(",")
		}
		first = false
		s.value(b.result(op))
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.text("]}")
	return nil
}

// result is what became of one operation.
func (b *bulkRun) result(op *bulkOperation) map[string]any {
	m := map[string]any{"method": op.method}
	if op.bulkID != "" {
		m["bulkId"] = op.bulkID
	}
	if op.t != nil && op.id != "" {
		m["location"] = b.h.location(op.t, op.id)
	}
	if op.err != nil {
		m["status"], m["response"] = strconv.Itoa(op.err.Status()), op.err.body()
		return m
	}
	m["status"] = strconv.Itoa(op.answer.status)
	if op.answer.tag != "" {
		m["version"] = entityTag(op.answer.tag)
	}
	return m
}

// errBulkReference is the failure of an operation that another refers to.
func errBulkReference(id string) error {
	return Errorf(Conflict, "what bulkId %q refers to was not made", id)
}

// undo takes back what an operation made, so that its failure is whole.
func (b *bulkRun) undo(op *bulkOperation, cause error) error {
	if op.method != http.MethodPost || op.answer == nil {
		return cause
	}
	err := b.h.Backend.Delete(b.c.ctx, op.t, op.id, Precondition{})
	op.id = ""
	return errors.Join(cause, err)
}

package api

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Who is whom a request comes from: the token's principal.
type Who = auth.Principal

// Route is a row of the table: how an operation is asked for, who may, and what it
// takes and gives. On completes it.
type Route struct {
	Method string
	// Pattern is the path below the API's, with wildcards as in http.ServeMux.
	Pattern string
	// Right is what the token must have; "" is open to every token.
	Right auth.Right
	// ID is the operation's name, in the document and for generated clients.
	ID string
	// Tag groups operations in the document.
	Tag string
	// Summary says in a few words what it does, Notes what else there is to know.
	Summary, Notes string
	// Status is that of success; 0 is 200.
	Status int
	// Codes are the refusals that the operation has of its own.
	Codes []registry.Code
	// Deed is what the audit calls it; everything that is not a mere look has one.
	Deed string
	// Told says that what does the deed writes it down itself; the table does so for
	// refusals alone.
	Told bool
	// Export is true for a list that also comes whole, as NDJSON and CSV.
	Export bool

	in, out reflect.Type
	serve   func(ctx context.Context, who *Who, in any) (any, error)
	stream  func(ctx context.Context, who *Who, in any, to io.Writer) error
}

// On completes a route with what carries it out. In is a struct; see bind for its
// tags. Out is a struct, or a Page of one.
func On[In, Out any](r Route, fn func(context.Context, *Who, In) (Out, error)) Route {
	r.in, r.out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	r.serve = func(ctx context.Context, who *Who, in any) (any, error) {
		return fn(ctx, who, *in.(*In)) //nolint:forcetypeassert // bind made it of r.in
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	return r
}

// Written completes a route whose answer is a JSON document that is written while it
// is read, of whatever length; Out says what it looks like.
func Written[In, Out any](r Route, fn func(ctx context.Context, who *Who, in In, to io.Writer) error) Route {
	r.in, r.out, r.Status = reflect.TypeFor[In](), reflect.TypeFor[Out](), http.StatusOK
	r.stream = func(ctx context.Context, who *Who, in any, to io.Writer) error {
		return fn(ctx, who, *in.(*In), to) //nolint:forcetypeassert // bind made it of r.in
	}
	return r
}

// walk gives all of a list, one stretch in memory at a time.
func (r *Route) walk(ctx context.Context, who *Who, in reflect.Value, each func(pager) error) error {
	for p := paging(in); ; {
		out, err := r.serve(ctx, who, in.Interface())
		if err != nil {
			return err
		}
		page := out.(pager) //nolint:forcetypeassert // only lists have exports
		if err := each(page); err != nil {
			return err
		}
		if p.After = page.next(); p.After == "" {
			return nil
		}
	}
}

// Paged reports whether the answer is a page of a list.
func (r *Route) Paged() bool { return r.out.Implements(reflect.TypeFor[pager]()) }

// Repeatable reports whether the route takes an Idempotency-Key.
func (r *Route) Repeatable() bool { return r.Method == http.MethodPost }

// TakesBody reports whether the route's input has a body.
func (r *Route) TakesBody() bool {
	_, takes := r.body()
	return takes
}

// body is the field of the input that is the body.
func (r *Route) body() (reflect.StructField, bool) {
	for _, f := range fields(r.in) {
		if f.Tag.Get("in") == "body" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// wildcards are the names in a pattern.
func wildcards(pattern string) (out []string) {
	for part := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(part, "{") {
			out = append(out, strings.Trim(part, "{}"))
		}
	}
	return out
}

// None is the input of a route that takes nothing.
type None struct{}

// fields are the fields of a struct with those of the structs in it that have no
// name of their own.
func fields(t reflect.Type) (out []reflect.StructField) {
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous && f.IsExported() {
			out = append(out, f)
		}
	}
	return out
}

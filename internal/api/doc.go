// Package api is the way in for programs: JSON over HTTP under /api/v1, opened by
// a company's bearer tokens.
//
// Everything stands on one table of routes (routes.go and the file of each
// resource). The requests are dispatched by it, and the OpenAPI document is made
// of it, so that the two cannot differ: a route's input is a struct whose tags
// say what is path, query, header and body, its answer is a struct, and both are
// read by reflection. There is no second description to keep.
//
// It owns the protocol: tokens, rights, rates, binding, cursors, exports,
// idempotency keys, problems (RFC 9457), and the nouns that programs see. Those
// hold public ids and never keys; their JSON names are a contract, and the same as
// those of the command line's `-o json`.
//
// It owns no operation: what a route does is a port, declared beside its nouns
// and filled by internal/app. It knows no store and no SQL. What a rule refuses
// comes back as a registry.Error, whose code becomes the problem's.
//
// An export is the paged list asked page after page: it holds one page, however
// long the list is.
//
// An answer is kept under its Idempotency-Key only when something was done. A
// refusal did nothing, so the same key may try again.
package api

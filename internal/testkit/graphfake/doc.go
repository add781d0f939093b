// Package graphfake stands in for Microsoft Graph and for the sign-in of Entra
// ID: an HTTP server over a tenant in memory, written from Microsoft's
// documentation and not from what a client of ours sends. Tests read from it,
// the benchmark measures against it, and the demo has one beside its LDAP
// directory.
//
// A Tenant keeps its whole history, so that a delta token means a point in it:
// every change moves the version by one, and what an object was at a version
// can be asked later. The people and groups that a Population describes are
// computed from their number and a seed when they are asked for, and take no
// memory until they change; a tenant of a million is made at once.
//
// A Server answers for one tenant: the token endpoint and what leads to it,
// managed identity, users and groups with their delta queries, members,
// deleted items, the organization and batches. Faults break its answers as
// scripted; Requests tells what was asked.
//
// Lists take $select, $top, $count, $expand of manager and members, and $filter
// by eq and in joined by or; other options are refused by name. Delta queries
// show a snapshot, each page of a list what is there when it is read.
//
// It does not own reading from Graph (internal/source/entra), nor the sample
// company of the demo (internal/demo). It holds no test helper, so that a
// program may serve it; tests start it by the package graphfaketest below.
//
// Where Microsoft's pages are silent, the answers follow what their issue
// tracker reports; the comments say which. Sources are named by their path in
// the repository microsoftgraph/microsoft-graph-docs-contrib.
package graphfake

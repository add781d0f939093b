// Package schema describes the tables, by hand. Names and indexes are Ent's; what
// a table means is said in design words by internal/registry.
package schema

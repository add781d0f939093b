// Package store owns the database: it is the only room that speaks SQL and Ent,
// on SQLite and on PostgreSQL alike. It implements the ports that the other
// rooms declare (registry.Store, the queue of mails, the runs, the sessions).
//
// The tenant fence stands here: methods on company data exist only on
// For(company), every statement binds that company, and the few lookups that
// cross companies stand in crossing.go, by name.
//
// It does not own any rule about people (internal/registry does): it writes the
// rows it is given.
//
// Statements on hot paths are written by hand with Ent's column names, because
// Ent's builders cost several times the insert itself; on SQLite rows go in one
// by one through a prepared statement, which is 4 times faster there than
// multi-row statements (the driver binds quadratically), on PostgreSQL in
// multi-row statements.
package store

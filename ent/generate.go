// Package ent holds the database schema: schema/ is written by hand, db/ is
// generated from it and never edited, migrations/ holds the versioned SQL that
// leads an installed database to it, and generate/ is the program that makes
// the last two. Only internal/store may import db.
package ent

//go:generate go run ./generate

// Package migrations embeds the versioned SQL of each database, in goose's
// format. The files are made by `make migrate-diff NAME=what_changed` from the
// difference between ent/schema and the files before, and are never changed
// once released.
package migrations

import "embed"

// FS holds one folder a dialect: sqlite and postgres.
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS

// Command generate makes ent/db from ent/schema. It is what `go generate ./ent`
// runs; the versioned SQL is made by `make migrate-diff`.
package main

import (
	"fmt"
	"os"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate ent code:", err)
		os.Exit(1)
	}
}

func run() error {
	return entc.Generate("./schema", &gen.Config{
		Target:  "./db",
		Package: "github.com/usherd/usher/ent/db",
	}, entc.FeatureNames("sql/upsert", "sql/lock", "sql/modifier", "sql/execquery", "sql/versioned-migration"))
}

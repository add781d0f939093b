package app

import (
	"context"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// staleBackup is how old the last backup may be.
const staleBackup = 7 * 24 * time.Hour

// lookBackup judges what `usher backup` left behind.
func lookBackup(_ context.Context, e *exam, note func(Finding)) {
	mend := registry.Say("have a timer make one each night, and keep it on another machine")
	last, good := e.vitals.LastBackup, e.vitals.GoodBackup
	again := e.command("backup FILE")
	switch {
	case e.core.Store.Path() == "":
		note(fine("PostgreSQL looks after its own: usher makes none and knows of none"))
	case good.At.IsZero() && last.At.IsZero():
		note(warn(registry.Say("none was made by usher"), mend, again))
	case good.At.IsZero():
		note(warn(registry.Say("none was made; the last try, %s ago, failed: %s", e.ago(last.At), last.Problem), mend, again))
	case last.Problem != "":
		note(warn(registry.Say("the last try, %s ago, failed: %s; the last good one is %s old", e.ago(last.At), last.Problem, e.ago(good.At)), registry.Say("mend what it says, then make one"), again))
	case e.Now().Sub(good.At) > staleBackup:
		note(warn(registry.Say("the last one is %s old: %s", e.ago(good.At), good.File), mend, again))
	default:
		note(fine("the last one is %s old: %s, %s MB, checked", e.ago(good.At), good.File, fmt.Sprintf("%.1f", float64(good.Bytes)/mega)))
	}
}

package app

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// Standing implements admin.Desk. A company's admins see their own queue of mails,
// operators those of the installation.
func (c *console) Standing(ctx context.Context, whole bool) (admin.Standing, error) {
	out := admin.Standing{
		Version: cmp.Or(c.server.process.Version, "dev"), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Database: string(c.server.Config.Database.Driver),
	}
	mails, err := c.tenant.MailCounts(ctx)
	if err != nil {
		return out, err
	}
	out.Queues = []admin.Queue{{Name: "mails", Waiting: mails["queued"], Lost: mails["failed"]}}
	if !whole {
		return out, nil
	}
	v, err := c.server.vitals(ctx)
	if err != nil {
		return out, err
	}
	out.Processes, out.LastBackup, out.GoodBackup = v.Processes, v.LastBackup, v.GoodBackup
	out.Queues = []admin.Queue{queue("mails", v.Mails), queue("deliveries", v.Deliveries), queue("jobs", v.Jobs)}
	return out, nil
}

func queue(name string, b registry.Backlog) admin.Queue {
	return admin.Queue{Name: name, Waiting: b.States["new"] + b.States["retrying"] + b.States["waiting"], Lost: b.States["failed"], Oldest: b.Oldest}
}

// Examine implements admin.Desk. Who does not run the installation has only the
// company's own doors looked at.
func (c *console) Examine(ctx context.Context, whole bool) ([]admin.Finding, string, error) {
	o := DoctorOptions{Version: c.server.process.Version, Now: c.server.Now}
	if !whole {
		o.Company = c.company.Key
	}
	found := Examine(ctx, c.server.Config, o)
	out := make([]admin.Finding, len(found))
	for i, f := range found {
		out[i] = admin.Finding(f)
	}
	if !whole { // the text counts what the installation has
		return out, "", nil
	}
	return out, Support(c.server.Config, cmp.Or(o.Version, "dev"), found), nil
}

// concerns reports whether a check tells of one company alone. Those that others
// rest on are made without being told of.
func (e *exam) concerns(ctx context.Context, l look) bool {
	switch l.name {
	case "configuration", "database", "schema":
		if e.lacks(l.needs) == "" {
			l.do(ctx, e, func(Finding) {})
		}
		e.narrow()
		return false
	}
	return l.name == "sources" || l.name == "schedules" || l.name == "runs" || l.name == "SCIM connections"
}

// narrow forgets every other company's doors.
func (e *exam) narrow() {
	maps.DeleteFunc(e.core.sources, func(_ string, s *source) bool { return s.cfg.Company != e.Company })
	if e.vitals != nil {
		e.vitals.Sources = slices.DeleteFunc(e.vitals.Sources, func(s registry.SourceVitals) bool { return s.Company != e.Company })
		e.vitals.Connections = slices.DeleteFunc(e.vitals.Connections, func(x registry.ConnectionVitals) bool { return x.Company != e.Company })
	}
}

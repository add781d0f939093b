package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/internal/jobs"
	"github.com/usherd/usher/internal/registry"
)

// How long what waits may wait, and a connection may be quiet.
const (
	lateAfter  = 10 * time.Minute
	quietAfter = 7 * 24 * time.Hour
)

func lookProcesses(ctx context.Context, e *exam, note func(Finding)) {
	limited(ctx, checkTime, func(ctx context.Context) {
		live, err := e.core.Store.LiveProcesses(ctx)
		if err != nil {
			note(fail(registry.SaidOf(err), registry.Say("see the check of the database"), ""))
			return
		}
		var old []registry.Said
		hash := e.cfg.Hash()
		for _, p := range live {
			switch {
			case e.Version != "" && p.Version != e.Version:
				old = append(old, registry.Say("%s runs %s", p.Name, p.Version))
			case p.ConfigHash != hash:
				old = append(old, registry.Say("%s runs with another configuration file", p.Name))
			}
		}
		switch {
		case len(live) == 0:
			note(warn(registry.Say("none runs: no schedule is kept and no mail is sent"), registry.Say("start usher"), e.command("serve")))
		case len(old) > 0:
			note(warn(registry.Join(old, "; "), registry.Say("restart what is not %s with this file", e.Version), ""))
		default:
			note(fine("%d, of this version and with this file", len(live)))
		}
	})
}

// lookSchedules reads each schedule, and looks for times that went by.
func lookSchedules(_ context.Context, e *exam, note func(Finding)) {
	var next []registry.Said
	for _, s := range e.vitals.Sources {
		if s.Schedule == "" || !s.PausedAt.IsZero() {
			continue
		}
		at, err := jobs.Next(s.Schedule, e.Now())
		switch {
		case err != nil || at.IsZero():
			note(fail(registry.Say("%s: %q never comes up", s.Key, s.Schedule), registry.Say("write a time there is"), e.command("config check")))
		case !s.NextDue.IsZero() && e.Now().Sub(s.NextDue) > lateAfter && e.vitals.Processes > 0:
			note(fail(registry.Say("%s was due %s ago and nobody ran it", s.Key, e.ago(s.NextDue)), registry.Say("see what the processes' logs say of their queue, and restart them"), e.command("sync runs")))
		default:
			says := registry.Say("%s at %s", s.Key, s.NextDue.UTC().Format("2006-01-02 15:04 MST"))
			if s.ByHand != "" {
				says = registry.Say("%s, set by %s", says, registry.ActorWord(s.ByHand))
			}
			next = append(next, says)
		}
	}
	if len(next) > 0 {
		note(fine("next: %s", registry.Join(next, ", ")))
	} else if !slices.ContainsFunc(e.seen, func(c Finding) bool { return c.Name == registry.Say("schedules") }) {
		note(fine("no source has one"))
	}
}

// lookRuns looks at sources that stand still, wait for somebody, or fail.
func lookRuns(_ context.Context, e *exam, note func(Finding)) {
	before := len(e.seen)
	for _, s := range e.vitals.Sources {
		if c, bad := e.lookRun(s); bad {
			note(c)
		}
	}
	if len(e.seen) == before {
		note(fine("no source is in quarantine, failing or waiting for anybody"))
	}
}

func (e *exam) lookRun(s registry.SourceVitals) (Finding, bool) {
	switch {
	case !s.QuarantinedAt.IsZero():
		return fail(registry.Say("%s is in quarantine for %s: %s", s.Key, e.ago(s.QuarantinedAt), s.QuarantineReason), registry.Say("mend what the reason names; the next run that goes well ends the quarantine"), e.command("sync run "+s.Key)), true
	case s.HeldRun != 0:
		return warn(registry.Say("run %d of %s waits for %s with %d changes", s.HeldRun, s.Key, e.ago(s.HeldSince), s.HeldChanges), registry.Say("look at it, then approve or reject it"), e.command(fmt.Sprint("sync show ", s.HeldRun))), true
	case s.Failures > 0:
		return warn(registry.Say("%s failed %d times in a row", s.Key, s.Failures), registry.Say("see why"), e.command("sync runs")), true
	case !s.PausedAt.IsZero():
		return warn(registry.Say("%s is paused for %s", s.Key, e.ago(s.PausedAt)), registry.Say("resume it when that is over"), e.command("source resume "+s.Key)), true
	}
	return Finding{}, false
}

func lookMails(ctx context.Context, e *exam, note func(Finding)) {
	m := e.vitals.Mails
	waiting := m.States["new"] + m.States["retrying"]
	limited(ctx, checkTime, func(ctx context.Context) {
		more, err := e.core.Store.MailTroubles(ctx)
		list := e.command("mail list")
		switch {
		case err != nil:
			note(fail(registry.SaidOf(err), registry.Say("see the check of the database"), ""))
		case waiting > 0 && e.Now().Sub(m.Oldest) > lateAfter:
			note(fail(registry.Say("%d mails wait, the oldest for %s", waiting, e.ago(m.Oldest)), registry.Say("see the check of the mail server and what the server said to each"), list+" --state queued"))
		case more["failed"] > 0:
			note(warn(registry.Say("%d mails failed for good", more["failed"]), registry.Say("see what the mail server said, and mend the addresses"), list+" --state failed"))
		case more["held"] > 0:
			note(warn(registry.Say("%d mails of first imports wait to be released", more["held"]), registry.Say("release them when the people are to be written to"), e.command("mail release")))
		default:
			note(fine("%d wait", waiting))
		}
	})
}

func lookWebhooks(_ context.Context, e *exam, note func(Finding)) {
	d := e.vitals.Deliveries
	waiting := d.States["new"] + d.States["retrying"]
	if waiting > 0 && e.Now().Sub(d.Oldest) > time.Hour {
		note(warn(registry.Say("%d deliveries wait, the oldest for %s", waiting, e.ago(d.Oldest)), registry.Say("see what the receivers answer; they are tried for three days"), ""))
		return
	}
	note(fine("%d deliveries wait", waiting))
}

func lookJobs(_ context.Context, e *exam, note func(Finding)) {
	j := e.vitals.Jobs
	if !j.Oldest.IsZero() && e.Now().Sub(j.Oldest) > lateAfter && e.vitals.Processes > 0 {
		note(fail(registry.Say("%d jobs wait, the oldest for %s", j.States["waiting"], e.ago(j.Oldest)), registry.Say("see what the processes' logs say, and restart them"), ""))
		return
	}
	note(fine("%d wait, %d at work", j.States["waiting"], j.States["running"]))
}

// lookConnections looks for connections that are quiet, and credentials that end.
func lookConnections(_ context.Context, e *exam, note func(Finding)) {
	before := len(e.seen)
	for _, c := range e.vitals.Connections {
		name := c.Company + "/" + c.Name
		token := e.command("token rotate --connection " + name)
		last := c.LastRequest
		if last.IsZero() {
			last = c.CreatedAt
		}
		switch {
		case c.Paused:
			note(warn(registry.Say("%s is paused", name), registry.Say("resume it when that is over"), e.command("connection resume "+name)))
		case c.Credentials == 0:
			note(warn(registry.Say("%s has no live token or client", name), registry.Say("make one for its identity provider"), e.command("token create --connection "+name)))
		case !c.TokenEnds.IsZero() && e.daysLeft(c.TokenEnds) < soonDays:
			note(warn(registry.Say("the last token of %s ends in %d days", name, e.daysLeft(c.TokenEnds)), registry.Say("make another and give it to the identity provider"), token))
		case e.Now().Sub(last) > quietAfter:
			note(warn(registry.Say("%s is quiet for %s", name, e.ago(last)), registry.Say("that is well where nothing changes; else see what the identity provider's own log says"), e.command("connection log "+name)))
		}
	}
	if len(e.seen) == before {
		note(fine("%d, none quiet or about to end", len(e.vitals.Connections)))
	}
}

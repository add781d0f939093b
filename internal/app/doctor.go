package app

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// The words for how a check went.
const (
	CheckOK      = "ok"
	CheckWarn    = "warn" // works, and will not for long, or not for everybody
	CheckFail    = "fail"
	CheckSkipped = "skipped" // could not be looked at, because of another
)

// Finding is one thing a doctor looked at.
type Finding struct {
	Number int
	Name   registry.Said
	State  string
	Says   registry.Said
	// Mend is what to do about it, Command the command to begin with.
	Mend    registry.Said
	Command string
}

// MarshalJSON gives a finding in English, as commands do.
func (f Finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Number  int    `json:"number"`
		Name    string `json:"check"`
		State   string `json:"state"`
		Says    string `json:"says"`
		Mend    string `json:"mend,omitempty"`
		Command string `json:"command,omitempty"`
	}{f.Number, f.Name.String(), f.State, f.Says.String(), f.Mend.String(), f.Command})
}

// DoctorOptions are what Examine needs beside the configuration.
type DoctorOptions struct {
	// File is the configuration file's name, for the commands to type; Fault is
	// what is wrong with it, nil for nothing.
	File, Version string
	Fault         error
	Now           func() time.Time
	// Roots are the authorities for public_url; nil is the system's.
	Roots *x509.CertPool
	// Thorough has every page of a SQLite file read.
	Thorough bool
	// Company is the only one to look at, by its doors alone; "" is the whole
	// installation.
	Company string
}

// patient: the doctor's time limits, for everything that answers at once, and for
// a directory, which counts its people.
const (
	checkTime  = 15 * time.Second
	sourceTime = 45 * time.Second
)

// exam is an examination at work. What a check needs and an earlier one opened
// is nil where that failed.
type exam struct {
	DoctorOptions
	cfg    *config.Config
	core   *Core // sources compiled, the database where it could be opened
	vitals *registry.Vitals
	seen   []Finding
}

// look is a check by its name. It notes what it found in the exam.
type look struct {
	name registry.Format
	// needs says what has to be there: "config", "database" or "vitals".
	needs string
	do    func(ctx context.Context, e *exam, note func(Finding))
}

// looks are all checks, in the order in which one rests on another.
func looks() []look {
	return []look{
		{"configuration", "", lookConfig},
		{"database", "config", lookDatabase},
		{"schema", "database", lookSchema},
		{"writing", "database", lookWriting},
		{"disk space", "database", lookDisk},
		{"write-ahead log", "database", lookWAL},
		{"database file", "database", lookPages},
		{"backup", "vitals", lookBackup},
		{"secret key", "database", lookKey},
		{"clock", "database", lookClock},
		{"public address", "config", lookPublic},
		{"own certificate", "config", lookOwnTLS},
		{"mail server", "config", lookSMTP},
		{"sources", "config", lookSources},
		{"processes", "vitals", lookProcesses},
		{"schedules", "vitals", lookSchedules},
		{"runs", "vitals", lookRuns},
		{"mails", "vitals", lookMails},
		{"webhooks", "vitals", lookWebhooks},
		{"jobs", "vitals", lookJobs},
		{"SCIM connections", "vitals", lookConnections},
	}
}

// Examine looks at an installation from the outside, changes nothing, and tells
// what is wrong with it in the order in which to mend it.
func Examine(ctx context.Context, cfg *config.Config, o DoctorOptions) []Finding {
	e := &exam{DoctorOptions: o, cfg: cfg, core: &Core{Config: cfg, Now: o.Now, Log: slog.New(slog.DiscardHandler)}}
	defer func() {
		if e.core.Store != nil {
			_ = e.core.Store.Close() // nothing was written
		}
	}()
	for _, l := range looks() {
		if o.Company != "" && !e.concerns(ctx, l) {
			continue
		}
		if lacks := e.lacks(l.needs); lacks != "" {
			e.note(Finding{Name: registry.Say(l.name), State: CheckSkipped, Says: lacks})
			continue
		}
		l.do(ctx, e, func(c Finding) {
			if c.Name == "" {
				c.Name = registry.Say(l.name)
			}
			e.note(c)
		})
	}
	return e.seen
}

func (e *exam) note(c Finding) {
	c.Number = len(e.seen) + 1
	e.seen = append(e.seen, c)
}

// lacks says what a check would need and is not there.
func (e *exam) lacks(need string) registry.Said {
	switch {
	case need == "" || need == "config" && e.cfg != nil:
		return ""
	case e.cfg == nil:
		return registry.Say("the configuration has to be good first")
	case e.core.Store == nil:
		return registry.Say("the database has to answer first")
	case need == "vitals" && e.vitals == nil:
		return registry.Say("the schema has to be up to date first")
	}
	return ""
}

// command is a usher command with the configuration file it is to use.
func (e *exam) command(words string) string {
	if e.File == "" || e.File == "usher.yaml" {
		return "usher " + words
	}
	return "usher " + words + " -c " + e.File
}

// fine, warn and fail are a check's outcome.
func fine(format registry.Format, args ...any) Finding {
	return Finding{State: CheckOK, Says: registry.Say(format, args...)}
}

func warn(says, mend registry.Said, command string) Finding {
	return Finding{State: CheckWarn, Says: says, Mend: mend, Command: command}
}

func fail(says, mend registry.Said, command string) Finding {
	return Finding{State: CheckFail, Says: says, Mend: mend, Command: command}
}

// limited bounds a check that asks somebody else.
func limited(ctx context.Context, d time.Duration, fn func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	fn(ctx)
}

// daysLeft says how many days are left until a time.
func (e *exam) daysLeft(at time.Time) int { return int(at.Sub(e.Now()).Hours() / 24) }

// soonDays is when an end is told of before it comes.
const soonDays = 21

// ends judges when something ends.
func (e *exam) ends(what registry.Said, at time.Time, mend registry.Said, command string) Finding {
	day := at.UTC().Format("2006-01-02")
	switch left := e.daysLeft(at); {
	case !at.After(e.Now()):
		return fail(registry.Say("%s has ended on %s", what, day), mend, command)
	case left < soonDays:
		return warn(registry.Say("%s ends in %d days, on %s", what, left, day), mend, command)
	}
	return fine("%s is good until %s", what, day)
}

// ago is a span of time in the largest unit that fits.
func (e *exam) ago(at time.Time) registry.Said {
	d := e.Now().Sub(at)
	for _, unit := range []struct {
		size time.Duration
		name registry.Format
	}{{24 * time.Hour, "%d days"}, {time.Hour, "%d hours"}, {time.Minute, "%d minutes"}} {
		if n := d / unit.size; n > 1 {
			return registry.Say(unit.name, int(n))
		}
	}
	return registry.Say("a minute")
}

// publicHost is the host of public_url with the port that is asked.
func publicHost(cfg *config.Config) (u *url.URL, address string) {
	u, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return &url.URL{}, "" // Validate has looked at it
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u, net.JoinHostPort(u.Hostname(), port)
}

// openForDoctor opens the database without making one where there is none.
func openForDoctor(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	if err := databaseThere(cfg); err != nil {
		return nil, err
	}
	return OpenDatabase(ctx, cfg)
}

package admin

import (
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var scheduleRoutes = []route{
	{"POST /sources/{key}/schedule", auth.RightOperate, "source.schedule", (*Handlers).setSchedule},
	{"POST /sources/{key}/schedule/return", auth.RightOperate, "source.schedule_return", (*Handlers).returnSchedule},
}

// scheduleView is when a source runs, and the form by which that is changed.
type scheduleView struct {
	// Next are the times of the schedule that holds, Tried those of the one that is
	// being thought of.
	Next, Tried []moment
	Form        scheduleForm
}

// moment is a time, and what the clock of a schedule's own zone shows then.
type moment struct {
	At    time.Time
	Local string
}

// scheduleForm is what somebody filled in: five fields of cron, or a descriptor,
// and the zone whose clock they go by.
type scheduleForm struct {
	Cron, Zone, Why string
	Error           *web.Message
}

// commonSchedules are offered; each has its words.
var commonSchedules = []struct{ Cron, Name string }{
	{"30 2 * * *", "nightly"}, {"30 2 * * 1-5", "weekdays"}, {"0 * * * *", "hourly"}, {"*/15 * * * *", "quarterly"}, {"0 3 * * 0", "weekly"},
}

// Common are the schedules that are offered.
func (scheduleView) Common() []struct{ Cron, Name string } { return commonSchedules }

// Moments are times in the viewer's zone.
func (p page) Moments(all []moment) []moment {
	out := make([]moment, len(all))
	for i, m := range all {
		out[i] = moment{p.At(m.At), m.Local}
	}
	return out
}

// zonePrefix begins a schedule that names its zone.
const zonePrefix = "CRON_TZ="

// spec is the schedule as it is kept.
func (f scheduleForm) spec() string {
	if f.Zone == "" || f.Cron == "" || strings.Contains(f.Cron, "TZ=") {
		return f.Cron
	}
	return zonePrefix + f.Zone + " " + f.Cron
}

// scheduleFormOf is a schedule as a form shows it, by the viewer's clock where it is none.
func scheduleFormOf(schedule string, zone *time.Location) scheduleForm {
	rest, named := strings.CutPrefix(schedule, zonePrefix)
	if !named {
		rest, named = strings.CutPrefix(schedule, "TZ=")
	}
	switch {
	case named:
		name, cron, _ := strings.Cut(rest, " ")
		return scheduleForm{Cron: strings.TrimSpace(cron), Zone: name}
	case schedule != "":
		return scheduleForm{Cron: schedule, Zone: "UTC"}
	}
	return scheduleForm{Zone: zone.String()}
}

// fillSchedule adds when a source runs. A schedule in the address, or one that
// was refused, is tried and not kept.
func (h *Handlers) fillSchedule(v *visit, view *sourceView, refused *scheduleForm) error {
	times := func(schedule string) (out []moment, err error) {
		all, zone, err := v.desk.ScheduleTimes(schedule)
		for _, at := range all {
			m := moment{At: at}
			if zone.String() != v.zone.String() {
				m.Local = at.In(zone).Format("2006-01-02 15:04 ") + zone.String()
			}
			out = append(out, m)
		}
		return out, err
	}
	s := &view.Schedules
	var err error
	if s.Next, err = times(view.Schedule); err != nil && v.refusal(err) == nil {
		return err
	}
	s.Form = scheduleFormOf(view.Schedule, v.zone)
	query := v.r.URL.Query()
	switch {
	case refused != nil:
		s.Form = *refused
	case query.Get("cron") != "":
		s.Form = scheduleForm{Cron: strings.TrimSpace(query.Get("cron")), Zone: strings.TrimSpace(query.Get("zone")), Why: query.Get("why")}
		s.Tried, err = times(s.Form.spec())
		if s.Form.Error = v.refusal(err); s.Form.Error == nil {
			return err
		}
	}
	return nil
}

func (h *Handlers) setSchedule(v *visit) {
	s, ok := h.findSource(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	form := scheduleForm{Cron: v.field("cron"), Zone: v.field("zone"), Why: v.field("why")}
	spec, done := form.spec(), "scheduled"
	if v.field("off") != "" {
		spec, done = "", "unscheduled"
	} else if spec == "" {
		form.Error = web.Say("admin.schedule.missing")
	}
	if form.Error == nil {
		err := v.desk.SetSchedule(v.ctx(), s.Key, spec, v.because(form.Why))
		if form.Error = v.refusal(err); form.Error == nil {
			v.written = err == nil
			h.did(v, err, done, "sources", s.Key)
			return
		}
	}
	v.outcome = registry.CodeInvalidValue
	h.showSource(v, s, nil, &form)
}

func (h *Handlers) returnSchedule(v *visit) {
	if s, ok := h.findSource(v); ok {
		err := v.desk.ReturnSchedule(v.ctx(), s.Key, v.because(""))
		v.written = err == nil
		h.did(v, err, "schedule_returned", "sources", s.Key)
	}
}

// because is by with a reason.
func (v *visit) because(why string) registry.Deed {
	d := v.by()
	d.Detail = map[string]string{"why": why}
	return d
}

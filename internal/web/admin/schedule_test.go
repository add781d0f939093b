package admin_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

func (d *doorsDesk) ScheduleTimes(schedule string) ([]time.Time, *time.Location, error) {
	if strings.Contains(schedule, "whenever") {
		return nil, nil, &admin.Refusal{Code: registry.CodeInvalidValue, Reason: "not a schedule"}
	}
	if schedule == "" {
		return nil, time.UTC, nil
	}
	return []time.Time{d.now.Add(time.Hour)}, time.FixedZone("Asia/Kolkata", 19800), nil
}

func (d *doorsDesk) SetSchedule(_ context.Context, key, schedule string, x registry.Deed) error {
	if _, _, err := d.ScheduleTimes(schedule); err != nil {
		return err
	}
	return d.ask("schedule %s %q by %s: %s", key, schedule, x.Actor, x.Detail["why"])
}

func (d *doorsDesk) ReturnSchedule(_ context.Context, key string, _ registry.Deed) error {
	return d.ask("return %s", key)
}

// TestSchedule: a schedule is tried without being kept, kept with its zone and its
// reason, refused in the form, switched off and given back.
func TestSchedule(t *testing.T) {
	for _, lang := range []string{"en", "it", "ru"} {
		d := newDoors(t, lang, roles["admin"])
		page := d.page("sources/corp?cron=0+3+*+*+*&zone=Asia/Kolkata&why=heat")
		for _, part := range []string{`value="0 3 * * *"`, `value="Asia/Kolkata"`, `value="heat"`, "20:00 CET", "2035-11-22 00:30 Asia/Kolkata", `datetime="2035-11-21T19:00:00Z"`} {
			if !strings.Contains(page, part) {
				t.Errorf("tried in %s: no %s", lang, part)
			}
		}
		if page := d.page("sources/corp?cron=whenever"); !strings.Contains(page, "not a schedule") || !strings.Contains(page, `value="whenever"`) {
			t.Errorf("a refused try in %s", lang)
		}
		if len(d.desk.asked) != 0 {
			t.Errorf("a try was kept: %q", d.desk.asked)
		}
	}
	d := newDoors(t, "en", roles["admin"])
	for _, form := range []url.Values{
		{"cron": {"0 3 * * *"}, "zone": {"Asia/Kolkata"}, "why": {"heat"}}, {"cron": {"@daily"}}, {"cron": {"TZ=UTC 0 3 * * *"}, "zone": {"Asia/Kolkata"}},
		{"off": {"1"}, "cron": {"0 3 * * *"}},
	} {
		if w := d.do("POST", "sources/corp/schedule", form); w.Code != http.StatusSeeOther {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	for _, form := range []url.Values{{"cron": {"whenever"}, "why": {"heat"}}, {"why": {"heat"}}} {
		if w := d.do("POST", "sources/corp/schedule", form); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `class="alert"`) || !strings.Contains(w.Body.String(), `value="heat"`) {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	d.do("POST", "sources/corp/schedule/return", nil)
	want := []string{
		`schedule corp "CRON_TZ=Asia/Kolkata 0 3 * * *" by admin ann: heat`, `schedule corp "@daily" by admin ann: `, `schedule corp "TZ=UTC 0 3 * * *" by admin ann: `,
		`schedule corp "" by admin ann: `, "return corp",
	}
	if !slices.Equal(d.desk.asked, want) {
		t.Errorf("asked %q", d.desk.asked)
	}
	if len(d.desk.deeds) != 2 || d.desk.deeds[0].Outcome != string(registry.CodeInvalidValue) {
		t.Errorf("refusals written down: %+v", d.desk.deeds)
	}
	if w := newDoors(t, "en", roles["auditor"]).do("POST", "sources/corp/schedule", url.Values{"cron": {"@daily"}}); w.Code != http.StatusForbidden {
		t.Errorf("an auditor may: %d", w.Code)
	}
}

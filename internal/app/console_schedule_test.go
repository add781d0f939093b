package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/registry"
)

// schedules sets a schedule in the browser: looked at first, kept, and picked up
// by the process at work.
func (d *desk) schedules(t *testing.T, v *visitor) {
	t.Helper()
	look := func() registry.Source {
		src, err := d.s.Store.SourceByKey(t.Context(), "corp")
		must(t, err)
		return src
	}
	const form = `form[action$="/schedule"]`
	v.do(d.open("/sources/corp"), chromedp.Click(`#schedule summary`), chromedp.SetValue(form+` [name=zone]`, "Asia/Kolkata"),
		chromedp.SetValue(form+` [name=cron]`, "whenever"), chromedp.Click(form+` button[formmethod=get]`), chromedp.WaitReady(form+` [aria-invalid]`))
	v.do(chromedp.SetValue(form+` [name=cron]`, "0 3 1 1 *"), chromedp.Click(form+` button[formmethod=get]`), see("Asia/Kolkata"), chromedp.WaitReady(form+` [role=status] time`))
	if src := look(); src.Schedule != src.Configured {
		t.Errorf("a look at %q set it", src.Schedule)
	}
	v.shot("console-schedule")
	v.do(chromedp.SendKeys(form+` [name=why]`, "the audit"), chromedp.Click(form+` button:not([formmethod])`), v.read("admin.done.scheduled"), v.read("admin.schedule.hand"), see("the audit"))
	if src := look(); src.Schedule != "CRON_TZ=Asia/Kolkata 0 3 1 1 *" || src.NextDue.UTC().Format("01-02 15:04") != "12-31 21:30" || src.ByHand.Why != "the audit" {
		t.Errorf("set: %+v", src)
	}
	if deeds := d.deeds("acme", "source.schedule"); len(deeds) != 1 || deeds[0].Detail["why"] != "the audit" {
		t.Errorf("written down: %+v", deeds)
	}
	v.shot("console-scheduled")
	v.do(chromedp.Click(`form[action$="/schedule/return"] button`), v.read("admin.done.schedule_returned"))
	if src := look(); src.Schedule != src.Configured || !src.ByHand.At.IsZero() {
		t.Errorf("given back: %+v", src)
	}
}

// TestScheduleByProgram: a program sets, switches off and gives back a schedule; a
// wrong one and another company's are refused; and the process at work runs the
// source when its time comes, without a restart.
func TestScheduleByProgram(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t)
	token := w.token("acme", "read", "operate")
	const path = "/sources/corp/schedule"
	ask := func(want int, token, method, body string, parts ...string) {
		t.Helper()
		res, got := w.send(token, method, path, body, nil)
		if res.StatusCode != want {
			t.Errorf("%s %s: %d %s", method, body, res.StatusCode, got)
		}
		for _, part := range parts {
			if !strings.Contains(string(got), part) {
				t.Errorf("%s %s: no %s in %s", method, body, part, got)
			}
		}
	}
	ask(http.StatusForbidden, w.token("acme", "read"), "PUT", `{"schedule": "@daily"}`)
	ask(http.StatusNotFound, w.token("beta", "read", "operate"), "PUT", `{"schedule": "@daily"}`)
	for _, wrong := range []string{"whenever", "0 0 30 2 *", "CRON_TZ=Mars/Olympus @daily", "* * * * * *"} {
		ask(http.StatusUnprocessableEntity, token, "PUT", `{"schedule": "`+wrong+`"}`, "invalid_value")
	}
	ask(http.StatusOK, token, "PUT", `{"schedule": "CRON_TZ=Asia/Kolkata 0 3 * * *", "note": "heat"}`, `T03:00:00+05:30`, `"note":"heat"`, `"schedule_set"`)
	ask(http.StatusOK, token, "PUT", `{"off": true}`, `"schedule_set"`)
	ask(http.StatusUnprocessableEntity, token, "PUT", `{}`, "invalid_value")
	ask(http.StatusUnprocessableEntity, token, "PUT", `{"off": true, "schedule": "@daily"}`, "invalid_value")
	ask(http.StatusOK, token, "DELETE", "")
	ask(http.StatusOK, token, "PUT", `{"schedule": "@every 1s"}`)
	until(t, "the process at work runs it", func() bool {
		all, err := w.acme.Runs(t.Context(), 0, 10)
		must(t, err)
		return len(all) > 0 && all[0].Trigger == "schedule"
	})
}

package app_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/telemetry"
)

// What happened can be seen at /metrics, and a sync that fails leaves the process
// ready.
func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	dir := directory(t, 5, 1)
	s, _ := start(t, configure(t, settings{LDAP: dir.URL, Schedule: "@daily"}), app.Options{Version: "v1"})
	if run, err := s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"}); err != nil || run.Counts.Created != 5 {
		t.Fatal(run, err)
	}
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.CreateConnection(t.Context(), c.ID, "okta", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	askFor(t, "http://"+s.Addr()+"/scim/v2/Users", token, 200)
	askFor(t, "http://"+s.Addr()+"/scim/v2/Users", "ush_wrong", 401)
	dir.Stop()
	if run, err := s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"}); err != nil || run.State != registry.RunFailed {
		t.Fatal(run, err)
	}
	var page string
	until(t, "the log of requests is written and the scrape is fresh", func() bool {
		_, page = get(t, "http://"+s.TelemetryAddr()+"/metrics")
		return strings.Contains(page, `usher_scim_last_request_timestamp_seconds{connection="acme/okta"}`) &&
			strings.Contains(page, `usher_sync_consecutive_failures{source="corp"} 1`)
	})
	for _, line := range []string{
		`usher_build_info{version="v1"} 1`,
		`usher_database_up 1`,
		`usher_processes 1`,
		`usher_sync_runs_total{outcome="done",source="corp"} 1`,
		`usher_sync_runs_total{outcome="failed",source="corp"} 1`,
		`usher_sync_changes_total{action="create",outcome="done",source="corp"} 5`,
		`usher_sync_last_success_timestamp_seconds{source="corp"} `,
		`usher_sync_interval_seconds{source="corp"} 86400`,
		`usher_scim_requests_total{code="200",connection="acme/okta",method="GET",resource="Users"} 1`,
		`usher_scim_requests_total{code="401",connection="",method="GET",resource="Users"} 1`,
		`usher_http_requests_total{code="200",door="scim",method="GET"} 1`,
		`usher_mail_queue{state="`,
		`usher_jobs{state="waiting"} `,
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("lacks %s", line)
		}
	}
	if code, _ := get(t, "http://"+s.TelemetryAddr()+"/readyz"); code != 200 {
		t.Errorf("a failed sync made the process unready: %d", code)
	}
}

// askFor sends a request that must be answered with a status, and gives its id.
func askFor(t *testing.T, url, token string, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-Request-Id", "asked-1")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("%s: %d, want %d", url, res.StatusCode, want)
	}
	return res.Header.Get("X-Request-Id")
}

// One id stands in the answer, the log and the request log of SCIM.
func TestOneRequestID(t *testing.T) {
	t.Parallel()
	var log lines
	cfg := configure(t, settings{More: "log: {requests: info}"})
	s, _ := start(t, cfg, app.Options{Log: telemetry.NewLog(&log, "json", slog.LevelInfo)})
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.CreateConnection(t.Context(), c.ID, "okta", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	if id := askFor(t, "http://"+s.Addr()+"/scim/v2/Users", token, 200); id != "asked-1" {
		t.Errorf("answered as %q", id)
	}
	if id := askFor(t, "http://"+s.Addr()+"/c/acme/login", token, 200); id != "asked-1" {
		t.Errorf("a page answered as %q", id)
	}
	until(t, "both are in the log", func() bool { return log.count(`"request_id":"asked-1"`) == 2 })
	if log.count(`"route":"/scim/v2/Users"`) != 1 || log.count(`"route":"GET /c/{company}/login"`) != 1 {
		t.Error("the log lacks the routes")
	}
	until(t, "it is in the request log", func() bool {
		rows, err := s.ScimRequests(t.Context(), c.ID, "okta", false, 10)
		return err == nil && len(rows) == 1 && rows[0].RequestID == "asked-1"
	})
	if err := s.Store.For(c.ID).Audit(registry.WithRequest(t.Context(), &registry.Request{ID: "asked-2"}), registry.Deed{Actor: "test", Action: "test"}); err != nil {
		t.Fatal(err)
	}
	deeds, err := s.Store.For(c.ID).Deeds(t.Context(), registry.DeedQuery{Limit: 1})
	if err != nil || len(deeds) != 1 || deeds[0].RequestID != "asked-2" {
		t.Errorf("audit: %+v, %v", deeds, err)
	}
}

// A change carries the id of the request that made it, and the log of who debugs
// tells both.
func TestChangesKnowTheirRequest(t *testing.T) {
	t.Parallel()
	var log lines
	s, _ := start(t, configure(t, settings{}), app.Options{Log: telemetry.NewLog(&log, "json", slog.LevelDebug)})
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.CreateConnection(t.Context(), c.ID, "okta", registry.DefaultConnection())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/scim/v2/Users",
		strings.NewReader(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("X-Request-Id", "made-ada")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatal(res, err)
	}
	res.Body.Close()
	var payload string
	q := `SELECT payload FROM changes WHERE action = 'create' ORDER BY id DESC LIMIT 1`
	if err := s.Store.ReadDB().QueryRowContext(t.Context(), q).Scan(&payload); err != nil || !strings.Contains(payload, `"request":"made-ada"`) {
		t.Errorf("%s, %v", payload, err)
	}
	until(t, "the log tells the change", func() bool {
		return log.count(`"msg":"changed"`) == 1 && log.count(`"change_id":`) == 1 && log.count(`"request_id":"made-ada"`) >= 2
	})
}

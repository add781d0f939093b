package deploy_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/usherd/usher/internal/telemetry"
)

// others are series that are not usher's own.
var others = []string{"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}

var (
	series = regexp.MustCompile(`\b(?:usher|process|go)_[a-z0-9_]+|\bup\b`)
	labels = regexp.MustCompile(`\{[^}]*\}|"[^"]*"|\b(?:by|on|without) \([^)]*\)`)
)

// check looks up every series of a query, and its brackets.
func check(t *testing.T, where, query string) (named []string) {
	t.Helper()
	known := telemetry.NewMetrics("", &telemetry.Watch{}).Names()
	for _, name := range series.FindAllString(labels.ReplaceAllString(query, ""), -1) {
		named = append(named, name)
		if !slices.Contains(known, name) && !slices.Contains(others, name) {
			t.Errorf("%s asks for %s, which usher does not tell", where, name)
		}
	}
	if len(named) == 0 {
		t.Errorf("%s asks for nothing: %s", where, query)
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(query, pair[:1]) != strings.Count(query, pair[1:]) {
			t.Errorf("%s has an open %s: %s", where, pair, query)
		}
	}
	return named
}

func TestAlerts(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus-rules.yaml")), &file); err != nil || len(file.Groups) != 1 {
		t.Fatalf("%d groups, %v", len(file.Groups), err)
	}
	seen := map[string]bool{}
	for _, r := range file.Groups[0].Rules {
		check(t, r.Alert, r.Expr)
		if seen[r.Alert] || r.Alert == "" || r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%+v is not whole, or there twice", r)
		}
		seen[r.Alert] = true
	}
	for _, alert := range []string{"UsherSyncMissed", "UsherSyncHeld", "UsherMailsWait", "UsherDatabaseDown"} {
		if !seen[alert] {
			t.Errorf("there is no %s", alert)
		}
	}
}

// TestAlertsParse has Prometheus's own tool read the rules.
func TestAlertsParse(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not installed")
	}
	if out, err := exec.Command("promtool", "check", "rules", "prometheus-rules.yaml").CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestDashboard: each panel asks for what there is, and what usher tells is on it.
func TestDashboard(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana-dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	ids := map[int]bool{}
	for i, p := range board.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d has no title, or its id twice", p.ID)
		}
		ids[p.ID] = true
		for _, q := range board.Panels[:i] {
			if p.GridPos.X < q.GridPos.X+q.GridPos.W && q.GridPos.X < p.GridPos.X+p.GridPos.W &&
				p.GridPos.Y < q.GridPos.Y+q.GridPos.H && q.GridPos.Y < p.GridPos.Y+p.GridPos.H {
				t.Errorf("%q lies on %q", p.Title, q.Title)
			}
		}
		for _, target := range p.Targets {
			for _, name := range check(t, p.Title, target.Expr) {
				shown[name] = true
			}
		}
	}
	rules := read(t, "prometheus-rules.yaml")
	for _, name := range telemetry.NewMetrics("", &telemetry.Watch{}).Names() {
		part := strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count")
		if !part && !shown[name] && !strings.Contains(rules, name) {
			t.Errorf("%s is on no panel and in no alert", name)
		}
	}
}

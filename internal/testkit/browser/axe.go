package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/testkit/npm"
)

// Axe judges the page in a tab by axe-core's rules for WCAG 2.2 AA and returns
// what breaks them, in words; nothing for a page in order. What a tool can judge
// is part of what the guidelines ask, not all of it.
func Axe(t testing.TB, tab context.Context) []string {
	t.Helper()
	script, err := os.ReadFile(npm.File(t, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	// The page's own policy does not bind what a debugger evaluates.
	if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](string(script)+"\n;true")); err != nil {
		t.Fatalf("load axe-core: %v", err)
	}
	answer, err := chromedp.Run(tab, chromedp.Evaluate[string](
		`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("run axe-core: %v", err)
	}
	var found []struct {
		ID, Help string
		Nodes    []struct {
			Target         []any
			FailureSummary string
		}
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		t.Fatalf("read axe-core's answer: %v", err)
	}
	var out []string
	for _, v := range found {
		for _, n := range v.Nodes {
			out = append(out, fmt.Sprintf("%s: %s at %v: %s", v.ID, v.Help, n.Target, strings.Join(strings.Fields(n.FailureSummary), " ")))
		}
	}
	return out
}

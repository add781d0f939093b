package admin

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/testkit/browser"
)

// TestRunPageFollowsItsRun opens the page of a run at work, which ends while it
// is looked at. With script the server tells the page; without, it asks again by
// itself.
func TestRunPageFollowsItsRun(t *testing.T) {
	chromium := browser.Start(t)
	for name, look := range map[string]browser.Look{"script": {}, "no script": {NoScript: true, Width: 390, Height: 844}} {
		t.Run(name, func(t *testing.T) {
			s := newRunsSite(t)
			if look.NoScript {
				s.desk.looks.Store(1) // nobody watches between the page and the next
			}
			server := httptest.NewServer(s.Handler(s.mux(auth.RoleAdmin)))
			defer server.Close()
			err := chromedp.Do(chromium.Tab(t, look),
				chromedp.Navigate(server.URL+root+"/acme/runs/1"),
				chromedp.WaitReady(`#live progress`),
				chromedp.WaitReady(`.head .s-done`),
				chromedp.WaitNotPresent(`#live`),
			)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

package browser

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/testkit/need"
)

// limit ends a test whose page never becomes what it waits for. A tab may walk
// forty pages on a busy machine, which is slow and not wrong.
const limit = 15 * time.Minute

// agent is what every tab calls itself, whatever Chromium is installed.
const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// names are what Chromium is called on the systems we know.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Browser is a running Chromium; each Tab is a visitor of its own.
type Browser struct{ ctx context.Context }

// Start runs Chromium headless until the test ends. Without one installed the
// test is skipped, or fails where a skip would hide something (package need).
func Start(t testing.TB) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		need.Missing(t, "not installed: chromium (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(t.TempDir(), "profile")),
		chromedp.NoSandbox, // as root in a container there is none to be had
		chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		stop()
		stopAlloc() // waits until Chromium has gone, before its profile is removed
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &Browser{ctx: ctx}
}

func find() string {
	for _, n := range names {
		if p, ok := need.Look(n); ok {
			return p
		}
	}
	return ""
}

// Look is how a tab shows pages.
type Look struct {
	Width, Height int64 // CSS pixels; 0 is 1280 × 900
	Dark          bool  // the system prefers dark
	NoScript      bool  // as with JavaScript switched off
	Language      string
}

// Tab opens a tab with cookies of its own, for chromedp.Do and chromedp.Run.
func (b *Browser) Tab(t testing.TB, l Look) context.Context {
	t.Helper()
	if l.Width == 0 {
		l.Width, l.Height = 1280, 900
	}
	if l.Language == "" {
		l.Language = "en"
	}
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	tab, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(tab, limit)
	t.Cleanup(cancel)
	err := chromedp.Do(ctx, chromedp.EmulateViewport(l.Width, l.Height), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err1 := cdp.Call(ctx, target, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
			UserAgent: agent, AcceptLanguage: l.Language,
		})
		_, err2 := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.NoScript})
		_, err3 := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return errors.Join(err1, err2, err3)
	}))
	if err != nil {
		t.Fatalf("open tab: %v", err)
	}
	return ctx
}

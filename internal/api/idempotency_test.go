package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	done := 0
	var inside func()
	var refused error
	w.desk.pause = func(api.PauseInput) (api.Source, error) {
		if inside != nil {
			inside()
		}
		if refused != nil {
			return api.Source{}, refused
		}
		done++
		return api.Source{Source: "corp", State: "paused", Failures: done}, nil
	}
	w.start()
	key := map[string]string{"Idempotency-Key": "one"}
	pause := func(body string) (*http.Response, []byte) {
		t.Helper()
		return w.do(http.MethodPost, "/sources/corp/pause", body, key)
	}

	refused = registry.Refuse(registry.CodeAlreadyRunning, "not now")
	if res, _ := pause(`{"note":"x"}`); res.StatusCode != 409 {
		t.Fatalf("refused: %d", res.StatusCode)
	}
	refused = nil
	inside = func() { // a second request while the first is at work
		inside = nil
		if res, body := pause(`{"note":"x"}`); res.StatusCode != 409 || problem(t, body).Code != "idempotency_at_work" {
			t.Errorf("at work: %d %s", res.StatusCode, body)
		}
	}
	first, one := pause(`{"note":"x"}`)
	again, two := pause(`{"note":"x"}`)
	if first.StatusCode != 200 || again.StatusCode != 200 || string(one) != string(two) || done != 1 {
		t.Errorf("%d %s, then %d %s, done %d times", first.StatusCode, one, again.StatusCode, two, done)
	}
	if first.Header.Get("Idempotent-Replayed") != "" || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("which of the two was replayed is not said")
	}
	if res, body := pause(`{"note":"y"}`); res.StatusCode != 422 || problem(t, body).Code != "idempotency_key_reused" {
		t.Errorf("another request: %d %s", res.StatusCode, body)
	}
	if n := len(w.records.deeds); n != 3+1 { // refused, at work, done, reused; the replay did nothing
		t.Errorf("%d deeds: %+v", n, w.records.deeds)
	}
	w.now = w.now.Add(24 * time.Hour)
	if pause(`{"note":"x"}`); done != 2 {
		t.Errorf("after a day: done %d times", done)
	}
}

// A request that panics lets go of its key.
func TestPanicDropsTheKey(t *testing.T) {
	w := newWorld(t)
	broken := true
	w.desk.pause = func(api.PauseInput) (api.Source, error) {
		if broken {
			panic("broken")
		}
		return api.Source{State: "paused"}, nil
	}
	w.start()
	key := map[string]string{"Idempotency-Key": "one"}
	for _, want := range []int{500, 200} {
		if res, body := w.do(http.MethodPost, "/sources/corp/pause", "{}", key); res.StatusCode != want {
			t.Errorf("%d %s, want %d", res.StatusCode, body, want)
		}
		broken = false
	}
}

package entra

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestPace: quiet answers let more requests through, warnings and refusals
// fewer, and a refusal holds everybody back.
func TestPace(t *testing.T) {
	at := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	var slept time.Duration
	p := newPace(func() time.Time { return at }, func(_ context.Context, d time.Duration) error { slept += d; at = at.Add(d); return nil })
	limits := func(want int) {
		t.Helper()
		if int(p.limit) != want {
			t.Errorf("limit %v, want %d", p.limit, want)
		}
	}
	for range 100 {
		p.quiet(0)
	}
	limits(mostPace)
	p.quiet(0.9)
	limits(6)
	p.throttled(10 * time.Second)
	limits(3)
	for range 10 {
		p.throttled(time.Second)
	}
	limits(1)
	if err := p.enter(t.Context()); err != nil || slept != 10*time.Second {
		t.Fatal(err, slept)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	waiting := make(chan error)
	go func() { waiting <- p.enter(ctx) }()
	cancel(stop)
	if err := <-waiting; !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	next := make(chan error)
	go func() { next <- p.enter(t.Context()) }()
	p.leave()
	if err := <-next; err != nil {
		t.Error(err)
	}
	p.leave()
	if p.busy != 0 || len(p.waiting) != 0 {
		t.Errorf("%d busy, %d waiting", p.busy, len(p.waiting))
	}
}

// TestRetryAfter: both forms of the header, and nonsense.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-3": 0, "soon": 0, "Mon, 02 Mar 2026 09:00:30 GMT": 30 * time.Second, "Mon, 02 Mar 2026 08:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestGathering: whatever was told last of a member counts, in whatever pieces
// it came.
func TestGathering(t *testing.T) {
	s, _ := groupShape(nil)
	g := newGathering(&s)
	p := decodedGroups(t, "groups_delta.json")
	for range 3 { // replays
		if err := g.take(p.items); err != nil {
			t.Fatal(err)
		}
	}
	g.settle()
	first := g.groups["2e5807ce-58f3-4a94-9b37-ffff2e085957"]
	if has := first.keys(); len(first.edges) != 3 || len(has) != 2 || slices.Contains(has, "ee5d3d0f-90a7-4d2a-9a2c-7b3f5a1f4d11") {
		t.Errorf("has %v of %v", has, first.edges)
	}
	first.edges = append(first.edges, edge{id: first.edges[0].id, lost: true}, edge{id: first.edges[0].id})
	first.settle()
	if has := first.keys(); len(has) != 2 {
		t.Errorf("has %v", has)
	}
	if gone := g.groups["421e797f-9406-4934-b778-4908421e3505"]; gone.reason != "deleted" || gone.values != nil {
		t.Errorf("%+v", gone)
	}
}

package webhooks

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// memory is a Queue and a Book of one company, without leases.
type memory struct {
	now func() time.Time

	mu      sync.Mutex
	hooks   []registry.Webhook
	due     []*Due
	claimed map[int64]bool
	results []Result
	deeds   []string
	done    chan struct{} // gets a word for each result
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, claimed: map[int64]bool{}, done: make(chan struct{}, 1000)}
}

// add queues a delivery.
func (m *memory) add(hook registry.WebhookID, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = append(m.due, &Due{Delivery: registry.Delivery{
		ID: int64(len(m.due)), PublicID: id, Webhook: hook, Event: "user.created", Payload: []byte(`{"type":"user.created"}`), State: registry.DeliveryQueued,
	}})
}

func (m *memory) Claim(_ context.Context, n, perHook int, _ time.Duration) ([]Due, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	busy, out := map[registry.WebhookID]int{}, []Due(nil)
	for _, d := range m.due {
		if m.claimed[d.ID] {
			busy[d.Webhook]++
		}
	}
	for _, d := range m.due {
		hook := m.hooks[d.Webhook]
		if len(out) < n && !m.claimed[d.ID] && busy[d.Webhook] < perHook && d.State == registry.DeliveryQueued && !d.NextTry.After(m.now()) && hook.Live() {
			m.claimed[d.ID] = true
			busy[d.Webhook]++
			one := *d
			one.Hook = hook
			out = append(out, one)
		}
	}
	return out, nil
}

func (m *memory) Finish(_ context.Context, r Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.claimed, r.ID)
	d, h := m.due[r.ID], &m.hooks[r.Webhook]
	d.State, d.NextTry = r.State, r.NextTry
	if r.Attempted {
		d.Attempts++
		switch {
		case r.State == registry.DeliveryDelivered:
			h.FailingSince = time.Time{}
		case h.FailingSince.IsZero():
			h.FailingSince = r.At
		}
	}
	if r.Disable != "" {
		h.DisabledAt, h.DisabledReason = r.At, r.Disable
	}
	m.results = append(m.results, r)
	m.done <- struct{}{}
	return nil
}

func (m *memory) Webhooks(context.Context) ([]registry.Webhook, error) { return m.hooks, nil }

func (m *memory) CreateWebhook(_ context.Context, h registry.Webhook, by registry.Deed) (registry.Webhook, error) {
	h.ID, h.PublicID = registry.WebhookID(len(m.hooks)), "id-"+h.Name
	m.hooks, m.deeds = append(m.hooks, h), append(m.deeds, by.Actor+" "+by.Action+" "+by.Subject)
	return h, nil
}

func (m *memory) ChangeWebhook(_ context.Context, id registry.WebhookID, by registry.Deed, change func(*registry.Webhook) error) (registry.Webhook, error) {
	h := m.hooks[id]
	if err := change(&h); err != nil {
		return h, err
	}
	m.hooks[id], m.deeds = h, append(m.deeds, by.Actor+" "+by.Action+" "+by.Subject)
	return h, nil
}

func (m *memory) Deliveries(context.Context, registry.DeliveryQuery) ([]registry.Delivery, error) {
	return nil, nil
}

func (m *memory) Replay(context.Context, registry.WebhookID, string, time.Time, registry.Deed) (int, error) {
	return 0, nil
}

func (m *memory) StartTest(_ context.Context, hook registry.WebhookID, _ time.Duration, by registry.Deed) (Due, error) {
	m.add(hook, "test")
	m.deeds = append(m.deeds, by.Actor+" "+by.Action+" "+by.Subject)
	d := *m.due[len(m.due)-1]
	d.Event, d.Hook = registry.EventTest, m.hooks[hook]
	return d, nil
}

// scene is a dispatcher and a service over a memory, by a clock that is moved.
type scene struct {
	*memory
	d  *Dispatcher
	s  *Service
	at time.Time
}

func newScene(t *testing.T, change func(*DispatcherConfig)) *scene {
	t.Helper()
	vault, err := auth.NewVault([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	x := &scene{at: time.Now()}
	now := func() time.Time { return x.at }
	x.memory = newMemory(now)
	c := DispatcherConfig{
		Queue: x.memory, Sender: newSender(t, SenderConfig{Gate: here()}), Vault: vault, Now: now, Random: func() float64 { return 0 },
		MessageID: func() string { return "mail@x" }, Log: slog.New(slog.DiscardHandler), Poll: 5 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	x.d = NewDispatcher(c)
	x.s = &Service{Book: func(registry.CompanyID) Book { return x.memory }, Gate: here(), Vault: vault, Random: rand.Reader, Now: now, Dispatcher: x.d}
	return x
}

func (x *scene) create(t *testing.T, name, url string) (registry.Webhook, string) {
	t.Helper()
	h, secret, err := x.s.Create(t.Context(), 1, registry.Deed{Actor: "ann"}, name, url, []string{"user.*"})
	if err != nil {
		t.Fatal(err)
	}
	return h, secret
}

func (x *scene) drain(t *testing.T) {
	t.Helper()
	if err := x.d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// receiver answers as told and keeps what came.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	heads  []http.Header
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.bodies, r.heads = append(r.bodies, body), append(r.heads, req.Header)
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// TestSignatures: what arrives is verified by the specification's own library,
// with either secret while a rotation lasts and with the new one alone after it.
func TestSignatures(t *testing.T) {
	r := newReceiver(t, nil)
	x := newScene(t, nil)
	h, first := x.create(t, "a", r.URL)
	if !strings.HasPrefix(first, "whsec_") || strings.Contains(string(x.hooks[0].Secret), first) {
		t.Errorf("secret %q, sealed %q", first, x.hooks[0].Secret)
	}
	verified := func(secret string) bool {
		t.Helper()
		wh, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		last := len(r.bodies) - 1
		return wh.Verify(r.bodies[last], r.heads[last]) == nil
	}
	x.add(h.ID, "msg-1")
	x.drain(t)
	if !verified(first) || r.heads[0].Get("webhook-id") != "msg-1" || r.heads[0].Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", r.heads[0], r.bodies[0])
	}
	second, err := x.s.Rotate(t.Context(), h, registry.Deed{Actor: "ann"}, time.Minute)
	if err != nil || second == first {
		t.Fatalf("rotated to %q: %v", second, err)
	}
	x.add(h.ID, "msg-2")
	x.drain(t)
	if !verified(first) || !verified(second) || len(strings.Fields(r.heads[1].Get("webhook-signature"))) != 2 {
		t.Errorf("during the overlap: %v", r.heads[1])
	}
	x.at = x.at.Add(2 * time.Minute)
	x.add(h.ID, "msg-3")
	x.drain(t)
	if verified(first) || !verified(second) {
		t.Errorf("after the overlap: %v", r.heads[2])
	}
	want := []string{"ann webhook.create webhook a", "ann webhook.rotate webhook a"}
	if !slices.Equal(x.deeds, want) {
		t.Errorf("deeds %v", x.deeds)
	}
}

// TestRetriesKeepTheID: a delivery that fails comes again by the schedule, under
// the same id, until it arrives or ten attempts were made.
func TestRetriesKeepTheID(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	x := newScene(t, nil)
	h, _ := x.create(t, "a", r.URL)
	x.add(h.ID, "msg")
	for range 20 {
		x.drain(t)
		x.at = x.due[0].NextTry
		if x.due[0].State != registry.DeliveryQueued {
			break
		}
	}
	if len(r.bodies) != 10 || x.due[0].State != registry.DeliveryFailed {
		t.Errorf("%d attempts, %s", len(r.bodies), x.due[0].State)
	}
	for _, head := range r.heads {
		if head.Get("webhook-id") != "msg" {
			t.Errorf("another id: %v", head)
		}
	}
	if first := x.results[0]; first.NextTry.Sub(first.At) != 10*time.Minute || first.Status != 503 {
		t.Errorf("after Retry-After of ten minutes: %+v", first)
	}
}

func TestGoneAndFailingForDays(t *testing.T) {
	status := http.StatusInternalServerError
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	x := newScene(t, nil)
	h, _ := x.create(t, "a", r.URL)
	send := func() Result {
		t.Helper()
		x.add(h.ID, "msg")
		x.drain(t)
		return x.results[len(x.results)-1]
	}
	if got := send(); got.State != registry.DeliveryQueued || got.Disable != "" {
		t.Errorf("the first failure: %+v", got)
	}
	x.at = x.at.Add(5*24*time.Hour - time.Second)
	x.due[0].State = registry.DeliveryFailed
	if got := send(); got.Disable != "" {
		t.Errorf("just before five days: %+v", got)
	}
	x.due[1].State = registry.DeliveryFailed
	x.at = x.at.Add(time.Second)
	got := send()
	if got.Disable != registry.DisabledFailing || got.State != registry.DeliveryFailed || got.Notice == nil || got.Notice.Data["Webhook"] != "a" || got.Notice.Data["Code"] != "webhook_failing" {
		t.Errorf("after five days: %+v", got)
	}
	if _, err := x.s.Enable(t.Context(), x.hooks[0], registry.Deed{}); err != nil || !x.hooks[0].FailingSince.IsZero() {
		t.Errorf("enabled: %+v, %v", x.hooks[0], err)
	}
	if got := send(); got.Disable != "" {
		t.Errorf("the first failure after: %+v", got)
	}
	status = http.StatusGone
	if got := send(); got.Disable != registry.DisabledGone || got.Notice == nil || got.Notice.Data["Reason"] != "410 Gone" {
		t.Errorf("gone: %+v", got)
	}
}

// TestHangingWebhookHoldsUpNobody: while one receiver hangs with all it is allowed
// at once, others get what is theirs; and a stop gives back what hung.
func TestHangingWebhookHoldsUpNobody(t *testing.T) {
	hang := make(chan struct{})
	var most, now int
	var mu sync.Mutex
	slow := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		select {
		case <-hang:
		case <-req.Context().Done():
		}
		mu.Lock()
		now--
		mu.Unlock()
	})
	defer close(hang)
	quick := newReceiver(t, nil)
	x := newScene(t, func(c *DispatcherConfig) { c.Slots, c.PerHook = 4, 2 })
	a, _ := x.create(t, "slow", slow.URL)
	b, _ := x.create(t, "quick", quick.URL)
	for range 20 {
		x.add(a.ID, "slow")
	}
	for range 20 {
		x.add(b.ID, "quick")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { x.d.Run(ctx) })
	for range 20 {
		select {
		case <-x.done:
		case <-time.After(5 * time.Minute):
			t.Fatal("the quick one waits for the slow one")
		}
	}
	cancel()
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(quick.bodies) != 20 || most > 2 {
		t.Errorf("%d arrived, %d at once", len(quick.bodies), most)
	}
	for _, r := range x.results[20:] {
		if r.State != registry.DeliveryQueued || r.Attempted || r.NextTry.After(x.at) {
			t.Errorf("given back as %+v", r)
		}
	}
}

func TestService(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	x := newScene(t, nil)
	ctx, ann := t.Context(), registry.Deed{Actor: "ann"}
	for name, c := range map[string][3]string{
		"address": {"a", "http://192.168.0.1/", "*"},
		"events":  {"a", r.URL, "users.*"},
		"name":    {"a\nb", r.URL, "*"},
	} {
		if _, _, err := x.s.Create(ctx, 1, ann, c[0], c[1], []string{c[2]}); registry.CodeOf(err) != registry.CodeInvalidValue {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
	h, _ := x.create(t, "", r.URL)
	if h.Name != "127.0.0.1" {
		t.Errorf("called %q", h.Name)
	}
	for _, what := range []string{h.Name, h.PublicID, h.URL} {
		if got, err := x.s.Find(ctx, 1, what); err != nil || got.ID != h.ID {
			t.Errorf("find %s: %+v, %v", what, got, err)
		}
	}
	if _, err := x.s.Find(ctx, 1, "nothing"); registry.CodeOf(err) != registry.CodeNotFound {
		t.Errorf("find nothing: %v", err)
	}
	got, err := x.s.Test(ctx, h, ann)
	if err != nil || got.State != registry.DeliveryFailed || got.Status != http.StatusTeapot {
		t.Errorf("test: %+v, %v", got, err)
	}
	if _, err := x.s.Rotate(ctx, h, ann, -time.Second); registry.CodeOf(err) != registry.CodeInvalidValue {
		t.Errorf("rotate with an overlap of less than nothing: %v", err)
	}
	if _, err := x.s.Update(ctx, h, ann, "ftp://x", nil); registry.CodeOf(err) != registry.CodeInvalidValue {
		t.Errorf("update: %v", err)
	}
	h, err = x.s.Disable(ctx, h, ann)
	if err != nil || h.Live() {
		t.Errorf("disable: %+v, %v", h, err)
	}
	if _, err := x.s.Replay(ctx, h, ann, "", time.Time{}); registry.CodeOf(err) != registry.CodeInvalidValue {
		t.Errorf("replay of a disabled one: %v", err)
	}
	if err := x.s.Delete(ctx, h, ann); err != nil || len(x.hooks[0].Secret) != 0 || x.hooks[0].DeletedAt.IsZero() {
		t.Errorf("deleted: %+v, %v", x.hooks[0], err)
	}
}

package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var hookRoutes = []route{
	{"GET /webhooks", auth.RightRead, "", (*Handlers).webhooks},
	{"POST /webhooks", auth.RightManage, "webhook.create", (*Handlers).createWebhook},
	{"GET /webhooks/{hook}", auth.RightRead, "", (*Handlers).webhook},
	{"GET /webhooks/{hook}/deliveries", auth.RightRead, "", (*Handlers).exportDeliveries},
	{"POST /webhooks/{hook}/change", auth.RightManage, "webhook.update", (*Handlers).changeWebhook},
	{"POST /webhooks/{hook}/enable", auth.RightManage, "webhook.enable", (*Handlers).enableWebhook},
	{"POST /webhooks/{hook}/disable", auth.RightManage, "webhook.disable", (*Handlers).disableWebhook},
	{"POST /webhooks/{hook}/rotate", auth.RightManage, "webhook.rotate", (*Handlers).rotateWebhook},
	{"POST /webhooks/{hook}/test", auth.RightOperate, "webhook.test", (*Handlers).testWebhook},
	{"POST /webhooks/{hook}/replay", auth.RightOperate, "webhook.replay", (*Handlers).replay},
	{"POST /webhooks/{hook}/delete", auth.RightManage, "webhook.delete", (*Handlers).deleteWebhook},
}

// hookForm is what is filled in about a webhook.
type hookForm struct {
	Name, URL, Events string
	Error             *web.Message
}

// webhooksView lists the addresses that are told of events.
type webhooksView struct {
	page
	Webhooks []registry.Webhook
	Events   []registry.EventType
	Form     hookForm
}

func (h *Handlers) webhooks(v *visit) { h.showWebhooks(v, hookForm{}) }

func (h *Handlers) showWebhooks(v *visit, form hookForm) {
	view := webhooksView{page: h.page(v), Events: registry.EventTypes(), Form: form}
	var err error
	if view.Webhooks, err = v.desk.Webhooks(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_webhooks", web.Say("admin.hook.title"), view)
}

func (h *Handlers) createWebhook(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	form := hookForm{Name: v.field("name"), URL: v.field("url"), Events: strings.Join(v.listed("events"), " ")}
	hook, secret, err := v.desk.CreateWebhook(v.ctx(), v.by(), form.Name, form.URL, v.listed("events"))
	if form.Error = v.refusal(err); form.Error != nil {
		h.showWebhooks(v, form)
		return
	}
	if err != nil {
		h.missing(v, err)
		return
	}
	v.written = true
	h.showWebhook(v, hook, func(view *webhookView) { view.New = &newSecret{Secret: secret} })
}

// webhookView is one webhook with what became of its events.
type webhookView struct {
	page
	*registry.Webhook
	Known      []registry.EventType
	Form       hookForm
	New        *newSecret
	Answer     *HookAnswer
	Confirm    *web.Message
	Deliveries []registry.Delivery
	Failed     bool
	Older      string
}

// Signs reports whether the former secret still signs.
func (v webhookView) Signs() bool { return v.FormerUntil.After(v.now) }

// Replays are how many hours back a replay may begin.
func (webhookView) Replays() []int { return replays }

var replays = []int{24, 1, 72, 168, 720}

// Payload is what was sent, on lines.
func (webhookView) Payload(d registry.Delivery) string { return string(d.Payload) }

// Over reports whether a delivery can be sent again.
func (webhookView) Over(d registry.Delivery) bool { return d.State != registry.DeliveryQueued }

func (h *Handlers) findWebhook(v *visit) (registry.Webhook, bool) {
	hook, err := v.desk.Webhook(v.ctx(), v.r.PathValue("hook"))
	if err != nil {
		h.missing(v, err)
	}
	return hook, err == nil
}

func (h *Handlers) webhook(v *visit) {
	if hook, ok := h.findWebhook(v); ok {
		h.showWebhook(v, hook, func(*webhookView) {})
	}
}

// showWebhook shows a webhook, with what a form that was sent adds to it.
func (h *Handlers) showWebhook(v *visit, hook registry.Webhook, add func(*webhookView)) {
	view := webhookView{
		page: h.page(v), Webhook: &hook, Known: registry.EventTypes(), Form: hookForm{URL: hook.URL, Events: strings.Join(hook.Events, " ")},
		Failed: v.r.URL.Query().Get("failed") != "",
	}
	q := registry.DeliveryQuery{Failed: view.Failed, Limit: perPage + 1}
	q.Before, _ = strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	var err error
	if view.Deliveries, err = v.desk.Deliveries(v.ctx(), hook, q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Deliveries) > perPage {
		view.Deliveries = view.Deliveries[:perPage]
		older := v.only("failed")
		older.Set("before", fmt.Sprint(view.Deliveries[perPage-1].ID))
		view.Older = view.To("webhooks", hook.PublicID) + "?" + older.Encode()
	}
	add(&view)
	h.show(v, "admin_webhook", web.Say("admin.hook.one", "Name", hook.Name), view)
}

func (h *Handlers) changeWebhook(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	form := hookForm{URL: v.field("url"), Events: strings.Join(v.listed("events"), " ")}
	err := v.desk.ChangeWebhook(v.ctx(), hook, v.by(), form.URL, v.listed("events"))
	if form.Error = v.refusal(err); form.Error != nil {
		h.showWebhook(v, hook, func(view *webhookView) { view.Form = form })
		return
	}
	v.written = err == nil
	h.did(v, err, "changed", "webhooks", hook.PublicID)
}

func (h *Handlers) enableWebhook(v *visit) { h.setWebhook(v, true, "hook_enabled") }

func (h *Handlers) disableWebhook(v *visit) { h.setWebhook(v, false, "hook_disabled") }

func (h *Handlers) setWebhook(v *visit, enabled bool, done string) {
	if hook, ok := h.findWebhook(v); ok {
		err := v.desk.EnableWebhook(v.ctx(), hook, v.by(), enabled)
		v.written = err == nil
		h.did(v, err, done, "webhooks", hook.PublicID)
	}
}

func (h *Handlers) rotateWebhook(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	overlap, ok := h.overlap(v)
	if !ok {
		return
	}
	secret, err := v.desk.RotateWebhook(v.ctx(), hook, v.by(), overlap)
	if err == nil {
		hook, err = v.desk.Webhook(v.ctx(), hook.PublicID)
	}
	if err != nil {
		h.did(v, err, "", "webhooks", hook.PublicID)
		return
	}
	v.written = true
	h.showWebhook(v, hook, func(view *webhookView) { view.New = &newSecret{Secret: secret} })
}

// testWebhook sends a test now and shows what was answered.
func (h *Handlers) testWebhook(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok {
		return
	}
	answer, err := v.desk.TestWebhook(v.ctx(), hook, v.by())
	if err != nil {
		h.did(v, err, "", "webhooks", hook.PublicID)
		return
	}
	v.written = true
	h.showWebhook(v, hook, func(view *webhookView) { view.Answer = &answer })
}

// replay sends one delivery again, or all that failed in the last hours.
func (h *Handlers) replay(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	hours, ok := v.chosen("hours", replays)
	if !ok {
		hours = slices.Min(replays)
	}
	n, err := v.desk.Replay(v.ctx(), hook, v.by(), v.field("delivery"), h.Now().Add(-time.Duration(hours)*time.Hour))
	v.written = err == nil && n > 0
	done := "replayed"
	if n == 0 {
		done = "replayed_none"
	}
	h.did(v, err, done, "webhooks", hook.PublicID)
}

// deleteWebhook ends a webhook for who typed its name.
func (h *Handlers) deleteWebhook(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if v.field("name") != hook.Name {
		v.outcome = registry.CodeInvalidValue
		h.showWebhook(v, hook, func(view *webhookView) { view.Confirm = web.Say("admin.confirm.wrong", "Name", hook.Name) })
		return
	}
	err := v.desk.DeleteWebhook(v.ctx(), hook, v.by())
	v.written = err == nil
	h.did(v, err, "deleted", "webhooks")
}

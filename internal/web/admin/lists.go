package admin

import (
	"net/http"

	"github.com/usherd/usher/internal/auth"
)

// listRoutes give whole lists that have no filters of their own.
var listRoutes = []route{
	{"GET /lists/{list}", auth.RightRead, "", (*Handlers).exportList},
}

// plainLists are those lists, by their pages' names, with their operations.
var plainLists = map[string]string{
	"sources": "listSources", "scim": "listConnections", "webhooks": "listWebhooks", "tokens": "listTokens",
}

// AsFile are the addresses of a list without filters as a file.
func (p page) AsFile(list string) struct{ CSV, JSON string } {
	at := p.To("lists", list)
	return struct{ CSV, JSON string }{at + "?format=csv", at + "?format=json"}
}

func (h *Handlers) exportList(v *visit) {
	operation, ok := plainLists[v.r.PathValue("list")]
	if !ok {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	h.export(v, Export{Operation: operation})
}

// Sent are the addresses of the deliveries that the filter leaves as a file.
func (v webhookView) Sent() struct{ CSV, JSON string } {
	at := v.To("webhooks", v.Webhook.PublicID, "deliveries") + "?"
	if v.Failed {
		at += "failed=1&"
	}
	return struct{ CSV, JSON string }{at + "format=csv", at + "format=json"}
}

// exportDeliveries gives what was sent to a webhook, as the page's filter leaves it.
func (h *Handlers) exportDeliveries(v *visit) {
	hook, ok := h.findWebhook(v)
	if !ok {
		return
	}
	q := v.only()
	if v.r.URL.Query().Get("failed") != "" {
		q.Set("failed", "true")
	}
	h.export(v, Export{Operation: "listDeliveries", Path: map[string]string{"webhook": hook.PublicID}, Query: q})
}

package admin

import (
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// guides say, by profile, how an identity provider's own pages are filled in: the
// words of its fields stand here as the provider writes them, the sentences in
// the words under admin.guide.<name>.<step>.
var guides = map[string]guide{
	"entra": {"entra", 7, "Microsoft Entra ID", []paste{{"Tenant URL", pasteURL}, {"Secret token", pasteToken}}, []pair{
		{"userName", "userPrincipalName"}, {"externalId", "objectId"}, {"active", "Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")"},
		{`emails[type eq "work"].value`, "mail"}, {"name.givenName", "givenName"}, {"name.familyName", "surname"}, {"displayName", "displayName"},
	}},
	"okta": {"okta", 6, "Okta", []paste{
		{"SCIM connector base URL", pasteURL}, {"Unique identifier field for users", "userName"}, {"Authentication Mode", "HTTP Header"}, {"Authorization", pasteToken},
	}, nil},
	"onelogin": {"onelogin", 6, "OneLogin", []paste{{"SCIM Base URL", pasteURL}, {"SCIM Bearer Token", pasteToken}}, []pair{
		{"userName", "{$parameters.scimusername}"}, {"externalId", "{$user.id}"}, {"name.givenName", "{$user.firstname}"},
		{"name.familyName", "{$user.lastname}"}, {"emails[0].value", "{$user.email}"},
	}},
	"google":    {"google", 5, "Google Workspace", []paste{{"Endpoint URL", pasteURL}, {"Access token", pasteToken}}, []pair{{"userName", "Primary email"}, {"name.givenName", "First name"}, {"name.familyName", "Last name"}}},
	"jumpcloud": {"jumpcloud", 5, "JumpCloud", []paste{{"SCIM Version", "SCIM 2.0"}, {"Base URL", pasteURL}, {"Token Key", pasteToken}}, nil},
	"ping": {"ping", 5, "PingOne", []paste{
		{"SCIM Base URL", pasteURL}, {"Users Resource", "/Users"}, {"Groups Resource", "/Groups"}, {"SCIM Version", "2.0"},
		{"Authentication Method", "OAuth 2 Bearer Token"}, {"OAuth Access Token", pasteToken}, {"User Filter Expression", `userName eq "%s"`},
	}, []pair{{"userName", "Username"}, {"externalId", "User ID"}}},
	"authentik": {"authentik", 4, "authentik", []paste{{"URL", pasteURL}, {"Token", pasteToken}}, nil},
	"sailpoint": {"sailpoint", 4, "SailPoint", []paste{{"Host URL", pasteURL}, {"Authentication Type", "API Token"}, {"API Token", pasteToken}}, nil},
}

// generic is the guide for everything else.
var generic = guide{"generic", 5, "SCIM 2.0", []paste{{"Base URL", pasteURL}, {"Bearer token", pasteToken}, {"Version", "2.0"}, {"Content-Type", "application/scim+json"}},
	[]pair{{"userName", ""}, {"externalId", ""}, {"active", ""}, {"emails[primary eq true].value", ""}}}

// guide is how one identity provider is set up.
type guide struct {
	Name string
	// Steps is how many there are; the last one is that people arrive.
	Steps int
	// Provider is what it calls itself.
	Provider string
	Paste    []paste
	// Mapping are attributes worth a look there, with what they should come from.
	Mapping []pair
}

// paste is a field at the provider and what goes in there.
type paste struct{ Field, Value string }

// pair is an attribute of SCIM and the provider's own.
type pair struct{ Attribute, From string }

// What is filled in for this connection.
const (
	pasteURL   = "\x00url"
	pasteToken = "\x00token"
)

// guideOf is the guide for a profile.
func guideOf(profile string) guide {
	if g, ok := guides[profile]; ok {
		return g
	}
	return generic
}

// guideView leads through the set-up of one connection.
type guideView struct {
	page
	Connection
	Guide    guide
	Steps    []string // keys of the words
	Paste    []pasted
	Ticks    []tick
	Done     int
	URL      string // of the SCIM server
	Token    bool   // a live token is there
	New      *newSecret
	TokenURL string
	Refused  []request
}

// pasted is a field at the provider with its value for this connection.
type pasted struct {
	Field, Value string
	// Secret is true for the token, of which Value is only there when it is new.
	Secret bool
}

// tick is something that real traffic shows.
type tick struct {
	Name string
	At   time.Time // zero for not yet
	// Mend is the key of the words that say what to do at the provider.
	Mend string
}

// ticksOf are what traffic has shown, in the order in which it comes.
func ticksOf(g guide, t registry.ScimTraffic) []tick {
	out := []tick{{Name: "request", At: t.Request}, {Name: "lookup", At: t.Lookup}, {Name: "user", At: t.User}, {Name: "group", At: t.Group}, {Name: "leaver", At: t.Leaver}}
	for i, x := range out {
		out[i].Mend = "admin.guide.mend." + x.Name
		if own := g.Name + "." + x.Name; ownMends[own] {
			out[i].Mend = "admin.guide.mend." + own
		}
	}
	return out
}

// ownMends are the ticks for which a provider's guide has words of its own.
var ownMends = map[string]bool{
	"entra.user": true, "entra.group": true, "entra.leaver": true, "okta.user": true, "okta.group": true, "google.group": true, "jumpcloud.user": true,
}

func (h *Handlers) guide(v *visit) {
	if c, ok := h.findConnection(v); ok {
		h.showGuide(v, c, "")
	}
}

// showGuide shows the guide, with a token that was made now in the place where it
// is to be pasted.
func (h *Handlers) showGuide(v *visit, c Connection, secret string) {
	g := guideOf(c.Profile)
	view := guideView{page: h.page(v), Connection: c, Guide: g, TokenURL: v.desk.TokenURL()}
	traffic, err := v.desk.Traffic(v.ctx(), c.Origin.ID)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	tokens, err := v.desk.Tokens(v.ctx(), c.Origin.ID)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	const latest = 3
	refused, err := v.desk.Requests(v.ctx(), registry.ScimRequestQuery{Origin: c.Origin.ID, Failed: true, Limit: latest})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	for _, r := range refused {
		view.Refused = append(view.Refused, request{r, fixOf(r)})
	}
	for _, k := range tokens {
		view.Token = view.Token || k.Live(view.now)
	}
	for i := range g.Steps {
		view.Steps = append(view.Steps, fmt.Sprintf("admin.guide.%s.%d", g.Name, i+1))
	}
	view.URL = v.desk.ScimURL()
	view.Paste = fill(g.Paste, view.URL, secret)
	view.Ticks = ticksOf(g, traffic)
	for _, t := range view.Ticks {
		if !t.At.IsZero() {
			view.Done++
		}
	}
	if secret != "" {
		view.New = &newSecret{Secret: secret}
	}
	h.show(v, "admin_guide", web.Say("admin.guide.title", "Name", c.Origin.Key), view)
}

// fill puts a connection's values in the places for them.
func fill(list []paste, url, secret string) []pasted {
	out := make([]pasted, len(list))
	for i, p := range list {
		out[i] = pasted{Field: p.Field, Value: p.Value}
		switch p.Value {
		case pasteURL:
			out[i].Value = url
		case pasteToken:
			out[i].Value, out[i].Secret = secret, true
		}
	}
	return out
}

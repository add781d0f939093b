package openid

import (
	"slices"
	"strings"
)

// Claims are what a provider says of a person (OpenID Connect Core section 5.1).
type Claims struct {
	// Subject identifies the person at the provider, for good.
	Subject string
	// Email is an address, verified or not: who decides something by it looks at
	// EmailVerified, which is false where the provider says nothing.
	Email         string
	EmailVerified bool
	// UserName is the name the person goes by there, if any.
	UserName                           string
	DisplayName, GivenName, FamilyName string
	Locale, Timezone                   string
	// Factor says that the person showed a second factor at the provider.
	Factor bool

	raw map[string]any
}

func (p *Provider) claims(raw map[string]any) Claims {
	text := func(name string) string {
		v, _ := raw[name].(string)
		return v
	}
	c := Claims{
		Subject: text("sub"), Email: text("email"), UserName: text("preferred_username"),
		DisplayName: text("name"), GivenName: text("given_name"), FamilyName: text("family_name"),
		Locale: text("locale"), Timezone: text("zoneinfo"), raw: raw,
	}
	// Some providers write the truth as a string.
	c.EmailVerified = raw["email_verified"] == true || raw["email_verified"] == "true"
	c.Factor = slices.Contains(p.cfg.ACR, text("acr")) ||
		slices.ContainsFunc(c.Values("amr"), func(v string) bool { return slices.Contains(p.cfg.AMR, v) })
	return c
}

// Values are the texts of a claim, one or a list of them; a dot leads into a
// claim that holds others, as in realm_access.roles.
func (c Claims) Values(claim string) []string {
	var at any = c.raw
	for _, part := range parts(c.raw, claim) {
		m, _ := at.(map[string]any)
		at = m[part]
	}
	switch v := at.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// parts splits a claim's name at its dots, unless there is a claim of that very
// name, as there is where names are addresses.
func parts(raw map[string]any, claim string) []string {
	if _, ok := raw[claim]; ok {
		return []string{claim}
	}
	return strings.Split(claim, ".")
}

package config

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// operatorsKey is the company whose people run the installation. Nobody else may
// have the name; registry.OperatorsKey is the same.
const operatorsKey = "operators"

// SecondFactor says whether whoever has rights must show a second factor.
type SecondFactor string

// The answers to second_factor.
const (
	FactorRequired SecondFactor = "required"
	FactorOptional SecondFactor = "optional"
)

// SignIn is how people of one company sign in with identity providers.
type SignIn struct {
	// Password is on or off; "" is on.
	Password  string              `yaml:"password"`
	Providers map[string]Provider `yaml:"providers"`
}

// Provider is an OpenID Connect provider.
type Provider struct {
	// Name is on the button; the key when not written.
	Name     string        `yaml:"name"`
	Issuer   string        `yaml:"issuer"`
	ClientID string        `yaml:"client_id"`
	Secret   *ClientSecret `yaml:",inline" json:"-"`
	Scopes   []string      `yaml:"scopes"`
	// People says who may come in: existing people only, or whoever the provider
	// knows.
	People People `yaml:"people"`
	// Match lists what ties people to the provider's: subject, which always does,
	// and email_verified.
	Match []string `yaml:"match"`
	// Roles are the rights that a claim gives; none leaves rights alone.
	Roles Roles `yaml:"roles"`
	// Factor says which claims stand for a second factor.
	Factor FactorClaims `yaml:"second_factor"`
}

// ClientSecret is the secret of a client; a public one has none.
type ClientSecret struct {
	Value Secret `yaml:"client_secret"`
	File  string `yaml:"client_secret_file"`
}

// People says whom a provider lets in.
type People string

// The answers to people.
const (
	PeopleExisting People = "existing"
	PeopleCreate   People = "create"
)

// The ways to tie people.
const (
	MatchSubject = "subject"
	MatchMail    = "email_verified"
)

// Roles are the values of a claim that give rights; a right without values stays
// as it was given by hand.
type Roles struct {
	Claim    string   `yaml:"claim"`
	Admin    []string `yaml:"admin"`
	Auditor  []string `yaml:"auditor"`
	Approver []string `yaml:"approver"`
}

// Set reports whether the provider gives any right.
func (r Roles) Set() bool { return len(r.Admin)+len(r.Auditor)+len(r.Approver) > 0 }

// FactorClaims are the values of acr and amr (OpenID Connect Core section 2) that
// stand for a second factor.
type FactorClaims struct {
	ACR []string `yaml:"acr"`
	AMR []string `yaml:"amr"`
}

// shape makes a provider with its defaults.
func (p *Provider) shape(string) error { //nolint:unparam // as the loader calls all of its kind
	*p = Provider{Secret: &ClientSecret{}, Scopes: []string{"openid", "profile", "email"}, People: PeopleExisting}
	return nil
}

// completeSignIn fills in what follows from other settings.
func (c *Config) completeSignIn() {
	c.SecondFactor = cmp.Or(c.SecondFactor, FactorRequired)
	for _, s := range c.OIDC {
		for key, p := range s.Providers {
			p.Name = cmp.Or(p.Name, key)
			s.Providers[key] = p
		}
	}
}

func (c *Config) providerTwins() (all []twin) {
	upper := func(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }
	for company, s := range c.OIDC {
		for key, p := range s.Providers {
			all = append(all, twin{
				"oidc." + company + ".providers." + key + ".client_secret", &p.Secret.Value, p.Secret.File,
				"USHER_OIDC_" + upper(company) + "_" + upper(key) + "_CLIENT_SECRET",
			})
		}
	}
	return all
}

func (v *validator) signIn() {
	if v.SecondFactor != "" {
		v.oneOf("second_factor", string(v.SecondFactor), string(FactorRequired), string(FactorOptional))
	}
	if _, taken := v.Companies[operatorsKey]; taken {
		v.bad("companies."+operatorsKey, "the name is kept for those who run the installation", "choose another; `usher operator create` makes operators")
	}
	for _, company := range slices.Sorted(maps.Keys(v.OIDC)) {
		path, s := "oidc."+company, v.OIDC[company]
		if _, ok := v.Companies[company]; !ok && company != operatorsKey {
			v.bad(path, "there is no company "+company, "write a company's key, or "+operatorsKey)
		}
		if s.Password != "" {
			v.oneOf(path+".password", s.Password, "on", "off")
		}
		if s.Password == "off" && len(s.Providers) == 0 {
			v.bad(path+".password", "nobody could sign in without a password: there is no provider", "add one under providers, or write on")
		}
		for _, key := range slices.Sorted(maps.Keys(s.Providers)) {
			v.provider(path+".providers."+key, company, key, s.Providers[key])
		}
	}
}

func (v *validator) provider(path, company, key string, p Provider) {
	v.key(path, key)
	u, err := url.Parse(p.Issuer)
	switch {
	case !v.need(path+".issuer", p.Issuer, "write it as the provider does, as in https://login.example.com"):
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		v.bad(path+".issuer", "not an issuer", "write it as the provider does, as in https://login.example.com")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		v.bad(path+".issuer", "sign-ins would travel unencrypted", "use https; http is for this machine only")
	}
	v.need(path+".client_id", p.ClientID, "the provider gave it when usher was registered there")
	if !slices.Contains(p.Scopes, "openid") {
		v.bad(path+".scopes", "openid is missing, without which there is no sign-in", "add it")
	}
	v.oneOf(path+".people", string(p.People), string(PeopleExisting), string(PeopleCreate))
	for _, m := range p.Match {
		v.oneOf(path+".match", m, MatchSubject, MatchMail)
	}
	if p.Roles.Set() && p.Roles.Claim == "" {
		v.bad(path+".roles.claim", "missing", "name the claim that holds the values, as in groups")
	}
	if company == operatorsKey && (p.People == PeopleCreate || p.Roles.Set()) {
		v.bad(path, "a provider makes no operators", "make them with `usher operator create`; remove people and roles here")
	}
}

package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/admin"
)

// facts are settings on their way to a page; what is not set is left out.
type facts struct {
	at  string // where in the file the settings stand, "" for its top
	all []admin.Fact
}

func (f *facts) add(path string, x admin.Fact) {
	x.Path = strings.Trim(f.at+"."+path, ".")
	x.Name = cmp.Or(x.Name, strings.ReplaceAll(path, ".", "_"))
	f.all = append(f.all, x)
}

// text is a value as it was written.
func (f *facts) text(path string, values ...string) {
	if v := strings.Join(values, ", "); v != "" {
		f.add(path, admin.Fact{Value: v})
	}
}

// word is one of the answers that a setting knows.
func (f *facts) word(path, answer string) {
	if answer != "" {
		name := strings.ReplaceAll(path, ".", "_")
		f.add(path, admin.Fact{Say: web.Say("admin.set." + name + "." + answer)})
	}
}

// flag is a yes or a no.
func (f *facts) flag(path string, on bool) {
	f.add(path, admin.Fact{Say: web.Say(map[bool]string{true: "admin.set.yes", false: "admin.set.no"}[on])})
}

// span is a length of time; zero is what the word says.
func (f *facts) span(path string, d time.Duration, zero string) {
	if d == 0 {
		f.add(path, admin.Fact{Say: web.Say("admin.set." + zero)})
		return
	}
	f.add(path, admin.Fact{Span: d})
}

// limit is a threshold of the guard.
func (f *facts) limit(path string, l config.Limit) {
	f.add(path, admin.Fact{Say: web.Say("admin.set.limit", "Records", l.Count, "Percent", l.Percent, "Floor", l.Floor)})
}

// inWords is what the file says of a source, its secrets left out.
func (s *source) inWords(key string) []admin.Fact {
	c := s.cfg
	f := &facts{at: "sources." + key}
	f.word("kind", string(c.Kind))
	f.text("schedule", c.Schedule)
	if c.LDAP != nil {
		f.ldap(c.LDAP)
	}
	if c.Entra != nil {
		f.entra(c.Entra)
	}
	for _, r := range c.Join {
		f.text("join", strings.TrimRight(r.Attribute+" = "+r.Value, " ="))
	}
	f.text("kind_of_user", c.KindOfUser)
	f.text("department", c.Department)
	f.text("contract", c.Contract)
	f.text("protect", c.Protect)
	f.word("policy", string(c.Policy))
	f.word("on_missing", string(c.OnMissing))
	f.span("delete_after", time.Duration(c.DeleteAfter), "never")
	f.word("on_recreate", string(c.OnRecreate))
	f.word("setup_mail", string(c.SetupMail))
	f.span("full_read_every", time.Duration(c.FullReadEvery), "always")
	f.limit("guard.deactivate", c.Guard.Deactivate)
	f.limit("guard.group_delete", c.Guard.GroupDelete)
	f.limit("guard.membership_remove", c.Guard.MembershipRemove)
	return f.all
}

func (f *facts) ldap(l *config.LDAP) {
	f.text("url", l.URLs...)
	f.flag("starttls", l.StartTLS)
	f.text("bind_dn", l.BindDN)
	f.text("users.base", l.Users.Base)
	f.text("users.filter", l.Users.Filter)
	f.text("users.scope", l.Users.Scope)
	f.text("users.anchor", l.Users.Anchor)
	f.text("groups.base", l.Groups.Base)
	f.text("groups.filter", l.Groups.Filter)
	f.text("groups.scope", l.Groups.Scope)
	if l.Groups.Base != "" {
		f.word("groups.nested", string(l.Groups.Nested))
	}
}

func (f *facts) entra(e *config.Entra) {
	f.text("tenant_id", e.TenantID)
	f.text("client_id", e.ClientID)
	f.text("cloud", cmp.Or(e.Cloud.Graph, e.Cloud.Name))
	f.text("user_types", e.UserTypes...)
	f.text("users.scope", e.Users.Scope)
	f.text("groups.ids", e.Groups.IDs...)
	f.text("groups.scope", e.Groups.Scope)
	f.word("groups.nested", string(e.Groups.Nested))
}

// inExpressions are the mapping as it was written, in the order of the catalogue.
func (s *source) inExpressions() (out []admin.Setting) {
	for _, def := range registry.AttributeDefs() {
		if x := s.expression(def.Name); x != "" {
			out = append(out, admin.Setting{Name: def.Name, Value: x})
		}
	}
	return out
}

// Settings implements admin.Desk.
func (c *console) Settings(whole bool) []admin.Chapter {
	cfg := c.server.Config
	out := []admin.Chapter{{Name: "company", Settings: c.ofCompany(cfg)}, {Name: "signin", Settings: c.ofSignIn(cfg)}, {Name: "doors", Settings: c.ofDoors(cfg)}}
	if whole {
		out = append(out, admin.Chapter{Name: "installation", Settings: ofInstallation(cfg)}, admin.Chapter{Name: "mail", Settings: ofMail(cfg)})
	}
	return out
}

func (c *console) ofCompany(cfg *config.Config) []admin.Fact {
	own := cfg.Companies[c.company.Key]
	f := &facts{at: "companies." + c.company.Key}
	f.text("name", c.company.Name)
	f.word("locale", c.company.Locale)
	if c.ByHand() { // its name and language stand in no file
		for i := range f.all {
			f.all[i].Path = ""
		}
	}
	f.span("retention", cfg.RetentionOf(c.company.Key), "for_ever")
	if own.Digest == "" {
		f.add("digest", admin.Fact{Say: web.Say("admin.set.no")})
	} else {
		f.text("digest", own.Digest)
		f.flag("digest_empty", own.DigestEmpty)
	}
	return f.all
}

func (c *console) ofSignIn(cfg *config.Config) []admin.Fact {
	f := &facts{}
	f.word("second_factor", cmp.Or(string(cfg.SecondFactor), string(config.FactorRequired)))
	f.flag("registration.users", cfg.Registration.Users)
	f.flag("registration.staff", cfg.Registration.Staff)
	own := cfg.OIDC[c.company.Key]
	f.at = "oidc." + c.company.Key
	f.flag("password", own.Password != "off")
	for _, key := range slices.Sorted(maps.Keys(own.Providers)) {
		p := own.Providers[key]
		f.add("providers."+key, admin.Fact{Name: "provider", Value: cmp.Or(p.Name, key) + ": " + p.Issuer})
	}
	return f.all
}

func (c *console) ofDoors(cfg *config.Config) []admin.Fact {
	f := &facts{}
	for _, key := range slices.Sorted(maps.Keys(cfg.Sources)) {
		if s := cfg.Sources[key]; s.Company == c.company.Key {
			f.add("sources."+key, admin.Fact{Name: "source", Value: key + " (" + string(s.Kind) + ")"})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(cfg.Intake.Recipients)) {
		if cfg.Intake.Recipients[address] == c.company.Key {
			f.add("intake.recipients", admin.Fact{Name: "recipient", Value: address})
		}
	}
	for _, tenant := range slices.Sorted(maps.Keys(cfg.Teams.Tenants)) {
		if cfg.Teams.Tenants[tenant] == c.company.Key {
			f.add("teams.tenants", admin.Fact{Name: "teams", Value: tenant})
		}
	}
	f.span("contacts.idle", time.Duration(cfg.Contacts.Idle), "never")
	return f.all
}

func ofInstallation(cfg *config.Config) []admin.Fact {
	f := &facts{}
	f.text("public_url", cfg.PublicURL)
	f.text("listen", cfg.Listen)
	f.text("telemetry", cfg.Telemetry)
	f.text("database", cfg.Database.String())
	f.flag("tls", cfg.TLS.CertFile != "")
	for _, p := range cfg.TrustedProxies {
		f.text("trusted_proxies", p.String())
	}
	for _, p := range cfg.Webhooks.Allow {
		f.text("webhooks.allow", p.String())
	}
	f.span("retention", time.Duration(cfg.Retention), "for_ever")
	return f.all
}

func ofMail(cfg *config.Config) []admin.Fact {
	f := &facts{}
	f.text("mail.from", cfg.Mail.From)
	f.text("mail.smtp", cfg.Mail.SMTP.String())
	f.text("mail.user", cfg.Mail.SMTP.Username)
	if r := cfg.Mail.Rate; r.Count > 0 {
		f.text("mail.rate", fmt.Sprintf("%d / %s", r.Count, r.Per))
	}
	return f.all
}

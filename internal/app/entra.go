package app

import (
	"regexp"
	"strings"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/registry"
	port "github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
)

// entraAttributes are what becomes of a user of Entra ID where the file does not
// say it: the properties are the same in every tenant, unlike those of LDAP.
var entraAttributes = map[string]string{
	registry.AttrUserName: "userPrincipalName", registry.AttrDisplayName: "displayName", registry.AttrGivenName: "givenName",
	registry.AttrFamilyName: "surname", registry.AttrEmails: "mail", registry.AttrPhone: "businessPhones", registry.AttrMobile: "mobilePhone",
	registry.AttrTitle: "jobTitle", registry.AttrDepartment: "department", registry.AttrOrganization: "companyName",
	registry.AttrEmployeeNumber: "employeeId", registry.AttrLocale: "preferredLanguage",
}

// entraMapping is the mapping of the file, or the usual one.
func entraMapping(e *config.Entra) map[string]config.Attribute {
	if len(e.Users.Attributes) > 0 {
		return e.Users.Attributes
	}
	out := make(map[string]config.Attribute, len(entraAttributes))
	for name, property := range entraAttributes {
		out[name] = config.Attribute{Value: property}
	}
	return out
}

// compileEntra makes the reader and the mapper of a source of kind entra.
func compileEntra(key string, cfg config.Source) (port.Source, *mapping.Mapper, error, error) {
	e := cfg.Entra
	attributes := expressions(entraMapping(e))
	mapper, mapErr := mapping.Compile(mapping.Spec{
		Source: key, Attributes: attributes, Scope: e.Users.Scope, Groups: map[string]string{registry.AttrDisplayName: "displayName"},
		KindOfUser: cfg.KindOfUser, Department: cfg.Department, Contract: cfg.Contract, Protect: cfg.Protect, Join: joinRules(cfg.Join),
		GroupScope: e.Groups.Scope, GroupMap: groupMap(e.Groups.Map), OnlyMapped: e.Groups.OnlyMapped,
	})
	c := entra.Config{
		Name: key, Cloud: entra.Cloud{Name: e.Cloud.Name, Authority: e.Cloud.Authority, Graph: e.Cloud.Graph, CAFile: e.Cloud.CAFile},
		TenantID: e.TenantID, ClientID: e.ClientID, CertificateFile: e.CertificateFile,
		ManagedIdentity: e.ManagedIdentity, WorkloadIdentity: e.WorkloadIdentity,
		Groups: e.Groups.IDs, Nested: e.Groups.Nested != config.NestedIgnore, UserTypes: e.UserTypes,
	}
	if e.ClientSecret.IsSet() {
		c.ClientSecret = entra.Secret(e.ClientSecret.Reveal())
	}
	if e.CertificatePassword.IsSet() {
		c.CertificatePassword = entra.Secret(e.CertificatePassword.Reveal())
	}
	if mapper != nil {
		texts := []string{e.Users.Scope, e.Groups.Scope, cfg.KindOfUser, cfg.Department, cfg.Contract, cfg.Protect}
		for _, rule := range cfg.Join {
			texts = append(texts, rule.Value)
		}
		for _, text := range attributes {
			texts = append(texts, text)
		}
		c.Properties, c.GroupProperties = spelled(mapper.Wants(), texts), spelled(mapper.GroupWants(), texts)
	}
	reader, err := entra.New(c)
	if err != nil {
		return nil, nil, mapErr, err
	}
	return reader, mapper, mapErr, nil
}

// extensionName is a directory extension's whole name, with the id of the
// application that owns it.
var extensionName = regexp.MustCompile(`(?i)\bextension_[0-9a-f]{32}_\w+`)

// spelled gives directory extensions the spelling they have in the expressions:
// Graph minds it, and a mapper does not keep it.
func spelled(wants, expressions []string) []string {
	as := map[string]string{}
	for _, text := range expressions {
		for _, name := range extensionName.FindAllString(text, -1) {
			as[strings.ToLower(name)] = name
		}
	}
	out := make([]string, len(wants))
	for i, w := range wants {
		if out[i] = w; as[w] != "" {
			out[i] = as[w]
		}
	}
	return out
}

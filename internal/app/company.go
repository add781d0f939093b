package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// longestCompany is how many letters a company's name may have.
const longestCompany = 120

// ByHand implements admin.Desk.
func (c *console) ByHand() bool { return c.server.byHandOnly(c.company.Key) }

// byHandOnly reports whether a company is none of the configuration file, and no
// operators' either.
func (c *Core) byHandOnly(key string) bool {
	_, ofFile := c.Config.Companies[key]
	return !ofFile && key != registry.OperatorsKey
}

// ChangeCompany implements admin.Desk.
func (c *console) ChangeCompany(ctx context.Context, name, locale string, d registry.Deed) error {
	return refused(c.server.Core.ChangeCompany(ctx, c.company, name, locale, d))
}

// ChangeCompany gives a company that is not of the configuration file another name
// and language. What the file says of a company is changed there.
func (c *Core) ChangeCompany(ctx context.Context, company registry.Company, name, locale string, d registry.Deed) error {
	name = strings.TrimSpace(name)
	switch {
	case !c.byHandOnly(company.Key):
		return registry.Refuse(registry.CodeInvalidValue, "the company is of the configuration file; change companies.%s there", company.Key)
	case name == "" || utf8.RuneCountInString(name) > longestCompany || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return registry.Refuse(registry.CodeInvalidValue, "a company's name has between 1 and %d letters", longestCompany)
	case !slices.ContainsFunc(web.Languages(), func(l web.Language) bool { return l.Code == locale }):
		return registry.Refuse(registry.CodeInvalidValue, "%q is none of the languages that pages and mails speak", locale)
	}
	d.Action, d.Subject = "company.change", "company "+company.Key
	d.Detail = map[string]string{}
	if name != company.Name {
		d.Detail["name"], d.Detail["was_name"] = name, company.Name
	}
	if locale != company.Locale {
		d.Detail["locale"], d.Detail["was_locale"] = locale, company.Locale
	}
	if len(d.Detail) == 0 {
		return nil
	}
	if err := c.Store.For(company.ID).ChangeCompany(ctx, name, locale, d); err != nil {
		return fmt.Errorf("change company %s: %w", company.Key, err)
	}
	return nil
}

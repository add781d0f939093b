package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/usherd/usher/internal/registry"
)

// TXTResolver looks TXT records up; a *net.Resolver is one.
type TXTResolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// The record that proves a domain: a TXT record at this name below it, with the
// challenge behind this word. It stands beside the domain, not on it, where others
// keep theirs.
const (
	proofHost = "_usher-challenge."
	proofWord = "usher-domain="
)

// DomainRecord is the record that a domain has to have.
func DomainRecord(d registry.Domain) (name, value string) {
	return proofHost + d.Name, proofWord + d.Challenge
}

// AddDomain writes down that a company says a domain is its own.
func (c *Core) AddDomain(ctx context.Context, company registry.CompanyID, actor, name string) (registry.Domain, error) {
	ascii, err := domainName(name)
	if err != nil {
		return registry.Domain{}, err
	}
	return c.Store.For(company).AddDomain(ctx, ascii, strings.ToLower(rand.Text()), actor)
}

// CheckDomain looks for a domain's record. Once it is there, the domain is the
// company's and the company is vouched for. It reports whether it was there.
func (c *Core) CheckDomain(ctx context.Context, r TXTResolver, company registry.CompanyID, actor, name string) (bool, error) {
	ascii, err := domainName(name)
	if err != nil {
		return false, err
	}
	tenant := c.Store.For(company)
	all, err := tenant.Domains(ctx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(d registry.Domain) bool { return d.Name == ascii })
	if i < 0 {
		return false, mistake("the company has not said that %s is its own; `usher domain add` does that", ascii)
	}
	host, value := DomainRecord(all[i])
	found, err := r.LookupTXT(ctx, host)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		found, err = nil, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up %s: %w", host, err)
	}
	proven := slices.ContainsFunc(found, func(txt string) bool { return strings.TrimSpace(txt) == value })
	return proven, tenant.CheckedDomain(ctx, ascii, proven, actor)
}

// domainName is a mail domain in its ASCII form.
func domainName(name string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if err != nil || !strings.Contains(ascii, ".") {
		return "", mistake("%q is no mail domain; write it as in example.com", name)
	}
	return strings.ToLower(ascii), nil
}

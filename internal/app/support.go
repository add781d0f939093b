package app

import (
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/config"
)

// Support is what a doctor found as a text to show to strangers: without names
// of people, machines, companies or sources, addresses, and secrets.
func Support(cfg *config.Config, version string, findings []Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usher %s, %s, %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if cfg != nil {
		kinds := map[config.SourceKind]int{}
		for _, s := range cfg.Sources {
			kinds[s.Kind]++
		}
		fmt.Fprintf(&b, "database %s; companies %d; sources: ldap %d, entra %d; own TLS %t; trusted proxies %d; tracing %t\n\n",
			cfg.Database.Driver, len(cfg.Companies), kinds[config.KindLDAP], kinds[config.KindEntra], cfg.TLS.CertFile != "", len(cfg.TrustedProxies), cfg.Tracing.On())
	}
	hide := masker(cfg)
	for _, f := range findings {
		fmt.Fprintf(&b, "%2d %-7s %s: %s\n", f.Number, f.State, hide(f.Name.String()), hide(f.Says.String()))
	}
	return b.String()
}

// Shapes of what tells who somebody is, in the order they are looked for.
var (
	maskDN   = regexp.MustCompile(`(?i)\b(?:cn|ou|dc|uid|o|l|c)=[^,;"\n]+(?:,\s*(?:cn|ou|dc|uid|o|l|c)=[^,;:"\n]+)*`)
	maskMail = regexp.MustCompile(`[^\s<>"(),:;]+@[^\s<>"(),:;]+`)
	maskURL  = regexp.MustCompile(`\b([a-z][a-z0-9+]*)://[^\s"';,)]+`)
	maskIP   = regexp.MustCompile(`\[?[0-9a-fA-F:.]{3,}\]?(?::\d+)?`)
	maskHost = regexp.MustCompile(`\b[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)*\.[a-zA-Z]{2,}\b`)
	maskPath = regexp.MustCompile(`(?:[\w.-]*/)+([\w.-]+)`)
	ownNames = regexp.MustCompile(`^(?:public_url|mail|tls|sources?|secret_key_file|database)\.[a-z_.]+$`)
)

// masker makes a function that hides names: those of the configuration, and all
// that look like one.
func masker(cfg *config.Config) func(string) string {
	var names []string
	if cfg != nil {
		for key, c := range cfg.Companies {
			names = append(names, key, c.Name)
		}
		for key := range cfg.Sources {
			names = append(names, key)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // the longer first: one may be a part of another
	var known *regexp.Regexp
	if names = slices.DeleteFunc(names, func(s string) bool { return s == "" }); len(names) > 0 {
		for i := range names {
			names[i] = regexp.QuoteMeta(names[i])
		}
		known = regexp.MustCompile(`(?i)(^|[^\pL\pN])(` + strings.Join(names, "|") + `)($|[^\pL\pN])`)
	}
	return func(s string) string {
		s = maskURL.ReplaceAllString(s, "$1://HOST")
		s = maskDN.ReplaceAllString(s, "DN")
		s = maskMail.ReplaceAllString(s, "ADDRESS")
		s = maskIP.ReplaceAllStringFunc(s, hideIP)
		s = maskPath.ReplaceAllString(s, "PATH")
		s = maskHost.ReplaceAllStringFunc(s, func(name string) string {
			if ownNames.MatchString(name) {
				return name
			}
			return "HOST"
		})
		if known != nil {
			for range 2 { // names that share what is between them are found one after the other
				s = known.ReplaceAllString(s, "${1}NAME${3}")
			}
		}
		return s
	}
}

// hideIP hides what is an address; times and numbers look alike.
func hideIP(s string) string {
	bare := strings.Trim(s, "[].:")
	if _, err := netip.ParseAddr(bare); err == nil {
		return "IP"
	}
	if _, err := netip.ParseAddrPort(strings.TrimRight(s, ".:")); err == nil {
		return "IP"
	}
	return s
}

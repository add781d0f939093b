package webhooks

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/usherd/usher/internal/registry"
)

// longestURL is how long a webhook's address may be.
const longestURL = 2048

// Gate decides which addresses are spoken to. Private networks, and http, are for
// the networks that the installation allows by name.
type Gate struct{ allow []netip.Prefix }

// NewGate makes a gate that lets requests into these networks besides the public
// ones.
func NewGate(allow []netip.Prefix) Gate { return Gate{allow} }

// CheckURL says what is wrong with an address for a webhook. A name is judged
// again, by what it resolves to, whenever it is dialled.
func (g Gate) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > longestURL:
		return registry.Errorf("the address is longer than %d characters", longestURL)
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return registry.Errorf("it is not an address; write it as https://host/path")
	case u.Scheme != "https" && u.Scheme != "http":
		return registry.Errorf("%q is not a scheme for webhooks; use https", u.Scheme)
	case u.Scheme == "http" && len(g.allow) == 0:
		return registry.Errorf("use https; http is only for the networks under `webhooks.allow` in the configuration file")
	case u.User != nil:
		return registry.Errorf("leave user and password out of the address: requests are signed")
	case u.Fragment != "":
		return registry.Errorf("leave out what follows the #: it is never sent")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil { // a name
		ip = netip.Addr{}
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	if !ip.IsValid() {
		if len(g.allow) == 0 && !sanePort(port) {
			return portError(port)
		}
		return nil
	}
	return g.Judge(netip.AddrPortFrom(ip, port), u.Scheme == "https")
}

func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		return map[string]uint16{"https": 443, "http": 80}[u.Scheme], nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return 0, registry.Errorf("%s is no port", u.Port())
	}
	return uint16(port), nil
}

// Judge says why an address is not spoken to, nil if it is. It is asked with what
// a name resolved to, for each connection.
func (g Gate) Judge(to netip.AddrPort, secure bool) error {
	ip := to.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	switch {
	case !public(ip):
		return registry.Errorf("%s is no public address; allow its network under `webhooks.allow` if it is meant", ip)
	case !secure:
		return registry.Errorf("%s would be spoken to without encryption; use https", ip)
	case !sanePort(to.Port()):
		return portError(to.Port())
	}
	return nil
}

// sanePort keeps requests from services that were not made for them: those with a
// well-known port.
func sanePort(port uint16) bool { return port == 443 || port == 80 || port >= 1024 }

func portError(port uint16) error {
	return registry.Errorf("port %d is somebody else's; use 443 or one above 1023", int(port))
}

// public reports whether an address belongs to the internet at large. A network
// that stands for another one, as NAT64 does, is no way around the rest.
func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return false
	}
	return !slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(ip) })
}

// special are the networks of IANA's special-purpose registries that package
// netip does not know, and the addresses of clouds that answer a machine with its
// own credentials and look public.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),        // this network
		netip.MustParsePrefix("100.64.0.0/10"),    // carriers' NAT, and Alibaba's metadata
		netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments, and Oracle's metadata
		netip.MustParsePrefix("192.0.2.0/24"),     // documentation
		netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),  // documentation
		netip.MustParsePrefix("203.0.113.0/24"),   // documentation
		netip.MustParsePrefix("240.0.0.0/4"),      // reserved, and broadcast
		netip.MustParsePrefix("168.63.129.16/32"), // Azure's host
		netip.MustParsePrefix("::/96"),            // IPv4 in the oldest disguise
		netip.MustParsePrefix("::ffff:0:0:0/96"),  // IPv4-translated
		netip.MustParsePrefix("64:ff9b::/96"),     // NAT64
		netip.MustParsePrefix("64:ff9b:1::/48"),   // NAT64, local
		netip.MustParsePrefix("100::/64"),         // discard
		netip.MustParsePrefix("2001::/23"),        // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("2002::/16"),        // 6to4
		netip.MustParsePrefix("3fff::/20"),        // documentation
		netip.MustParsePrefix("5f00::/16"),        // segment routing
		netip.MustParsePrefix("fec0::/10"),        // site-local
	}
}

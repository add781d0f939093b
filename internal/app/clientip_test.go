package app

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer, forwarded, want string
	}{
		"direct":                       {"203.0.113.9:4711", "", "203.0.113.9"},
		"a stranger's claim":           {"203.0.113.9:4711", "198.51.100.1", "203.0.113.9"},
		"one proxy":                    {"10.1.1.1:80", "198.51.100.1", "198.51.100.1"},
		"a claim before a proxy":       {"10.1.1.1:80", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
		"two proxies":                  {"10.1.1.1:80", "198.51.100.1, 10.2.2.2", "198.51.100.1"},
		"nonsense from a proxy":        {"10.1.1.1:80", "unknown", "10.1.1.1"},
		"an address in the other form": {"[::ffff:10.1.1.1]:80", "2001:db8::1", "2001:db8::1"},
		"no forwarding":                {"10.1.1.1:80", "", "10.1.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := clientIP(trusted)(r).String(); got != c.want {
				t.Errorf("client of %s via %q is %s, want %s", c.peer, c.forwarded, got, c.want)
			}
		})
	}
}

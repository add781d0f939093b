package webhooks

import (
	"net/netip"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	gate := NewGate([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")})
	for address, allowed := range map[string]bool{
		"93.184.216.34:443": true, "93.184.216.34:8443": true, "93.184.216.34:80": true,
		"93.184.216.34:22": false, "93.184.216.34:25": false, "93.184.216.34:443 plain": false,
		"[2606:2800:220:1::1]:443": true, "[::ffff:93.184.216.34]:443": true,
		// private, loopback, link-local, carriers, multicast, unspecified
		"10.0.0.1:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "127.0.0.1:443": false, "127.9.9.9:443": false,
		"169.254.1.1:443": false, "100.64.0.1:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "0.0.0.0:443": false, "0.1.2.3:443": false,
		"[::1]:443": false, "[::]:443": false, "[fe80::1]:443": false, "[fe80::1%eth0]:443": false, "[fc00::1]:443": false, "[ff02::1]:443": false,
		// metadata of clouds
		"169.254.169.254:80": false, "100.100.100.200:443": false, "192.0.0.192:443": false, "168.63.129.16:443": false, "[fd00:ec2::254]:443": false,
		// IPv4 in disguise
		"[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false, "[::127.0.0.1]:443": false, "[64:ff9b::a00:1]:443": false,
		"[64:ff9b::7f00:1]:443": false, "[2002:7f00:1::]:443": false, "[2001:0:1::1]:443": false, "[::ffff:0:127.0.0.1]:443": false,
		// documentation, benchmarks, reserved
		"192.0.2.1:443": false, "198.51.100.1:443": false, "203.0.113.1:443": false, "198.18.0.1:443": false, "240.0.0.1:443": false, "[2001:db8::1]:443": false,
		// allowed by name, without https and on any port
		"10.1.2.3:443": true, "10.1.2.3:22": true, "10.1.2.3:80 plain": true, "10.2.0.1:443 plain": false, "[::ffff:10.1.2.3]:443": true, "[fd12::5]:443": true,
	} {
		to, plain := strings.CutSuffix(address, " plain")
		err := gate.Judge(netip.MustParseAddrPort(to), !plain)
		if (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	open, wide := NewGate(nil), NewGate([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	for _, c := range []struct {
		url        string
		open, wide bool
	}{
		{"https://hooks.example.com/x?y=1", true, true},
		{"https://hooks.example.com:8443/", true, true},
		{"https://hooks.example.com:22/", false, true},
		{"https://hooks.example.com:0/", false, false},
		{"https://hooks.example.com:99999/", false, false},
		{"http://hooks.example.com/", false, true},
		{"https://127.0.0.1/", false, true},
		{"http://127.0.0.1:8080/", false, true},
		{"https://[::1]/", false, false},
		{"https://169.254.169.254/latest", false, false},
		{"https://user:secret@hooks.example.com/", false, false},
		{"https://hooks.example.com/#part", false, false},
		{"ftp://hooks.example.com/", false, false},
		{"file:///etc/passwd", false, false},
		{"https:hooks.example.com", false, false},
		{"hooks.example.com", false, false},
		{"https://", false, false},
		{"https://%zz/", false, false},
		{"https://example.com/" + strings.Repeat("x", 2048), false, false},
		{"", false, false},
	} {
		if err := open.CheckURL(c.url); (err == nil) != c.open {
			t.Errorf("%s: %v", c.url, err)
		}
		if err := wide.CheckURL(c.url); (err == nil) != c.wide {
			t.Errorf("%s with 127.0.0.0/8 allowed: %v", c.url, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://example.com/", "https://[::1]:1/", "http://0x7f.1/", "https://a@b/", "https://example.com:443#"} {
		f.Add(s)
	}
	gate := NewGate(nil)
	f.Fuzz(func(t *testing.T, s string) {
		if gate.CheckURL(s) == nil && !strings.HasPrefix(strings.ToLower(s), "https://") {
			t.Errorf("%q passed", s)
		}
	})
}

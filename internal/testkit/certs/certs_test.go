package certs

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func TestMake(t *testing.T) {
	f, err := Make(t.TempDir(), "127.0.0.1", "ldap.example.com")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{f.CA: true, f.OtherCA: false} {
		pem, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		for _, host := range []string{"127.0.0.1", "ldap.example.com"} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); (err == nil) != want {
				t.Errorf("%s for %s: %v", file, host, err)
			}
		}
	}
}

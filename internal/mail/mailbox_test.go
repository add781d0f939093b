package mail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/mailcatcher"
)

// start runs a real SMTP server on a free port of this machine.
func start(t *testing.T, opts mailcatcher.Options) *mailcatcher.Catcher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := mailcatcher.Start(l, opts)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// transport talks to the catcher as most installations talk to their server.
func transport(t *testing.T, c *mailcatcher.Catcher) *mail.Transport {
	t.Helper()
	return transportTo(t, c, mail.Server{StartTLS: mail.StartTLSOptional})
}

// transportTo talks to the catcher with the server's other settings as given.
func transportTo(t *testing.T, c *mailcatcher.Catcher, server mail.Server) *mail.Transport {
	t.Helper()
	where := at(t, c.Addr())
	server.Host, server.Port = where.Host, where.Port
	from, err := mail.ParseFrom("Acme Helpdesk <helpdesk@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	tr := mail.NewTransport(server, from, 5*time.Second)
	t.Cleanup(tr.CloseIdle)
	return tr
}

// at is the server at a host and port.
func at(t *testing.T, addr string) mail.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Server{Host: host, Port: n, StartTLS: mail.StartTLSOptional}
}

// outgoing is a rendered set-up mail to each address.
func outgoing(t *testing.T, to ...string) []mail.Outgoing {
	t.Helper()
	content, err := newRenderer(t).Render(sample(mail.KindSetup, "ru"))
	if err != nil {
		t.Fatal(err)
	}
	var out []mail.Outgoing
	for i, a := range to {
		out = append(out, mail.Outgoing{
			To: a, MessageID: fmt.Sprintf("setup-%d@people.example.com", i+1),
			Date: time.Date(2026, 3, 1, 8, 5, 0, 0, time.UTC), Content: content,
		})
	}
	return out
}

// send collects the outcomes and checks that each mail got exactly one, in
// order.
func send(ctx context.Context, t *testing.T, tr *mail.Transport, mails []mail.Outgoing) []mail.Outcome {
	t.Helper()
	var outs []mail.Outcome
	tr.Send(ctx, mails, func(i int, o mail.Outcome) bool {
		if i != len(outs) {
			t.Errorf("outcome of mail %d came as number %d", i, len(outs))
		}
		outs = append(outs, o)
		return true
	})
	if len(outs) != len(mails) {
		t.Fatalf("%d outcomes for %d mails", len(outs), len(mails))
	}
	return outs
}

// certificate makes a server certificate for 127.0.0.1 and a file with the
// authority to trust.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	}, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

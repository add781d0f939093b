package app

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
	port "github.com/usherd/usher/internal/source"
)

// lookPublic goes to the pages as people do: by name, and over TLS. This machine
// may see other names than people do, so that only a bad certificate fails.
func lookPublic(ctx context.Context, e *exam, note func(Finding)) {
	u, address := publicHost(e.cfg)
	limited(ctx, checkTime, func(ctx context.Context) {
		mend := registry.Say("people follow links that begin with public_url: see that its name is known to them and leads to usher or to the proxy before it")
		if _, err := (&net.Resolver{}).LookupHost(ctx, u.Hostname()); err != nil {
			note(warn(registry.Say("the name is not known here: %s", err), mend, "getent hosts "+u.Hostname()))
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			note(warn(registry.Say("nothing answers here: %s", err), mend, "curl -sI "+e.cfg.PublicURL))
			return
		}
		defer func() { _ = conn.Close() }()
		if u.Scheme != "https" {
			note(fine("%s answers", address))
			return
		}
		t := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), RootCAs: e.Roots, MinVersion: tls.VersionTLS12})
		if err := t.HandshakeContext(ctx); err != nil {
			note(fail(registry.Say("browsers would refuse it: %s", err), registry.Say("give the proxy, or usher's own tls setting, a certificate for %s from an authority that browsers trust", u.Hostname()), "openssl s_client -connect "+address))
			return
		}
		note(e.ends(registry.Say("its certificate"), t.ConnectionState().PeerCertificates[0].NotAfter, registry.Say("have it renewed where TLS ends"), ""))
	})
}

func lookOwnTLS(_ context.Context, e *exam, note func(Finding)) {
	if e.cfg.TLS.CertFile == "" {
		note(fine("usher speaks no TLS itself"))
		return
	}
	pair, err := tls.LoadX509KeyPair(e.cfg.TLS.CertFile, e.cfg.TLS.KeyFile)
	u, _ := publicHost(e.cfg)
	switch {
	case err != nil:
		note(fail(registry.SaidOf(err), registry.Say("tls.cert_file and tls.key_file must hold a certificate and its key in PEM, readable for usher"), "openssl x509 -noout -text -in "+e.cfg.TLS.CertFile))
	case pair.Leaf.VerifyHostname(u.Hostname()) != nil:
		note(warn(registry.Say("the certificate is not for %s", u.Hostname()), registry.Say("get one for the name in public_url, unless a proxy stands before usher"), ""))
	default:
		note(e.ends(registry.Say("the certificate"), pair.Leaf.NotAfter, registry.Say("put a renewed one in its place and restart usher"), ""))
	}
}

func lookSMTP(ctx context.Context, e *exam, note func(Finding)) {
	transport, err := newTransport(e.cfg)
	if err != nil {
		note(fail(registry.SaidOf(err), registry.Say("correct mail.from and mail.smtp"), e.command("config check")))
		return
	}
	server := e.cfg.Mail.SMTP
	limited(ctx, checkTime, func(ctx context.Context) {
		state, err := transport.Check(ctx)
		switch {
		case err != nil:
			note(fail(registry.SaidOf(err), registry.Say("set-up links wait until it works: see that the address in mail.smtp is right and reached from here, and that user, password and TLS are what the server wants"), ""))
		case state == nil && server.Username != "":
			note(fail(registry.Say("%s takes the password in the clear", server.String()), registry.Say("write smtps://, or ?starttls=required"), ""))
		case state == nil && !loopback(server.Host):
			note(warn(registry.Say("%s is not encrypted: set-up links can be read on the way", server.String()), registry.Say("write smtps://, or ?starttls=required, if the server can"), ""))
		case state == nil:
			note(fine("%s answers, on this machine and in the clear", server))
		default:
			c := e.ends(registry.Say("%s answers over %s; its certificate", server, tls.VersionName(state.Version)), state.PeerCertificates[0].NotAfter, registry.Say("have whoever runs the mail server renew it"), "")
			note(c)
		}
	})
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// certificateUntil is how a probe tells the end of a directory's certificate.
var certificateUntil = regexp.MustCompile(`certificate until (\d{4}-\d\d-\d\d)`)

// lookSources connects to each source and reads a little.
func lookSources(ctx context.Context, e *exam, note func(Finding)) {
	for _, key := range slices.Sorted(maps.Keys(e.core.sources)) {
		limited(ctx, sourceTime, func(ctx context.Context) {
			c := e.probe(ctx, key)
			c.Name = registry.Say("source %s", key)
			note(c)
		})
	}
	if len(e.core.sources) == 0 {
		note(fine("the configuration has none"))
	}
}

func (e *exam) probe(ctx context.Context, key string) Finding {
	info, err := e.core.sources[key].reader.Probe(ctx)
	test := e.command("source test " + key)
	switch {
	case errors.Is(err, port.ErrAuth):
		return fail(registry.SaidOf(err), registry.Say("give the source the credentials of an account that may read"), test)
	case err != nil:
		return fail(registry.SaidOf(err), registry.Say("see that the directory runs and is reached from here"), test)
	}
	for _, f := range info.Facts {
		if m := certificateUntil.FindStringSubmatch(f.Value.String()); m != nil {
			if at, err := time.Parse(time.DateOnly, m[1]); err == nil {
				return e.ends(registry.Say("it answers; its certificate"), at, registry.Say("have whoever runs the directory renew it"), test)
			}
		}
	}
	return fine("it answers and lets us read")
}

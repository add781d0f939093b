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

	port "github.com/usherd/usher/internal/source"
)

// lookPublic goes to the pages as people do: by name, and over TLS. This machine
// may see other names than people do, so that only a bad certificate fails.
func lookPublic(ctx context.Context, e *exam, note func(Finding)) {
	u, address := publicHost(e.cfg)
	limited(ctx, checkTime, func(ctx context.Context) {
		const mend = "people follow links that begin with public_url: see that its name is known to them and leads to usher or to the proxy before it"
		if _, err := (&net.Resolver{}).LookupHost(ctx, u.Hostname()); err != nil {
			note(warn("the name is not known here: "+err.Error(), mend, "getent hosts "+u.Hostname()))
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			note(warn("nothing answers here: "+err.Error(), mend, "curl -sI "+e.cfg.PublicURL))
			return
		}
		defer func() { _ = conn.Close() }()
		if u.Scheme != "https" {
			note(fine("%s answers", address))
			return
		}
		t := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), RootCAs: e.Roots, MinVersion: tls.VersionTLS12})
		if err := t.HandshakeContext(ctx); err != nil {
			note(fail("browsers would refuse it: "+err.Error(), "give the proxy, or usher's own tls setting, a certificate for "+u.Hostname()+" from an authority that browsers trust", "openssl s_client -connect "+address))
			return
		}
		note(e.ends("its certificate", t.ConnectionState().PeerCertificates[0].NotAfter, "have it renewed where TLS ends", ""))
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
		note(fail(err.Error(), "tls.cert_file and tls.key_file must hold a certificate and its key in PEM, readable for usher", "openssl x509 -noout -text -in "+e.cfg.TLS.CertFile))
	case pair.Leaf.VerifyHostname(u.Hostname()) != nil:
		note(warn("the certificate is not for "+u.Hostname(), "get one for the name in public_url, unless a proxy stands before usher", ""))
	default:
		note(e.ends("the certificate", pair.Leaf.NotAfter, "put a renewed one in its place and restart usher", ""))
	}
}

func lookSMTP(ctx context.Context, e *exam, note func(Finding)) {
	transport, err := newTransport(e.cfg)
	if err != nil {
		note(fail(err.Error(), "correct mail.from and mail.smtp", e.command("config check")))
		return
	}
	server := e.cfg.Mail.SMTP
	limited(ctx, checkTime, func(ctx context.Context) {
		state, err := transport.Check(ctx)
		switch {
		case err != nil:
			note(fail(err.Error(), "set-up links wait until it works: see that the address in mail.smtp is right and reached from here, and that user, password and TLS are what the server wants", ""))
		case state == nil && server.Username != "":
			note(fail(server.String()+" takes the password in the clear", "write smtps://, or ?starttls=required", ""))
		case state == nil && !loopback(server.Host):
			note(warn(server.String()+" is not encrypted: set-up links can be read on the way", "write smtps://, or ?starttls=required, if the server can", ""))
		case state == nil:
			note(fine("%s answers, on this machine and in the clear", server))
		default:
			c := e.ends(server.String()+" answers over "+tls.VersionName(state.Version)+"; its certificate", state.PeerCertificates[0].NotAfter, "have whoever runs the mail server renew it", "")
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
			c.Name = "source " + key
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
		return fail(err.Error(), "give the source the credentials of an account that may read", test)
	case err != nil:
		return fail(err.Error(), "see that the directory runs and is reached from here", test)
	}
	for _, f := range info.Facts {
		if m := certificateUntil.FindStringSubmatch(f.Value.String()); m != nil {
			if at, err := time.Parse(time.DateOnly, m[1]); err == nil {
				return e.ends("it answers; its certificate", at, "have whoever runs the directory renew it", test)
			}
		}
	}
	return fine("it answers and lets us read")
}

package graphfake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/usherd/usher/internal/testkit/certs"
)

// Running is a server with an address.
type Running struct {
	*Server
	// URL is where it listens, without a slash at the end: the authority of the
	// sign-in, and with /v1.0 the base of Graph.
	URL string
	// CAFile is the authority that signed its certificate, in PEM; "" without
	// TLS.
	CAFile string

	http *http.Server
	pool *x509.CertPool
}

// Start serves on a free loopback port, or on addr. With a folder it serves TLS
// and writes the certificate and its authority there: the sign-in library for
// Entra ID takes no other address than https.
func Start(s *Server, addr, dir string) (*Running, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for graph: %w", err)
	}
	r := &Running{Server: s, http: &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second,
		// Clients that hang up or refuse the certificate are what tests are for.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}
	r.URL = "http://" + listener.Addr().String()
	serve := r.http.Serve
	if dir != "" {
		files, err := certs.Make(dir, "127.0.0.1", "localhost")
		if err == nil {
			r.pool, err = readPool(files.CA)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make certificate: %w", err), listener.Close())
		}
		r.URL, r.CAFile = "https://"+listener.Addr().String(), files.CA
		serve = func(l net.Listener) error { return r.http.ServeTLS(l, files.Cert, files.Key) }
	}
	go func() { _ = serve(listener) }() // ends by Close
	return r, nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // written by certs.Make
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool, nil
}

// Client is a client that trusts the server.
func (r *Running) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
}

// IdentityEndpoint is what App Service puts into IDENTITY_ENDPOINT; the header's
// value is Options.IdentityHeader.
func (r *Running) IdentityEndpoint() string { return r.URL + appServicePath }

// Close ends the server and its connections.
func (r *Running) Close() error { return r.http.Close() }

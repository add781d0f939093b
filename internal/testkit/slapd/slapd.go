package slapd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/certs"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/need"
)

// The names and passwords of every server this package starts.
const (
	BaseDN         = dirgen.DefaultBase
	PeopleDN       = "ou=people," + BaseDN
	GroupsDN       = "ou=groups," + BaseDN
	RootDN         = "cn=root," + BaseDN
	RootPassword   = "root-secret"
	ReaderDN       = "cn=reader," + BaseDN
	ReaderPassword = "reader-secret"
)

// Unlimited are the reader's limits unless Options say otherwise.
const Unlimited = "size=unlimited time=unlimited"

// Options say how the server differs from a plain one.
type Options struct {
	// LDIF writes the directory that the server starts with; nil gives the
	// suffix, ou=people and ou=groups. The reader's entry is added to it.
	LDIF func(io.Writer) error
	// Limits are slapd.conf(5) limits for the reader, "" meaning Unlimited.
	Limits string
	// TLS makes a certificate authority and serves ldaps and StartTLS.
	TLS bool
	// MemberOf loads the memberof overlay.
	MemberOf bool
	// Sync keeps every write safe against a power cut, which tests do not need.
	Sync bool
}

// Server is a running slapd.
type Server struct {
	// URL is its ldap:// address.
	URL string
	// TLSURL is its ldaps:// address, "" without Options.TLS. The certificate is
	// good for 127.0.0.1 and ldap.example.com.
	TLSURL string
	// SocketURL is its ldapi:// address.
	SocketURL string
	// Addr is host:port of URL.
	Addr string
	// CAFile is the PEM file of the authority that signed its certificate, and
	// OtherCAFile one of an authority that did not.
	CAFile, OtherCAFile string

	dir   string
	files certs.Files
	opts  Options
	bin   string
	cmd   *exec.Cmd
	exit  chan error
	log   *bytes.Buffer
}

// Run starts a server that keeps everything in dir, which must exist, and
// returns when it answers. The caller stops it.
func Run(dir string, opts Options) (*Server, error) {
	s := &Server{dir: dir, opts: opts, log: new(bytes.Buffer)}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("prepare slapd: %w", err)
	}
	// Another process may take the port between our look and slapd's bind.
	var err error
	for range 5 {
		if err = s.pickPorts(); err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		if err = s.launch(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// Start runs a server for one test, which is skipped when slapd is not
// installed (see package need).
func Start(tb need.TB, opts Options) *Server {
	tb.Helper()
	need.Programs(tb, "slapd", "slapd", "slapadd")
	s, err := Run(tb.TempDir(), opts)
	if err != nil {
		tb.Fatalf("start slapd: %v", err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// prepare writes the configuration and loads the first directory.
func (s *Server) prepare() error {
	bin, ok := need.Look("slapd")
	if !ok {
		return errors.New("slapd is not installed")
	}
	s.bin = bin
	if err := os.MkdirAll(filepath.Join(s.dir, "db"), 0o700); err != nil {
		return err
	}
	if s.opts.TLS {
		files, err := certs.Make(s.dir, "127.0.0.1", "ldap.example.com")
		if err != nil {
			return fmt.Errorf("make certificates: %w", err)
		}
		s.files, s.CAFile, s.OtherCAFile = files, files.CA, files.OtherCA
	}
	conf, err := s.config()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.confPath(), []byte(conf), 0o600); err != nil {
		return err
	}
	ldif := s.opts.LDIF
	if ldif == nil {
		ldif = func(w io.Writer) error { return dirgen.LDIF(w, dirgen.Options{}) }
	}
	return s.load(func(w io.Writer) error {
		if err := ldif(w); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "\ndn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: %s\n",
			ReaderDN, ReaderPassword)
		return err
	})
}

// load feeds an LDIF to slapadd. The server must not be running.
func (s *Server) load(ldif func(io.Writer) error) error {
	slapadd, ok := need.Look("slapadd")
	if !ok {
		return errors.New("slapadd is not installed")
	}
	cmd := exec.Command(slapadd, "-q", "-f", s.confPath(), "-b", BaseDN) //nolint:gosec // a test server with our own arguments
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	werr := ldif(in)
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, tail(out.String()))
	}
	return werr
}

func (s *Server) confPath() string { return filepath.Join(s.dir, "slapd.conf") }

func (s *Server) pickPorts() error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	s.Addr = addr
	s.URL = "ldap://" + addr
	s.SocketURL = "ldapi://" + url.PathEscape(filepath.Join(s.dir, "ldapi"))
	if s.opts.TLS {
		if addr, err = freeAddr(); err != nil {
			return err
		}
		s.TLSURL = "ldaps://" + addr
	}
	return nil
}

// launch starts the process on the chosen ports and waits until it answers.
func (s *Server) launch() error {
	urls := strings.TrimSpace(s.URL + "/ " + s.SocketURL)
	if s.TLSURL != "" {
		urls += " " + s.TLSURL + "/"
	}
	s.log.Reset()
	s.cmd = exec.Command(s.bin, "-d", "0", "-f", s.confPath(), "-h", urls) //nolint:gosec // as above
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start slapd: %w", err)
	}
	exit := make(chan error, 1)
	go func(c *exec.Cmd) { exit <- c.Wait() }(s.cmd)
	s.exit = exit
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		select {
		case err := <-exit:
			s.cmd = nil
			return fmt.Errorf("slapd ended at once: %w: %s", err, tail(s.log.String()))
		case <-time.After(5 * time.Millisecond):
		}
		if c, err := ldap.DialURL(s.URL); err == nil {
			_ = c.Close()
			return nil
		}
	}
	s.Kill()
	return errors.New("slapd did not answer within two minutes")
}

// Stop ends the server as an admin would and waits until it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	<-s.exit //nolint:errcheck // it was told to
	s.cmd = nil
}

// Restart starts a stopped server again on its old addresses.
func (s *Server) Restart() error { return s.launch() }

// freeAddr finds a loopback port nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// tail keeps the end of a program's output, where the reason is.
func tail(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 600 {
		s = "…" + s[len(s)-600:]
	}
	return s
}

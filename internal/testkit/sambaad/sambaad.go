package sambaad

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/certs"
	"github.com/usherd/usher/internal/testkit/need"
)

// The names and the password of every domain this package makes.
const (
	BaseDN        = "DC=example,DC=test"
	UsersDN       = "CN=Users," + BaseDN
	Administrator = "Administrator@EXAMPLE.TEST"
	Password      = "Passw0rd!x"
)

// schemaDir holds what a new domain is made of; Debian packages it apart.
const schemaDir = "/usr/share/samba/setup/ad-schema"

// Server is a running domain controller.
type Server struct {
	// URL is its ldap:// address and TLSURL its ldaps:// one, whose certificate
	// CAFile signed.
	URL, TLSURL, CAFile string
	// Addr is host:port of URL.
	Addr string

	cmd  *exec.Cmd
	exit chan error
}

// Run provisions a domain in dir, which must exist, and starts its controller.
// It takes about seven seconds. The caller stops it.
func Run(dir string) (*Server, error) {
	tool, ok1 := need.Look("samba-tool")
	samba, ok2 := need.Look("samba")
	if !ok1 || !ok2 {
		return nil, errors.New("samba is not installed")
	}
	host, err := freeHost()
	if err != nil {
		return nil, err
	}
	files, err := certs.Make(dir, host, "dc1.example.test")
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	options := []string{
		"--option=interfaces=" + host + "/8", "--option=bind interfaces only=yes", "--option=server services=ldap",
		"--option=vfs objects=dfs_samba4 acl_xattr", "--option=log file=" + filepath.Join(dir, "log"),
		"--option=pid directory=" + dir, "--option=ncalrpc dir=" + filepath.Join(dir, "ncalrpc"),
		"--option=winbindd socket directory=" + filepath.Join(dir, "winbindd"),
		"--option=tls cafile=" + files.CA, "--option=tls certfile=" + files.Cert, "--option=tls keyfile=" + files.Key,
		"--option=ldap server require strong auth=no", // plain binds, as many test servers allow
	}
	provision := exec.Command(tool, append([]string{ //nolint:gosec // a test server with our own arguments
		"domain", "provision", "--targetdir=" + dir, "--realm=EXAMPLE.TEST", "--domain=EXAMPLE", "--server-role=dc",
		"--dns-backend=NONE", "--adminpass=" + Password, "--host-name=dc1", "--host-ip=" + host,
	}, options...)...)
	if out, err := provision.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("provision a domain: %w: %s", err, tail(out))
	}
	s := &Server{
		URL: "ldap://" + host, TLSURL: "ldaps://" + host, Addr: net.JoinHostPort(host, "389"),
		CAFile: files.CA,
	}
	return s, s.launch(samba, filepath.Join(dir, "etc", "smb.conf"), options)
}

// Start runs a domain controller for one test, which is skipped when Samba is
// not installed or the test does not run as root (see package need).
func Start(tb need.TB) *Server {
	tb.Helper()
	need.Programs(tb, "samba-ad-dc samba-ad-provision", "samba", "samba-tool")
	if _, err := os.Stat(schemaDir); err != nil {
		need.Missing(tb, "not installed: %s (Debian: apt-get install samba-ad-provision)", schemaDir)
	}
	if os.Getuid() != 0 {
		need.Missing(tb, "a domain controller needs root for its ports")
	}
	s, err := Run(tb.TempDir())
	if err != nil {
		tb.Fatalf("start Samba AD: %v", err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// launch starts the process and waits until it answers.
func (s *Server) launch(samba, conf string, options []string) error {
	var log bytes.Buffer
	s.cmd = exec.Command(samba, append([]string{"-F", "--no-process-group", "-M", "single", "-s", conf}, options...)...) //nolint:gosec // as above
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start samba: %w", err)
	}
	s.exit = make(chan error, 1)
	go func() { s.exit <- s.cmd.Wait() }()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		select {
		case err := <-s.exit:
			s.cmd = nil
			return fmt.Errorf("samba ended at once: %w: %s", err, tail(log.Bytes()))
		case <-time.After(20 * time.Millisecond):
		}
		if err := s.Admin(func(*ldap.Conn) error { return nil }); err == nil {
			return nil
		}
	}
	s.Kill()
	return errors.New("samba did not answer within two minutes")
}

// Kill ends the server at once.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exit //nolint:errcheck // it was told to
	s.cmd = nil
}

// Admin runs do on a connection that may change everything.
func (s *Server) Admin(do func(*ldap.Conn) error) error {
	c, err := ldap.DialURL(s.URL)
	if err != nil {
		return fmt.Errorf("dial samba: %w", err)
	}
	defer c.Close()
	if err := c.Bind(Administrator, Password); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return do(c)
}

// UserDN is the DN of a user by login name.
func UserDN(name string) string { return "CN=" + name + "," + UsersDN }

// AddUser adds a user below CN=Users; extra attributes come on top.
func AddUser(c *ldap.Conn, name string, extra map[string][]string) error {
	r := ldap.NewAddRequest(UserDN(name), nil)
	r.Attribute("objectClass", []string{"user"})
	r.Attribute("sAMAccountName", []string{name})
	for k, v := range extra {
		r.Attribute(k, v)
	}
	return c.Add(r)
}

// AddGroup adds a group below CN=Users with these member DNs.
func AddGroup(c *ldap.Conn, name string, members ...string) error {
	r := ldap.NewAddRequest(UserDN(name), nil)
	r.Attribute("objectClass", []string{"group"})
	r.Attribute("sAMAccountName", []string{name})
	if len(members) > 0 {
		r.Attribute("member", members)
	}
	return c.Add(r)
}

// freeHost finds a loopback address whose LDAP port nobody has. Linux answers
// on all of 127.0.0.0/8.
func freeHost() (string, error) {
	for range 50 {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 2+rand.IntN(250)) //nolint:gosec // any will do
		l, err := net.Listen("tcp", net.JoinHostPort(host, "389"))
		if err == nil {
			_ = l.Close()
			return host, nil
		}
	}
	return "", errors.New("no loopback address with a free port 389")
}

// tail keeps the end of a program's output, where the reason is.
func tail(out []byte) string {
	s := strings.TrimSpace(string(out))
	if len(s) > 600 {
		s = "…" + s[len(s)-600:]
	}
	return s
}

package postfix

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/testkit/need"
)

// Options say where mail goes.
type Options struct {
	// Domain is the mail domain it takes mail for.
	Domain string
	// LMTP is the host:port it delivers to.
	LMTP string
	// Header is a line that it writes on top of every message, as a filter for
	// authenticity would: "Authentication-Results: …"; "" for none.
	Header string
}

// Server is a running Postfix.
type Server struct {
	// Addr is where it takes mail by SMTP.
	Addr string

	tb  need.TB
	dir string
}

// Start runs a Postfix until the test ends.
func Start(tb need.TB, o Options) *Server {
	tb.Helper()
	need.Programs(tb, "postfix", "postfix")
	if os.Geteuid() != 0 {
		need.Missing(tb, "postfix starts as root only")
	}
	// Its processes run as another user, who may not look into a test's own folder.
	dir, err := os.MkdirTemp("", "usher-postfix-")
	if err != nil {
		tb.Fatalf("make folder: %v", err)
	}
	s := &Server{tb: tb, dir: dir}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := s.configure(o); err != nil {
		tb.Fatalf("configure postfix: %v", err)
	}
	if out, err := s.run("start"); err != nil {
		tb.Fatalf("start postfix: %v: %s%s", err, out, s.Log())
	}
	tb.Cleanup(func() { _, _ = s.run("stop") })
	if err := s.wait(); err != nil {
		tb.Fatalf("%v: %s", err, s.Log())
	}
	return s
}

func (s *Server) run(command string) (string, error) {
	bin, _ := need.Look("postfix")
	out, err := exec.Command(bin, "-c", s.conf(), command).CombinedOutput() //nolint:gosec // a test server with our own arguments
	return string(out), err
}

func (s *Server) conf() string { return filepath.Join(s.dir, "conf") }

// main is main.cf; every host, map and transport that is not named is off.
const main = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
myhostname = mx.%[2]s
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:there is nobody here
default_transport = error:nothing leaves here
virtual_mailbox_domains = %[2]s
virtual_transport = lmtp:inet:%[3]s
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
lmtp_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
header_checks = %[4]s
`

const master = `%s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
postlog unix-dgram n - n - 1 postlogd
`

// configure writes a configuration on a free port.
func (s *Server) configure(o Options) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Addr = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	checks := ""
	if o.Header != "" {
		checks = "regexp:" + filepath.Join(s.conf(), "checks")
	}
	for path, text := range map[string]string{
		"conf/main.cf":   fmt.Sprintf(main, s.dir, o.Domain, o.LMTP, checks),
		"conf/master.cf": fmt.Sprintf(master, s.Addr),
		"conf/checks":    "/^From:/ PREPEND " + o.Header + "\n",
	} {
		path = filepath.Join(s.dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	for _, folder := range []string{"queue", "data"} {
		if err := os.Mkdir(filepath.Join(s.dir, folder), 0o755); err != nil {
			return err
		}
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	return os.Chown(filepath.Join(s.dir, "data"), uid, -1)
}

// wait returns when it answers.
func (s *Server) wait() error {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.Addr); err == nil {
			return conn.Close()
		}
	}
	return errors.New("postfix did not answer within two minutes")
}

// Log is what it wrote, for a test that failed.
func (s *Server) Log() string {
	raw, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return "\n" + strings.TrimSpace(string(raw))
}

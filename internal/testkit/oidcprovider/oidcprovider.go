package oidcprovider

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/npm"
)

//go:embed provider.mjs
var script []byte

// patience is how long the provider may take to start.
const patience = 2 * time.Minute

// Client is who may ask the provider.
type Client struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris"`
}

// Account is who signs in.
type Account struct {
	Subject string         `json:"sub"`
	Claims  map[string]any `json:"claims,omitempty"`
	ACR     string         `json:"acr,omitempty"`
}

// Server is a running provider.
type Server struct {
	Issuer string
	tb     need.TB
	stop   func()
}

// Start starts a provider for the length of the test, or skips the test where
// there is none (and fails where a skip would hide something).
func Start(tb need.TB, c Client) *Server {
	tb.Helper()
	need.Programs(tb, "nodejs", "node")
	module := npm.File(tb, "oidc-provider", "lib", "index.js")
	file := filepath.Join(tb.TempDir(), "provider.mjs")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		tb.Fatalf("write provider's script: %v", err)
	}
	settings, err := json.Marshal(c)
	if err != nil {
		tb.Fatalf("encode provider's settings: %v", err)
	}
	node, _ := need.Look("node")
	cmd := exec.Command(node, file, module, string(settings)) //nolint:gosec // a test's own
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatalf("start provider: %v", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatalf("start provider: %v", err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start provider: %v", err)
	}
	s := &Server{tb: tb}
	s.stop = func() {
		_ = in.Close() // it ends with its input
		_ = cmd.Wait()
		s.stop = func() {}
	}
	tb.Cleanup(func() { s.stop() })
	if s.Issuer, err = ready(out); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		tb.Fatalf("start provider: %v\n%s", err, log.String())
	}
	return s
}

// ready waits for the line that says where the provider listens.
func ready(out io.Reader) (string, error) {
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if issuer, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				found <- issuer
			}
		}
		close(found)
	}()
	select {
	case issuer, ok := <-found:
		if !ok {
			return "", fmt.Errorf("it ended")
		}
		return issuer, nil
	case <-time.After(patience):
		return "", fmt.Errorf("not ready within %s", patience)
	}
}

// Next says who signs in next, and whenever somebody does until Next or Deny.
func (s *Server) Next(a Account) {
	s.tb.Helper()
	s.control(a)
}

// Deny has the provider send everybody back without a proof.
func (s *Server) Deny() {
	s.tb.Helper()
	s.control(map[string]string{"error": "access_denied"})
}

// Stop ends the provider before the test does.
func (s *Server) Stop() { s.stop() }

func (s *Server) control(v any) {
	s.tb.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.tb.Fatalf("tell provider: %v", err)
	}
	req, err := http.NewRequest(http.MethodPut, s.Issuer+"/control", bytes.NewReader(body))
	if err != nil {
		s.tb.Fatalf("tell provider: %v", err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		s.tb.Fatalf("tell provider: %v", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		s.tb.Fatalf("tell provider: %s", res.Status)
	}
}

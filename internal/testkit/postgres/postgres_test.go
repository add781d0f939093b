package postgres_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usherd/usher/internal/testkit/postgres"
)

// helper makes this binary, run again, start a server, print where it is and
// wait to be killed.
const helper = "USHER_POSTGRES_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helper) == "" {
		os.Exit(m.Run())
	}
	dsn, err := startForever()
	fmt.Println(dsn, err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func startForever() (string, error) {
	s, err := postgres.Start(context.Background())
	if err != nil {
		return "", err
	}
	dsn, _, err := s.CreateDatabase(context.Background())
	return dsn, err
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestNewDatabasesAreApart(t *testing.T) {
	for i := range 3 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			db := open(t, postgres.New(t))
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
				t.Errorf("the database is not empty: %v", err)
			}
		})
	}
}

func TestDroppedAfterTheTest(t *testing.T) {
	var dsn string
	t.Run("use", func(t *testing.T) { dsn = postgres.New(t) })
	if dsn == "" {
		t.Skip("no server")
	}
	if err := open(t, dsn).PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("the database is still there: %v", err)
	}
}

// TestGoneWithTheProcess kills a process that runs a server, so that nothing
// in that process can clean up, and expects nothing to stay behind.
func TestGoneWithTheProcess(t *testing.T) {
	postgres.New(t) // skips where there is no server
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"=1")
	if _, err := cmd.StdinPipe(); err != nil { // keeps the helper waiting
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	dsn, problem, _ := strings.Cut(strings.TrimSpace(line), " ")
	u, err := url.Parse(dsn)
	if err != nil || problem != "<nil>" {
		t.Fatalf("the helper said %q", line)
	}
	dir := u.Query().Get("host")
	pid := postmaster(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the server's end", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	eventually(t, "the folder's end", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls a condition until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Minute)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

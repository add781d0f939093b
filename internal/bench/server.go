package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
)

// serveAs serves as `usher serve` does, for what the program has no setting for:
// synchronous=NORMAL, and a CPU profile.
func serveAs(ctx context.Context, file string, args []string) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	defer app.Headroom()() // as it does
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s, err := app.New(ctx, cfg, app.Options{Log: log, Version: "bench", Synchronous: args[0]})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	if len(args) > 1 {
		f, err := os.Create(args[1])
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}()
	}
	log.Info("usher serves", "address", s.Addr())
	<-ctx.Done()
	return s.Stop(context.WithoutCancel(ctx))
}

// server is a running usher.
type server struct {
	cmd  *exec.Cmd
	addr string
}

// start runs usher on a configuration file and waits until it serves.
func (b *bench) start(ctx context.Context, file, synchronous, profile string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.usher, "-c", file, "serve") //nolint:gosec // our own program
	if b.profiles != "" || synchronous != "FULL" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args := []string{"-serve", file, synchronous}
		if b.profiles != "" {
			args = append(args, filepath.Join(b.profiles, profile+".pprof"))
		}
		cmd = exec.CommandContext(ctx, self, args...) //nolint:gosec // this program
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	lines := bufio.NewScanner(out)
	for s.addr == "" && lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "usher serves" {
			s.addr = line.Address
		} else {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
	if s.addr == "" {
		return nil, errors.Join(errors.New("usher does not serve"), cmd.Wait())
	}
	go func() { _, _ = io.Copy(os.Stderr, out) }()
	return s, nil
}

// stop ends it as an operator would.
func (s *server) stop() error {
	return errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait())
}

// proc reads a file of the server's below /proc.
func (s *server) proc(name string) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name))
	return string(b), err
}

// cpu is the processor time the server took so far, in seconds (proc(5): fields
// 14 and 15, in ticks of 10 ms).
func (s *server) cpu() (float64, error) {
	stat, err := s.proc("stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var sum float64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, err
		}
		sum += n / 100
	}
	return sum, nil
}

// memory is what the server holds, in bytes, without the pages of files that the
// system takes back when it wants them (RssAnon of proc(5)).
func (s *server) memory() (int64, error) {
	status, err := s.proc("status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no RssAnon in /proc")
}

// watchMemory looks at the server's memory until the returned function is called,
// which gives the most there was.
func (s *server) watchMemory() func() int64 {
	done, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var top int64
		for {
			if now, err := s.memory(); err == nil {
				top = max(top, now)
			}
			select {
			case <-done:
				most <- top
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(done)
		return <-most
	}
}

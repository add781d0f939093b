package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
)

// syncProfiled is sync with a CPU profile beside it, numbered in the order of the
// runs. The program is this one, as `usher` has no profiler.
func (b *directory) syncProfiled(ctx context.Context, config string, flags []string) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	b.profiled++
	file := filepath.Join(b.profiles, fmt.Sprintf("sync-%02d.pprof", b.profiled))
	return measure(exec.CommandContext(ctx, self, append([]string{"-sync", config, file}, flags...)...)) //nolint:gosec // this program
}

// syncAs runs a source as `usher sync run` does and profiles it: args are the
// profile's file and that command's flags.
func syncAs(ctx context.Context, file string, args []string) (err error) {
	debug.SetGCPercent(50) // as usher does
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		return err
	}
	core, err := app.Open(ctx, cfg, app.Options{Log: slog.New(slog.DiscardHandler), Version: "bench"})
	if err != nil {
		return err
	}
	f, err := os.Create(args[0])
	if err != nil {
		return errors.Join(err, core.Close())
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, core.Close())
	}
	_, err = core.RunSource(ctx, "corp", app.RunRequest{
		Mode: registry.ModeRun, Trigger: "manual", Actor: "bench", Full: slices.Contains(args, "--full"),
	})
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close(), core.Close())
}

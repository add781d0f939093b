package reconcile_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// disk is a file system of so many KiB, in which a test may use up all there is.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T, size int) *disk {
	t.Helper()
	d := &disk{t, t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
		t.Skipf("mounting a small file system needs root and the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill leaves free so many KiB.
func (d *disk) fill(left int64) {
	d.t.Helper()
	f, err := os.Create(d.filler())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	var size int64
	for block := bytes.Repeat([]byte{1}, 4096); err == nil; size += 4096 {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
	if err := f.Truncate(max(0, size-4096-left<<10)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// TestDiskFull uses up the disk of SQLite's file at different points of a run.
func TestDiskFull(t *testing.T) {
	for _, at := range []struct {
		phase reconcile.Phase
		done  int64
		left  int64
	}{{reconcile.PhaseRead, 300, 0}, {reconcile.PhasePlan, 0, 0}, {reconcile.PhaseApply, 0, 200}, {reconcile.PhaseApply, 250, 0}, {reconcile.PhaseApply, 250, 300}, {reconcile.PhaseApply, 601, 0}} {
		t.Run(fmt.Sprintf("%s %d, %d KiB left", at.phase, at.done, at.left), func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, 64<<10)
			w := newWorld(t, "sqlite:"+filepath.Join(d.dir, "usher.db"), newDirectory(t))
			w.from(staff(600))
			full := false
			run, err := w.engine.Run(t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
				if p.Phase == at.phase && p.Done >= at.done && !full {
					full = true
					d.fill(at.left)
				}
			}})
			if !full {
				t.Fatal("the run never came there")
			}
			if err == nil && run.Code != "store_failed" {
				t.Errorf("the run ended %s %s %s", run.State, run.Code, run.Message)
			}
			w.sound() // reading goes on
			if _, err := w.engine.Run(t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun}); err == nil && at.left == 0 {
				t.Error("a run on a full disk says nothing")
			}
			d.free()
			w.takeUp(600)
		})
	}
}

// TestTemporaryFolderFull uses up the disk where people wait between reading and
// writing.
func TestTemporaryFolderFull(t *testing.T) {
	w := sqlite(t)
	d := newDisk(t, 256)
	w.from(staff(600))
	w.engine.TempDir = d.dir
	for _, left := range []int64{0, 4, 64} {
		d.fill(left)
		w.unharmed(registry.RunFailed, "temporary_file")
		want(t, "health", *w.health("corp"), registry.Health{})
		d.free()
	}
	w.run(registry.RunDone)
	w.takeUp(600)
	if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

package app

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// resident is how much memory the system gave this process, in bytes (RssAnon of
// proc(5)).
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("only Linux tells what a process holds")
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no RssAnon in /proc/self/status")
	return 0
}

// use writes to memory and leaves it to the collector.
func use(size int) {
	parts := make([][]byte, 16)
	for i := range parts {
		parts[i] = make([]byte, size/len(parts))
		for j := 0; j < len(parts[i]); j += 4096 {
			parts[i][j] = 1
		}
	}
	runtime.KeepAlive(parts)
}

// headroomEnv makes the test program the process that TestHeadroomTakesNothing looks
// at: what other tests left behind would count.
const headroomEnv = "USHER_TEST_HEADROOM"

// TestHeadroomTakesNothing from the system, also where the heap ends in memory that
// was in use before: what lies there is written to, and all that hangs together with
// it would be.
func TestHeadroomTakesNothing(t *testing.T) {
	if os.Getenv(headroomEnv) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHeadroomTakesNothing$", "-test.v")
		cmd.Env = append(os.Environ(), headroomEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	use(64 << 20)
	runtime.GC()
	before := resident(t)
	end := Headroom()
	if grew := resident(t) - before; grew > headroom/4 {
		t.Errorf("%d MB were taken", grew>>20)
	}
	end()
}

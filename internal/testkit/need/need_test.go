package need

import (
	"fmt"
	"testing"
)

// recorder is a TB that notes how a test ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Skipf(f string, args ...any)  { r.end("skip: "+f, args...) }
func (r *recorder) Fatalf(f string, args ...any) { r.end("fail: "+f, args...) }
func (r *recorder) end(f string, args ...any) {
	if r.ended == "" {
		r.ended = fmt.Sprintf(f, args...)
	}
}

func TestPrograms(t *testing.T) {
	for _, tc := range []struct{ require, program, want string }{
		{"", "sh", ""},
		{"", "no-such-program", "skip: not installed: no-such-program (Debian: apt-get install nothing)"},
		{"1", "no-such-program", "fail: not installed: no-such-program (Debian: apt-get install nothing)"},
	} {
		t.Setenv(RequireEnv, tc.require)
		r := &recorder{TB: t}
		Programs(r, "nothing", tc.program)
		if r.ended != tc.want {
			t.Errorf("%+v: %q", tc, r.ended)
		}
	}
}

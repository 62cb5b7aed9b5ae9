package jail

import (
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	got := mustRun(t, Spec{Netns: -1, NoFile: 77})
	for name, want := range map[string]string{
		"Max open files": "77 77", "Max core file size": "0 0", "Max locked memory": "0 0", "Max msgqueue size": "0 0",
	} {
		if limit := limitOf(got, name); limit != want {
			t.Errorf("%s: %q, want %q", name, limit, want)
		}
	}
	// Control: what is not named stays as it was.
	if limit := limitOf(mustRun(t, Spec{Netns: -1}), "Max open files"); limit == "77 77" || limit == "" {
		t.Errorf("unlimited, Max open files: %q", limit)
	}
}

// limitOf is the soft and hard limit in a /proc/PID/limits.
func limitOf(s sight, name string) string {
	for line := range strings.Lines(s.Limits) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			f := strings.Fields(rest)
			return fmt.Sprint(f[0], " ", f[1])
		}
	}
	return ""
}

package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// bulkhead is the executable that the tests start; TestMain builds it.
var bulkhead string

func TestMain(m *testing.M) {
	code, err := tested(m)
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func tested(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "bulkhead-peers")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	bulkhead = filepath.Join(dir, "bulkhead")
	c := exec.Command("go", "build", "-o", bulkhead, "../../cmd/bulkhead")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// eachPair runs do for every peer that has processes. One whose program is missing is skipped by name, with the sentence
// that says what brings it, so that a list of what was tested shows what was not.
func eachPair(t *testing.T, only func(Peer) bool, do func(*testing.T, Peer)) {
	for _, p := range All() {
		if p.Name == Direct || !only(p) {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			var missing *NotInstalledError
			if _, err := p.Client(t.TempDir(), exampleSide(t)); errors.As(err, &missing) {
				t.Skip(missing)
			}
			do(t, p)
		})
	}
}

func every(Peer) bool     { return true }
func secured(p Peer) bool { return p.TLS && !p.UDP }

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// binVar says where the executables are that are tested. Without it they are built;
// tests inside a lab, and runs by a user who cannot build, are given it.
const binVar = "BULKHEAD_TEST_BIN"

// worker is set in a test binary that Enter started inside a lab.
var worker *Options

// bin is where the executables under test are.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == InitCommand {
		return Init(os.Args[2:])
	}
	bin = os.Getenv(binVar)
	if len(os.Args) > 1 && os.Args[1] == WorkerCommand {
		worker = &Options{Dir: os.Args[3], Cgroup: os.Args[5], Bin: bin}
		os.Args = append(os.Args[:1], os.Args[8:]...) // two per flag: dir, cgroup, base
	} else if bin == "" {
		dir, err := build()
		defer os.RemoveAll(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		bin = dir
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// build makes the executables, where every user may run them.
func build() (string, error) {
	dir, err := os.MkdirTemp("", "bulkhead")
	if err != nil {
		return dir, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	c := exec.Command("go", "build", "-o", dir, "./cmd/bulkhead", "./cmd/bulkhead-node", "./cmd/bulkhead-cell", "./cmd/bulkhead-sidecar", "./bench/lab/testdata/fetch")
	c.Dir, c.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// inside runs the calling test again inside a new lab, by the code that the product
// enters labs with, and fails where that is impossible. It is true there.
func inside(t *testing.T) bool {
	t.Helper()
	if worker != nil {
		return true
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	t.Setenv(binVar, bin)
	err = Enter(t.Context(), Entry{
		Args:   []string{"-test.v", "-test.count=1", "-test.timeout=5m", "-test.run=^" + t.Name() + "$"},
		Base:   shortDir(t),
		Stdout: out, Stderr: out,
	})
	said, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	if err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
		t.Fatalf("inside the lab: %v\n%s", err, said)
	}
	t.Logf("inside the lab:\n%s", said)
	return false
}

// shortDir is a base directory that leaves room for the names of sockets; t.TempDir
// has the test's name in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// newLab is a lab that is ended with the test.
func newLab(t *testing.T, event func(Event)) *Lab {
	t.Helper()
	o := *worker
	o.Event = event
	o.Progress = func(line string) { t.Log(line) }
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		nobodyElse(t)
	})
	return l
}

// upLab is a lab that is up.
func upLab(t *testing.T, event func(Event)) *Lab {
	t.Helper()
	l := newLab(t, event)
	if err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

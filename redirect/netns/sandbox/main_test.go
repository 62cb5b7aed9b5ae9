package sandbox

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// behaviour makes a copy of this binary misbehave in TestMisbehave.
const behaviour = "SANDBOX_TEST_BEHAVIOUR"

var kept *os.File // out of reach of the finalizer

func TestMisbehave(t *testing.T) {
	switch os.Getenv(behaviour) {
	case "leak a descriptor":
		kept, _ = os.Open("/dev/null")
	case "forget a descriptor":
		os.Open("/dev/zero")
	case "leak a goroutine":
		go func() { select {} }()
	case "fail":
		t.Error("failed on purpose")
	case "exit 7":
		os.Exit(7)
	case "kill":
		unix.Kill(os.Getpid(), unix.SIGKILL)
	case "hang":
		os.Stdout.WriteString("hanging\n")
		select {}
	}
}

// again runs TestMisbehave in a copy of this binary: in a sandbox inside this
// one, or, when told that it is inside already, directly.
func again(t *testing.T, nested bool, what string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestMisbehave$", "-test.timeout=50s")
	cmd.Env = append(os.Environ(), behaviour+"="+what)
	if nested {
		cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, roleVariable) })
	}
	return cmd
}

func TestExitCodesAndLeaks(t *testing.T) {
	for what, want := range map[string]struct {
		code int
		says string
	}{
		"nothing":             {0, "PASS"},
		"leak a descriptor":   {1, "/dev/null"},
		"forget a descriptor": {1, "/dev/zero"},
		"leak a goroutine":    {1, "unexpected goroutines"},
		"fail":                {1, "failed on purpose"},
		"exit 7":              {7, ""},
		"kill":                {128 + 9, "killed"},
	} {
		cmd := again(t, true, what)
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != want.code || !strings.Contains(string(out), want.says) {
			t.Errorf("%s: exit code %d (%v), want %d and %q in:\n%s", what, code, err, want.code, want.says, out)
		}
	}
}

func TestRefusesToRunOnTheHost(t *testing.T) {
	cmd := again(t, false, "nothing")
	cmd.Env = append(cmd.Env, roleVariable+"="+roleTests+currentNetns())
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "they are not") {
		t.Errorf("tests ran in the namespace that they were told to be outside of: %v\n%s", err, out)
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	const none = "/proc/sys/user/max_net_namespaces"
	before, err := os.ReadFile(none)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(none, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(none, bytes.TrimSpace(before), 0)
	cmd := again(t, true, "nothing")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "tests need new user and network namespaces") {
		t.Errorf("without namespaces: %v\n%s", err, out)
	}
}

// The sandbox ends with the outer process, however that ends, and takes the
// tests along: their end of the output pipe closes.
func TestNothingOutlivesTheOuterProcess(t *testing.T) {
	for _, signal := range []os.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGQUIT} {
		cmd := again(t, true, "hang")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.SetReadDeadline(time.Now().Add(60 * time.Second))
		cmd.Stdout = w
		err = cmd.Start()
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, len("hanging\n"))); err != nil {
			t.Fatal("tests did not start: ", err)
		}
		cmd.Process.Signal(signal)
		if cmd.Wait() == nil {
			t.Errorf("%v: outer process ended well", signal)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%v: tests are still there: %v", signal, err)
		}
	}
}

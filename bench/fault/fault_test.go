package fault

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// target is a target whose signals are written down.
func target(serving []Process, fail error) (Target, *[]int) {
	var killed []int
	return Target{
		Culprit: "tenant-a/checkout", Node: "node-1",
		Serving: func() ([]Process, error) { return serving, fail },
		Signal: func(pid int, s syscall.Signal) error {
			if s != syscall.SIGKILL {
				return errors.New("not SIGKILL")
			}
			killed = append(killed, pid)
			return nil
		},
		Now: func() int64 { return int64(1000 + len(killed)) },
	}, &killed
}

func TestCrashKillsWhatServesTheCulprit(t *testing.T) {
	to, killed := target([]Process{{"cell-a", 11}, {"cell-b", 12}}, nil)
	done, err := Crash{}.Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if len(*killed) != 2 || (*killed)[0] != 11 || (*killed)[1] != 12 {
		t.Errorf("killed %v", *killed)
	}
	if done.At != 1000 {
		t.Errorf("struck at %d, want the time before the first kill", done.At)
	}
	if want := "SIGKILL to cell-a (pid 11), SIGKILL to cell-b (pid 12)"; done.Note != want {
		t.Errorf("note %q, want %q", done.Note, want)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCrashWithoutATarget(t *testing.T) {
	to, _ := target(nil, nil)
	var nothing *NothingServesError
	if _, err := (Crash{}).Inject(t.Context(), to); !errors.As(err, &nothing) {
		t.Errorf("error %v, want a NothingServesError", err)
	}
	lost := errors.New("lost")
	to, _ = target(nil, lost)
	if _, err := (Crash{}).Inject(t.Context(), to); !errors.Is(err, lost) {
		t.Errorf("error %v, want the one of Serving", err)
	}
}

func TestCrashOfARealProcess(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	to := System("w", "n", func() ([]Process, error) { return []Process{{"sleep", c.Process.Pid}}, nil })
	if _, err := (Crash{}).Inject(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want SIGKILL", err)
	}
	if err := signal(c.Process.Pid, syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal to a process that is gone: %v", err)
	}
}

func TestByName(t *testing.T) {
	for _, f := range All() {
		if g, err := ByName(f.Name()); err != nil || g != f {
			t.Errorf("%s: %v, %v", f.Name(), g, err)
		}
	}
	var unknown *UnknownError
	if _, err := ByName("crush"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "crash, memory-leak") {
		t.Errorf("error %v, want one that names the faults", err)
	}
}

func TestNullDoesNothing(t *testing.T) {
	to, killed := target([]Process{{"cell", 1}}, nil)
	if done, err := (Null{}).Inject(t.Context(), to); err != nil || done.At != 1000 || len(*killed) != 0 {
		t.Errorf("%+v, %v, killed %v", done, err, *killed)
	}
}

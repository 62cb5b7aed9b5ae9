package fault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// signals is a target that writes signals down; those that fail have an error.
type signals struct {
	mu    sync.Mutex
	sent  []string
	notes []string
	fail  map[string]error
}

func (s *signals) target(procs ...Process) Target {
	return Target{
		Culprit: "a/b", Node: "n", Now: func() int64 { return 7 },
		Serving:    func() ([]Process, error) { return procs, nil },
		Containers: func() ([]Process, error) { return procs, nil },
		Signal: func(pid int, sig syscall.Signal) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			what := fmt.Sprintf("%d %v", pid, sig)
			if sig == 0 {
				return s.fail[what]
			}
			s.sent = append(s.sent, what)
			return s.fail[what]
		},
		Saw: func(_ int64, note string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notes = append(s.notes, note)
		},
	}
}

func (s *signals) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *signals) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notes)
}

// What was stopped goes on when the time is over, or at the undo, and once only.
func TestHangEnds(t *testing.T) {
	for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
		var s signals
		done, err := hang{lasts}.Inject(t.Context(), s.target(Process{"cell x", 5}, Process{"cell y", 6}))
		if err != nil || done.At != 7 || done.Note != "SIGSTOP to cell x (pid 5), SIGSTOP to cell y (pid 6)" {
			t.Fatalf("%+v, %v", done, err)
		}
		for lasts < time.Hour && len(s.all()) < 4 {
			time.Sleep(time.Millisecond)
		}
		for range 2 {
			if err := done.Undo(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(s.sent, ", "); got != "5 stopped (signal), 6 stopped (signal), 5 continued, 6 continued" {
			t.Errorf("after %v: %s", lasts, got)
		}
	}
}

// What its keeper killed meanwhile needs nothing, and is said.
func TestHangOfWhatWasKilled(t *testing.T) {
	s := signals{fail: map[string]error{"5 signal 0": os.ErrProcessDone}}
	done, err := hang{time.Hour}.Inject(t.Context(), s.target(Process{"cell x", 5}))
	if err != nil {
		t.Fatal(err)
	}
	for len(s.said()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := done.Undo(t.Context()); err != nil || len(s.notes) != 1 || s.notes[0] != "cell x (pid 5) was killed: somebody noticed" {
		t.Errorf("notes %q, %v", s.notes, err)
	}
	if slices.Contains(s.sent, "5 continued") {
		t.Error("a pid that is not its own any more was signalled")
	}
}

// A stop that fails half-way leaves nothing stopped.
func TestHangHalfWay(t *testing.T) {
	lost := errors.New("lost")
	s := signals{fail: map[string]error{"6 stopped (signal)": lost}}
	if _, err := (hang{time.Hour}).Inject(t.Context(), s.target(Process{"x", 5}, Process{"y", 6})); !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
	if !slices.Contains(s.sent, "5 continued") {
		t.Errorf("sent %v: the first one is still stopped", s.sent)
	}
	var none *NothingServesError
	if _, err := (hang{time.Hour}).Inject(t.Context(), s.target()); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}

// A real process stands still, and goes on.
func TestHangOfARealProcess(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	to := System("w", "n", func() ([]Process, error) { return []Process{{"sleep", c.Process.Pid}}, nil })
	to.Saw = func(int64, string) {}
	done, err := Hang.Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	awaitState(t, c.Process.Pid, "T")
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	awaitState(t, c.Process.Pid, "S")
}

func awaitState(t *testing.T, pid int, want string) {
	t.Helper()
	for t.Context().Err() == nil {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if f := strings.Fields(string(b)); len(f) > 2 && f[2] == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A node's containers are killed once each; one that went along with another is no error.
func TestNodeRestart(t *testing.T) {
	s := signals{fail: map[string]error{"6 killed": os.ErrProcessDone}}
	done, err := NodeRestart{}.Inject(t.Context(), s.target(Process{"x", 5}, Process{"y", 6}))
	if err != nil || done.At != 7 || strings.Join(s.sent, ", ") != "5 killed, 6 killed" {
		t.Errorf("%+v, %v, sent %v", done, err, s.sent)
	}
	var none *NothingServesError
	if _, err := (NodeRestart{}).Inject(t.Context(), s.target()); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}

func TestTimedFaultsCanBeShorter(t *testing.T) {
	for _, f := range All() {
		if timed, ok := f.(Timed); ok {
			short, ok := timed.For(time.Second).(Lasting)
			if lasts := timed.Lasts(); !ok || short.Lasts() != min(time.Second, lasts) {
				t.Errorf("%s for a second: %v", f.Name(), short)
			}
		}
	}
}

package anchor

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hang bounds every wait; it fires only when something never happens.
const hang = 30 * time.Second

// keeperDoor is where keepers, one after another, come to the test.
type keeperDoor struct {
	*net.UnixListener
}

// visitor is one keeper, as the test sees it.
type visitor struct {
	hello
	t    *testing.T
	conn net.Conn
	in   *json.Decoder
}

// startAnchor starts an anchor whose options are the JSON of o, and ends it with the
// test.
func startAnchor(t *testing.T, o map[string]any, leaked ...*os.File) *anchorProcess {
	t.Helper()
	return startAnchorAs(t, nil, o, leaked...)
}

func startAnchorAs(t *testing.T, sys *syscall.SysProcAttr, o map[string]any, leaked ...*os.File) *anchorProcess {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		o = map[string]any{}
	}
	if o["RestartMin"] == nil {
		o["RestartMin"] = time.Millisecond
	}
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	a := &anchorProcess{Cmd: exec.Command("/proc/self/exe"), keepers: &keeperDoor{l}, ended: make(chan error, 1)}
	a.Env = append(environment("anchor"), socketVar+"="+path, optionsVar+"="+string(options))
	a.Stderr, a.ExtraFiles, a.SysProcAttr = os.Stderr, leaked, sys
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.ended <- a.Wait() }()
	t.Cleanup(func() {
		l.Close()
		a.Process.Signal(unix.SIGKILL) // does nothing to one that has ended
	})
	return a
}

// keeper waits for the next keeper.
func (a *anchorProcess) keeper(t *testing.T) *visitor {
	t.Helper()
	a.keepers.SetDeadline(time.Now().Add(hang))
	conn, err := a.keepers.Accept()
	if err != nil {
		t.Fatalf("no keeper: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	v := &visitor{t: t, conn: conn, in: json.NewDecoder(conn)}
	conn.SetDeadline(time.Now().Add(4 * hang))
	if err := v.in.Decode(&v.hello); err != nil {
		t.Fatalf("keeper: %v", err)
	}
	return v
}

// wantEnd waits for the end of the anchor.
func (a *anchorProcess) wantEnd(t *testing.T, code int) {
	t.Helper()
	select {
	case <-a.ended:
		if got := a.ProcessState.ExitCode(); got != code {
			t.Errorf("the anchor ended with %v, want exit code %d", a.ProcessState, code)
		}
	case <-time.After(hang):
		t.Fatal("the anchor does not end")
	}
}

// try has the keeper do something that may fail.
func (v *visitor) try(o order) reply {
	v.t.Helper()
	if err := json.NewEncoder(v.conn).Encode(o); err != nil {
		v.t.Fatalf("%s: %v", o.Do, err)
	}
	var r reply
	if err := v.in.Decode(&r); err != nil {
		v.t.Fatalf("%s %s: keeper: %v", o.Do, o.Name, err)
	}
	return r
}

func (v *visitor) do(o order) reply {
	v.t.Helper()
	r := v.try(o)
	if r.Error != "" {
		v.t.Fatalf("%s %s: %s", o.Do, o.Name, r.Error)
	}
	return r
}

// last has the keeper do something after which it is no more.
func (v *visitor) last(o order) {
	v.t.Helper()
	if err := json.NewEncoder(v.conn).Encode(o); err != nil {
		v.t.Fatalf("%s: %v", o.Do, err)
	}
	wantGone(v.t, v.PID)
}

func (v *visitor) kill() {
	v.t.Helper()
	kill(v.t, v.PID)
	wantGone(v.t, v.PID)
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

// wantGone waits until a process has ended.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for deadline := time.Now().Add(hang); time.Now().Before(deadline); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		if err == nil && n == 1 {
			return
		}
	}
	t.Fatalf("process %d does not end", pid)
}

func wantRunning(t *testing.T, pid int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	var id int
	var name, state string
	if _, err := fmt.Sscan(string(b), &id, &name, &state); err == nil && state == "Z" {
		t.Fatalf("process %d has ended", pid)
	}
}

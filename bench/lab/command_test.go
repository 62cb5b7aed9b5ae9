package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tried are the isolations that the commands are tried with; TestIsolations has all.
var tried = []string{None, Sidecar, Shared}

// TestCommands is an evening with the lab, for root and for an ordinary user.
func TestCommands(t *testing.T) {
	for _, p := range people(t) {
		for _, isolation := range tried {
			t.Run(p.name+" "+isolation, func(t *testing.T) {
				before := readMachine(t)
				u := p.up(t, "--isolation", isolation)
				u.await(t, "Try, from another terminal")
				status, errs, code := p.says(t, "lab", "status")
				if code != 0 || strings.Count(status, "\n") != 17 || !strings.Contains(status, "isolation: "+isolation) {
					t.Errorf("status: exit %d, %s\n%s", code, errs, status)
				}
				if strings.Contains(status, "unknown") || strings.Contains(status, "nothing") {
					t.Errorf("not every pod is served:\n%s", status)
				}
				p.tryExec(t, isolation)
				if _, errs, code := p.says(t, "lab", "up"); code != 2 || !strings.Contains(errs, "already running") {
					t.Errorf("second up: exit %d, %s", code, errs)
				}
				if out, errs, code := p.says(t, "lab", "down"); code != 0 || !strings.Contains(out, "has ended") {
					t.Errorf("down: exit %d, %s", code, errs)
				}
				if code := u.exit(t); code != 0 || u.err.Len() > 0 {
					t.Errorf("lab up: exit %d, %s", code, u.err.String())
				}
				p.nothingLeft(t, u.cmd.Process.Pid)
				before.untouched(t)
			})
		}
	}
}

// tryExec runs programs of the machine, by the names of services.
func (p person) tryExec(t *testing.T, isolation string) {
	t.Helper()
	url, fetch := "http://checkout.tenant-a/", filepath.Join(bin, "fetch")
	if isolation == None {
		url = fmt.Sprintf("http://checkout.tenant-a:%d/", PagePort)
	}
	for _, c := range []struct {
		argv   []string
		in     string
		code   int
		stdout string // beginning
		stderr string // part
	}{
		{[]string{"tenant-a/web", "--", fetch, "-4", url}, "", 0, "pod tenant-a/checkout\nclient 10.244.3.2\n", ""},
		{[]string{"tenant-a/web", "--", fetch, "-6", url}, "", 0, "pod tenant-a/checkout\nclient fd00:244:3::2\n", ""},
		{[]string{"tenant-a/web", "--", "sh", "-c", "cat; echo oops >&2; exit 7"}, "hello", 7, "hello", "oops"},
		{[]string{"tenant-a/web", "--", "sh", "-c", "kill -9 $$"}, "", 137, "", ""},
		{[]string{"tenant-a/web", "--", "no-such-program"}, "", 2, "", "no-such-program"},
		{[]string{"tenant-a/nobody", "--", "true"}, "", 2, "", "tenant-a/web, tenant-a/checkout"},
		{[]string{"sentinel/a", "true"}, "", 0, "", ""},
	} {
		cmd := p.command(append([]string{"lab", "exec"}, c.argv...)...)
		cmd.Stdin = strings.NewReader(c.in)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // the code says more
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.HasPrefix(out.String(), c.stdout) || !strings.Contains(errs.String(), c.stderr) {
			t.Errorf("exec %v: exit %d, stdout %q, stderr %q", c.argv, code, out.String(), errs.String())
		}
	}
}

// TestProgramsEndWithTheirCommand: Ctrl-C at `lab exec`, its death, and the end of the
// lab all end the program, also one that started others.
func TestProgramsEndWithTheirCommand(t *testing.T) {
	for _, p := range people(t) {
		t.Run(p.name, func(t *testing.T) {
			u := p.up(t, "--isolation", None)
			u.await(t, "Try, from another terminal")
			for i, c := range []struct {
				what string
				end  func(outer *os.Process) error
				code int
			}{
				{"Ctrl-C", func(o *os.Process) error { return o.Signal(unix.SIGINT) }, 130},
				{"killed", func(o *os.Process) error { return o.Kill() }, -1},
				{"lab down", func(*os.Process) error { return p.command("lab", "down").Run() }, 137},
			} {
				seconds := fmt.Sprintf("%d.%d", 12345+i, os.Getpid())
				cmd := p.command("lab", "exec", "tenant-a/web", "--", "sh", "-c", "sleep "+seconds+"; true")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the program runs", func() bool { return sleeps(t, seconds) })
				if err := c.end(cmd.Process); err != nil {
					t.Error(err)
				}
				_ = cmd.Wait() // the code says more
				if code := cmd.ProcessState.ExitCode(); code != c.code {
					t.Errorf("%s: exit %d, want %d", c.what, code, c.code)
				}
				eventually(t, "the program has ended", func() bool { return !sleeps(t, seconds) })
			}
			u.exit(t)
			p.nothingLeft(t, u.cmd.Process.Pid)
		})
	}
}

// sleeps reports whether some process has been told to sleep so long.
func sleeps(t *testing.T, seconds string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if args, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(args), "sleep\x00"+seconds) {
			return true
		}
	}
	return false
}

// TestKilledLabLeavesNothing: SIGKILL of the outer process, at several moments, ends
// all others at once; what is left on disk the next command removes.
func TestKilledLabLeavesNothing(t *testing.T) {
	before := readMachine(t)
	for _, p := range people(t) {
		for _, line := range []string{"lab: network", "lab: control", "Try, from"} {
			t.Run(p.name+" at "+line, func(t *testing.T) {
				u := p.up(t, "--isolation", Shared)
				u.await(t, line)
				if err := u.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "no process of the lab", func() bool { return len(labProcesses(t)) == 0 })
				if out, errs, code := p.says(t, "lab", "down"); code != 0 || !strings.Contains(out, "no lab is running") {
					t.Errorf("down: exit %d, %s%s", code, out, errs)
				}
				p.nothingLeft(t, u.cmd.Process.Pid)
			})
		}
	}
	before.untouched(t)
}

// TestInterruptAtAnyMoment: Ctrl-C leaves nothing, whenever it comes.
func TestInterruptAtAnyMoment(t *testing.T) {
	before := readMachine(t)
	for _, p := range people(t) {
		for _, after := range []time.Duration{0, 5, 12, 25, 50, 90, 150, 250, 400, 700, 1100} {
			after *= time.Millisecond
			t.Run(p.name+" after "+after.String(), func(t *testing.T) {
				u := p.up(t, "--isolation", Sidecar)
				time.Sleep(after) // the moment is what is tried, nothing is waited for
				if err := u.cmd.Process.Signal(unix.SIGINT); err != nil {
					t.Fatal(err)
				}
				// Before main runs, the signal ends the process by default: that is -1.
				if code := u.exit(t); code != 130 && code != -1 {
					t.Errorf("exit %d, %s", code, u.err.String())
				}
				if u.err.Len() > 0 {
					t.Errorf("Ctrl-C is no error, but it said: %s", u.err.String())
				}
				p.nothingLeft(t, u.cmd.Process.Pid)
			})
		}
	}
	before.untouched(t)
}

// TestSecondInterruptKills a lab that does not end by itself.
func TestSecondInterruptKills(t *testing.T) {
	for _, p := range people(t) {
		t.Run(p.name, func(t *testing.T) {
			u := p.up(t, "--isolation", None)
			u.await(t, "Try, from")
			stopped := workerOf(t)
			if err := unix.Kill(stopped, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			// Until then it could still take the signal.
			eventually(t, "the worker has stopped", func() bool { return strings.HasPrefix(statusField(t, stopped, "State"), "T") })
			if err := u.cmd.Process.Signal(unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			// Two signals of one kind that nobody has taken yet are one: the second must
			// wait until the first has gone all the way to the worker.
			eventually(t, "the first Ctrl-C is with the worker", func() bool { return pendingInterrupt(t, stopped) })
			if err := u.cmd.Process.Signal(unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := u.exit(t); code != 130 {
				t.Errorf("exit %d, %s", code, u.err.String())
			}
			p.nothingLeft(t, u.cmd.Process.Pid)
		})
	}
}

func workerOf(t *testing.T) int {
	t.Helper()
	for pid, args := range labProcesses(t) {
		if strings.Contains(args, WorkerCommand) {
			return pid
		}
	}
	t.Fatal("no worker")
	return 0
}

// pendingInterrupt reports whether a stopped process has a SIGINT to take.
func pendingInterrupt(t *testing.T, pid int) bool {
	t.Helper()
	pending, err := strconv.ParseUint(statusField(t, pid, "ShdPnd"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pending&(1<<(unix.SIGINT-1)) != 0
}

// statusField is a line of /proc/PID/status.
func statusField(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(b), name+":\t")
	value, _, _ = strings.Cut(value, "\n")
	return value
}

// TestMisuse: one clear sentence, exit code 2, nothing done.
func TestMisuse(t *testing.T) {
	for _, p := range people(t) {
		for _, c := range []struct {
			args []string
			want string
		}{
			{[]string{"lap"}, "did you mean bulkhead lab"},
			{[]string{"frobnicate"}, "unknown command"},
			{[]string{"--frobnicate"}, "unknown flag"},
			{[]string{"version", "x"}, "unknown command"},
			{[]string{"lab", "upp"}, "did you mean bulkhead lab up"},
			{[]string{"lab", "up", "x"}, "unknown command"},
			{[]string{"lab", "up", "--isolation", "both"}, "use one of none, sidecar, workload"},
			{[]string{"lab", "up", "--isolation"}, "needs an argument"},
			{[]string{"lab", "up", "--time-scale", "0"}, "outside 0.001 to 1"},
			{[]string{"lab", "up", "--time-scale", "fast"}, "invalid argument"},
			{[]string{"lab", "exec", "tenant-a/web"}, "requires at least 2 arg"},
			{[]string{"lab", "exec", "tenant-a/web", "--", "true"}, "no lab is running"},
			{[]string{"lab", "exec", "a", "b", "--", "true"}, "one pod at a time"},
			{[]string{"lab", "status"}, "no lab is running"},
			{[]string{"lab", "status", "x"}, "unknown command"},
			{[]string{InitCommand}, "use bulkhead lab up"},
			{[]string{WorkerCommand, "up"}, "use bulkhead lab up"},
			{[]string{"control"}, "--config"},
			{[]string{"control", "--config", "/nonexistent"}, "/nonexistent"},
		} {
			t.Run(p.name+" "+strings.Join(c.args, " "), func(t *testing.T) {
				out, errs, code := p.says(t, c.args...)
				if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.want) {
					t.Errorf("exit %d, stdout %q, stderr %q, want one line with %q", code, out, errs, c.want)
				}
			})
		}
	}
}

func TestVersion(t *testing.T) {
	out, errs, code := people(t)[0].says(t, "version")
	if code != 0 || !strings.HasPrefix(out, "bulkhead ") || errs != "" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

// TestDownWithoutLab is fine, also the first time ever.
func TestDownWithoutLab(t *testing.T) {
	for _, p := range people(t) {
		for range 2 {
			if out, errs, code := p.says(t, "lab", "down"); code != 0 || !strings.Contains(out, "no lab is running") {
				t.Errorf("%s: exit %d, %s%s", p.name, code, out, errs)
			}
		}
	}
}

// TestNoPrivilege: where user namespaces are off and the caller is not root, the
// sentence says what to ask for. The lab is the place where they can be turned off.
func TestNoPrivilege(t *testing.T) {
	if !inside(t) {
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, nil)
	p := person{name: "no privilege", xdg: shortDir(t)}
	c := p.command()
	shim := []string{"shim", "--caps=net_raw", "--no-new-privs", "--files=-1", "--", c.Path, "lab", "up"}
	c.Path, c.Args = l.bin("bulkhead-node"), append([]string{"bulkhead-node"}, shim...)
	c.SysProcAttr = &syscall.SysProcAttr{}
	out, _ := c.CombinedOutput() // the code says more
	if code := c.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "run as root, or let an administrator allow") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("exit %d, %s", code, out)
	}
	entries, err := os.ReadDir(p.base())
	if err != nil || len(entries) != 1 || entries[0].Name() != lockFile {
		t.Errorf("left: %v, %v", entries, err)
	}
}

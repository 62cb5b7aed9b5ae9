package lab

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// person is somebody who types commands, with a directory of their own for labs.
type person struct {
	name string
	xdg  string
	cred *syscall.Credential // nil: whoever runs the tests
}

// nobody is the ordinary user for tests that root runs.
const nobody = 65534

// people are root and an ordinary user, or whoever runs the tests if that is not root.
func people(t *testing.T) []person {
	t.Helper()
	if os.Geteuid() != 0 {
		return []person{{name: "user", xdg: shortDir(t)}}
	}
	user := person{name: "user", xdg: shortDir(t), cred: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := os.Chown(user.xdg, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return []person{{name: "root", xdg: shortDir(t)}, user}
}

func (p person) base() string { return filepath.Join(p.xdg, "bulkhead") }

// command is `bulkhead ARGS…` typed by this person.
func (p person) command(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(bin, "bulkhead"), args...)
	c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+p.xdg)
	c.Dir = "/" // the tests' own may be closed to an ordinary user
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setpgid: true}
	c.WaitDelay = limit // a leaked child must not hang the tests
	return c
}

// says runs a command to its end.
func (p person) says(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := p.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// upped is a `lab up` that runs.
type upped struct {
	cmd   *exec.Cmd
	err   bytes.Buffer
	ended chan struct{}
	lines chan string // of stdout; closed at its end
}

// up types `lab up` and does not wait. Its end is the test's business; when the test
// failed it is killed.
func (p person) up(t *testing.T, args ...string) *upped {
	t.Helper()
	u := &upped{cmd: p.command(append([]string{"lab", "up"}, args...)...), ended: make(chan struct{}), lines: make(chan string, 1000)}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	u.cmd.Stderr = &u.err
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go u.read(bufio.NewScanner(out))
	t.Cleanup(func() {
		u.cmd.Process.Kill()
		<-u.ended
	})
	return u
}

func (u *upped) read(out *bufio.Scanner) {
	for out.Scan() {
		u.lines <- out.Text()
	}
	close(u.lines)
	u.cmd.Wait()
	close(u.ended)
}

// await waits for a line that begins so.
func (u *upped) await(t *testing.T, beginning string) {
	t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case line, ok := <-u.lines:
			if !ok {
				<-u.ended
				t.Fatalf("lab up ended with %d before it said %q: %s", u.cmd.ProcessState.ExitCode(), beginning, u.err.String())
			}
			if strings.HasPrefix(line, beginning) {
				return
			}
		case <-timeout:
			t.Fatalf("lab up never said %q: %s", beginning, u.err.String())
		}
	}
}

// exit waits for the end.
func (u *upped) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-u.ended:
		return u.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatal("lab up does not end")
		return 0
	}
}

// labProcesses are the processes of this machine that run our executables. Each run
// of the tests has its own, so others' labs are none of its business.
func labProcesses(t *testing.T) map[int]string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int]string)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A zombie has no executable: it is gone for our purposes.
		if exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe")); err == nil && filepath.Dir(exe) == bin {
			args, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
			all[pid] = string(bytes.ReplaceAll(args, []byte{0}, []byte(" ")))
		}
	}
	return all
}

// nothingLeft checks processes, cgroups and files. A lab's network namespaces are
// held by its processes only.
func (p person) nothingLeft(t *testing.T, outer int) {
	t.Helper()
	eventually(t, "no process of the lab", func() bool { return len(labProcesses(t)) == 0 })
	if groups := cgroupsOf(t, outer); len(groups) > 0 {
		t.Errorf("cgroups are left: %v", groups)
	}
	entries, err := os.ReadDir(p.base())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != lockFile && e.Name() != socketFile {
			t.Errorf("%s is left in %s", e.Name(), p.base())
		}
	}
}

// cgroupsOf are the cgroups of a lab by its outer process's pid.
func cgroupsOf(t *testing.T, outer int) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile, or not ours to read
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), prefix+strconv.Itoa(outer)+"-") {
			found = append(found, path)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// machine is what a lab must never touch: the network of the namespace that it was
// started in, and the mounts there.
type machine struct {
	network traces
	mounts  string
}

func readMachine(t *testing.T) machine {
	t.Helper()
	network, err := readTraces(netns.Own())
	if errors.Is(err, unix.EPERM) { // an ordinary user cannot list nft tables, nor change them
		err = within(netns.Own(), network.readNetlink)
		slices.Sort(network)
	}
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return machine{network, string(mounts)}
}

func (before machine) untouched(t *testing.T) {
	t.Helper()
	now := readMachine(t)
	if err := before.network.compare(now.network); err != nil {
		t.Errorf("the machine's own network: %v", err)
	}
	if now.mounts != before.mounts {
		t.Errorf("the machine's mounts: before\n%s\nafter\n%s", before.mounts, now.mounts)
	}
}

package attack

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// reachable are the kinds of attempts that succeed where no jail is. The others need
// privileges on the machine that a sandbox has not, or an observer.
var reachable = []string{
	"enter a network namespace", "enter a process's namespaces", "signal to everybody",
	"ptrace", "signal", "read memory", "read /proc/PID/mem", "read /proc/PID/environ", "take descriptors",
	"open a file", "connect to a socket", "list the node's files", "execute another program",
	"packet socket", "raw socket", "netlink socket", "UDP socket",
	"mount", "chroot", "executable memory", "dumpable",
}

// world is what the thief is set upon.
type world struct {
	orders Orders
	plain  string // the program, without orders
}

func newWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	w := world{plain: filepath.Join(dir, "bulkhead-attack")}
	build := exec.Command("go", "build", "-o", w.plain, "../../../cmd/bulkhead-attack")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	secret, socket := filepath.Join(dir, "token"), filepath.Join(dir, "socket")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	victim := exec.Command("sleep", "3600")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Process.Kill(); _ = victim.Wait() })
	pair := sandbox.NewPair(t)
	other := pair.B.File()
	w.orders = Orders{
		By: trust.ByApplication, Culprit: "a/thief", Group: []string{"a/thief"}, Lives: "a/thief", FirstPort: 20_000,
		Observer: netip.MustParseAddr("127.0.0.2"),
		Workloads: []Workload{
			{Name: "a/thief", Address: netip.MustParseAddr("127.0.0.1")},
			{Name: "b/victim", Address: netip.MustParseAddr("127.0.0.3"), Netns: procPath(other.Fd())},
		},
		Processes: []Process{{Name: "victim", PID: victim.Process.Pid}},
		Files:     []File{{Path: secret, Owner: "files of victim"}, {Path: socket, Owner: "socket of victim", Socket: true}},
	}
	return w
}

// procPath is a descriptor of this process as its children find it.
func procPath(fd uintptr) string {
	return filepath.Join("/proc", itoa(os.Getpid()), "fd", itoa(int(fd)))
}

// rob runs the thief until it is done, in a jail unless spec is nil.
func (w world) rob(t *testing.T, spec *jail.Spec) []trust.Attempt {
	t.Helper()
	path := filepath.Join(t.TempDir(), "thief")
	if err := Write(path, w.plain, w.orders); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path)
	if spec != nil {
		spec.Argv = []string{path}
		c = exec.Command("/proc/self/exe", spec.Args()...)
		c.Env = append(os.Environ(), shimVar+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	var said bytes.Buffer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.Write(append(lines.Bytes(), '\n'))
		if l, ok, err := parse(lines.Bytes()); err != nil {
			t.Fatal(err)
		} else if ok && l.Done != nil {
			break
		}
	}
	attempts, done, err := Read(&said, func(Packet) bool { return false })
	if err != nil || done == nil || done.Error != "" {
		t.Fatalf("the thief ended with %v, %v; it said\n%s", done, err, said.String())
	}
	return attempts
}

// outcomes are those of one kind.
func outcomes(attempts []trust.Attempt, kind string) (all []string) {
	for _, a := range attempts {
		if a.Kind == kind {
			all = append(all, strings.TrimSpace(a.Outcome+" "+a.Errno))
		}
	}
	return all
}

// TestTheJailIsWhatStopsIt: the same attempts, by the same program, against the same
// victims, with the jail of a cell and without.
func TestTheJailIsWhatStopsIt(t *testing.T) {
	w := newWorld(t)
	free := w.rob(t, nil)
	spec := jail.Spec{Netns: -1, Files: -1, Caps: []string{"net_raw", "sys_admin"}, NoNewPrivs: true, Seccomp: true, Landlock: true}
	w.orders.Calls = spec.SystemCalls()
	jailed := w.rob(t, &spec)
	if got := outcomes(jailed, "system calls off the jail's list"); !slices.Equal(got, []string{"refused EPERM"}) {
		t.Errorf("system calls off the list: %q", got)
	}
	// Control: a list from which one call is missing that passes.
	w.orders.Calls = slices.DeleteFunc(spec.SystemCalls(), func(n int) bool { return n == unix.SYS_GETPID })
	if got := outcomes(w.rob(t, &spec), "system calls off the jail's list"); !slices.Equal(got, []string{trust.Succeeded}) {
		t.Errorf("control: with getpid off the list: %q", got)
	}
	for _, kind := range reachable {
		if got := outcomes(free, kind); !slices.Contains(got, trust.Succeeded) {
			t.Errorf("control: %s, without a jail: %q", kind, got)
		}
		if got := outcomes(jailed, kind); len(got) == 0 || slices.Contains(got, trust.Succeeded) {
			t.Errorf("%s, in the jail: %q", kind, got)
		}
	}
	for _, a := range jailed {
		if a.Outcome == trust.Killed || a.Outcome == trust.Succeeded && a.Target != trust.Self {
			t.Errorf("%s against %s: %s", a.Kind, a.Target, a.Outcome)
		}
	}
	if f, err := os.ReadFile(w.orders.Files[0].Path); err != nil || string(f) != "secret" {
		t.Errorf("the attack changed a file: %q, %v", f, err)
	}
}

// TestASidecarSendsNoFrames: what a sidecar's filter takes, and what it leaves.
func TestASidecarSendsNoFrames(t *testing.T) {
	w := newWorld(t)
	spec := jail.Spec{Netns: -1, Files: -1, Caps: []string{"net_raw"}, NoNewPrivs: true}
	open := w.rob(t, &spec)
	spec.NoRaw = true
	got := w.rob(t, &spec)
	for _, kind := range []string{"packet socket", "raw socket", "forge a source, frame", "forge a source, raw"} {
		if words := outcomes(got, kind); !slices.Equal(words, []string{"refused EPERM"}) {
			t.Errorf("%s: %q", kind, words)
		}
	}
	for _, kind := range []string{"packet socket", "raw socket"} {
		if words := outcomes(open, kind); !slices.Equal(words, []string{trust.Succeeded}) {
			t.Errorf("control: %s without the filter: %q", kind, words)
		}
	}
	if words := outcomes(got, "UDP socket"); !slices.Equal(words, []string{trust.Succeeded}) {
		t.Errorf("a UDP socket: %q", words)
	}
}

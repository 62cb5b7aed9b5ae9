package jail

import (
	"cmp"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// buildInmate builds the program that tries: static, as a cell is, and not the test
// binary, which with the race detector is neither.
func buildInmate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inmate")
	c := exec.Command("go", "build", "-o", path, "./testdata/inmate")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// sharedListener is a listener as anchor and cells share one.
func sharedListener(t *testing.T) *os.File {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// try runs the inmate in a jail, with a listener on descriptor 3.
func try(t *testing.T, s Spec) map[string]string {
	t.Helper()
	f := sharedListener(t)
	cmd := exec.Command("/proc/self/exe", s.Args()...)
	cmd.Env = append(os.Environ(), roleVar+"=shim", "GORACE=atexit_sleep_ms=0")
	return outcomes(t, cmd, f)
}

// tryFree runs the inmate without any jail, for what it is told to try.
func tryFree(t *testing.T, path string, names ...string) map[string]string {
	t.Helper()
	return outcomes(t, exec.Command(path, names...), sharedListener(t))
}

func outcomes(t *testing.T, cmd *exec.Cmd, listener *os.File) map[string]string {
	t.Helper()
	cmd.ExtraFiles = []*os.File{listener}
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := map[string]string{}
	if out.Len() == 0 { // it has become another program
		return got
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("the inmate said %q %s: %v", out.String(), stderr.String(), err)
	}
	return got
}

// needed is what works in every jail.
var needed = []string{"tcp", "exit of half", "still listens", "signal to itself", "threads"}

// Who refuses an attempt. Each has its control in TestInmateWithoutAJail.
var refusedBySeccomp = []string{
	"listen", "shut down reading", "shut down both", "attach filter", "lock filter", "attach reuseport",
	"blocking listener", "raw socket", "packet socket", "netlink socket", "unix socket", "udp socket",
	"mount", "unshare", "setns of mount", "setns of anything", "ptrace", "bpf", "io_uring", "keyctl", "userfaultfd", "perf", "pidfd",
	"read others", "memfd", "fork", "executable memory", "signal to parent", "dumpable", "another filter",
}

var refusedByLandlock = []string{"read a file", "list a directory", "write a file", "read /proc", "bind a port"}

func TestInmate(t *testing.T) {
	path := buildInmate(t)
	// The control cannot execute another program: it would be gone.
	free := try(t, Spec{Netns: -1, NoNewPrivs: true, Landlock: true, Caps: []string{"net_raw"}, Argv: []string{path}})
	jailed := try(t, Spec{Netns: -1, NoNewPrivs: true, Landlock: true, Seccomp: true, Caps: []string{"net_raw", "sys_admin"}, Argv: []string{path}})
	for _, name := range needed {
		if jailed[name] != "done" || free[name] != "done" {
			t.Errorf("%s: %q in the jail, %q with Landlock alone", name, jailed[name], free[name])
		}
	}
	for _, name := range refusedBySeccomp {
		if !strings.Contains(jailed[name], "operation not permitted") {
			t.Errorf("%s in the jail: %q, want EPERM", name, jailed[name])
		}
	}
	for _, name := range refusedByLandlock {
		if !strings.Contains(jailed[name], "permission denied") {
			t.Errorf("%s in the jail: %q, want EACCES", name, jailed[name])
		}
	}
	if got := jailed["execute the system"]; !strings.Contains(got, "permission denied") {
		t.Errorf("another program in the jail: %q, want EACCES", got)
	}
	for _, name := range []string{"listen", "raw socket", "udp socket", "memfd", "dumpable"} {
		if free[name] != "done" {
			t.Errorf("%s with Landlock alone: %q: what refuses it is not seccomp", name, free[name])
		}
	}
}

// gotPast is what the kernel says to attempts that cannot succeed even where they are
// allowed: it has looked at them, where the jail does not let it.
var gotPast = map[string]string{
	"bpf": "invalid argument", "fork": "invalid argument", "perf": "bad address", "ptrace": "no such process",
	"setns of mount": "invalid argument", "setns of anything": "invalid argument",
	"shut down reading": "transport endpoint is not connected", "shut down both": "transport endpoint is not connected",
}

// oftenOff are what some machines have switched off, for everybody.
var oftenOff = []string{"io_uring", "userfaultfd", "bpf", "perf", "keyctl"}

// The control: all that the jail refuses works without it.
func TestInmateWithoutAJail(t *testing.T) {
	path := buildInmate(t)
	tries := slices.Concat(needed, refusedBySeccomp, refusedByLandlock)
	free := tryFree(t, path, tries...)
	for _, name := range tries {
		want := cmp.Or(gotPast[name], "done")
		if slices.Contains(oftenOff, name) && (strings.Contains(free[name], "not permitted") || strings.Contains(free[name], "not implemented")) {
			t.Logf("%s: this machine has it for nobody", name)
			continue
		}
		if free[name] != want {
			t.Errorf("%s without a jail: %q, want %q", name, free[name], want)
		}
	}
	if got := tryFree(t, path, "execute the system"); len(got) > 0 {
		t.Errorf("another program without a jail: %v, want to have become it", got)
	}
}

// A cell that listens itself may do that, on its ports.
func TestInmateThatListens(t *testing.T) {
	path := buildInmate(t)
	got := try(t, Spec{Netns: -1, NoNewPrivs: true, Landlock: true, Seccomp: true, Listen: []uint16{15099}, Argv: []string{path}})
	for _, name := range []string{"listen", "bind a port", "tcp"} {
		if got[name] != "done" {
			t.Errorf("%s: %q", name, got[name])
		}
	}
}

// A program that is more than a cell keeps all but raw and packet sockets.
func TestInmateWithoutRaw(t *testing.T) {
	path := buildInmate(t)
	spec := Spec{Netns: -1, NoNewPrivs: true, Caps: []string{"net_raw"}, Landlock: true, Argv: []string{path}}
	free := try(t, spec)
	spec.NoRaw = true
	got := try(t, spec)
	for _, name := range []string{"raw socket", "packet socket", "io_uring"} {
		if !strings.Contains(got[name], "operation not permitted") {
			t.Errorf("%s: %q", name, got[name])
		}
	}
	for name, before := range free {
		if !slices.Contains([]string{"raw socket", "packet socket", "io_uring"}, name) && got[name] != before {
			t.Errorf("%s: %q, without the filter %q", name, got[name], before)
		}
	}
	if free["raw socket"] != "done" || free["packet socket"] != "done" {
		t.Errorf("control: raw %q, packet %q", free["raw socket"], free["packet socket"])
	}
}

// The filter, run by a machine of the library's, decides as its table says.
func TestFilter(t *testing.T) {
	const pid = 7
	verdict := func(s Spec, arch, number uint32, args ...uint32) uint32 {
		t.Helper()
		vm, err := bpf.NewVM(filter(s.calls(pid)))
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 64) // the library's machine reads big endian
		put := func(at int, v uint32) {
			data[at], data[at+1], data[at+2], data[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
		}
		put(offsetNumber, number)
		put(offsetArch, arch)
		for i, a := range args {
			put(offsetArgs+8*i, a)
		}
		got, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(got)
	}
	const allow, kill = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS
	const refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	several := Spec{Caps: []string{"net_raw", "sys_admin"}}
	quic := Spec{Caps: []string{"net_raw"}, Datagrams: true}
	for name, c := range map[string]struct {
		got, want uint32
	}{
		"wrong architecture": {verdict(several, auditArch^1, unix.SYS_READ), kill},
		"x32":                {verdict(several, auditArch, otherABI|unix.SYS_READ), kill},
		"read":               {verdict(several, auditArch, unix.SYS_READ, 3), allow},
		"the last one":       {verdict(several, auditArch, alwaysHere[len(alwaysHere)-1]), allow},
		"unknown":            {verdict(several, auditArch, 9999), refused},
		"setns":              {verdict(several, auditArch, unix.SYS_SETNS, 4, unix.CLONE_NEWNET), allow},
		"setns of any":       {verdict(several, auditArch, unix.SYS_SETNS, 4, 0), refused},
		"setns of two":       {verdict(several, auditArch, unix.SYS_SETNS, 4, unix.CLONE_NEWNET|unix.CLONE_NEWNS), refused},
		"setns in a pod":     {verdict(Spec{Caps: []string{"net_raw"}}, auditArch, unix.SYS_SETNS, 4, unix.CLONE_NEWNET), refused},
		"own thread":         {verdict(several, auditArch, unix.SYS_TGKILL, pid, 8, 23), allow},
		"another's thread":   {verdict(several, auditArch, unix.SYS_TGKILL, pid+1, 8, 9), refused},
		"a process":          {verdict(several, auditArch, unix.SYS_CLONE, uint32(unix.SIGCHLD)), refused},
		"thread, namespace":  {verdict(several, auditArch, unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_NEWUSER), refused},
		"tcp over IPv6":      {verdict(several, auditArch, unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 6), allow},
		"udp":                {verdict(quic, auditArch, unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_DGRAM, 0), refused},
		"no fragments":       {verdict(quic, auditArch, unix.SYS_SETSOCKOPT, 5, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER), allow},
		"the same of TCP":    {verdict(several, auditArch, unix.SYS_SETSOCKOPT, 5, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER), refused},
		"several packets":    {verdict(quic, auditArch, unix.SYS_RECVMMSG, 5), allow},
		"none without QUIC":  {verdict(several, auditArch, unix.SYS_RECVMMSG, 5), refused},
		"another's program":  {verdict(quic, auditArch, unix.SYS_SETSOCKOPT, 5, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF), refused},
		"mptcp":              {verdict(several, auditArch, unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_STREAM, 262), refused},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#x, want %#x", name, c.got, c.want)
		}
	}
}

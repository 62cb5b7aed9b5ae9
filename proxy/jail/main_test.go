package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// roleVar makes the test binary a shim, and the program that the shim becomes.
const roleVar = "BULKHEAD_JAIL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "shim":
		os.Setenv(roleVar, "program")
		runShim()
	case "shim twice": // the jail's program is a shim again
		os.Setenv(roleVar, "shim")
		runShim()
	case "program":
		if err := json.NewEncoder(os.Stdout).Encode(look()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(sandbox.Main(m))
}

func runShim() {
	spec, err := ParseArgs(os.Args[1:])
	if err == nil {
		err = spec.Exec()
	}
	fmt.Fprint(os.Stderr, err)
	os.Exit(125)
}

// sight is what the program finds.
type sight struct {
	Status  map[string]string // of /proc/self/status
	Netns   uint64            // inode
	Files   []string          // "3 socket"
	Cgroups string
	Limits  string // /proc/self/limits
	Raw     string // why no raw socket could be opened
	Args    []string
}

func look() sight {
	s := sight{Status: map[string]string{}, Files: openFiles(), Args: os.Args}
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		s.Status[key] = strings.Join(strings.Fields(value), " ")
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err == nil {
		s.Netns = st.Ino
	}
	b, _ = os.ReadFile("/proc/self/cgroup")
	s.Cgroups = string(b)
	b, _ = os.ReadFile("/proc/self/limits")
	s.Limits = string(b)
	if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP); err != nil {
		s.Raw = err.Error()
	} else {
		unix.Close(fd)
	}
	return s
}

// openFiles lists what this process was given: what Go opens itself is close-on-exec.
func openFiles() []string {
	var files []string
	for fd := 3; fd < 100; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		kind, _, _ := strings.Cut(target, ":")
		files = append(files, fmt.Sprint(fd, " ", kind))
	}
	return files
}

// failure is the shim's message.
type failure struct{ message string }

func (f *failure) Error() string { return f.message }

// run starts a shim with the spec; its program is the test binary when it names none.
func run(t *testing.T, s Spec, files ...*os.File) (sight, error) {
	t.Helper()
	return runAs(t, "shim", s, files...)
}

func runAs(t *testing.T, role string, s Spec, files ...*os.File) (sight, error) {
	t.Helper()
	if s.Argv == nil {
		s.Argv = []string{"/proc/self/exe", "an argument", "--uid=7"}
	}
	cmd := exec.Command("/proc/self/exe", s.Args()...)
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = files
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 125 {
			return sight{}, &failure{stderr.String()}
		}
		t.Fatalf("the shim: %v: %s", err, stderr.String())
	}
	var got sight
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("the program said %q: %v", out.String(), err)
	}
	return got, nil
}

// mustRun is run for a jail that works.
func mustRun(t *testing.T, s Spec, files ...*os.File) sight {
	t.Helper()
	got, err := run(t, s, files...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// mayChangeUser is false in the user namespace of an ordinary user, which maps its one
// uid. What the tests expect there is the sentence that says so.
func mayChangeUser(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	var inside, outside, size int
	if _, err := fmt.Sscan(string(b), &inside, &outside, &size); err != nil {
		t.Fatal(err)
	}
	return size > 1
}

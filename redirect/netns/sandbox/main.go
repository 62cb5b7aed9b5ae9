package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// roleVariable tells a copy of the test binary what it is. Tests carry the
// outer network namespace along and check that they are not in it: a variable
// that somebody exported by accident must not let them loose on the host.
const (
	roleVariable = "BULKHEAD_SANDBOX"
	roleInit     = "init"
	roleTests    = "tests outside of "
)

// Main runs m's tests in a sandbox and returns the exit code.
func Main(m *testing.M) int {
	role := os.Getenv(roleVariable)
	outside, inside := strings.CutPrefix(role, roleTests)
	switch {
	case role == roleInit:
		return runInit()
	case !inside:
		return runOutside()
	case outside == currentNetns():
		return refuse(errors.New("the tests were told that they are in a sandbox, but they are not: unset " + roleVariable))
	}
	return runTests(m)
}

func runTests(m *testing.M) int {
	before := openDescriptors()
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := findLeaks(before); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		return 1
	}
	return 0
}

func refuse(err error) int {
	fmt.Fprintln(os.Stderr, "sandbox: tests need new user and network namespaces:", err)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EACCES) {
		fmt.Fprintln(os.Stderr, "sandbox: allow them with `sysctl user.max_user_namespaces=10000`, and on Debian or Ubuntu",
			"`sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0`, or run as root outside of a container")
	}
	return 1
}

func currentNetns() string { return netns.Own().Inode() }

package jail

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exec becomes the program. It returns only if it failed, with an *Error; the process
// is unfit for anything but exiting then.
func (s Spec) Exec() error {
	if err := s.check(); err != nil {
		return &Error{Step: StepArguments, Err: err}
	}
	runtime.LockOSThread() // for good: this thread is the program
	path, fd, err := s.open()
	if err != nil {
		return &Error{Step: StepProgram, Err: err}
	}
	for _, step := range []struct {
		name Step
		do   func() error
	}{
		{StepNetns, s.enterNetns},
		{StepCgroup, s.joinCgroups},
		{StepNoFile, s.limitFiles},
		{StepLimits, s.limit},
		{StepBounding, s.bound},
		{StepUID, s.changeUser},
		{StepCapabilities, s.retainCaps},
		{StepNoNewPrivs, s.noNewPrivs},
		{StepDescriptors, s.closeRest},
		{StepLandlock, func() error { return s.confine(fd) }},
		{StepSeccomp, s.installFilter},
		{StepExec, func() error { return s.exec(path, fd) }},
	} {
		if err := step.do(); err != nil {
			return &Error{Step: step.name, Err: err}
		}
	}
	return nil // not reached: exec does not return without an error
}

// open finds the program while this thread may still see it.
func (s Spec) open() (path string, fd int, err error) {
	path = s.Argv[0]
	if !strings.Contains(path, "/") {
		if path, err = exec.LookPath(path); err != nil {
			return "", -1, err
		}
	}
	fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", -1, fmt.Errorf("%s: %w", path, err)
	}
	if fd < s.firstClosed() { // the parent passed fewer descriptors than it said
		unix.Close(fd)
		return "", -1, fmt.Errorf("descriptor %d was not passed, --files says it was", fd)
	}
	return path, fd, nil
}

func (s Spec) enterNetns() error {
	switch s.Netns {
	case -1:
		return nil
	case EmptyNetns:
		return unix.Unshare(unix.CLONE_NEWNET)
	}
	if err := unix.Setns(s.Netns, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns descriptor %d: %w", s.Netns, err)
	}
	// A cell that kept it could go back, or hold the pod's namespace open.
	return unix.Close(s.Netns)
}

// joinCgroups writes 0, which means the writing process whatever its pid is called
// in the pid namespace that mounted the hierarchy.
func (s Spec) joinCgroups() error {
	for _, dir := range s.Cgroups {
		// No O_CREAT: in a directory that is not a cgroup there must be no such file.
		f, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("0")
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// limitFiles sets both limits: a Go program raises the soft one to the hard one as it
// starts. Never above the hard limit that the shim has, where raising it is not allowed:
// fewer descriptors than wanted are no reason not to run.
func (s Spec) limitFiles() error {
	if s.NoFile == 0 {
		return nil
	}
	n := uint64(s.NoFile)
	err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
	if err != unix.EPERM {
		return err
	}
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &have); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: have.Max, Max: have.Max})
}

// bound needs CAP_SETPCAP. Without it the bounding set matters for uid 0 only, and
// not even there with no_new_privs: exec then gives nothing that the caller lacks.
func (s Spec) bound() error {
	mask, err := capabilityBits(s.Caps)
	if err != nil {
		return err
	}
	have, err := effective()
	if err != nil {
		return err
	}
	if have&(1<<unix.CAP_SETPCAP) != 0 {
		return boundTo(mask)
	}
	if s.UID == 0 && os.Geteuid() == 0 && !s.NoNewPrivs {
		return unix.EPERM
	}
	return nil
}

// changeUser is for this thread only, hence raw. PR_SET_KEEPCAPS keeps the permitted
// set over the change; exec clears the flag.
func (s Spec) changeUser() error {
	if s.UID == 0 && s.GID == 0 {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keepcaps: %w", err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
		return fmt.Errorf("setgroups: %w", e)
	}
	if gid := uintptr(s.GID); gid != 0 {
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); e != 0 {
			return fmt.Errorf("setresgid %d: %w", gid, e)
		}
	}
	if uid := uintptr(s.UID); uid != 0 {
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); e != 0 {
			return fmt.Errorf("setresuid %d: %w", uid, e)
		}
	}
	return nil
}

func (s Spec) retainCaps() error {
	mask, err := capabilityBits(s.Caps)
	if err != nil {
		return err
	}
	return retain(mask)
}

func (s Spec) noNewPrivs() error {
	if !s.NoNewPrivs {
		return nil
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// closeRest has exec close them. Closing now would take the runtime's own epoll and
// the opened program away under its feet.
func (s Spec) closeRest() error {
	first := s.firstClosed()
	if err := unix.CloseRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return err
	}
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// exec tries the path first: it gives the process its name. The path may lead through
// directories that the new uid cannot search, like root's home; the link to the opened
// program needs only the program's own permission. (execveat of the descriptor would do
// as well, but the filter denies it: a cell could run with it what is in no file system.)
func (s Spec) exec(path string, fd int) error {
	env := s.Env
	if env == nil {
		env = os.Environ()
	}
	err := syscall.Exec(path, s.Argv, env)
	if err == unix.EACCES {
		err = syscall.Exec("/proc/self/fd/"+strconv.Itoa(fd), s.Argv, env)
	}
	return fmt.Errorf("%s: %w", path, err)
}

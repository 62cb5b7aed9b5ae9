package sandbox

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// outsideVariable carries the name of the outer network namespace.
const outsideVariable = roleVariable + "_OUTSIDE"

// aliveFD is where the outer process put the read end of its pipe.
const aliveFD = 3

// runInit is process 1 of the sandbox (a plain child where there is no process
// namespace): it prepares, starts the tests, reaps whatever dies, and returns
// the exit code of the tests.
func runInit() int {
	unix.CloseOnExec(aliveFD)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)
	if err := prepare(); err != nil {
		if _, noProc := err.(*procError); noProc {
			return exitNoProc
		}
		refuse(err)
		return exitNoSandbox
	}
	tests, err := startTests()
	if err != nil {
		refuse(err)
		return exitNoSandbox
	}
	go passSignals(tests, signals)
	go dieWithOutside(tests)
	return reapUntil(tests.Pid)
}

func startTests() (*os.Process, error) {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, roleVariable) })
	env = append(env, roleVariable+"="+roleTests+os.Getenv(outsideVariable))
	return os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
}

// passSignals lives as long as process 1, which ends by returning from Main.
func passSignals(tests *os.Process, signals <-chan os.Signal) {
	for s := range signals {
		tests.Signal(s)
	}
}

// dieWithOutside waits for the outer process to go, and goes too: with process 1
// the kernel kills the whole process namespace. Where there is none, the tests
// at least are killed by hand.
func dieWithOutside(tests *os.Process) {
	one := make([]byte, 1)
	for {
		if _, err := unix.Read(aliveFD, one); err != unix.EINTR {
			break
		}
	}
	tests.Signal(unix.SIGKILL)
	os.Exit(1)
}

// reapUntil reaps children, orphans of the sandbox among them, until the tests
// have ended.
func reapUntil(tests int) int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR || err == nil && pid != tests:
			continue
		case err != nil:
			refuse(err)
			return exitNoSandbox
		case status.Signaled():
			fmt.Fprintln(os.Stderr, "sandbox: tests were killed by", status.Signal())
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
	}
}

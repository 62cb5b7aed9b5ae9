package lab

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitMisuse is the exit code for what the user can mend.
const exitMisuse = 2

// Init is the life of PID 1 of a lab: it mounts a fresh /proc, starts the worker,
// reaps orphans, and returns the worker's exit code, or at once when the outer
// process is gone. The caller must exit with what it returns; the kernel then ends
// everything in the pid namespace.
//
// args are what follows InitCommand: they become those of WorkerCommand.
func Init(args []string) (exit int) {
	unix.CloseOnExec(leashFD)
	nameProcess(InitCommand)
	if os.Getpid() != 1 {
		fmt.Fprintf(os.Stderr, "bulkhead: %s is for the lab itself: use bulkhead lab up\n", InitCommand)
		return exitMisuse
	}
	if err := freshProc(); err != nil {
		fmt.Fprintln(os.Stderr, "bulkhead:", err)
		return exitMisuse
	}
	worker, err := startWorker(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bulkhead: starting the lab's worker:", err)
		return 1
	}
	return tend(worker)
}

// nameProcess gives the process a name for ps and top, which would call one that was
// started through /proc/self/exe "exe". It is only a name: without it all still works.
func nameProcess(name string) { _ = os.WriteFile("/proc/self/comm", []byte(name), 0) }

// freshProc replaces the outer /proc, which shows other pids. A user namespace may
// only do so when nothing is mounted over parts of the outer one.
func freshProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return refusedMount("making mounts private", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return refusedMount("mounting /proc", err)
	}
	return nil
}

func refusedMount(what string, err error) error {
	return &Misuse{fmt.Sprintf("no privilege in the lab's own namespaces (%s: %v): run as root, or let an administrator allow user namespaces (on Ubuntu sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, its privileges)", what, err)}
}

// startWorker does not keep an os.Process: reap waits for all children alike, and
// two waiters for one child would steal from each other.
func startWorker(args []string) (pid int, err error) {
	argv := append([]string{os.Args[0], WorkerCommand}, args...)
	p, err := os.StartProcess("/proc/self/exe", argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, err
	}
	pid = p.Pid // Release forgets it
	return pid, p.Release()
}

// tend waits for the worker or for the end of the leash, whichever is first.
func tend(worker int) int {
	kill := func(s syscall.Signal) { _ = unix.Kill(worker, s) } // it may have ended
	gone, ended := make(chan struct{}), make(chan int, 1)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go follow(os.NewFile(leashFD, "leash"), kill, gone)
	go reap(worker, ended)
	for {
		select {
		case code := <-ended:
			return code
		case <-gone:
			return exitInterrupted
		case s := <-signals:
			kill(s.(syscall.Signal))
		}
	}
}

// reap waits for children until the worker has ended, and sends its exit code.
func reap(worker int, ended chan<- int) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			ended <- 1 // no children at all: cannot be while the worker lives
			return
		case pid == worker:
			ended <- exitCode(status)
			return
		}
	}
}

// exitCode is what a shell would report.
func exitCode(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

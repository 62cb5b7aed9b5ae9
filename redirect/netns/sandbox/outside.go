package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit codes by which process 1 reports that the tests were not started.
const (
	exitNoSandbox = 120
	exitNoProc    = 121 // no new /proc: try again without a process namespace
)

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS

// runOutside starts process 1 of the sandbox and waits for it.
func runOutside() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)
	defer signal.Stop(signals)
	code, err := start(signals, namespaces|unix.CLONE_NEWPID)
	if err == nil && code == exitNoProc {
		code, err = start(signals, namespaces)
	}
	if err != nil {
		return refuse(err)
	}
	return code
}

// start runs one sandbox. The write end of a pipe stays here and is never
// written to: its end of file is how process 1 learns that this process has
// gone. PDEATHSIG would not do, since it fires when the thread that forked
// ends, and threads of a Go program come and go.
func start(signals <-chan os.Signal, flags uintptr) (int, error) {
	uids, err := idMap("uid")
	if err != nil {
		return 0, err
	}
	gids, err := idMap("gid")
	if err != nil {
		return 0, err
	}
	alive, held, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer held.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), roleVariable+"="+roleInit, outsideVariable+"="+currentNetns())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{alive}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: flags, UidMappings: uids, GidMappings: gids,
		GidMappingsEnableSetgroups: maySetgroups(),
	}
	err = cmd.Start()
	alive.Close()
	if err != nil {
		return 0, err
	}
	return wait(cmd, signals)
}

func wait(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	ended := make(chan error, 1)
	go reap(cmd, ended)
	for {
		select {
		case s := <-signals:
			cmd.Process.Signal(s)
		case err := <-ended:
			return exitCode(err)
		}
	}
}

func reap(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 0, err
	case exit.ExitCode() < 0:
		return 0, fmt.Errorf("process 1 of the sandbox was killed: %v", exit)
	case exit.ExitCode() == exitNoSandbox:
		return 1, nil // it has said why
	}
	return exit.ExitCode(), nil
}

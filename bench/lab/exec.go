package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// command is a program that somebody runs in a pod.
type command struct {
	Pod  string   `json:"pod"`
	Path string   `json:"path"` // of the program; empty: Argv[0] is looked up
	Argv []string `json:"argv"`
	Env  []string `json:"env"` // nil: the worker's own
	Dir  string   `json:"dir"` // empty: the worker's own
}

// Exec runs a program of the machine in the network namespace of a pod and waits for
// it. The exit code is what a shell would report. When ctx ends, the program and what
// it started are killed. An unknown pod is a *Misuse.
func (l *Lab) Exec(ctx context.Context, pod string, argv []string, stdio [3]*os.File) (exit int, err error) {
	return l.exec(ctx, command{Pod: pod, Argv: argv}, stdio, nil)
}

// exitNoProgram is what shells report for a program that they cannot find.
const exitNoProgram = 127

// exec also hands on the signals that it receives.
func (l *Lab) exec(ctx context.Context, c command, stdio [3]*os.File, signals <-chan syscall.Signal) (int, error) {
	pod, known := l.topology.Pod(c.Pod)
	switch {
	case !known:
		return exitMisuse, l.unknownPod(c.Pod)
	case len(c.Argv) == 0:
		return exitMisuse, &Misuse{"no program given: say what to run, as in lab exec " + c.Pod + " -- curl http://checkout.tenant-a/"}
	case l.fabric == nil:
		return 1, at("exec", c.Pod, errors.New("the lab has no network yet"))
	}
	cmd, err := c.prepare(stdio)
	if err != nil {
		return exitNoProgram, &Misuse{fmt.Sprintf("%s cannot be run: %v", c.Argv[0], err)}
	}
	if err := l.fabric.pods[pod.Name()].Do(cmd.Start); err != nil {
		return exitNoProgram, &Misuse{fmt.Sprintf("%s cannot be run: %v", c.Argv[0], err)}
	}
	if group, err := l.groups.of(pod, containerApp, appWall); err == nil && group != nil {
		_ = group.Add(cmd.Process.Pid) // it may have ended already
	}
	ended := make(chan error, 1)
	go waitInit(cmd, ended)
	for {
		select {
		case err := <-ended:
			return exitOfCommand(cmd, err)
		case s := <-signals:
			_ = unix.Kill(-cmd.Process.Pid, s) // it may have ended
		case <-ctx.Done():
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			<-ended
			return 128 + int(unix.SIGKILL), nil
		}
	}
}

func (c command) prepare(stdio [3]*os.File) (*exec.Cmd, error) {
	path := c.Path
	if path == "" {
		found, err := exec.LookPath(c.Argv[0])
		if err != nil {
			return nil, err
		}
		path = found
	}
	cmd := &exec.Cmd{Path: path, Args: c.Argv, Env: c.Env, Dir: c.Dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio[0], stdio[1], stdio[2]
	// A session of its own: signals reach all that it starts, and nothing else.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

func exitOfCommand(cmd *exec.Cmd, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 1, at("exec", "", err)
	}
	return exitCode(unix.WaitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus))), nil
}

package anchor

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a child. Its pid cannot be reused while it is in the table, because the
// loop that signals is the one that reaps.
type process struct {
	name   string
	label  []byte
	pid    int
	ended  bool // reaped, and no keeper has seen it
	status unix.WaitStatus
}

// signal reaches the process and what it has forked: it leads its own group.
func (p *process) signal(sig unix.Signal) error { return unix.Kill(-p.pid, sig) }

// forkWith is fork with one file as descriptor 3.
func (a *anchor) forkWith(f *os.File, argv, env []string) (pid int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if ctlErr := raw.Control(func(fd uintptr) { pid, err = a.fork(argv, env, []int{int(fd)}, false) }); ctlErr != nil {
		return 0, ctlErr
	}
	return pid, err
}

// fork starts a program with the descriptors as 3, 4, …
//
// Not os.StartProcess: it takes files, and File.Fd may set an open file description
// to blocking, for every process that shares the listener. And its Process.Wait
// costs a thread per child, where SIGCHLD costs nothing.
func (a *anchor) fork(argv, env []string, fds []int, ownPIDs bool) (int, error) {
	files := []uintptr{a.null.Fd(), a.o.Stdout.Fd(), a.o.Stderr.Fd()}
	for _, fd := range fds {
		files = append(files, uintptr(fd))
	}
	sys := &syscall.SysProcAttr{Setsid: true}
	if ownPIDs {
		sys.Cloneflags = unix.CLONE_NEWPID
	}
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: env, Files: files, Sys: sys})
}

// reap collects every child that has ended, orphans that came to PID 1 included.
func (a *anchor) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return // ECHILD, or none has ended
		}
		a.exited(pid, status)
	}
}

func (a *anchor) exited(pid int, status unix.WaitStatus) {
	if a.keeper != nil && a.keeper.pid == pid {
		a.keeperExited(status)
		return
	}
	p := a.pids[pid]
	if p == nil {
		return
	}
	delete(a.pids, pid)
	p.ended, p.status = true, status
	a.o.Logger.Info("process ended", "name", p.name, "pid", pid, "status", describe(status))
	if a.keeper != nil && a.keeper.adopted {
		a.report(p.exit())
	}
}

func (p *process) exit() packet {
	return packet{verb: verbExited, name: p.name, label: p.label, number: uint32(p.pid), status: uint32(p.status)}
}

package attack

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// processes traces, signals and reads those of others.
func (t *thief) processes() {
	t.try("signal to everybody", "node", func() error { return unix.Kill(-1, 0) })
	for _, p := range t.Processes {
		if ownThreads()[p.PID] { // anew each time: threads come and go
			continue // in its own pid namespace that is itself
		}
		t.try("ptrace", p.Name, func() error { return trace(p.PID) })
		t.try("signal", p.Name, func() error { return unix.Kill(p.PID, 0) })
		t.try("read memory", p.Name, func() error { return peek(p.PID) })
		t.try("read /proc/PID/mem", p.Name, func() error { return open(fmt.Sprintf("/proc/%d/mem", p.PID)) })
		t.try("read /proc/PID/environ", p.Name, func() error { return open(fmt.Sprintf("/proc/%d/environ", p.PID)) })
		t.try("take descriptors", p.Name, func() error { return takeDescriptor(p.PID) })
	}
}

// ownThreads are the ids that lead to this process.
func ownThreads() map[int]bool {
	own := map[int]bool{os.Getpid(): true}
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return own // the jail; its filter lets no id pass but its own
	}
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			own[id] = true
		}
	}
	return own
}

// trace attaches. A tracer is a thread, and lets go when it ends.
func trace(pid int) error {
	return onThread(func() error { return unix.PtraceSeize(pid) })
}

// peek asks for a byte at an address that is not mapped: the right is checked first, so
// that EFAULT means that it was there.
func peek(pid int) error {
	var b [1]byte
	local := []unix.Iovec{{Base: &b[0], Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 1, Len: 1}}, 0)
	if err == unix.EFAULT {
		return nil
	}
	return err
}

func takeDescriptor(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	got, err := unix.PidfdGetfd(fd, 1, 0)
	if err == nil {
		unix.Close(got)
	}
	return err
}

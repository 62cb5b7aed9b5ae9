package attack

import (
	"errors"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// privileges tries to become more than it is, by calls that do no harm where they succeed.
// What would only weaken the process itself has itself as its target.
func (t *thief) privileges() {
	if len(t.Calls) > 0 {
		t.try("system calls off the jail's list", "node", t.offTheList)
	}
	t.try("become root", "node", becomeRoot)
	t.try("all capabilities", "node", func() error { return onThread(allCapabilities) })
	t.try("mount", "node", func() error { return unix.Mount("", "/", "", unix.MS_PRIVATE, "") })
	t.try("bpf", "node", createMap)
	t.try("perf events", "node", countEvents)
	t.try("kernel log", "node", func() error { return raw(unix.SYS_SYSLOG, 10, 0, 0) }) // its size
	t.try("chroot", trust.Self, func() error { return unix.Chroot("/") })
	t.try("session keyring", trust.Self, func() error { return raw(unix.SYS_KEYCTL, 0, ^uintptr(2), 0) })
	t.try("a user namespace of its own", trust.Self, func() error { return onThread(func() error { return unix.Unshare(unix.CLONE_NEWUSER) }) })
	t.try("io_uring", trust.Self, ring)
	t.try("executable memory", trust.Self, executable)
	t.try("dumpable", trust.Self, func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) })
}

// lastCall is beyond what Linux 6.18 has; what comes after is new, and not on the list.
const lastCall = 480

// unfiltered are uretprobe and uprobe of x86, which the kernel keeps from every filter
// (Linux 6.14) and which end whoever makes them outside of a probe.
var unfiltered = []int{335, 336}

// offTheList makes every system call that the jail's list leaves out, with arguments that
// none of them takes. One that is answered with anything but EPERM has passed the filter.
func (t *thief) offTheList() error {
	const none = ^uintptr(0)
	for number := range lastCall {
		if slices.Contains(t.Calls, number) || slices.Contains(unfiltered, number) {
			continue
		}
		if _, _, e := unix.RawSyscall6(uintptr(number), none, none, none, none, none, none); e != unix.EPERM {
			return nil
		}
	}
	return unix.EPERM
}

// errNotEnforceable is an attempt that says nothing: whoever tries it is that already.
var errNotEnforceable = errors.New("not enforceable here")

func becomeRoot() error {
	if unix.Getuid() == 0 {
		return errNotEnforceable
	}
	return onThread(func() error { return raw(unix.SYS_SETRESUID, 0, 0, 0) })
}

// createMap makes the smallest map: BPF_MAP_CREATE of an array of one.
func createMap() error {
	attr := [32]uint32{2, 4, 4, 1}
	fd, _, e := unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if e != 0 {
		return e
	}
	return unix.Close(int(fd))
}

// countEvents watches a CPU, with everybody on it.
func countEvents() error {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func ring() error {
	var params [120]byte
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if e != 0 {
		return e
	}
	return unix.Close(int(fd))
}

// onThread runs do on a thread that ends with it.
func onThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- do()
	}()
	return <-done
}

func raw(number, a, b, c uintptr) error {
	if _, _, e := unix.RawSyscall(number, a, b, c); e != 0 {
		return e
	}
	return nil
}

func allCapabilities() error {
	data := [2]unix.CapUserData{
		{Effective: ^uint32(0), Permitted: ^uint32(0), Inheritable: ^uint32(0)},
		{Effective: ^uint32(0), Permitted: ^uint32(0), Inheritable: ^uint32(0)},
	}
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
}

func executable() error {
	p, err := unix.MmapPtr(-1, 0, unsafe.Pointer(nil), 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		err = unix.MunmapPtr(p, 4096)
	}
	return err
}

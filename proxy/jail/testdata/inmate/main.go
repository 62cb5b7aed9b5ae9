// Command inmate tries what a cell may not do, and what it must be able to do, and
// prints what came of each. Its arguments say what to try; without any it is all.
package main

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread()
	outcome := map[string]string{}
	for name, try := range attempts {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], name) {
			continue
		}
		err := try()
		outcome[name] = "done"
		if err != nil {
			outcome[name] = err.Error()
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(outcome)
}

// listener is on descriptor 3, a shared one.
const listener = 3

var attempts = map[string]func() error{
	// What a cell needs.
	"tcp":          tcp,
	"exit of half": func() error { return unix.Shutdown(listener, unix.SHUT_WR) },
	"still listens": func() error {
		v, err := unix.GetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err == nil && v == 0 {
			err = unix.ENOTCONN
		}
		return err
	},
	"signal to itself": func() error { return unix.Kill(os.Getpid(), 0) },
	"threads": func() error {
		done := make(chan struct{})
		go func() { runtime.LockOSThread(); time.Sleep(time.Millisecond); close(done) }()
		<-done
		return nil
	},
	// What harms others.
	"listen":             func() error { return unix.Listen(listener, 1) },
	"shut down reading":  func() error { return unix.Shutdown(tcpSocket(), unix.SHUT_RD) },
	"shut down both":     func() error { return unix.Shutdown(tcpSocket(), unix.SHUT_RDWR) },
	"attach filter":      attachFilter,
	"lock filter":        func() error { return option(unix.SO_LOCK_FILTER) },
	"attach reuseport":   attachReuseport,
	"blocking listener":  func() error { _, err := unix.FcntlInt(listener, unix.F_SETFL, 0); return err },
	"raw socket":         func() error { return open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"packet socket":      func() error { return open(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"netlink socket":     func() error { return open(unix.AF_NETLINK, unix.SOCK_RAW, 0) },
	"unix socket":        func() error { return open(unix.AF_UNIX, unix.SOCK_STREAM, 0) },
	"udp socket":         func() error { return open(unix.AF_INET, unix.SOCK_DGRAM, 0) },
	"mount":              mount,
	"unshare":            func() error { return unix.Unshare(unix.CLONE_NEWUTS) },
	"setns of mount":     func() error { return unix.Setns(listener, unix.CLONE_NEWNS) },
	"setns of anything":  func() error { return unix.Setns(listener, 0) },
	"ptrace":             func() error { return raw(unix.SYS_PTRACE, unix.PTRACE_PEEKTEXT, 0) },
	"bpf":                func() error { return raw(unix.SYS_BPF, 99, 0) },
	"io_uring":           ioURing,
	"keyctl":             func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true); return err },
	"userfaultfd":        func() error { return raw(unix.SYS_USERFAULTFD, userModeOnly, 0) },
	"perf":               func() error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0) },
	"pidfd":              func() error { return raw(unix.SYS_PIDFD_OPEN, uintptr(os.Getpid()), 0) },
	"read others":        func() error { return raw(unix.SYS_PROCESS_VM_READV, uintptr(os.Getpid()), 0) },
	"memfd":              func() error { _, err := unix.MemfdCreate("x", 0); return err },
	"fork":               func() error { return raw(unix.SYS_CLONE, unix.CLONE_SIGHAND, 0) }, // not valid anywhere, so that nobody is born,
	"executable memory":  executable,
	"signal to parent":   func() error { return unix.Kill(-1, 0) },
	"dumpable":           func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
	"another filter":     anotherFilter,
	"read a file":        func() error { _, err := os.ReadFile("/etc/passwd"); return err },
	"list a directory":   func() error { _, err := os.ReadDir("/"); return err },
	"write a file":       func() error { return os.WriteFile("/dev/null", []byte("x"), 0) },
	"read /proc":         func() error { _, err := os.ReadFile("/proc/self/status"); return err },
	"bind a port":        bindPort,
	"execute the system": func() error { return unix.Exec("/bin/true", []string{"true", "again"}, nil) },
}

func raw(number, a, b uintptr) error {
	_, _, e := unix.Syscall6(number, a, b, 0, 0, 0, 0)
	return orNil(e)
}

func orNil(e unix.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func open(domain, kind, protocol int) error {
	fd, err := unix.Socket(domain, kind, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func tcpSocket() int {
	fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	return fd
}

func option(name int) error { return unix.SetsockoptInt(tcpSocket(), unix.SOL_SOCKET, name, 0) }

func attachFilter() error {
	pass := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16}
	return unix.SetsockoptSockFprog(tcpSocket(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &pass})
}

func attachReuseport() error {
	fd := tcpSocket()
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) // or there is nothing to attach to
	first := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{Len: 1, Filter: &first})
}

func anotherFilter() error {
	all := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	program := unix.SockFprog{Len: 1, Filter: &all}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	return orNil(e)
}

// userModeOnly is UFFD_USER_MODE_ONLY, for which nobody needs a capability.
const userModeOnly = 1

func ioURing() error {
	var params [120]byte // struct io_uring_params
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if e == 0 {
		unix.Close(int(fd))
	}
	return orNil(e)
}

func mount() error {
	err := unix.Mount("/tmp", "/tmp", "", unix.MS_BIND, "")
	if err == nil {
		err = unix.Unmount("/tmp", unix.MNT_DETACH)
	}
	return err
}

func executable() error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(nil), 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	return err
}

func bindPort() error { return unix.Bind(tcpSocket(), &unix.SockaddrInet4{Port: 15099}) }

// tcp accepts from the listener what it connects to it.
func tcp() error {
	f := os.NewFile(listener, "listener")
	l, err := net.FileListener(f)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := io.WriteString(c, "x"); err != nil {
		return err
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	runtime.KeepAlive(f)
	return err
}

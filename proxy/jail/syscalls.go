package jail

import "golang.org/x/sys/unix"

// A call is one system call that the filter lets pass: always, or when one of the
// alternatives holds.
type call struct {
	number uint32
	when   []alternative
}

// An alternative holds when all of its comparisons do.
type alternative []comparison

// A comparison is on the low 32 bits of an argument: the kernel reads no others of
// those that are compared here.
type comparison struct {
	argument   uint32
	mask, want uint32
}

func is(argument, want uint32) comparison { return comparison{argument, ^uint32(0), want} }

func bits(argument, mask, want uint32) comparison { return comparison{argument, mask, want} }

// calls are those of a cell whose pid is pid. Everything else fails with EPERM: it does
// not kill, because a newer runtime that tries something and goes on without it is no
// attack.
func (s Spec) calls(pid uint32) []call {
	list := []call{
		{unix.SYS_SOCKET, []alternative{
			{is(0, unix.AF_INET), bits(1, sockTypeMask, unix.SOCK_STREAM), is(2, 0)},
			{is(0, unix.AF_INET), bits(1, sockTypeMask, unix.SOCK_STREAM), is(2, unix.IPPROTO_TCP)},
			{is(0, unix.AF_INET6), bits(1, sockTypeMask, unix.SOCK_STREAM), is(2, 0)},
			{is(0, unix.AF_INET6), bits(1, sockTypeMask, unix.SOCK_STREAM), is(2, unix.IPPROTO_TCP)},
		}},
		{unix.SYS_SETSOCKOPT, s.socketOptions()},
		// Of a listener, reading cannot be shut down: that ends it for every holder.
		{unix.SYS_SHUTDOWN, []alternative{{is(1, unix.SHUT_WR)}}},
		// Threads, no processes, and no namespaces with them.
		{unix.SYS_CLONE, []alternative{{bits(0, unix.CLONE_THREAD|newNamespaces, unix.CLONE_THREAD)}}},
		{unix.SYS_FCNTL, descriptorCommands()},
		{unix.SYS_IOCTL, []alternative{{is(1, unix.NS_GET_NSTYPE)}}},
		{unix.SYS_PRCTL, []alternative{
			{is(0, unix.PR_SET_NAME)}, {is(0, unix.PR_GET_NAME)}, {is(0, unix.PR_SET_VMA)},
			{is(0, unix.PR_SET_DUMPABLE), is(1, 0)}, {is(0, unix.PR_GET_DUMPABLE)},
		}},
		{unix.SYS_TGKILL, []alternative{{is(0, pid)}}},
		{unix.SYS_KILL, []alternative{{is(0, pid)}}},
		{unix.SYS_PRLIMIT64, []alternative{{is(0, 0)}, {is(0, pid)}}},
		// No code but the program's own.
		{unix.SYS_MMAP, []alternative{{bits(2, unix.PROT_EXEC, 0)}}},
		{unix.SYS_MPROTECT, []alternative{{bits(2, unix.PROT_EXEC, 0)}}},
	}
	for _, name := range s.Caps {
		if name == "sys_admin" { // a cell of several pods
			list = append(list, call{unix.SYS_SETNS, []alternative{{is(1, unix.CLONE_NEWNET)}}})
		}
	}
	if len(s.Listen) > 0 {
		list = append(list, call{number: unix.SYS_LISTEN})
	}
	if s.Datagrams {
		list = append(list, call{number: unix.SYS_RECVMMSG})
	}
	for _, number := range append(always, alwaysHere...) {
		list = append(list, call{number: number})
	}
	return list
}

const (
	sockTypeMask  = 0xf // the rest is SOCK_NONBLOCK and SOCK_CLOEXEC
	newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
)

// socketOptions are named one by one: filters that are attached or locked, and whatever
// the next kernel invents, would act on every holder of a shared listener.
func (s Spec) socketOptions() []alternative {
	named := map[uint32][]uint32{
		unix.SOL_SOCKET: {
			unix.SO_MARK, unix.SO_KEEPALIVE, unix.SO_LINGER, unix.SO_REUSEADDR, unix.SO_SNDBUF, unix.SO_RCVBUF,
		},
		unix.IPPROTO_TCP: {
			unix.TCP_NODELAY, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_USER_TIMEOUT,
			unix.TCP_NOTSENT_LOWAT, unix.TCP_QUICKACK, unix.TCP_RTO_MAX_MS, unix.TCP_CONGESTION,
		},
		unix.IPPROTO_IP:   {unix.IP_TRANSPARENT, unix.IP_BIND_ADDRESS_NO_PORT},
		unix.IPPROTO_IPV6: {unix.IPV6_TRANSPARENT, unix.IPV6_V6ONLY},
	}
	if s.Datagrams { // no fragments; congestion marks and the address that a packet was sent to, with each; many packets as one
		named[unix.IPPROTO_UDP] = []uint32{unix.UDP_GRO}
		named[unix.IPPROTO_IP] = append(named[unix.IPPROTO_IP], unix.IP_MTU_DISCOVER, unix.IP_RECVTOS, unix.IP_PKTINFO)
		named[unix.IPPROTO_IPV6] = append(named[unix.IPPROTO_IPV6], unix.IPV6_MTU_DISCOVER, unix.IPV6_RECVTCLASS, unix.IPV6_RECVPKTINFO)
	}
	var list []alternative
	for level, options := range named {
		for _, option := range options {
			list = append(list, alternative{is(1, level), is(2, option)})
		}
	}
	return list
}

// descriptorCommands of fcntl. A listener stays non-blocking, and nobody gets signals
// for it.
func descriptorCommands() []alternative {
	list := []alternative{{is(1, unix.F_SETFL), bits(2, unix.O_NONBLOCK|unix.O_ASYNC, unix.O_NONBLOCK)}}
	for _, command := range []uint32{
		unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_SETPIPE_SZ, unix.F_GETPIPE_SZ,
	} {
		list = append(list, alternative{is(1, command)})
	}
	return list
}

// always are allowed whatever their arguments. Opening is: Landlock decides what can be
// opened, and where it is missing the uid does. execve is, because the filter is on when
// the shim execs: Landlock leaves nothing else to be executed.
var always = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64,
	unix.SYS_RECVFROM, unix.SYS_SENDTO, unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_SPLICE,
	unix.SYS_ACCEPT4, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT,
	unix.SYS_CLOSE, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_EVENTFD2, unix.SYS_LSEEK, unix.SYS_FSTAT,
	unix.SYS_OPENAT, unix.SYS_READLINKAT, unix.SYS_FACCESSAT, unix.SYS_EXECVE,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES,
	unix.SYS_GETTIMEOFDAY, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_RESTART_SYSCALL,
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK, unix.SYS_GETRANDOM, unix.SYS_UNAME,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
	unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ, unix.SYS_GETRLIMIT,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

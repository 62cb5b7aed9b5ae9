package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ended are processes, by pidfd, whose end is awaited. Their pids are of no use for that:
// a pid may be somebody else's by then.
type ended []int

// nodeAt is a keeper and its anchor, which ends last, by the keeper's admin socket. It is empty
// where they cannot be seen, from another pid namespace: then the socket has to do.
func nodeAt(socket string) (e ended) {
	for _, pid := range pidsAt(socket) {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			e = append(e, fd)
		}
	}
	return e
}

// pidsAt asks the socket and not the keeper, whose pids may be of another namespace.
func pidsAt(socket string) (pids []int) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil
	}
	var cred *unix.Ucred
	controlled := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if controlled != nil || err != nil || cred.Pid <= 0 {
		return nil
	}
	keeper := int(cred.Pid)
	if anchor := parentOf(keeper); anchor > 0 {
		return []int{keeper, anchor}
	}
	return []int{keeper}
}

// parentOf is 0 where that is not known.
func parentOf(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // a name may have spaces
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}

// all says whether each has ended, whether somebody has waited for it or not.
func (e ended) all() bool {
	for _, fd := range e {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); err != nil || n == 0 {
			return false
		}
	}
	return true
}

func (e ended) close() {
	for _, fd := range e {
		unix.Close(fd)
	}
}

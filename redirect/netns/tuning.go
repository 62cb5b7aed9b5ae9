package netns

import (
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Tuning is how the socket of a connection is set, by where its other end is. It is the
// same for connections that are dialled and that are accepted.
//
// What is the same for all: TCP_NODELAY, which package net sets; and buffers are left to
// the kernel, which makes them as large as a connection has use for. A size set here
// would be the end of that, and of the operator's tcp_rmem and tcp_wmem.
type Tuning struct {
	KeepAlive  bool
	Patience   Patience // between retransmissions, the first SYN's too; zero: the kernel's
	Congestion string   // the algorithm, if the kernel has it and lets us choose; empty: the machine's default
}

// The three places where another end can be.
var (
	// Local is an application in the pod. It cannot vanish without the kernel's notice,
	// so there is nothing to keep alive; the 15 s of package net would be 3,000 probes a
	// second for 50,000 idle connections.
	Local = Tuning{}
	// Remote is anybody outside the mesh. The algorithm and the patience are the
	// machine's, as they would be without us.
	Remote = Tuning{KeepAlive: true}
	// Peer is the other end of a tunnel, which is kept alive by PINGs of its own.
	//
	// The patience is the least that the kernel takes: a tunnel carries many connections,
	// and a packet a second is no burden to a network that is in trouble (decision 17).
	//
	// Cubic and not the machine's default: bbr, which some have for theirs, costs a
	// tunnel 22 % more CPU and 10 % of its throughput in a data centre (decision 25).
	Peer = Tuning{Patience: Patience(time.Second), Congestion: "cubic"}
)

// keepAlive is what ztunnel uses: a dead peer is found after half an hour, and
// idle connections cost next to nothing.
var keepAlive = []struct{ option, value int }{{unix.TCP_KEEPIDLE, 180}, {unix.TCP_KEEPINTVL, 180}, {unix.TCP_KEEPCNT, 9}}

// Apply tunes a connection that was accepted. On a closed one it does nothing.
func (t Tuning) Apply(c *net.TCPConn) {
	control(c, func(fd int) {
		t.set(fd)
		t.setKeepAlive(fd)
	})
}

// set is for a socket before it connects or listens, or after. Both options are taken if
// they can be had: see Patience, and an algorithm may be missing, or kept to those with
// CAP_NET_ADMIN (net.ipv4.tcp_allowed_congestion_control), which a cell does not have.
func (t Tuning) set(fd int) {
	if t.Patience != 0 {
		t.Patience.set(fd)
	}
	if t.Congestion != "" {
		_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, t.Congestion)
	}
}

// setKeepAlive comes after package net has had the socket, which sets its own.
func (t Tuning) setKeepAlive(fd int) {
	if !t.KeepAlive {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
		return
	}
	for _, k := range keepAlive {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, k.option, k.value)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
}

// control calls f with the descriptor of c, unless it is closed.
func control(c *net.TCPConn, f func(fd int)) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// Congestion is the congestion control algorithm that a connection uses; empty if the
// kernel does not say.
func Congestion(c *net.TCPConn) (name string) {
	control(c, func(fd int) { name, _ = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION) })
	return name
}

// Allowance is what a process without CAP_NET_ADMIN, such as a cell, gets of an algorithm.
type Allowance struct {
	Wanted  string   `json:"wanted"`
	Got     string   `json:"got"`     // Wanted, or the machine's default
	Allowed []string `json:"allowed"` // those that it may choose
}

// Allowance asks the kernel about the tuning's algorithm.
func (t Tuning) Allowance() (Allowance, error) {
	const sysctl = "/proc/sys/net/ipv4/tcp_"
	allowed, err := os.ReadFile(sysctl + "allowed_congestion_control")
	if err != nil {
		return Allowance{}, err
	}
	usual, err := os.ReadFile(sysctl + "congestion_control")
	if err != nil {
		return Allowance{}, err
	}
	a := Allowance{Wanted: t.Congestion, Got: strings.TrimSpace(string(usual)), Allowed: strings.Fields(string(allowed))}
	if slices.Contains(a.Allowed, a.Wanted) {
		a.Got = a.Wanted
	}
	return a, nil
}

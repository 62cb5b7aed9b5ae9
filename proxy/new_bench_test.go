package proxy_test

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// BenchmarkNewConnection is connect, one echo of 64 bytes, close, between two captured
// pods with both their data paths, everything on, in this process. The client's system
// calls are in it and its allocations are not: allocations are those of the two proxies
// and of the echoing application (about 10).
func BenchmarkNewConnection(b *testing.B) {
	w := newTwo(b)
	w.client.stop()
	w.server.stop()
	turns := budget.NewTurns(runtime.GOMAXPROCS(0))
	unhurried := budget.Limits{ConnectionsPerSecond: 1_000_000}
	w.client = w.startOn(b, "a/client", w.A, budget.NewAccount(unhurried, turns))
	w.server = w.startOn(b, "a/server", w.B, budget.NewAccount(unhurried, turns))
	w.server.serve(b, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	to := &unix.SockaddrInet4{Port: 8080, Addr: w.B4.As4()}
	connections := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			if err := w.A.Do(func() error { return echoEach(connections, to) }); err != nil {
				b.Error(err)
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		connections <- struct{}{}
	}
	close(connections)
	clients.Wait()
}

// echoEach makes a connection for each that is asked for, on one thread, by bare system
// calls.
func echoEach(connections <-chan struct{}, to unix.Sockaddr) error {
	b := make([]byte, 64)
	var failed error
	for range connections {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = echo(fd, to, b)
			unix.Close(fd)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func echo(fd int, to unix.Sockaddr, b []byte) error {
	if err := unix.Connect(fd, to); err != nil {
		return err
	}
	if _, err := unix.Write(fd, b); err != nil {
		return err
	}
	if n, err := unix.Read(fd, b); n != len(b) {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	return nil
}

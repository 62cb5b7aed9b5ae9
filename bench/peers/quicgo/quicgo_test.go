package quicgo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/peers"
	"github.com/bulkhead-mesh/bulkhead/bench/peers/xnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listenForQUIC is listen at a port number that is free in UDP as well, where the server binds
// it: the kernel looks at TCP alone when it chooses one.
func listenForQUIC(t *testing.T) net.Listener {
	t.Helper()
	var err error
	for range 100 {
		l := listen(t)
		var c net.PacketConn
		if c, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			c.Close()
			return l
		}
		l.Close()
	}
	t.Fatal(err)
	return nil
}

// TestNoFiles: who cannot read his files has closed the listener, too.
func TestNoFiles(t *testing.T) {
	for name, run := range map[string]func(net.Listener) error{
		"client": func(l net.Listener) error { return Client(t.Context(), l, "127.0.0.1:1", "", xnet.Files{}) },
		"server": func(l net.Listener) error { return Server(t.Context(), l, "127.0.0.1:1", xnet.Files{}) },
	} {
		l := listen(t)
		if err := run(l); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the listener was open: %v", name, err)
		}
	}
}

// TestBothEnds: many connections at once come back whole, half-close included, and nothing is left at the end.
func TestBothEnds(t *testing.T) {
	client, server, err := peers.Issue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app, far, near := listen(t), listenForQUIC(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); app.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := app.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	all.Go(func() {
		if err := Server(ctx, far, app.Addr().String(), xnet.Files{Cert: server.Cert, Key: server.Key, CA: server.CA}); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		if err := Client(ctx, near, far.Addr().String(), peers.ServerName, xnet.Files{Cert: client.Cert, Key: client.Key, CA: client.CA}); err != nil {
			t.Error(err)
		}
	})
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			c, err := net.Dial("tcp", near.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
			go func() { _, _ = c.Write(sent); _ = c.(*net.TCPConn).CloseWrite() }()
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back of %d, %v", len(got), len(sent), err)
			}
		})
	}
	asking.Wait()
}

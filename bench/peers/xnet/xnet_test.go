package xnet

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// between runs both ends in this process, so that the race detector sees them, and returns where to dial and how to end.
func between(t *testing.T, application string) (near string, end func()) {
	t.Helper()
	client, server, err := peers.Issue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	start := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := serve(l); err != nil {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	far := start(func(l net.Listener) error {
		return Server(ctx, l, application, Files{server.Cert, server.Key, server.CA})
	})
	near = start(func(l net.Listener) error {
		return Client(ctx, l, far, peers.ServerName, Files{client.Cert, client.Key, client.CA})
	})
	return near, func() { cancel(); all.Wait() }
}

// echo is an application that gives back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func dial(t *testing.T, to string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil { // fires on a hang only
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func TestManyConnectionsOfOneTunnel(t *testing.T) {
	near, end := between(t, echo(t))
	defer end()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			c := dial(t, near)
			defer c.Close()
			want := bytes.Repeat([]byte{byte(i)}, 300_000+i)
			all.Go(func() {
				if _, err := c.Write(want); err != nil {
					t.Error(err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
				t.Errorf("connection %d: %d bytes of %d, %v", i, len(got), len(want), err)
			}
		})
	}
	all.Wait()
}

// TestEndUnderOpenConnections: whoever ends a peer waits for no application.
func TestEndUnderOpenConnections(t *testing.T) {
	near, end := between(t, echo(t))
	c := dial(t, near)
	defer c.Close()
	if _, err := c.Write([]byte("word")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

// TestNobodyAtTheFarEnd: a connection that cannot be carried is closed, and the next one is tried.
func TestNobodyAtTheFarEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := l.Addr().String()
	l.Close()
	near, end := between(t, nowhere)
	defer end()
	for range 2 {
		c := dial(t, near)
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		c.Close()
	}
}

func TestFilesThatAreNoCertificates(t *testing.T) {
	for _, f := range []Files{{}, {"xnet_test.go", "xnet_test.go", "xnet_test.go"}} {
		if _, _, err := f.Config("h2"); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}

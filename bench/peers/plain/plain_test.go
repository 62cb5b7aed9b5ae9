package plain

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// relayed is a connection through a relay to an application that serves one, and how to end the relay.
func relayed(t *testing.T, application func(*net.TCPConn)) (c *net.TCPConn, end func()) {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	app, near := listen(), listen()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		c, err := app.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		application(c.(*net.TCPConn))
	})
	all.Go(func() {
		if err := Serve(ctx, near, app.Addr().String()); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", near.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil { // fires on a hang only
		t.Fatal(err)
	}
	return conn.(*net.TCPConn), func() { cancel(); all.Wait(); conn.Close(); app.Close() }
}

func TestHalfCloseIsCarried(t *testing.T) {
	c, end := relayed(t, func(c *net.TCPConn) {
		asked, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		_, _ = c.Write(append(asked, " and back"...))
	})
	defer end()
	if _, err := c.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(c); err != nil || string(said) != "there and back" {
		t.Errorf("%q, %v", said, err)
	}
}

func TestAResetIsCarried(t *testing.T) {
	c, end := relayed(t, func(c *net.TCPConn) { // it closes once it was asked: sooner, and nobody could have dialled
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = c.SetLinger(0)
	})
	defer end()
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}

// TestTheEndWaitsForNobody: an open connection does not keep Serve.
func TestTheEndWaitsForNobody(t *testing.T) {
	served := make(chan struct{})
	_, end := relayed(t, func(c *net.TCPConn) { close(served); _, _ = io.Copy(io.Discard, c) })
	<-served
	end()
}

package proxy

import (
	"net"
	"testing"
	"time"
)

// waiting returns a connection that was accepted only after wait, as one is that
// sat in the backlog while its cell was away.
func waiting(t *testing.T, wait time.Duration, client func(*net.TCPConn)) *net.TCPConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	client(c.(*net.TCPConn))
	time.Sleep(wait) // the kernel's clock is what is measured
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got.(*net.TCPConn)
}

func TestAbandoned(t *testing.T) {
	long := abandonedAfter + 200*time.Millisecond
	for _, c := range []struct {
		name   string
		wait   time.Duration
		client func(*net.TCPConn)
		want   bool
	}{
		{"sent its request and closed long ago", long, func(c *net.TCPConn) { c.Write([]byte("x")); c.Close() }, true},
		{"waited long and still waits", long, func(c *net.TCPConn) { c.Write([]byte("x")) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := abandoned(waiting(t, c.wait, c.client)); got != c.want {
				t.Errorf("abandoned %v, want %v", got, c.want)
			}
		})
	}
}

// A client may half-close as soon as it has sent its request.
func TestHalfCloseIsNotAbandonment(t *testing.T) {
	begin := time.Now()
	c := waiting(t, 0, func(c *net.TCPConn) { c.Write([]byte("x")); c.CloseWrite() })
	got := abandoned(c)
	if time.Since(begin) < abandonedAfter && got {
		t.Error("turned away a client that half-closed at once")
	}
}

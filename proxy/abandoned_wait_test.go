package proxy

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// meet returns the two ends of a connection of a client.
func meet(t *testing.T) (client, accepted *net.TCPConn) {
	t.Helper()
	l := listenLoopback(t)
	defer l.Close()
	c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	a, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return c, a
}

const silence = abandonedAfter + 300*time.Millisecond // the kernel's clock is what is measured

func TestAClientThatGivesUpEndsTheWait(t *testing.T) {
	for name, goAway := range map[string]func(t *testing.T, c *net.TCPConn){
		"it sent its request, waited, and closed": func(t *testing.T, c *net.TCPConn) {
			say(t, c, "request")
			time.Sleep(silence)
			c.Close()
		},
		"it was killed": func(t *testing.T, c *net.TCPConn) {
			time.Sleep(silence)
			c.SetLinger(0)
			c.Close()
		},
		"it was killed after a half-close": func(t *testing.T, c *net.TCPConn) {
			c.CloseWrite()
			time.Sleep(silence)
			c.SetLinger(0)
			c.Close()
		},
		"it was killed before anybody watched": func(t *testing.T, c *net.TCPConn) {
			c.SetLinger(0)
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, accepted := meet(t)
			ctx, end := whileClientWaits(t.Context(), accepted)
			defer end()
			goAway(t, client)
			select {
			case <-ctx.Done():
				if context.Cause(ctx) != ErrAbandoned {
					t.Errorf("cause %v", context.Cause(ctx))
				}
			case <-time.After(relayHang):
				t.Error("nobody noticed")
			}
		})
	}
}

// A half-close is no end, whenever it comes: at once, or right behind the last of the
// request. What was sent is there to be read afterwards.
func TestAHalfCloseDoesNotEndTheWait(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, c *net.TCPConn){
		"at once": func(t *testing.T, c *net.TCPConn) {
			say(t, c, "request")
			c.CloseWrite()
			time.Sleep(2 * silence)
		},
		"behind a slow request": func(t *testing.T, c *net.TCPConn) {
			say(t, c, "req")
			time.Sleep(2 * silence)
			raw, err := c.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			// Data and FIN in one packet, so that no pause of this machine is between them.
			raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) })
			if err != nil {
				t.Fatal(err)
			}
			say(t, c, "uest")
			c.CloseWrite()
			time.Sleep(silence)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, accepted := meet(t)
			ctx, end := whileClientWaits(t.Context(), accepted)
			defer end()
			send(t, client)
			if ctx.Err() != nil {
				t.Errorf("taken for gone: %v", context.Cause(ctx))
			}
			end()
			if b, err := io.ReadAll(accepted); string(b) != "request" || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
		})
	}
}

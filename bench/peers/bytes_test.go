package peers

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

// application serves each connection with do until the test ends.
func application(t *testing.T, do func(*net.TCPConn)) netip.AddrPort {
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
			all.Go(func() { defer c.Close(); do(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return addrPort(l.Addr())
}

// bytesOf are always the same for a seed.
func bytesOf(seed uint64, n int64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

func sumOf(r io.Reader) (sum [32]byte, n int64, err error) {
	h := sha256.New()
	n, err = io.Copy(h, r)
	return [32]byte(h.Sum(nil)), n, err
}

// TestBytesBothWays: a client sends, half-closes, and the application answers after it has seen the end, so that what
// comes back shows that the half-close was carried and cut nothing. Eight connections at once, as they would share a tunnel.
func TestBytesBothWays(t *testing.T) {
	const up, down = 3<<20 + 17, 5<<20 + 1
	wantUp, _, _ := sumOf(bytesOf(1, up))
	wantDown, _, _ := sumOf(bytesOf(2, down))
	eachPair(t, every, func(t *testing.T, p Peer) {
		app := application(t, func(c *net.TCPConn) {
			sum, n, err := sumOf(c)
			if n == 0 {
				return // somebody looked whether the client's end listens
			}
			if err != nil || n != up || sum != wantUp {
				t.Errorf("%d bytes arrived, want %d and the same: %v", n, up, err)
			}
			_, _ = io.Copy(c, bytesOf(2, down))
		})
		near := pair(t, p, app, straight)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				c := dial(t, near)
				defer c.Close()
				if _, err := io.Copy(c, bytesOf(1, up)); err != nil {
					t.Error(err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Error(err)
				}
				if sum, n, err := sumOf(c); err != nil || n != down || sum != wantDown {
					t.Errorf("%d bytes came back, want %d and the same: %v", n, down, err)
				}
			})
		}
		all.Wait()
	})
}

// TestEcho: small requests are answered while the connection stays open.
func TestEcho(t *testing.T) {
	eachPair(t, every, func(t *testing.T, p Peer) {
		near := pair(t, p, application(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c) }), straight)
		c := dial(t, near)
		defer c.Close()
		for range 100 {
			if err := echo(c); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func echo(c net.Conn) error {
	var word, back [64]byte
	copy(word[:], "ask")
	if _, err := c.Write(word[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, back[:]); err != nil {
		return err
	}
	if back != word {
		return errors.New("another word came back")
	}
	return nil
}

// TestNobodyIsLeftWaiting: an application that closes, or resets, is not an open connection to its client.
func TestNobodyIsLeftWaiting(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"closes": func(c *net.TCPConn) { c.Close() },
		"resets": func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachPair(t, every, func(t *testing.T, p Peer) {
				near := pair(t, p, application(t, func(c *net.TCPConn) {
					_, _ = io.ReadFull(c, make([]byte, 64))
					end(c)
				}), straight)
				c := dial(t, near)
				defer c.Close()
				if _, err := c.Write(make([]byte, 64)); err != nil {
					t.Fatal(err)
				}
				n, err := c.Read(make([]byte, 1))
				if n != 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("%d bytes, %v", n, err)
				}
			})
		})
	}
}

func dial(t *testing.T, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}
